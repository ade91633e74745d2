"""What cookies and forms are signed with: SECRET_KEY, which may be rotated while the gateway runs."""

from __future__ import annotations

from flask import Flask

from dashboard.extensions import services


def keys() -> list[str]:
    """The keys that signatures are good of, the one that signs last, as itsdangerous takes them."""
    return list(reversed(services().settings.usable_secrets("SECRET_KEY")))


def renew(app: Flask) -> None:
    """Tell Flask and the form tokens the keys as of now; before a request's session is read."""
    *before, newest = keys()
    app.config.update(SECRET_KEY=newest, SECRET_KEY_FALLBACKS=before, WTF_CSRF_SECRET_KEY=[*before, newest])

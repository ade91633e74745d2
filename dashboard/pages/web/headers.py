"""What a browser may do with our pages: everything that is not named here is refused."""

from __future__ import annotations

from flask import Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types htmx"
)


def harden(response: Response) -> Response:
    """Set the headers of every page, errors and redirects included."""
    headers = response.headers
    headers["Content-Security-Policy"] = POLICY
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cache-Control"] = "no-store"
    response.vary.update(["HX-Request-Type", "HX-Target", "Cookie", "Accept-Language"])
    return response

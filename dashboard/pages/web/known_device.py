"""A browser in which somebody has signed in before: it has a count of failures of its own.

So nobody who only knows an address can keep its owner out: failures elsewhere lock other browsers. The cookie is
signed, lives for a year and goes to the sign-in form alone. It lets nobody in: it only says which failures count.
"""

from __future__ import annotations

import secrets

from flask import Response, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from dashboard.extensions import services
from dashboard.gateway.accounts import users
from dashboard.pages.web import signing

PATH = "/dashboard/sign-in"
YEAR_SECONDS = 365 * 24 * 3600


def of(email: str) -> str | None:
    """The name of this browser, if this person has signed in with it before."""
    try:
        account, device = _serializer().loads(request.cookies.get(_name(), ""), max_age=YEAR_SECONDS)
    except (BadSignature, ValueError, TypeError):
        return None
    return str(device) if account == users.normal_email(email) else None


def remember(response: Response, email: str) -> None:
    """This person has signed in here; a person who signs in with this browser later takes the place."""
    value = _serializer().dumps([email, of(email) or secrets.token_urlsafe(16)])
    secure = services().settings.secure
    response.set_cookie(_name(), value, YEAR_SECONDS, path=PATH, secure=secure, httponly=True, samesite="Lax")


def _name() -> str:
    return "__Secure-chinqit_device" if services().settings.secure else "chinqit_device"


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(signing.keys(), salt="chinqit-known-device")

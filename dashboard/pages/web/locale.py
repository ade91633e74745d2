"""Language and theme: the browser's until chosen, then kept in a cookie, signed in or not."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, g, make_response, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.extensions import services
from dashboard.pages.web import access
from dashboard.resources import resource

LANGUAGES = {"fr": "Français", "ar": "العربية", "en": "English"}
LOCALES = {"fr": "fr", "ar": "ar_MR", "en": "en"}  # ar_MR: Western digits
THEMES = {"light": "sun", "dark": "moon", "auto": "monitor"}
CHOICES = {"language": LANGUAGES, "theme": THEMES}
YEAR = 365 * 24 * 3600
CATALOGUES = resource("translations")

bp = Blueprint("preferences", __name__)


@bp.post("/preferences")
@access.public
def choose() -> ResponseReturnValue:
    """Keep a choice, and lead back to the page that it was made on."""
    response = make_response(redirect(access.safe_next(), 303))
    for name, known in CHOICES.items():
        wanted = request.form.get(name, "")
        if wanted in known:
            secure = services().settings.secure
            response.set_cookie(_cookie(name), wanted, YEAR, secure=secure, httponly=True, samesite="Lax")
    return response


def language() -> str:
    """fr, ar or en: the address's, where it names one, else what was chosen."""
    if "language" in g:
        return cast(str, g.language)
    chosen = request.cookies.get(_cookie("language"), "")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or "fr"


def locale() -> str:
    """The language, and how it writes numbers and dates."""
    return LOCALES[language()]


def direction() -> str:
    return "rtl" if language() == "ar" else "ltr"


def theme() -> str:
    chosen = request.cookies.get(_cookie("theme"), "")
    return chosen if chosen in THEMES else "auto"


def here() -> str:
    """Where a choice leads back to; a page that answered a form cannot be asked for again. A view may name it."""
    if "here" in g:
        return cast(str, g.here)
    return request.full_path.removesuffix("?") if request.method == "GET" and request.endpoint else ""


def _cookie(name: str) -> str:
    return f"chinqit_{name}"


GLOBALS = {
    "LANGUAGES": LANGUAGES,
    "THEMES": THEMES,
    "language": language,
    "direction": direction,
    "theme": theme,
    "here": here,
    "current_user": current_user,
}

"""Language and theme: the browser's until chosen, then kept in a cookie, signed in or not."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, g, make_response, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import update

from dashboard.extensions import services, session
from dashboard.models.accounts import User
from dashboard.pages.web import access
from dashboard.resources import resource
from dashboard.vocabulary import Language

LANGUAGES: dict[str, str] = {Language.FRENCH: "Français", Language.ARABIC: "العربية", Language.ENGLISH: "English"}
LOCALES = {Language.FRENCH: "fr", Language.ENGLISH: "en", Language.ARABIC: "ar_MR"}  # it has Western digits
THEMES: dict[str, str] = {"light": "sun", "dark": "moon", "auto": "monitor"}
CHOICES = {"language": LANGUAGES, "theme": THEMES}
YEAR = 365 * 24 * 3600
CATALOGUES = resource("translations")

bp = Blueprint("locale", __name__)


@bp.post("/preferences")
@access.public
def choose() -> ResponseReturnValue:
    """Keep a choice, and lead back to the page that it was made on."""
    response = make_response(redirect(access.safe_next(), 303))
    for name, offered in CHOICES.items():
        chosen = request.form.get(name, "")
        if chosen in offered:
            _keep(response, name, chosen)
            if name == "language" and current_user.is_authenticated:
                session.execute(update(User).where(User.id == current_user.id).values(language=chosen))
                session.commit()
    return response


def follow(answer: ResponseReturnValue, chosen: str | None) -> Response:
    """The answer, with the language that somebody chose for their account, if they did, on this browser too."""
    response = make_response(answer)
    if chosen in LANGUAGES:
        _keep(response, "language", chosen)
    return response


def _keep(response: Response, name: str, chosen: str) -> None:
    secure = services().settings.secure
    response.set_cookie(_cookie(name), chosen, YEAR, secure=secure, httponly=True, samesite="Lax")


def language() -> Language:
    """The address's, where it names one, else what was chosen."""
    if "language" in g:
        return Language(g.language)
    chosen = request.cookies.get(_cookie("language"), "")
    if chosen not in LANGUAGES:
        chosen = request.accept_languages.best_match(LANGUAGES) or Language.FRENCH
    return Language(chosen)


def locale() -> str:
    """The language, and how it writes numbers and dates."""
    return LOCALES[language()]


def direction(of: str | None = None) -> str:
    """How a language is written, the page's or another: `rtl` or `ltr`."""
    return "rtl" if (of or language()) == Language.ARABIC else "ltr"


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

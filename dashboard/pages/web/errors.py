"""Errors as pages: what happened, and what to do next."""

from __future__ import annotations

import logging

from flask import Response, g, make_response, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, InternalServerError, TooManyRequests

from dashboard.db import error_reason
from dashboard.gateway.accounts import passwords
from dashboard.pages.web import htmx

log = logging.getLogger(__name__)

TEXTS = {
    403: (_l("You may not do this"), _l("Your role does not include it. Ask an owner of this gateway.")),
    404: (_l("Page not found"), _l("The address is mistyped, or what it named has been removed.")),
    405: (_l("This address does not accept such a request"), _l("Go back and use the page’s own buttons.")),
    413: (_l("The form that was sent is too large"), _l("Send the data in smaller parts.")),
    429: (_l("Too many tries"), _l("Wait a few minutes, then try again.")),
    500: (_l("Something went wrong on our side"), _l("Nothing was changed. Try again in a moment.")),
}
DATABASE_RETRY_SECONDS = "5"


def http_error(error: HTTPException) -> Response:
    """Any refusal under the pages, in their look and language."""
    status = error.code or 500
    title, hint = TEXTS.get(status, (_l("The request failed"), _l("Go back and try again.")))
    g.database_failed = status >= 500  # it is not asked who this is
    response = _answer(status, str(title), str(hint))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    if isinstance(error, InternalServerError) and isinstance(error.original_exception, SQLAlchemyError):
        log.error("the database failed: %s", error_reason(error.original_exception))
        response.headers["Retry-After"] = DATABASE_RETRY_SECONDS
    return response


def dead_form(_error: CSRFError) -> Response:
    """The form's token is missing, or from before the last sign-in."""
    hint = _(
        "Nothing was changed. The page was open too long, or you signed in again elsewhere. Reload it and send again."
    )
    return _answer(400, _("This form is no longer valid"), hint)


def busy(_error: passwords.Busy) -> Response:
    """Too many passwords are being judged at once."""
    return http_error(TooManyRequests(retry_after=passwords.PATIENCE_SECONDS))


def _answer(status: int, title: str, hint: str) -> Response:
    if htmx.wants_fragment():
        return htmx.toast(status, f"{title}. {hint}")
    return make_response(render_template("error.html", status=status, title=title, hint=hint), status)

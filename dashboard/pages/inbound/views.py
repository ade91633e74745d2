"""Texts that phones send: the newest first, of all phones or of one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.extensions import session
from dashboard.gateway.inbound import inbox
from dashboard.models.inbound import IncomingMessage
from dashboard.pages.inbound import conversation, keywords
from dashboard.pages.ui import fields, formats
from dashboard.pages.web import htmx
from dashboard.sms import numbers
from dashboard.vocabulary import Role

LONGEST_SEARCH = 30

bp = Blueprint("inbound", __name__)
bp.register_blueprint(keywords.bp, url_prefix="/keywords")
bp.register_blueprint(conversation.bp, url_prefix="/with")


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; the rows alone when HTMX asks for them, or more of them."""
    context = _listing()
    if htmx.target() == "more":
        return render_template("inbound/_rows.html", **context)
    return htmx.page("inbound/index.html", "inbound/_list.html", **context)


def _listing() -> dict[str, Any]:
    typed = request.args.get("phone", "").strip()[:LONGEST_SEARCH]
    wanted = typed if formats.sees_numbers() else ""  # by asking, a masked number would be guessed
    before = fields.whole(request.args.get("before", ""))
    found = inbox.page(session, _as_kept(wanted), before, inbox.PAGE + 1)
    shown = found[: inbox.PAGE]
    return {
        "messages": [(message, _text(message), bool(numbers.of_carrier(message.sender))) for message in shown],
        "more": shown[-1].id if len(found) > inbox.PAGE else None,
        "typed": wanted,
        "names": keywords.NAMES,
    }


def _as_kept(typed: str) -> str:
    """A number as it is kept: one of this country in any spelling, another as it is written."""
    return numbers.of_carrier("".join(typed.split())) or typed


def _text(message: IncomingMessage) -> str | None:
    """What people write is for operators, as is what apps write."""
    if message.body is None or current_user.may(Role.OPERATOR):
        return message.body
    return str(_("Text hidden (%(count)s characters)", count=formats.number(len(message.body))))

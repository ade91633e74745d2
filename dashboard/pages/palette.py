"""The palette: paste a number, an id, a key's name or a page's name from anywhere, and go there.

What is typed is sent by POST: it may be a number or, by mistake, a secret, and neither belongs into an address.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.extensions import session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.message_log import search
from dashboard.gateway.message_log.search import NotSearchable, Sought
from dashboard.gateway.messages import status
from dashboard.gateway.monitoring import lookups
from dashboard.pages.ui import formats, labels
from dashboard.pages.web import access, htmx
from dashboard.vocabulary import Role

LONGEST_TYPED = 100
MOST = 5  # of each kind

bp = Blueprint("palette", __name__)


@dataclass(frozen=True)
class Place:
    """Where one may go: what it is called, what it is, and whether its name is a number, which runs left to right."""

    name: str
    url: str
    icon: str
    note: str = ""
    is_number: bool = False


Group = tuple[str, list[Place]]


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page, for who has no script or comes by a link."""
    return _answer("")


@bp.post("/")
@access.needs(Role.VIEWER)
def find() -> ResponseReturnValue:
    """What fits what was typed, the likeliest first; with nothing typed, one's last numbers."""
    return _answer(request.form.get("q", "")[:LONGEST_TYPED].strip())


@bp.get("/keys")
def shortcuts() -> ResponseReturnValue:
    """The keys that do something."""
    return htmx.dialog("palette/_shortcuts.html", page_title=_("Keyboard shortcuts"))


def _answer(typed: str) -> ResponseReturnValue:
    groups = [*_numbers_and_messages(typed), (_("API keys"), _keys(typed))] if typed else [_last_numbers()]
    return htmx.page("palette/index.html", "palette/_results.html", typed=typed, groups=groups)


def _last_numbers() -> Group:
    rows = lookups.latest(session, current_user.email)[:MOST] if formats.sees_numbers() else []
    return _("Your last numbers"), [_desk(row.phone) for row in rows]


def _numbers_and_messages(typed: str) -> list[Group]:
    try:
        sought = search.sought(typed)
    except NotSearchable:
        return []
    return [(_("Numbers"), _numbers(sought)), (_("Messages"), _messages(sought))]


def _numbers(sought: Sought) -> list[Place]:
    if not formats.sees_numbers():  # digit by digit, a masked number would be guessed
        return []
    if sought.phone is not None:
        return [_desk(sought.phone), _log(sought.phone)]
    if sought.prefix is None:
        return []
    return [_desk(phone) for phone in search.numbers_beginning(session, sought.prefix, MOST)]


def _messages(sought: Sought) -> list[Place]:
    message = status.find(session, sought.uuid) if sought.uuid else None
    if message is None:
        return []
    place = url_for("pages.messages.show", reference=message.uuid)
    note = f"{labels.STATUSES[message.status]} · {formats.hour_of_day(message.created_at)}"
    return [Place(formats.phone(message.phone), place, "message-square", note, is_number=True)]


def _keys(typed: str) -> list[Place]:
    """Keys by a part of their name, or by the end of a secret as lists show it."""
    wanted = typed.casefold()
    return [
        Place(key.name, url_for("pages.api_keys.show", key_id=key.id), "key-round", str(labels.MODES[key.mode]))
        for key in keys.listed(session, with_secrets=True)
        if wanted in key.name.casefold() or any(wanted[-4:] == one.hint[-4:].casefold() for one in key.secrets)
    ][:MOST]


def _desk(phone: str) -> Place:
    url = url_for("pages.diagnosis.index", phone=phone)
    note = f"{_('Why no code?')} · {labels.operator_of(phone)}"
    return Place(formats.phone(phone), url, "phone", note, is_number=True)


def _log(phone: str) -> Place:
    url = url_for("pages.messages.index", q=phone)
    return Place(formats.phone(phone), url, "message-square", _("Its messages"), is_number=True)

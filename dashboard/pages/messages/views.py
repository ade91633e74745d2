"""The message log: a live list with filters in the URL, and one message in a drawer with its own address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.db import utcnow
from dashboard.extensions import services, session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.carriers import carriers
from dashboard.gateway.costs import charges
from dashboard.gateway.delivery import attempts, receipts
from dashboard.gateway.maintenance import retention
from dashboard.gateway.message_log import csv_export, search
from dashboard.gateway.message_log.search import ReasonGroup
from dashboard.gateway.messages import cancel, resend, status
from dashboard.gateway.messages.resend import Obstacle
from dashboard.models.delivery import FailedAttempt, UnmatchedReceipt
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.pages.messages import columns, filters, saved_views, selection
from dashboard.pages.messages.filters import LogQuery
from dashboard.pages.messages.selection import OBSTACLES
from dashboard.pages.ui import formats, labels
from dashboard.pages.web import access, audited, htmx, revealed, undo
from dashboard.pages.web.htmx import ChangedPart
from dashboard.sms import numbers
from dashboard.vocabulary import Kind, Lane, Role, Status

UNDO = "send-again"
SHOWN = re.compile(r"([0-9]{1,18})\.([a-z]{1,9})")
MOST_WATCHED = 60  # open rows that one poll asks about; its address must stay under 4 KB
INSTANT = timedelta(microseconds=1)

bp = Blueprint("messages", __name__)


@dataclass(frozen=True)
class Entry:
    """A line of the timeline: a state that was reached, a try with what the carrier answered, or an unread receipt."""

    at: datetime
    state: str = ""
    setback: FailedAttempt | None = None
    receipt: UnmatchedReceipt | None = None


@bp.get("/")
def index() -> ResponseReturnValue:
    """The list; its rows alone when HTMX asks for more of them."""
    context = _listing(filters.from_request(), _row_id("before"))
    if not htmx.wants_fragment():
        return render_template("messages/index.html", **_choices(), **context)
    return render_template("messages/_rows.html" if htmx.target() == "more" else "messages/_results.html", **context)


@bp.get("/<uuid:reference>")
def show(reference: UUID) -> ResponseReturnValue:
    """One message; on a direct visit in a drawer over the list."""
    context = _detail(_message(reference))
    if htmx.wants_fragment():
        return render_template("messages/_detail.html", **context)
    context |= _listing(filters.from_request(), None)
    return render_template("messages/index.html", **_choices(), **context)


@bp.post("/<uuid:reference>/reveal")
@access.needs(Role.VIEWER, proof=True)
def reveal(reference: UUID) -> ResponseReturnValue:
    """One message with its number and its text, for who sees them masked; the audit log tells who looked."""
    message, refusal = _message(reference), revealed.refusal()
    if refusal:
        return htmx.refused(refusal, url_for(".show", reference=reference))
    revealed.note(str(reference))
    session.commit()
    context = _detail(message, is_revealed=True)
    if htmx.wants_fragment():
        return render_template("messages/_detail.html", **context)
    context |= _listing(filters.from_request(), None)
    return render_template("messages/index.html", **_choices(), **context)


@bp.get("/live")
def live() -> ResponseReturnValue:
    """What changed since the list was drawn: rows in place, and how many are new. Nothing moves by itself."""
    query = filters.from_request()
    shown = dict(_watched())
    rows = [row for row in status.by_ids(session, shown.keys()) if row.status != shown[row.id]]
    newest = _row_id("newest")
    fresh = search.count_newer(session, query.filters, newest or 0) if query.filters else 0
    if not rows and fresh == (_row_id("fresh") or 0):
        return htmx.unchanged()
    context = {"fresh": fresh, "most": search.MOST_COUNTED, "typed": query.typed}
    return render_template("messages/_live.html", **_rows(rows), **context)


@bp.get("/export.csv")
@access.needs(Role.OPERATOR, proof=True)
def export_csv() -> Response:
    """Just what is filtered, as a file that is written while it is read."""
    query = filters.from_request()
    name = f"messages-{utcnow():%Y%m%d-%H%M}.csv"
    pieces = csv_export.pieces(services().sessions, query.filters, _whole_number)
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    if "X-Progress" in request.headers:  # a page that shows how far it is
        headers["X-Rows"] = str(min(search.count(session, query.filters), csv_export.MOST) if query.filters else 0)
    return Response(pieces, headers=headers, mimetype="text/csv")


@bp.get("/<uuid:reference>/resend")
@access.needs(Role.OPERATOR)
def ask_send_again(reference: UUID) -> ResponseReturnValue:
    message = _message(reference)
    why_not = resend.obstacle(message)
    if why_not is not None:
        return _refuse_resend(message, why_not)
    times = resend.times(session, [message.id])[message.id]
    return htmx.dialog("messages/_resend.html", page_title=_("Messages"), message=message, times=times)


@bp.post("/<uuid:reference>/resend")
@access.needs(Role.OPERATOR)
def send_again(reference: UUID) -> ResponseReturnValue:
    """Send a text again as a new message, and show that one."""
    message, given = _message(reference), request.form.get("times", "")
    times = int(given) if selection.ROW_ID.fullmatch(given) else 0
    resent = resend.resend(session, {message.id: times}, current_user.email)
    if message.uuid in resent.refused:
        return _refuse_resend(message, resent.refused[message.uuid])
    new = resent.new[message.uuid]
    audited.record("messages.send_again", str(reference), message=(None, new))
    session.commit()
    services().wakeup.notify(message.channel)
    flash(_("Sent again"))
    return htmx.redirect(url_for(".show", reference=new))


@bp.get("/<uuid:reference>/cancel")
@access.needs(Role.OPERATOR)
def ask_cancel(reference: UUID) -> ResponseReturnValue:
    message = _message(reference)
    if not cancel.is_possible(message):
        return _too_late(message)
    return htmx.dialog("messages/_cancel.html", page_title=_("Messages"), message=message)


@bp.post("/<uuid:reference>/cancel")
@access.needs(Role.OPERATOR)
def cancel_one(reference: UUID) -> ResponseReturnValue:
    """Take a text back that still waits."""
    message = _message(reference)
    cancelled = cancel.cancel(session, [message.uuid])
    if not cancelled.uuids:
        return _too_late(message)
    audited.record("messages.cancel", message.uuid)
    session.commit()
    if cancelled.has_events:
        services().wakeup.notify(Lane.WEBHOOKS)
    session.refresh(message)
    part = ChangedPart("message", "messages/_detail.html", _detail(message))
    return htmx.updated(_("Message cancelled"), url_for(".show", reference=message.uuid), part)


@bp.get("/resend")
@access.needs(Role.OPERATOR)
def ask_send_selected() -> ResponseReturnValue:
    """Tell what the selected rows would cost, and which of them cannot be sent again."""
    ids = selection.picked()
    if not ids:
        return htmx.refused(_("Select messages first."), url_for(".index"))
    if len(ids) > resend.MOST_AT_ONCE:
        most = formats.number(resend.MOST_AT_ONCE)
        return htmx.refused(_("At most %(num)s messages are sent again at once.", num=most), url_for(".index"))
    chosen, title = selection.of(ids), _("Messages")
    return htmx.dialog("messages/_resend_selected.html", page_title=title, selection=chosen, obstacles=OBSTACLES)


@bp.post("/resend")
@access.needs(Role.OPERATOR)
def send_selected() -> ResponseReturnValue:
    """Send the texts that were confirmed again; for a minute those that still wait can be taken back."""
    wanted = selection.wanted()
    if not 0 < len(wanted) <= resend.MOST_AT_ONCE:
        abort(400)
    resent = resend.resend(session, wanted, current_user.email)
    if not resent.new:
        return htmx.refused(selection.told(resent), url_for(".index"))
    for old, new in resent.new.items():
        audited.record("messages.send_again", old, message=(None, new))
    session.commit()
    for lane in resent.lanes:
        services().wakeup.notify(lane)
    back = undo.undo(url_for(".take_back"), UNDO, {"messages": list(resent.new.values())})
    return htmx.updated(selection.told(resent), url_for(".index"), undo=back)


@bp.post("/take-back")
@access.needs(Role.OPERATOR)
def take_back() -> ResponseReturnValue:
    """Cancel texts that were sent again a moment ago, as far as they still wait."""
    wanted: list[str] = undo.taken_back(UNDO)["messages"]
    cancelled = cancel.cancel(session, wanted)
    for reference in cancelled.uuids:
        audited.record("messages.cancel", reference)
    session.commit()
    if cancelled.has_events:
        services().wakeup.notify(Lane.WEBHOOKS)
    told = formats.ngettext("%(num)s message cancelled.", "%(num)s messages cancelled.", len(cancelled.uuids))
    late = len(wanted) - len(cancelled.uuids)
    if late:
        told += " " + formats.ngettext("%(num)s had left already.", "%(num)s had left already.", late)
    return htmx.updated(told, url_for(".index"))


def _choices() -> dict[str, Any]:
    """What the filters offer beside the words of the vocabulary."""
    return {
        "key_names": [(key.id, key.name) for key in keys.listed(session)],
        "period_names": [*labels.PERIOD_NAMES.items(), *filters.CALENDAR.items()],
    }


def _refuse_resend(message: Message, why_not: Obstacle) -> ResponseReturnValue:
    return htmx.refused(str(OBSTACLES[why_not]), url_for(".show", reference=message.uuid))


def _too_late(message: Message) -> ResponseReturnValue:
    return htmx.refused(_("This message does not wait any more."), url_for(".show", reference=message.uuid))


def _message(reference: UUID) -> Message:
    message = status.find(session, str(reference))
    if message is None:
        abort(404)
    return message


def _whole_number(number: str) -> str:
    return number.removeprefix("+")  # a leading plus would be taken for a formula


def _listing(query: LogQuery, before: int | None) -> dict[str, Any]:
    found = search.page(session, query.filters, before, search.PAGE + 1) if query.filters else []
    rows = found[: search.PAGE]
    return {
        **_rows(rows),
        **saved_views.context(query.typed),
        "range": query.range,
        "unreadable": query.filters is None,
        "total": search.count_some(session, query.filters) if query.filters and before is None else 0,
        "most_total": search.MOST_TOTAL,
        "reasons": _reasons(query) if before is None else [],
        "first_use": not rows and not query.is_filtered and before is None and search.is_empty(session),
        "newest": rows[0].id if rows and before is None else 0,
        "more": _more_url(query, rows[-1]) if len(found) > search.PAGE else None,
    }


def _reasons(query: LogQuery) -> list[ReasonGroup]:
    """Why the failures that are shown failed; nothing among other messages, or of one number."""
    asked = query.typed.get("status") == Status.FAILED and "q" not in query.typed
    return search.reasons(session, query.filters) if asked and query.filters else []


def _more_url(query: LogQuery, last: Message) -> str:
    return url_for(".index") + "?" + urlencode({**query.typed, "before": last.id})


def _rows(rows: list[Message]) -> dict[str, Any]:
    otps = search.otps_of(session, rows)
    return {
        "rows": rows,
        "texts": {row.id: _text(row, otps.get(row.id)) for row in rows},
        "languages": {row_id: otp.language for row_id, otp in otps.items()},
        "reviews": {row_id for row_id, otp in otps.items() if otp.fixed_offset is not None},
        "open_states": search.OPEN,
        "columns": columns.shown(),
        "COLUMNS": columns.COLUMNS,
    }


def _text(message: Message, otp: Otp | None) -> str | None:
    """The text as the visitor may read it: what apps write is for operators; the wording of a code is no secret."""
    text = search.shown_text(message, otp)
    if text is None or message.kind == Kind.OTP or current_user.may(Role.OPERATOR):
        return text
    return str(_("Text hidden (%(count)s characters)", count=formats.number(len(text))))


def _detail(message: Message, *, is_revealed: bool = False) -> dict[str, Any]:
    otp = search.otps_of(session, [message]).get(message.id)
    whole, text = search.shown_text(message, otp), _text(message, otp)
    is_masked = not formats.sees_numbers() or text != whole
    carrier = carriers.named(session, message.carrier)
    return {
        "message": message,
        "text": whole if is_revealed else text,
        "phone_number": numbers.spaced(message.phone) if is_revealed else formats.phone(message.phone),
        "is_masked": is_masked and not is_revealed,
        "text_language": otp.language if otp else None,
        "is_review": otp is not None and otp.fixed_offset is not None,
        "entries": _entries(message),
        "steps": status.steps_of(session, [message]).get(message.id, []),
        "charges": charges.of_message(session, message.id) if current_user.may(Role.OPERATOR) else [],
        "is_cut": message.phone.endswith(retention.BLANK),  # it shares its number with others now
        "carrier": carrier,
        "has_receipts": not carrier or carriers.has_receipts(carriers.cipher(services().settings), carrier),
        "is_trial": message.key_id == keys.OWN_ID,  # of a carrier; its key has no page
        "is_open": message.status in search.OPEN and not is_revealed,  # a poll would mask it again
        "may_resend": resend.obstacle(message) is None and current_user.may(Role.OPERATOR),
        "may_cancel": cancel.is_possible(message) and current_user.may(Role.OPERATOR),
        "original": resend.original(session, message),
        "repeats": resend.repeats(session, message),
        "retry_at": message.due_at if message.error_code and message.due_at and message.due_at > utcnow() else None,
    }


def _entries(message: Message) -> list[Entry]:
    """Steps in their order, and between them, by their times, what carriers said; a refusal is before what it ended."""
    found = [Entry(at, state=state) for state, at in status.steps(message)]
    ended_at = found[-1].at if message.status in (Status.FAILED, Status.EXPIRED) else None
    said = [
        Entry(min(one.at, ended_at - INSTANT) if ended_at else one.at, setback=one)
        for one in attempts.failed_attempts(session, message.id)
    ]
    said += [Entry(one.received_at, receipt=one) for one in receipts.unread_of(session, message.id)]
    for new in said:
        place = next((i for i, entry in enumerate(found) if i and entry.at > new.at), len(found))
        found.insert(place, new)
    return found


def _watched() -> list[tuple[int, str]]:
    """The rows on the reader's screen that may still change, with the status they show."""
    given = (SHOWN.fullmatch(value) for value in request.args.getlist("open")[:MOST_WATCHED])
    return [(int(match[1]), match[2]) for match in given if match]


def _row_id(name: str) -> int | None:
    given = request.args.get(name, "")
    return int(given) if selection.ROW_ID.fullmatch(given) else None

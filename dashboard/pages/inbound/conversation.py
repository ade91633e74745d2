"""The conversation with one number: what was sent and what came in, and an answer by hand."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from dashboard.extensions import services, session
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.carriers import carriers
from dashboard.gateway.costs.budgets import BudgetExhausted, BudgetSlowed
from dashboard.gateway.inbound import answers, inbox
from dashboard.gateway.message_log import conversation, search
from dashboard.gateway.message_log.conversation import Before, ConversationEntry
from dashboard.gateway.opt_outs import opt_outs
from dashboard.gateway.opt_outs.opt_outs import OptedOut
from dashboard.models.inbound import IncomingMessage
from dashboard.models.opt_outs import OptOut
from dashboard.models.otp import Otp
from dashboard.pages.inbound import keywords
from dashboard.pages.ui import fields, formats
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import Form, LinesField
from dashboard.pages.web import access, audited, htmx, revealed
from dashboard.sms import numbers
from dashboard.vocabulary import Channel, Kind, Role

LONGEST = 1_000  # characters of an answer

bp = Blueprint("conversation", __name__)


def _text(typed: str) -> str:
    """The text of an answer; raise Fault."""
    text = typed.replace("\r\n", "\n").strip()
    if not text:
        raise Fault(_("Write a text."))
    if len(text) > LONGEST:
        raise Fault(_("The text is too long."))
    if keywords.UNPRINTABLE.search(text):
        raise Fault(_("The text holds a control character or one that cannot be seen. Type it again by hand."))
    return text


class ReplyForm(Form):
    """An answer by hand."""

    text = LinesField(_l("Answer"), _text, render_kw={"rows": 3, "dir": "auto", "class": "prose"})


@dataclass(frozen=True)
class Bubble:
    """An entry as it is drawn; without a text it is kept no longer."""

    entry: ConversationEntry
    reference: str
    text: str | None
    is_masked: bool
    is_code: bool
    is_verified: bool  # a code that was typed in
    is_automatic: bool  # it left because of a keyword


@bp.get("/<uuid:reference>")
def index(reference: UUID) -> ResponseReturnValue:
    """The conversation that a message, sent or received, stands in."""
    return _page(str(reference), ReplyForm())


@bp.post("/<uuid:reference>/reveal")
@access.needs(Role.VIEWER, proof=True)
def reveal(reference: UUID) -> ResponseReturnValue:
    """The same with one message as it is, for who sees them masked."""
    _phone(str(reference))
    refusal = revealed.refusal()
    if refusal:
        return htmx.refused(refusal, url_for(".index", reference=reference))
    revealed.note(str(reference))
    session.commit()
    return _page(str(reference), ReplyForm(), revealed_one=str(reference))


@bp.post("/<uuid:reference>/reply")
@access.needs(Role.OPERATOR)
def reply(reference: UUID) -> ResponseReturnValue:
    """Send an answer by the carrier that the last text came by."""
    form, back = ReplyForm(), url_for(".index", reference=reference)
    newest = _newest(_phone(str(reference)))
    if newest is None or not _may_reply(newest):
        return htmx.refused(_("No carrier takes an answer to this number."), back)
    if not form.validate():
        return _page(str(reference), form, status=form.status)
    try:
        sent = answers.reply(session, newest, form.text.data)
    except OptedOut:
        return htmx.refused(_("This number wants no texts."), back)
    except CapReached:
        return htmx.refused(_("The key has sent what it may send in a day."), back)
    except (BudgetExhausted, BudgetSlowed):
        return htmx.refused(_("A budget is used up: the answer was not sent."), back)
    audited.record("conversations.reply", numbers.masked(newest.sender), message=(None, sent))
    session.commit()
    services().wakeup.notify(Channel.SMS)
    htmx.tell(_("Answer sent"))
    return htmx.redirect(back)


def _page(reference: str, form: ReplyForm, *, revealed_one: str = "", status: int = 200) -> ResponseReturnValue:
    phone = _phone(reference)
    asked = {name: fields.whole(request.args.get(name, "")) for name in ("message_id", "incoming_id")}
    found = conversation.page(session, phone, Before(**asked))
    newest = _newest(phone)
    out = _opt_out(phone)
    context = {
        "form": form,
        "reference": reference,
        "is_local": bool(numbers.of_carrier(phone)),
        "phone": phone,
        "number_shown": _number(phone, is_revealed=bool(revealed_one)),
        "bubbles": _shown(found.entries, revealed_one),
        "older": found.older,
        "is_older": any(asked.values()),
        "asked": asked,
        "names": keywords.NAMES,
        "opt_out": out,
        "newest": newest,
        "may_reply": newest is not None and _may_reply(newest) and out is None,
    }
    return render_template("inbound/conversation.html", **context), status


def _phone(reference: str) -> str:
    return conversation.phone_of(session, reference) or abort(404)


def _number(phone: str, *, is_revealed: bool) -> str:
    """A number as the visitor may read it; those of other countries and short codes have no middle to hide."""
    if numbers.of_carrier(phone):
        return numbers.spaced(phone) if is_revealed else formats.phone(phone)
    return phone if is_revealed or formats.sees_numbers() else str(_("Hidden"))


def _shown(entries: list[ConversationEntry], revealed_one: str) -> list[Bubble]:
    """Entries with their texts as the visitor may read them, the oldest first."""
    otps = search.otps_of(session, [entry.sent for entry in entries if entry.sent])
    answered = {entry.received.answer for entry in entries if entry.received}
    return [_bubble(entry, otps, answered, revealed_one) for entry in reversed(entries)]


def _bubble(entry: ConversationEntry, otps: dict[int, Otp], answered: set[str | None], revealed_one: str) -> Bubble:
    if entry.sent:
        otp, reference = otps.get(entry.sent.id), entry.sent.uuid
        text = search.shown_text(entry.sent, otp)
    else:
        otp, reference = None, entry.received.uuid if entry.received else ""
        text = entry.received.body if entry.received else None
    is_code = entry.sent is not None and entry.sent.kind == Kind.OTP
    is_masked = not (text is None or is_code or current_user.may(Role.OPERATOR) or reference == revealed_one)
    if is_masked:
        text = str(_("Text hidden (%(count)s characters)", count=formats.number(len(text or ""))))
    return Bubble(
        entry, reference, text, is_masked, is_code, bool(otp and otp.verified_at), is_automatic=reference in answered
    )


def _newest(phone: str) -> IncomingMessage | None:
    return next(iter(inbox.page(session, phone, most=1)), None)


def _opt_out(phone: str) -> OptOut | None:
    """That the number wants no texts of any key."""
    return next((row for row in opt_outs.page(session, phone) if row.key_id is None), None)


def _may_reply(newest: IncomingMessage) -> bool:
    """Whether the visitor may answer, and the carrier by which the last text came shows the number it was sent to."""
    if not (current_user.may(Role.OPERATOR) and answers.is_answerable(newest.sender)):
        return False
    carrier = answers.carrier_of(session, newest)
    return carrier is not None and carriers.carries(carriers.cipher(services().settings), carrier, newest.recipient)

"""What is kept of a phone number or e-mail address: a copy of it, and its erasure (law 2017-020, articles on access and
on erasure).

That a number wants no texts outlives its erasure: without it, texts would go there again.

Counts in the statistics stay, and so do the rows that they come from, with the number cut as retention cuts it.

A code for a number that went by e-mail, too, is erased whole: its address goes with the number that it was sent for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select, update
from sqlalchemy.orm import Session

from dashboard.db import execute_dml, iso, utcnow
from dashboard.gateway.maintenance.retention import BLANK, EVERY_ROW, KEPT_DIGITS, cut
from dashboard.gateway.messages import cancel
from dashboard.models.api_keys import ApiKey
from dashboard.models.campaigns import CampaignRecipient
from dashboard.models.contacts import Contact, ContactGroup, ContactGroupMember, ContactImportFault
from dashboard.models.delivery import FailedAttempt, UnmatchedReceipt
from dashboard.models.diagnosis import NumberLookup, NumberNote
from dashboard.models.inbound import IncomingMessage, IncomingPart
from dashboard.models.limits import LimitOverride, LimitRejection, WrongGuess
from dashboard.models.messages import Message
from dashboard.models.opt_outs import OptOut
from dashboard.models.otp import Otp, ReviewNumber
from dashboard.models.sandbox import SandboxMessage
from dashboard.models.webhooks import WebhookAttempt, WebhookEvent
from dashboard.sms import emails, numbers
from dashboard.vocabulary import CodeChannel

_WAITS = and_(CampaignRecipient.message_id.is_(None), CampaignRecipient.error_code.is_(None))
DELETED: dict[str, Any] = {
    "sandboxMessages": SandboxMessage,
    "limitOverrides": LimitOverride,
    "refusals": LimitRejection,
    "wrongCodes": WrongGuess,
    "notes": NumberNote,
    "lookups": NumberLookup,
    "receipts": UnmatchedReceipt,
}


@dataclass(frozen=True)
class Erased:
    """How many rows of each kind, and how many messages are on their way and were left as they are."""

    counts: dict[str, int]
    on_their_way: int
    has_events: bool

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


def export(session: Session, phone: str) -> dict[str, Any]:
    """All that is kept of a number, in plain values. Codes are kept nowhere; texts of the sandbox phone stay sealed."""
    return {
        **numbers.as_fields(phone),
        "at": iso(utcnow()),
        "messages": list(_messages(session, phone)),
        "optOuts": _rows(session, OptOut, phone),
        "contacts": _contacts(session, phone),
        "importedRows": _rows(session, ContactImportFault, phone),
        "campaignRecipients": _rows(session, CampaignRecipient, phone),
        "incomingMessages": _rows(session, IncomingMessage, phone, IncomingMessage.sender),
        **{name: _rows(session, model, phone) for name, model in (*DELETED.items(), ("reviewNumbers", ReviewNumber))},
        "webhookEvents": [
            {"id": row.reference, "at": iso(row.created_at), "kind": row.kind}
            for row in session.scalars(select(WebhookEvent).where(_is_told(phone)))
        ],
    }


def erase(session: Session, phone: str) -> Erased:
    """Cut the number everywhere, and delete the texts that were sent to it. The caller commits, then wakes webhooks.

    Texts that wait are taken back; what a worker holds goes its way, and is erased by another call after it.
    """
    waiting = select(Message.uuid).where(Message.phone == phone, Message.due_at.is_not(None))
    cancelled = cancel.cancel(session, list(session.scalars(waiting)))
    by_email = _by_email(session, phone)
    is_to_it = _is_to(phone, by_email)
    settled = (is_to_it, Message.due_at.is_(None))
    ids = select(Message.id).where(*settled).scalar_subquery()
    attempts = update(FailedAttempt).where(FailedAttempt.message_id.in_(ids), FailedAttempt.answer.is_not(None))
    counts = {"attempts": execute_dml(session, attempts.values(answer=None))}
    superseded_at = func.coalesce(Otp.superseded_at, utcnow())
    kept_phone = case((Otp.message_id.in_(by_email.waiting), Otp.phone), else_=cut(Otp.phone))
    codes = update(Otp).where(Otp.message_id.in_(ids)).values(phone=kept_phone, superseded_at=superseded_at)
    counts["codes"] = execute_dml(session, codes)
    counts["messages"] = execute_dml(
        session, update(Message).where(*settled).values(phone=cut(Message.phone), body=None)
    )
    code = case((_WAITS, "erased"), else_=CampaignRecipient.error_code)
    recipients = update(CampaignRecipient).where(CampaignRecipient.phone == phone)
    cut_recipients = recipients.values(phone=cut(CampaignRecipient.phone), body=None, error_code=code)
    counts["campaignRecipients"] = execute_dml(session, cut_recipients)
    ids_of_contacts = select(Contact.id).where(Contact.phone == phone).scalar_subquery()
    session.execute(delete(ContactGroupMember).where(ContactGroupMember.contact_id.in_(ids_of_contacts)))
    for name, model in (("contacts", Contact), ("importedRows", ContactImportFault)):
        counts[name] = execute_dml(session, delete(model).where(model.phone == phone))
    came = select(IncomingMessage.id).where(IncomingMessage.sender == phone).scalar_subquery()
    session.execute(delete(IncomingPart).where(IncomingPart.message_id.in_(came)))
    counts["incomingMessages"] = execute_dml(session, delete(IncomingMessage).where(IncomingMessage.sender == phone))
    for name, model in DELETED.items():
        counts[name] = execute_dml(session, delete(model).where(model.phone == phone))
    uuids = select(Message.uuid).where(Message.id.in_(by_email.ids)).scalar_subquery()
    mails = delete(SandboxMessage).where(SandboxMessage.message_uuid.in_(uuids))
    counts["sandboxMessages"] += execute_dml(session, mails)
    removed_at = func.coalesce(ReviewNumber.removed_at, utcnow())
    reviews = update(ReviewNumber).where(ReviewNumber.phone == phone)
    counts["reviewNumbers"] = execute_dml(session, reviews.values(phone=cut(ReviewNumber.phone), removed_at=removed_at))
    counts["webhookEvents"] = _blank_events(session, phone)
    counts["webhookAttempts"] = _blank_answers(session, phone)
    for address in by_email.addresses:
        of_code = WebhookEvent.message_id.in_(by_email.ids)
        counts["webhookEvents"] += _blank_events(session, address, of_code)
        counts["webhookAttempts"] += _blank_answers(session, address, of_code)
    moving = select(func.count()).select_from(Message).where(is_to_it, Message.due_at.is_not(None))
    left = session.scalar(moving) or 0
    return Erased(counts, left, cancelled.has_events)


@dataclass(frozen=True)
class _ByEmail:
    """Of the codes for a number that several channels carry: the messages that go to e-mail addresses, the addresses,
    and the first messages of those codes of which one is on its way yet: they keep the number until it has arrived.
    """

    ids: list[int]
    addresses: set[str]
    waiting: set[int]


def _by_email(session: Session, phone: str) -> _ByEmail:
    codes = select(Otp.message_id).where(Otp.phone == phone, Otp.channel == CodeChannel.AUTO)
    firsts = list(session.scalars(codes))
    columns = (Message.id, Message.step_of, Message.phone, Message.due_at)
    of_codes = select(*columns).where(or_(Message.id.in_(firsts), Message.step_of.in_(firsts)))
    rows = session.execute(of_codes).all() if firsts else []
    mails = [row for row in rows if emails.is_email(row.phone)]
    waiting = {row.step_of or row.id for row in rows if row.due_at is not None}
    return _ByEmail([row.id for row in mails], {row.phone for row in mails}, waiting)


def _is_to(phone: str, by_email: _ByEmail) -> ColumnElement[bool]:
    is_to_it = Message.phone == phone  # alone where it does: an OR of nothing keeps PostgreSQL from the index
    return or_(is_to_it, Message.id.in_(by_email.ids)) if by_email.ids else is_to_it


def _messages(session: Session, phone: str) -> Iterator[dict[str, Any]]:
    is_to_it = _is_to(phone, _by_email(session, phone))
    found = select(Message, ApiKey.name).join(ApiKey, ApiKey.id == Message.key_id).where(is_to_it)
    for row, key in session.execute(found.order_by(Message.id)):
        address = numbers.as_fields(row.phone) if row.phone != phone else {}
        told = {name: getattr(row, name) for name in ("kind", "channel", "status", "carrier", "sender")}
        times = {name: iso(getattr(row, f"{name}_at")) for name in ("created", "sent", "delivered")}
        yield {"id": row.uuid, "key": key, **address, **told, **times, "text": row.body}


def _contacts(session: Session, phone: str) -> list[dict[str, Any]]:
    """The contact with the names of its groups."""
    found = _rows(session, Contact, phone)
    labels = (
        select(ContactGroup.name)
        .join(ContactGroupMember, ContactGroupMember.group_id == ContactGroup.id)
        .join(Contact, Contact.id == ContactGroupMember.contact_id)
        .where(Contact.phone == phone)
        .order_by(ContactGroup.search_name)
    )
    return [{**row, "details": json.loads(row["details"]), "groups": list(session.scalars(labels))} for row in found]


def _rows(session: Session, model: Any, phone: str, column: Any = None) -> list[dict[str, Any]]:
    """The columns of each row but those that are sealed or ids of ours."""
    names = [each.key for each in model.__table__.columns if each.key not in ("id", "phone", "sealed")]
    of_phone = (model.phone if column is None else column) == phone
    rows = session.scalars(select(model).where(of_phone).order_by(model.id))
    return [{name: _plain(getattr(row, name)) for name in names} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return value.isoformat() if isinstance(value, date) else value


def _blank_events(session: Session, phone: str, among: ColumnElement[bool] = EVERY_ROW) -> int:
    """Cut the number, or blank the e-mail address, in the JSON of webhooks' events."""
    kept = "" if emails.is_email(phone) else _kept_digits(phone)
    replaced = func.replace(WebhookEvent.body, _in_json(phone), _quoted(phone, kept + BLANK))
    return execute_dml(session, update(WebhookEvent).where(_is_told(phone), among).values(body=replaced))


def _blank_answers(session: Session, phone: str, among: ColumnElement[bool] = EVERY_ROW) -> int:
    """The same in what webhooks' endpoints answered, which is any text; one that ends like another address stays."""
    written, answer = numbers.written(phone), WebhookAttempt.answer
    if not emails.is_email(phone):
        cut_number = func.replace(answer, written, _kept_digits(phone) + BLANK)
        holds = answer.contains(written, autoescape=True)
        return execute_dml(session, update(WebhookAttempt).where(holds).values(answer=cut_number))
    alone = re.compile(rf"(?<![\w.+-]){re.escape(written)}(?![\w-]|\.\w)", re.IGNORECASE)
    held = select(WebhookAttempt.id, answer).join(WebhookAttempt.event)
    held = held.where(answer.icontains(written, autoescape=True), among)
    rows = [
        {"id": row_id, "answer": alone.sub(BLANK, text)} for row_id, text in session.execute(held) if alone.search(text)
    ]
    if rows:
        session.execute(update(WebhookAttempt), rows)
    return len(rows)


def _is_told(phone: str) -> ColumnElement[bool]:
    """Whether an event speaks of a recipient."""
    found: ColumnElement[bool] = WebhookEvent.body.contains(_in_json(phone), autoescape=True)
    return found


def _in_json(phone: str) -> str:
    """As events hold it: the digits, or a string that is the e-mail address, as that may be the end of another one."""
    return _quoted(phone, numbers.written(phone))


def _quoted(phone: str, text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if emails.is_email(phone) else text


def _kept_digits(phone: str) -> str:
    """What retention keeps of a number, without the country's code."""
    written = numbers.written(phone)
    return written[: KEPT_DIGITS - len(phone) + len(written)]

"""Messages, which are also the outbox, and which one was sent again as which."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, String, Text, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow
from dashboard.models.api_keys import ApiKey
from dashboard.sms.emails import LONGEST_STORED

# A row enters its index when its status changes and leaves it when that is counted: no statement has to think of it.
# What is counted (`sent_at`, `error_code`) therefore changes together with the status.
UNTALLIED_MESSAGES = "tallied_status IS NULL OR tallied_status <> status"
REFERRED = "carrier_ref IS NOT NULL AND carrier <> 'sandbox'"  # those whom a receipt may name
DEFERRED = "due_at IS NOT NULL AND carrier_id IS NOT NULL"
ASKED = "ask_at IS NOT NULL"
# What budgets count of a message follows its status once the roll-ups have, and with them its charges, been written.
UNSETTLED = (
    "reserved IS NOT NULL AND due_at IS NULL AND status <> 'sending' AND tallied_status = status"
    " AND (settled_status IS NULL OR settled_status <> status)"
)
FACETS = ("status", "kind", "channel", text("substr(phone, 5, 1)"))  # the last one tells the operator
# As FACETS has it: with 5 and 1 as parameters, as func.substr sends them, SQLite does not find it in the index.
operator_digit: ColumnElement[str] = literal_column("substr(messages.phone, 5, 1)", String)


class Message(Base):
    """One text to one phone. `due_at` is empty once it is settled; a claim moves it to the end of its lease."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_due", "lane", "priority", "due_at", **partial("due_at IS NOT NULL AND carrier_id IS NULL")),
        Index("ix_messages_deferred", "carrier_id", "lane", "priority", "due_at", **partial(DEFERRED)),
        # The log walks each combination of these few values backwards along `id` and merges them: see gateway/log.py.
        Index("ix_messages_facets", *FACETS, "id"),
        Index("ix_messages_phone", "phone", "id"),
        Index("ix_messages_key_facets", "key_id", *FACETS, "id"),
        Index("ix_messages_created", "created_at"),
        Index("ix_messages_untallied", "id", **partial(UNTALLIED_MESSAGES)),
        Index("ix_messages_reference", "carrier", "carrier_ref", **partial(REFERRED)),
        Index("ix_messages_ask", "carrier", "ask_at", **partial(ASKED)),
        Index("ix_messages_unsettled", "id", **partial(UNSETTLED)),
        Index("ix_messages_step", "step_of", "id", **partial("step_of IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    kind: Mapped[str] = mapped_column(String(8))  # message, otp
    channel: Mapped[str] = mapped_column(String(8))  # a Channel
    phone: Mapped[str] = mapped_column(String(LONGEST_STORED))  # +222XXXXXXXX, or mailto: and an address
    body: Mapped[str | None] = mapped_column(Text)  # empty for codes: their text is made when it is sent
    encoding: Mapped[str] = mapped_column(String(5))  # gsm7, ucs2
    segments: Mapped[int]

    status: Mapped[str] = mapped_column(String(9))  # queued, sending, sent, delivered, failed, expired
    error_code: Mapped[str | None] = mapped_column(String(40))
    carrier: Mapped[str | None] = mapped_column(String(40))
    carrier_ref: Mapped[str | None] = mapped_column(String(120))
    confirmed_by: Mapped[str | None] = mapped_column(String(8))  # receipt, otp
    sender: Mapped[str | None] = mapped_column(String(20))  # that its key wants; once it left, what it left with

    lane: Mapped[str] = mapped_column(String(20))  # how it travels, also after a switch of channel
    carrier_id: Mapped[int | None]  # the one carrier that it waits for; 0: the sandbox, for test keys; empty: any
    priority: Mapped[int]  # codes, messages, messages whose own fault it may be that they were not taken, campaigns'
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claim: Mapped[str | None] = mapped_column(String(32))
    ask_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when its carrier is asked what became of it
    attempts: Mapped[int] = mapped_column(default=0)
    unknowns: Mapped[int] = mapped_column(default=0, server_default="0")  # tries whose outcome nobody knows
    valid_until: Mapped[datetime] = mapped_column(UtcDateTime)

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    sending_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # Of a code that goes by several channels in turn: which message of it this is, from 1, and the id of the first one.
    step: Mapped[int | None]
    step_of: Mapped[int | None] = mapped_column(BigInteger)  # empty: it is the first, or the only one

    # As last counted in the roll-ups.
    tallied_status: Mapped[str | None] = mapped_column(String(9))
    tallied_sent: Mapped[bool | None]  # whether it counts as sent
    tallied_error: Mapped[str | None] = mapped_column(String(40))  # the reason that it counts under, when it failed

    # What budgets count for it, in 1/10,000 MRU, if one does, and the status since which that is what it cost.
    reserved: Mapped[int | None] = mapped_column(BigInteger)
    settled_status: Mapped[str | None] = mapped_column(String(9))

    key: Mapped[ApiKey] = relationship()


class Resend(Base):
    """A text that somebody sent again: the new message and the one it repeats."""

    __tablename__ = "resends"

    new_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True, autoincrement=False)
    old_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))

"""Take mail in that says what became of codes by e-mail."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import select

from dashboard.db import Sessions, core_table, read_session
from dashboard.gateway.delivery import receipts
from dashboard.models.messages import Message
from dashboard.providers.email import bounces
from dashboard.vocabulary import Channel, Lane

_MESSAGES = core_table(Message).c


class Bounce(StrEnum):
    """What a mail was."""

    TAKEN = "taken"  # it said what became of a code
    UNKNOWN = "unknown"  # it names a message that is not known here, or that no mail carried
    NO_REPORT = "no_report"  # it says nothing final of a mail of ours


def take(sessions: Sessions, raw: bytes) -> tuple[Bounce, set[Lane]]:
    """Apply what a mail says, as a receipt; return what it was, and the lanes to wake. Commits.

    Raises when the database fails: let the mail server bring the mail again then.
    """
    receipt = bounces.read(raw)
    if receipt is None:
        return Bounce.NO_REPORT, set()
    sent = select(_MESSAGES.carrier).where(_MESSAGES.uuid == receipt.message_id, _MESSAGES.lane == Channel.EMAIL.value)
    with read_session(sessions) as session:
        carrier = session.execute(sent.where(_MESSAGES.carrier.is_not(None))).scalar()
    if carrier is None:
        return Bounce.UNKNOWN, set()
    return Bounce.TAKEN, receipts.store_receipts(sessions, carrier, [receipt])

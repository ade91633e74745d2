"""Delete or blank what has been kept long enough, in batches, so that nobody waits for the database.

A mark says how far along its table each kind has come, so that no batch reads rows that an earlier one was done with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import takewhile
from typing import Any

from sqlalchemy import and_, case, delete, exists, func, or_, select, text, true, update
from sqlalchemy.orm import Session

from dashboard.db import execute_dml, lock, utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import usage
from dashboard.gateway.site_settings import Preferences
from dashboard.models.api_keys import KeyCaller
from dashboard.models.campaigns import Campaign, CampaignRecipient
from dashboard.models.contacts import ContactImportFault
from dashboard.models.delivery import FailedAttempt, MessagePart
from dashboard.models.diagnosis import NumberLookup, NumberNote
from dashboard.models.inbound import IncomingMessage, IncomingPart
from dashboard.models.limits import LimitRejection, PumpedRange, WrongGuess
from dashboard.models.maintenance import RetentionProgress
from dashboard.models.messages import Message, Resend
from dashboard.models.otp import UNTALLIED_OTPS, Otp
from dashboard.models.sandbox import SandboxMessage
from dashboard.sms import emails
from dashboard.vocabulary import CampaignState

BATCH = 1_000
MESSAGES_BATCH = 250  # each takes rows of five other tables along, while nobody else writes on SQLite
REFUSALS_DAYS = 30
IMPORT_DAYS = 7  # rows of files of contacts that were not imported
MOST_REFUSALS = 200_000  # whatever their age: a flood fills no disk
KEPT_DIGITS = 6  # of +222XXXXXXXX: the country, the operator, and whether it is a fixed line
BLANK = "xxxxxx"
EVERY_ROW = true()


@dataclass(frozen=True)
class RetentionRule:
    """Rows of `model` are erased once the time in `column` is as many days ago as the setting says.

    `setting` is a field of Preferences; `most_days` holds where the setting says longer. `erase` takes the first and
    the last id of a batch of at most `batch` rows and returns how many it changed. A row that is not `done_with` holds
    up those behind it.
    """

    model: Any
    column: str
    setting: str
    erase: Callable[[Session, int, int], int]
    most_days: int | None = None
    done_with: Any = EVERY_ROW
    batch: int = BATCH

    def days(self, preferences: Preferences) -> int:
        """How long rows are kept; 0: for ever."""
        chosen: int = getattr(preferences, self.setting)
        return chosen if self.most_days is None else min(chosen, self.most_days)


def step(session: Session, name: str) -> bool:
    """Do one batch of a kind (a name of KINDS); return whether more may be left. The caller commits."""
    lock(session, f"tidy:{name}")
    rule, progress = KINDS[name], _progress(session, name)
    days = rule.days(site_settings.read(session))
    if days == 0:
        return False
    before = utcnow() - timedelta(days=days)
    id_of, at = rule.model.id, getattr(rule.model, rule.column)
    query = select(id_of, at, rule.done_with).where(id_of > progress.mark).order_by(id_of).limit(rule.batch)
    old = list(takewhile(lambda row: row[1] < before and row[2], session.execute(query)))
    if old:
        _update(progress, rule.erase(session, old[0][0], old[-1][0]), old[-1][0])
    return len(old) == rule.batch


def thin_refusals(session: Session) -> int:
    """Keep the newest MOST_REFUSALS; return how many were deleted. The caller commits."""
    last = session.scalar(select(LimitRejection.id).order_by(LimitRejection.id.desc()).offset(MOST_REFUSALS).limit(1))
    if last is None:
        return 0
    deleted = execute_dml(session, delete(LimitRejection).where(LimitRejection.id <= last))
    _update(_progress(session, "refusals"), deleted, last)
    return deleted


def cut(phone: Any) -> Any:
    """A column of numbers, each without its last six digits; of an e-mail address nothing stays."""
    is_email = phone.startswith(emails.PREFIX, autoescape=True)
    return case((is_email, emails.PREFIX), else_=func.substr(phone, 1, KEPT_DIGITS)) + BLANK


def done(session: Session) -> dict[str, RetentionProgress]:
    """What was deleted so far, by kind."""
    return {row.name: row for row in session.scalars(select(RetentionProgress))}


def _progress(session: Session, name: str) -> RetentionProgress:
    progress = session.get(RetentionProgress, name)
    if progress is None:
        progress = RetentionProgress(name=name, mark=0, total=0, last=0)
        session.add(progress)
    return progress


def _update(progress: RetentionProgress, count: int, mark: int) -> None:
    progress.mark = max(progress.mark, mark)
    if count:
        progress.total += count
        progress.last, progress.last_at = count, utcnow()


def _erase_texts(session: Session, first: int, last: int) -> int:
    texts = update(Message).where(Message.id.between(first, last), Message.body.is_not(None))
    return execute_dml(session, texts.values(body=None))


def _cut_numbers(session: Session, first: int, last: int) -> int:
    """Cut numbers can no longer tell codes apart, so codes that were still current are closed."""
    otps = update(Otp).where(Otp.message_id.between(first, last))
    superseded_at = func.coalesce(Otp.superseded_at, utcnow())
    session.execute(otps.values(phone=cut(Otp.phone), superseded_at=superseded_at))
    messages = update(Message).where(Message.id.between(first, last))
    return execute_dml(session, messages.values(phone=cut(Message.phone)))


def _cut_recipients(session: Session, first: int, last: int) -> int:
    """None of these waits: the relay has ended their campaigns a day before."""
    rows = update(CampaignRecipient).where(CampaignRecipient.id.between(first, last))
    return execute_dml(session, rows.values(phone=cut(CampaignRecipient.phone), body=None))


def _erase_incoming_texts(session: Session, first: int, last: int) -> int:
    """What tells repeats goes, too: from a digest a short text is soon guessed."""
    session.execute(delete(IncomingPart).where(IncomingPart.message_id.between(first, last)))
    texts = update(IncomingMessage).where(IncomingMessage.id.between(first, last), IncomingMessage.body.is_not(None))
    return execute_dml(session, texts.values(body=None))


def _delete_incoming(session: Session, first: int, last: int) -> int:
    session.execute(delete(IncomingPart).where(IncomingPart.message_id.between(first, last)))
    return _delete(IncomingMessage, session, first, last)


def _delete_messages(session: Session, first: int, last: int) -> int:
    """With all that is about them alone; what they cost, and what was counted of them (_COUNTED), stays."""
    for column in (Otp.message_id, MessagePart.message_id, FailedAttempt.message_id, Resend.new_id, Resend.old_id):
        session.execute(delete(column.class_).where(column.between(first, last)))
    return _delete(Message, session, first, last)


def _delete(model: Any, session: Session, first: int, last: int) -> int:
    return execute_dml(session, delete(model).where(model.id.between(first, last)))


# Campaigns from here on are counted by their messages; of older ones campaigns.progress has written the counts down.
_CAMPAIGNS_COUNT_SINCE = (
    select(func.min(Campaign.created_at))
    .where(Campaign.final_counts.is_(None), Campaign.state != CampaignState.DRAFT)
    .scalar_subquery()
)
# It waits for nothing, and all that campaigns, roll-ups and budgets count of it is counted.
_COUNTED = and_(
    Message.due_at.is_(None),
    Message.tallied_status == Message.status,
    or_(Message.reserved.is_(None), Message.settled_status == Message.status),
    ~exists().where(Otp.message_id == Message.id, text(UNTALLIED_OTPS)),
    func.coalesce(Message.created_at < _CAMPAIGNS_COUNT_SINCE, true()),
)
KINDS = {
    "texts": RetentionRule(Message, "created_at", "texts_days", _erase_texts),
    "numbers": RetentionRule(Message, "created_at", "numbers_days", _cut_numbers),
    "messages": RetentionRule(
        Message, "created_at", "messages_days", _delete_messages, done_with=_COUNTED, batch=MESSAGES_BATCH
    ),
    "recipients": RetentionRule(CampaignRecipient, "created_at", "numbers_days", _cut_recipients),
    "incoming_texts": RetentionRule(IncomingMessage, "received_at", "texts_days", _erase_incoming_texts),
    "incoming": RetentionRule(IncomingMessage, "received_at", "numbers_days", _delete_incoming),
    "sandbox": RetentionRule(SandboxMessage, "received_at", "sandbox_days", partial(_delete, SandboxMessage)),
    "refusals": RetentionRule(LimitRejection, "at", "numbers_days", partial(_delete, LimitRejection), REFUSALS_DAYS),
    "guesses": RetentionRule(WrongGuess, "at", "numbers_days", partial(_delete, WrongGuess)),
    "ranges": RetentionRule(PumpedRange, "began_at", "numbers_days", partial(_delete, PumpedRange), REFUSALS_DAYS),
    "callers": RetentionRule(KeyCaller, "first_at", "numbers_days", partial(_delete, KeyCaller), usage.KEPT_DAYS),
    "notes": RetentionRule(NumberNote, "created_at", "numbers_days", partial(_delete, NumberNote)),
    "imports": RetentionRule(
        ContactImportFault, "at", "numbers_days", partial(_delete, ContactImportFault), IMPORT_DAYS
    ),
    "lookups": RetentionRule(NumberLookup, "at", "numbers_days", partial(_delete, NumberLookup)),
}

"""Make a campaign of a table and a text with columns in it, look at it, and let it run when it may."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from dashboard.db import Sessions, core_table, execute_dml, read_session, utcnow
from dashboard.driver import BulkInsert
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.campaigns import campaigns, estimate, intake, progress
from dashboard.gateway.campaigns.campaigns import NewCampaign, Recipient
from dashboard.gateway.contacts import contacts, tables
from dashboard.gateway.contacts.tables import RecipientTable
from dashboard.gateway.opt_outs import opt_outs
from dashboard.models.api_keys import ApiKey
from dashboard.models.campaigns import Campaign, CampaignRecipient
from dashboard.sms import numbers
from dashboard.vocabulary import CampaignState

PLACEHOLDER = re.compile(r"\{\s*([^{}]+?)\s*\}")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
MOST_SEGMENTS = 10
BATCH = 1_000  # rows in a transaction, so that no code waits for long
LONGEST_SHOWN = 12  # characters of a cell that holds no number: as many as a number has
INSERT_DROPPED = BulkInsert(
    core_table(CampaignRecipient),
    *("campaign_id", "phone", "body", "encoding", "segments", "message_id", "error_code", "created_at", "line"),
)


class UnknownColumn(ValueError):
    """The text names a column that the table has not."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NobodyLeft(ValueError):
    """No row of the table can be sent."""


@dataclass(frozen=True)
class Dropped:
    """A row that gets no text."""

    line: int
    phone: str
    code: str  # one of progress.DROPPED


@dataclass(frozen=True)
class NewDraft:
    """A draft to be."""

    name: str
    text: str
    table: RecipientTable
    pace: int | None
    at: datetime | None
    created_by: str
    needs_consent: bool = False  # of contacts: those of whom none is noted are left out


def create(sessions: Sessions, caller: Caller, new: NewDraft) -> str:
    """Write a draft down with all its rows, in short transactions; return its id. Raise UnknownColumn or NobodyLeft.

    Commits. One that is broken off has no `total`: it is shown nowhere, and swept.
    """
    with read_session(sessions) as session:
        recipients, dropped = prepare(session, caller, new.table, new.text, needs_consent=new.needs_consent)
        cost = estimate.cost(session, caller, intake.segments(recipients))
    if not recipients:
        raise NobodyLeft
    made = NewCampaign(caller.id, new.name, new.pace, invalid=len(dropped), created_by=new.created_by)
    with sessions.begin() as session:
        campaign_id, reference = campaigns.create(session, made)
    for start in range(0, len(recipients), BATCH):
        with sessions.begin() as session:
            campaigns.add(session, campaign_id, recipients[start : start + BATCH])
    for start in range(0, len(dropped), BATCH):
        with sessions.begin() as session:
            _add_dropped(session, campaign_id, dropped[start : start + BATCH])
    told = {"total": len(recipients), "text": new.text, "scheduled_at": new.at, "estimated_cost": cost}
    with sessions.begin() as session:
        session.execute(update(Campaign).where(Campaign.id == campaign_id).values(**told))
    return reference


def prepare(
    session: Session, caller: Caller, table: RecipientTable, text: str, *, needs_consent: bool = False
) -> tuple[list[Recipient], list[Dropped]]:
    """The text of each row that can be sent, and the other rows; raise UnknownColumn."""
    columns = {name.casefold(): place for place, name in enumerate(table.columns)}
    for name in PLACEHOLDER.findall(text):
        if name.casefold() not in columns:
            raise UnknownColumn(name)
    phones = [tables.phone_of(tables.cell(cells, table.phone_column)) for _, cells in table.rows]
    known = set(filter(None, phones))
    refused = contacts.refused(session, known, is_required=needs_consent)
    refused |= {phone: "opted_out" for _, phone in opt_outs.among(session, {(caller.id, phone) for phone in known})}
    recipients: list[Recipient] = []
    dropped: list[Dropped] = []
    seen = set[str]()
    for phone, (line, cells) in zip(phones, table.rows, strict=True):
        given = tables.cell(cells, table.phone_column)[:LONGEST_SHOWN]
        body = PLACEHOLDER.sub(lambda found: tables.cell(cells, columns[found[1].casefold()]), text).strip()  # noqa: B023
        recipient = Recipient.of(phone, body)
        code = _fault(phone, recipient, refused.get(phone), is_known=phone in seen)
        if code:
            dropped.append(Dropped(line, phone or given, code))
        else:
            recipients.append(recipient)
        seen.add(phone)
    return recipients, dropped


def needs_approval(campaign: Campaign, most: int) -> bool:
    """Whether a second person has to approve it; `most` recipients may do without."""
    return campaign.total > most


def discard(sessions: Sessions, campaign_id: int) -> None:
    """Delete a draft, in short transactions. Commits."""
    is_gone = False
    while not is_gone:
        with sessions.begin() as session:
            is_gone = campaigns.discard(session, campaign_id, BATCH)


def ask_approval(session: Session, campaign: Campaign) -> bool:
    """Have somebody else approve a draft; False when it was asked for, or it is none any more. The caller commits."""
    draft = (Campaign.id == campaign.id, Campaign.state == CampaignState.DRAFT, Campaign.asked_at.is_(None))
    return bool(execute_dml(session, update(Campaign).where(*draft).values(asked_at=utcnow())))


def start(session: Session, campaign: Campaign, approved_by: str | None = None) -> bool:
    """Let a draft run, at its time; False when it is none any more. The caller commits. Raise BudgetExhausted."""
    key = session.get_one(ApiKey, campaign.key_id)
    estimate.check_budgets(session, Caller.from_row(key), campaign.estimated_cost)
    at = campaign.scheduled_at if campaign.scheduled_at and campaign.scheduled_at > utcnow() else None
    if not campaigns.start(session, campaign.id, campaign.total, campaign.estimated_cost, at):
        return False
    session.execute(update(Campaign).where(Campaign.id == campaign.id).values(approved_by=approved_by))
    return True


def samples(session: Session, campaign: Campaign, most: int = 3) -> list[CampaignRecipient]:
    """Rows as they will leave, the longest first; none once they have left."""
    waiting = select(CampaignRecipient).where(CampaignRecipient.campaign_id == campaign.id, progress.WAITS)
    longest = (func.length(CampaignRecipient.body).desc(), CampaignRecipient.id)
    return list(session.scalars(waiting.order_by(*longest).limit(most)))


def sizes(session: Session, campaign: Campaign) -> dict[str, tuple[int, int]]:
    """Texts and segments to each operator, by its first digit."""
    digit = func.substr(CampaignRecipient.phone, 5, 1)
    counted = (
        select(digit, func.count(), func.sum(CampaignRecipient.segments))
        .where(CampaignRecipient.campaign_id == campaign.id, progress.WAITS)
        .group_by(digit)
    )
    return {row[0]: (row[1], int(row[2])) for row in session.execute(counted)}


def cost_by_operator(session: Session, key: ApiKey, found: Mapping[str, tuple[int, int]]) -> dict[str, int | None]:
    """What the segments to each operator cost at the most, in 1/10,000 MRU."""
    caller = Caller.from_row(key)
    return {digit: estimate.cost(session, caller, {digit: segments}) for digit, (_, segments) in found.items()}


def _fault(phone: str, recipient: Recipient, refusal: str | None, *, is_known: bool) -> str | None:
    """Why a row gets no text; `refusal` is why its person gets none."""
    if not phone:
        return "bad_number"
    if numbers.is_fixed(phone):
        return "fixed_line"
    if is_known:
        return "duplicate"
    if refusal:
        return refusal
    if not recipient.body or UNPRINTABLE.search(recipient.body):
        return "bad_text"
    return "too_long" if recipient.segments > MOST_SEGMENTS else None


def _add_dropped(session: Session, campaign_id: int, dropped: list[Dropped]) -> None:
    shared = {"campaign_id": campaign_id, "body": None, "encoding": "gsm7", "segments": 0, "message_id": None}
    rows = [
        {**shared, "phone": each.phone, "error_code": each.code, "created_at": utcnow(), "line": each.line}
        for each in dropped
    ]
    INSERT_DROPPED.run(session.connection(), rows)

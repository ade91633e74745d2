"""Take a whole campaign from a call, in transactions so short that no code waits for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from dashboard.db import Sessions
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.api_keys.authentication import Caller, UnknownKey
from dashboard.gateway.campaigns import campaigns, estimate
from dashboard.gateway.campaigns.campaigns import NewCampaign, Recipient
from dashboard.gateway.messages import idempotency
from dashboard.gateway.messages.idempotency import IdempotentCall, Mismatch, StoredResult

BATCH = 1_000  # rows in a transaction


@dataclass(frozen=True)
class BulkOrder:
    """All texts of one call, and how they are to leave."""

    caller: Caller
    recipients: Sequence[Recipient]
    invalid: int
    name: str = ""
    pace: int | None = None
    is_urgent: bool = False
    at: datetime | None = None  # None: now
    call: IdempotentCall | None = None


@dataclass(frozen=True)
class TakenBatch:
    """A campaign that was written down. Money is 1/10,000 MRU."""

    batch_id: str
    estimated_cost: int | None
    is_replay: bool = False


def take(sessions: Sessions, order: BulkOrder) -> TakenBatch:
    """Write all recipients down, then let the campaign run; raise UnknownKey, Mismatch or BudgetExhausted. Commits.

    Until its last transaction the campaign is a draft, which nothing is sent of: a call that is broken off leaves one
    that is swept, and may be made again.
    """
    with sessions.begin() as session:
        known = _known(session, order)
        if known is not None:
            return known
        cost = estimate.cost(session, order.caller, segments(order.recipients))
        estimate.check_budgets(session, order.caller, cost)
        new = NewCampaign(order.caller.id, order.name, order.pace, order.is_urgent, order.invalid)
        campaign_id, batch_id = campaigns.create(session, new)
    for start in range(0, len(order.recipients), BATCH):
        with sessions.begin() as session:
            campaigns.add(session, campaign_id, order.recipients[start : start + BATCH])
    with sessions.begin() as session:
        known = _known(session, order)
        if known is None:
            campaigns.start(session, campaign_id, len(order.recipients), cost, order.at)
            _keep(session, order, TakenBatch(batch_id, cost))
            return TakenBatch(batch_id, cost)
    return known  # the same call came twice at a time; the draft of the second one is swept


def segments(recipients: Sequence[Recipient]) -> Counter[str]:
    """How many go to each operator, by its first digit."""
    counts = Counter[str]()
    for each in recipients:
        counts[each.phone[4]] += each.segments
    return counts


def _known(session: Session, order: BulkOrder) -> TakenBatch | None:
    """What came of the same call before; raise UnknownKey or Mismatch."""
    if not authentication.live_digests(session, [order.caller]):
        raise UnknownKey
    found = idempotency.find_all(session, [order.call])
    if order.call is None or order.call.token not in found:
        return None
    stored = found[order.call.token]
    if isinstance(stored, Mismatch):
        raise stored
    return TakenBatch(**stored.result, is_replay=True)


def _keep(session: Session, order: BulkOrder, taken: TakenBatch) -> None:
    if order.call is not None:
        kept = {"batch_id": taken.batch_id, "estimated_cost": taken.estimated_cost}
        idempotency.keep(session, order.call, StoredResult.of(kept))

"""What a campaign will cost, before anything is sent, and whether the budgets have room for it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.costs import budgets, estimates
from dashboard.gateway.costs.estimates import Text
from dashboard.gateway.routing import rules
from dashboard.vocabulary import Channel, KeyMode


def cost(session: Session, caller: Caller, segments: Mapping[str, int]) -> int | None:
    """In 1/10,000 MRU, from the segments to each operator, by its first digit.

    None where a price is missing; 0 for what goes to the sandbox phone.
    """
    if caller.mode == KeyMode.TEST or not rules.read(session).serves(Channel.SMS):
        return 0
    texts = [Text(Channel.SMS, f"+222{operator}0000000", count) for operator, count in segments.items()]
    made = estimates.estimate(session, caller.id, texts)
    return None if made.unpriced_segments else made.cost


def check_budgets(session: Session, caller: Caller, cost: int | None) -> None:
    """Raise BudgetExhausted where a campaign that costs this much would not end. Nothing is reserved: its messages are
    counted one by one as they are made.
    """
    refusal = budgets.check(session, caller.id, cost) if cost and caller.mode == KeyMode.LIVE else None
    if refusal is not None:
        raise refusal

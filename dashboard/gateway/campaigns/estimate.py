"""What a campaign will cost at the most, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.costs import prices
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import RoutingRequest
from dashboard.vocabulary import Channel, KeyMode


def cost(session: Session, caller: Caller, segments: Mapping[str, int]) -> int | None:
    """In 1/10,000 MRU, from the segments to each operator, by its first digit, at the dearest carrier of the route.

    None where a price is missing; 0 for what goes to the sandbox phone.
    """
    table, rates = rules.read(session), prices.current(session)
    if caller.mode == KeyMode.TEST or not table.serves(Channel.SMS):
        return 0
    total, today = 0, utcnow().date()
    for operator, count in segments.items():
        request = RoutingRequest(Channel.SMS, f"+222{operator}0000000", caller.id)
        names = [table.carriers[carrier_id].name for carrier_id in rules.candidates(table, request)]
        found = [rate for name in names if (rate := rates.find(name, Channel.SMS, operator, today))]
        if not found:
            return None
        total += count * max(rate.amount for rate in found)
    return total

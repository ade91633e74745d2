"""Which way a message would go at this moment: the rule that decides, and what each of its carriers would do."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway.carriers import health
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import RoutingRequest, Subject
from dashboard.models.carriers import Carrier, Route


@dataclass(frozen=True)
class Candidate:
    """A carrier of the rule. `fate`: `now`, `next` (when those before it fail), `down` or `off`.

    `share` is the part of the messages that it takes now, from 0 to 1; 0 unless its fate is `now`.
    """

    carrier: Carrier
    fate: str
    share: float = 0.0


@dataclass(frozen=True)
class Explanation:
    """`is_served`: some carrier serves the channel; if not, its messages land on the sandbox phone."""

    subject: Subject | None
    ways: list[Candidate]
    is_served: bool


def of(session: Session, request: RoutingRequest) -> Explanation:
    """The route that a message would take. Carriers that share a place share the messages too."""
    table = rules.read(session)
    rule = rules.rule_for(table, request)
    if rule is None:
        return Explanation(None, [], table.serves(request.channel))
    routes = dict(rules.rules(session)).get(rule[0], [])
    return Explanation(rule[0], _ways(routes), table.serves(request.channel))


def _ways(routes: list[Route]) -> list[Candidate]:
    now = utcnow()
    fates = [_fate(route.carrier, health.is_down(route.carrier, now)) for route in routes]
    first = min((route.position for route, fate in zip(routes, fates, strict=True) if fate == "next"), default=None)
    takes = [fate == "next" and route.position == first for route, fate in zip(routes, fates, strict=True)]
    weight = sum(route.weight for route, taken in zip(routes, takes, strict=True) if taken)
    if not weight:  # all are down: it waits for the first that is not switched off
        return [Candidate(route.carrier, fate) for route, fate in zip(routes, fates, strict=True)]
    return [
        Candidate(route.carrier, "now", route.weight / weight) if taken else Candidate(route.carrier, fate)
        for route, fate, taken in zip(routes, fates, takes, strict=True)
    ]


def _fate(carrier: Carrier, is_down: bool) -> str:
    if not carrier.enabled:
        return "off"
    return "down" if is_down else "next"

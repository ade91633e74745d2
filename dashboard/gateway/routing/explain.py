"""Which way a message would go at this moment: the rule that decides, and what each of its carriers would do."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway.carriers import health
from dashboard.gateway.costs import estimates
from dashboard.gateway.costs.estimates import Text
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import RoutingRequest, Subject
from dashboard.models.carriers import Carrier, Route
from dashboard.vocabulary import CandidateState


@dataclass(frozen=True)
class Candidate:
    """A carrier of the rule. `share` is the part of the messages that it takes now, from 0 to 1; 0 unless it is NOW."""

    carrier: Carrier
    state: CandidateState
    share: float = 0.0


@dataclass(frozen=True)
class Explanation:
    """`is_served`: some carrier serves the channel; if not, its messages land on the sandbox phone. `price` is what a
    segment will cost, in 1/10,000 MRU; None where that is not known.
    """

    subject: Subject | None
    ways: list[Candidate]
    is_served: bool
    price: int | None = None


def of(session: Session, request: RoutingRequest) -> Explanation:
    """The route that a message would take. Carriers that share a place share the messages too."""
    table = rules.read(session)
    rule = rules.rule_for(table, request)
    if rule is None:
        return Explanation(None, [], table.serves(request.channel))
    routes = dict(rules.rules(session)).get(rule[0], [])
    expected = estimates.estimate(session, request.key_id, [Text(request.channel, request.phone, 1)])
    price = None if expected.unpriced_segments else expected.cost
    return Explanation(rule[0], _ways(routes), table.serves(request.channel), price)


def _ways(routes: list[Route]) -> list[Candidate]:
    now = utcnow()
    ways = [Candidate(route.carrier, _state(route.carrier, health.is_down(route.carrier, now))) for route in routes]
    able = [route for route, way in zip(routes, ways, strict=True) if way.state is CandidateState.NEXT]
    first = [route for route in able if route.position == able[0].position]
    weight = sum(route.weight for route in first)
    # When all are down, it waits for the first that is not switched off.
    return [
        Candidate(route.carrier, CandidateState.NOW, route.weight / weight) if route in first else way
        for route, way in zip(routes, ways, strict=True)
    ]


def _state(carrier: Carrier, is_down: bool) -> CandidateState:
    if not carrier.enabled:
        return CandidateState.OFF
    return CandidateState.DOWN if is_down else CandidateState.NEXT

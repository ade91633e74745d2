"""Which carrier of its route a claimed message goes to, and what else there is when that one does not take it."""

from __future__ import annotations

from dashboard.gateway.delivery.connections import Connection, Connections
from dashboard.gateway.delivery.decisions import Alternatives, Claimed
from dashboard.gateway.messages import outbox
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import RoutingRequest
from dashboard.vocabulary import Channel, Kind

TRIES_BEFORE_NEXT = {Kind.OTP: 1, Kind.MESSAGE: 3}  # with one carrier, before another one that is free is tried


def choose(connections: Connections, lane: str, claimed: Claimed) -> int | None:
    """The carrier for the next try; None when no route leads anywhere.

    A carrier that is due for a trial does not take a text that it blamed: others are to show that it works.
    """
    takers = {
        carrier.id
        for carrier in connections.routing.carriers.values()
        if connections.takes(carrier.id) and (carrier.down_since is None or not claimed.is_blamed_by(carrier.name))
    }
    return rules.choose(connections.routing, _request(connections, lane, claimed), takers)


def alternatives(connections: Connections, lane: str, claimed: Claimed, connection: Connection) -> Alternatives:
    """What else could be done with a message, should this carrier not have taken it."""
    if outbox.home(claimed.message) is not None:  # it is a test of this carrier, or the sandbox's
        candidates = [connection.id]
    else:
        candidates = rules.candidates(connections.routing, _request(connections, lane, claimed))
    others = [carrier_id for carrier_id in candidates if carrier_id != connection.id]
    failures = claimed.history.failures
    is_other_free = any(
        connections.takes(carrier_id)
        and failures[connections.routing.carriers[carrier_id].name] <= failures[connection.name]
        for carrier_id in others
    )
    may_wait = lane != Channel.WHATSAPP or any(map(connections.takes, candidates))
    return Alternatives(has_other=bool(others), is_other_free=is_other_free, may_wait=may_wait)


def sender(connections: Connections, lane: str, claimed: Claimed, carrier_id: int) -> str | None:
    """What the message's rule has phones show over this carrier."""
    return rules.sender(connections.routing, _request(connections, lane, claimed), carrier_id)


def _request(connections: Connections, lane: str, claimed: Claimed) -> RoutingRequest:
    """What the choice depends on."""
    message, history = claimed.message, claimed.history
    carriers = connections.routing.carriers.values()
    tries = TRIES_BEFORE_NEXT[Kind(message.kind)]
    return RoutingRequest(
        channel=lane,
        phone=message.phone,
        key_id=message.key_id,
        seed=message.uuid,
        rounds={carrier.id: history.failures[carrier.name] // tries for carrier in carriers},
        refused_by=frozenset(carrier.id for carrier in carriers if carrier.name in history.refused_by),
    )

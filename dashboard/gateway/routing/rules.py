"""Which carrier takes a message: rules by channel, operator and key; order, weights and what is down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from dashboard.db import lock
from dashboard.gateway.carriers import carriers
from dashboard.gateway.messages import outbox
from dashboard.models.carriers import Carrier, Route
from dashboard.providers import registry

TRIES = 3  # with one carrier, before the next one is tried
MOST_CHOICES = 10
HEAVIEST = 100

Subject = tuple[str, str | None, str | None]  # channel, operator, key id


class InvalidRoute(ValueError):
    """`code` says why: no_choice, too_many, unknown_carrier, wrong_channel, twice, weight."""

    def __init__(self, code: str, name: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.name = name


@dataclass(frozen=True)
class NewRouteTarget:
    """A carrier in a rule, by name."""

    carrier: str
    position: int
    weight: int = 1


@dataclass(frozen=True)
class RouteTarget:
    """A choice as the book has it."""

    carrier_id: int
    position: int
    weight: int


@dataclass(frozen=True)
class CarrierSnapshot:
    """A carrier as the book has it."""

    id: int
    name: str
    kind: str
    version: int
    enabled: bool
    down_since: datetime | None
    down_until: datetime | None


@dataclass(frozen=True)
class RoutingTable:
    """All carriers and rules, as last read."""

    carriers: dict[int, CarrierSnapshot] = field(default_factory=dict)
    rules: dict[Subject, tuple[RouteTarget, ...]] = field(default_factory=dict)

    def serves(self, channel: str) -> bool:
        """Whether a channel has a carrier, switched off or not; if none, its messages land on the sandbox phone.

        Texts for real phones wait while their carrier is off: on the sandbox phone they would count as delivered.
        """
        kinds = (registry.KINDS[known.kind] for known in self.carriers.values())
        return any(channel in kind.channels for kind in kinds)


@dataclass(frozen=True)
class RoutingRequest:
    """What is to be sent, as far as its way depends on it."""

    channel: str
    phone: str
    key_id: str
    attempts: int = 1
    seed: str = ""  # the message's id: its share by weight stays the same over retries


def read(session: Session) -> RoutingTable:
    """The book as the database has it now."""
    known = {
        row.id: CarrierSnapshot(row.id, row.name, row.kind, row.version, row.enabled, row.down_since, row.down_until)
        for row in session.scalars(select(Carrier))
        if row.kind in registry.KINDS
    }
    rules: dict[Subject, list[RouteTarget]] = {}
    for route in session.scalars(select(Route).order_by(Route.position, Route.id)):
        legs = rules.setdefault((route.channel, route.operator, route.key_id), [])
        if route.carrier_id in known:  # of a kind that this version has
            legs.append(RouteTarget(route.carrier_id, route.position, route.weight))
    return RoutingTable(known, {subject: tuple(legs) for subject, legs in rules.items()})


def rule_for(book: RoutingTable, trip: RoutingRequest) -> tuple[Subject, tuple[RouteTarget, ...]] | None:
    """The most specific rule that covers it: operator and key, key, operator, all."""
    operator = trip.phone[4]
    for subject in (
        (trip.channel, operator, trip.key_id),
        (trip.channel, None, trip.key_id),
        (trip.channel, operator, None),
        (trip.channel, None, None),
    ):
        if subject in book.rules:
            return subject, book.rules[subject]
    return None


def candidates(book: RoutingTable, trip: RoutingRequest) -> list[int]:
    """The carriers of its rule, in the order in which this message would try them; switched-off ones left out."""
    found = rule_for(book, trip)
    legs = [leg for leg in found[1] if book.carriers[leg.carrier_id].enabled] if found else []
    if len(legs) < 2:
        return [leg.carrier_id for leg in legs]
    dice = Random(trip.seed)  # noqa: S311  a share of traffic, not a secret
    drawn = sorted(legs, key=lambda leg: (leg.position, -(dice.random() ** (1 / leg.weight))))
    return [leg.carrier_id for leg in drawn]


def choose(book: RoutingTable, trip: RoutingRequest, is_open: Callable[[int], bool]) -> int | None:
    """The carrier for the next try; None when no route leads anywhere. `is_open` says which ones take anything.

    The next open one serves when the first has not taken it in three tries; when none is open it waits for the first.
    """
    if not book.serves(trip.channel):
        return outbox.SANDBOX_ID
    order = candidates(book, trip)
    able = [carrier_id for carrier_id in order if is_open(carrier_id)]
    if able:
        return able[max(trip.attempts - 1, 0) // TRIES % len(able)]
    return order[0] if order else None


# Rules, as administrators write them


def rules(session: Session) -> list[tuple[Subject, list[Route]]]:
    """All rules with their choices in order; the widest first."""
    query = select(Route).options(joinedload(Route.carrier), joinedload(Route.key)).order_by(Route.position, Route.id)
    found: dict[Subject, list[Route]] = {}
    for route in session.scalars(query):
        found.setdefault((route.channel, route.operator, route.key_id), []).append(route)
    return sorted(found.items(), key=lambda item: [part or "" for part in item[0]])


def set_rule(session: Session, subject: Subject, choices: Sequence[NewRouteTarget]) -> None:
    """Replace a rule; without choices it is removed. Raise InvalidRoute. The caller commits.

    What is parked is routed anew, so that the rule holds for messages that wait already.
    """
    lock(session, "carriers")
    channel, operator, key_id = subject
    rows = [_checked(session, channel, choice) for choice in choices]
    if len({choice.carrier for choice in choices}) < len(choices):
        raise InvalidRoute("twice")
    if len(choices) > MOST_CHOICES:
        raise InvalidRoute("too_many")
    session.execute(
        delete(Route).where(
            Route.channel == channel,
            Route.operator.is_not_distinct_from(operator),
            Route.key_id.is_not_distinct_from(key_id),
        )
    )
    for carrier, choice in zip(rows, choices, strict=True):
        session.add(
            Route(
                channel=channel,
                operator=operator,
                key_id=key_id,
                carrier_id=carrier.id,
                position=choice.position,
                weight=choice.weight,
            )
        )
    session.flush()
    outbox.release_deferred(session, session.scalars(select(Carrier.id)).all())


def _checked(session: Session, channel: str, choice: NewRouteTarget) -> Carrier:
    try:
        carrier = carriers.find(session, choice.carrier)
    except carriers.CarrierNotFound:
        raise InvalidRoute("unknown_carrier", choice.carrier) from None
    if channel not in registry.KINDS[carrier.kind].channels:
        raise InvalidRoute("wrong_channel", choice.carrier)
    if not 1 <= choice.weight <= HEAVIEST:
        raise InvalidRoute("weight", choice.carrier)
    return carrier

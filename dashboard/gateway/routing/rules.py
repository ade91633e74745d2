"""Which carrier takes a message: rules by channel, operator and key; order, weights and what is down."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
from dashboard.sms import senders

MOST_CHOICES = 10
HEAVIEST = 100

Subject = tuple[str, str | None, str | None]  # channel, operator, key id


class InvalidRoute(ValueError):
    """`code` says why: no_choice, too_many, unknown_carrier, wrong_channel, twice, weight, sender."""

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
    sender: str | None = None


@dataclass(frozen=True)
class RouteTarget:
    """A carrier in a rule, as last read."""

    carrier_id: int
    position: int
    weight: int
    sender: str | None


@dataclass(frozen=True)
class CarrierSnapshot:
    """What routing must know of a carrier, as last read."""

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
        kinds = (registry.KINDS[carrier.kind] for carrier in self.carriers.values())
        return any(channel in kind.channels for kind in kinds)


@dataclass(frozen=True)
class RoutingRequest:
    """What the choice of a route depends on."""

    channel: str
    phone: str
    key_id: str
    seed: str = ""  # the message's id: its share by weight stays the same over retries
    rounds: Mapping[int, int] = field(default_factory=dict)  # by carrier: how often it has had its tries in vain
    refused_by: frozenset[int] = frozenset()  # carriers that are not to be tried again


def read(session: Session) -> RoutingTable:
    """The table as the database has it now."""
    snapshots = {
        row.id: CarrierSnapshot(row.id, row.name, row.kind, row.version, row.enabled, row.down_since, row.down_until)
        for row in session.scalars(select(Carrier))
        if row.kind in registry.KINDS
    }
    rules: dict[Subject, list[RouteTarget]] = {}
    for route in session.scalars(select(Route).order_by(Route.position, Route.id)):
        targets = rules.setdefault((route.channel, route.operator, route.key_id), [])
        if route.carrier_id in snapshots:  # of a kind that this version has
            targets.append(RouteTarget(route.carrier_id, route.position, route.weight, route.sender))
    return RoutingTable(snapshots, {subject: tuple(targets) for subject, targets in rules.items()})


def rule_for(table: RoutingTable, request: RoutingRequest) -> tuple[Subject, tuple[RouteTarget, ...]] | None:
    """The most specific rule that covers it: operator and key, key, operator, all."""
    for subject in Route.subjects(request.channel, request.phone[4], request.key_id):
        if subject in table.rules:
            return subject, table.rules[subject]
    return None


def candidates(table: RoutingTable, request: RoutingRequest) -> list[int]:
    """The carriers of its rule, in the order in which this message would try them; without those that are switched off
    and those that refused it.
    """
    rule = rule_for(table, request)
    targets = [target for target in rule[1] if table.carriers[target.carrier_id].enabled] if rule else []
    targets = [target for target in targets if target.carrier_id not in request.refused_by]
    if len(targets) < 2:
        return [target.carrier_id for target in targets]
    random = Random(request.seed)  # noqa: S311  a share of traffic, not a secret
    drawn = sorted(targets, key=lambda target: (target.position, -(random.random() ** (1 / target.weight))))
    return [target.carrier_id for target in drawn]


def sender(table: RoutingTable, request: RoutingRequest, carrier_id: int) -> str | None:
    """What the rule of a message has phones show over a carrier, where its key names no sender."""
    rule = rule_for(table, request)
    return next((target.sender for target in rule[1] if target.carrier_id == carrier_id), None) if rule else None


def choose(table: RoutingTable, request: RoutingRequest, takers: Collection[int]) -> int | None:
    """The carrier for the next try; None when no route leads anywhere. `takers` are those that take anything now.

    Of these the first in order that has failed in the fewest rounds; when there is none, it waits for the first.
    """
    if not table.serves(request.channel):
        return outbox.SANDBOX_ID
    order = candidates(table, request)
    able = [carrier_id for carrier_id in order if carrier_id in takers]
    if able:
        return min(able, key=lambda carrier_id: request.rounds.get(carrier_id, 0))
    return order[0] if order else None


# Rules, as administrators write them


def rules(session: Session) -> list[tuple[Subject, list[Route]]]:
    """All rules with their choices in order; the widest first."""
    query = select(Route).options(joinedload(Route.carrier), joinedload(Route.key)).order_by(Route.position, Route.id)
    by_subject: dict[Subject, list[Route]] = {}
    for route in session.scalars(query):
        by_subject.setdefault((route.channel, route.operator, route.key_id), []).append(route)
    return sorted(by_subject.items(), key=lambda item: [part or "" for part in item[0]])


def set_rule(session: Session, subject: Subject, choices: Sequence[NewRouteTarget]) -> None:
    """Replace a rule; without choices it is removed. Raise InvalidRoute. The caller commits.

    What is deferred is routed anew, so that the rule holds for messages that wait already.
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
                sender=choice.sender,
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
    if choice.sender is not None and not senders.is_sender(choice.sender):
        raise InvalidRoute("sender", choice.carrier)
    return carrier


def told(session: Session, subject: Subject) -> list[str]:
    """The carriers of a rule in words, each with its position, weight and sender; none without a rule."""
    routes = dict(rules(session)).get(subject, [])
    return [target_told(route.position, route.carrier.name, str(route.weight), route.sender) for route in routes]


def target_told(position: int, carrier: str, weight: str, sender: str | None) -> str:
    return f"{position + 1}. {carrier} ({weight})" + (f" {sender}" if sender else "")

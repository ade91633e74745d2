"""What texts will cost, before anything is sent: by the rules of routing, the carriers' prices and the segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import select

from dashboard.cache import TimedCache
from dashboard.db import Executor, core_table, pool_of, utcnow
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.costs import prices
from dashboard.gateway.costs.prices import PriceTable
from dashboard.models.carriers import Carrier, Route
from dashboard.sms.encoding import Shape
from dashboard.vocabulary import KeyMode

LOOK_EVERY = 1.0  # seconds
Subject = tuple[str, str | None, str | None]  # channel, operator, key id
_ROUTES, _CARRIERS = core_table(Route).c, core_table(Carrier).c
TARGETS = (
    select(_ROUTES.channel, _ROUTES.operator, _ROUTES.key_id, _CARRIERS.name, _CARRIERS.enabled)
    .join_from(core_table(Route), core_table(Carrier))
    .order_by(_ROUTES.position, _ROUTES.id)
    .add_columns(_ROUTES.position)
)


class Text(NamedTuple):
    """A text to be, as far as its cost depends on it."""

    channel: str
    phone: str
    segments: int
    carrier: str = ""  # the one that it goes by whatever the routes say


@dataclass(frozen=True)
class Estimate:
    """What texts of a key will cost, in 1/10,000 MRU. Segments without a price cost nothing and are counted."""

    cost: int
    segments: int
    unpriced_segments: int


@dataclass(frozen=True)
class Quote:
    """The shape of a text, and what one part of it is expected to cost, in 1/10,000 MRU; None where no price is known.

    It is kept with the answer that bears it, so that the same call gets the same one.
    """

    encoding: str
    length: int  # septets of the GSM alphabet, or UTF-16 units
    parts: int
    price: int | None

    @property
    def cost(self) -> int | None:
        """Of the whole text, in 1/10,000 MRU."""
        return None if self.price is None else self.price * self.parts


@dataclass(frozen=True)
class ExpectedPrices:
    """What a segment will cost on a day (UTC): the dearest of the carriers that share the first place of its rule.

    Which of those takes it is drawn when it leaves; where another one takes it after a failure, that is not foreseen.
    """

    routes: Mapping[Subject, tuple[str, ...]]  # by subject: the carriers that come first
    table: PriceTable
    day: date

    def find(self, key_id: str, channel: str, phone: str, carrier: str = "") -> int | None:
        """1/10,000 MRU a segment; None where no price is known, as on the sandbox phone. `carrier`: see Text."""
        operator = phone[4]
        rules = (self.routes.get(subject) for subject in Route.subjects(channel, operator, key_id))
        carriers = (carrier,) if carrier else next((rule for rule in rules if rule is not None), ())
        rates = [self.table.find(carrier, channel, operator, self.day) for carrier in carriers]
        return max((rate.amount for rate in rates if rate), default=None)


REMEMBERED = TimedCache[Any, ExpectedPrices](LOOK_EVERY, weak_keys=True)  # by connection pool


def current(executor: Executor) -> ExpectedPrices:
    """The prices to expect, as of a second ago."""
    return REMEMBERED.find(pool_of(executor), lambda: read(executor))


def read(executor: Executor) -> ExpectedPrices:
    """The prices to expect now."""
    first: dict[Subject, dict[str, int]] = {}
    for row in executor.execute(TARGETS):
        rule = first.setdefault((row.channel, row.operator, row.key_id), {})
        if row.enabled and row.position <= min(rule.values(), default=row.position):
            rule[row.name] = row.position
    routes = {subject: tuple(rule) for subject, rule in first.items()}
    return ExpectedPrices(routes, prices.read(executor), utcnow().date())


def estimate(executor: Executor, key_id: str, texts: Iterable[Text]) -> Estimate:
    """What these texts of a live key will cost."""
    expected, cost, segments, unpriced = current(executor), 0, 0, 0
    known: dict[tuple[str, str], int | None] = {}  # by channel and operator
    for text in texts:
        place = (text.channel, text.phone[4])
        if place not in known:
            known[place] = expected.find(key_id, text.channel, text.phone)
        amount = known[place]
        segments += text.segments
        if amount is None:
            unpriced += text.segments
        else:
            cost += amount * text.segments
    return Estimate(cost, segments, unpriced)


def quote(executor: Executor, caller: Caller, text: tuple[str, str, Shape], *, to_sandbox: bool = False) -> Quote:
    """What a text of this key is and will cost, by its channel, number and shape; nothing on the sandbox phone."""
    channel, phone, shape = text
    is_free = to_sandbox or caller.mode == KeyMode.TEST
    price = 0 if is_free else current(executor).find(caller.id, channel, phone)
    return Quote(shape.encoding, shape.units, shape.segments, price)

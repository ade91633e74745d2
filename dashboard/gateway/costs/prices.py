"""Prices: what a carrier asks for a segment, by channel, operator and day. None ever changes a cost that is fixed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.cache import TimedCache
from dashboard.db import Executor, core_table, execute_dml, insert, pool_of, utcnow
from dashboard.models.costs import Price

CURRENCY = "MRU"
UNITS = 10_000  # of one MRU
HIGHEST = 1_000 * UNITS  # of a segment
ALL_OPERATORS = ""
LOOK_EVERY = 1.0  # seconds
Subject = tuple[str, str, str]  # carrier, channel, operator
_PRICES = core_table(Price)


@dataclass(frozen=True)
class Rate:
    """What a segment costs, in 1/10,000 MRU, and whether its carrier gives it back when the text fails."""

    amount: int
    is_refunded: bool


@dataclass(frozen=True)
class PriceTable:
    """All prices, the newest day first."""

    rates: Mapping[Subject, tuple[tuple[date, Rate], ...]]

    def find(self, carrier: str, channel: str, operator: str, day: date) -> Rate | None:
        """The price that holds on a day (UTC): the operator's own, else the one for all operators."""
        for one in (operator, ALL_OPERATORS):
            rates = self.rates.get((carrier, channel, one), ())
            found = next((rate for from_day, rate in rates if from_day <= day), None)
            if found is not None:
                return found
        return None


@dataclass(frozen=True)
class NewPrice:
    """A price to be. It takes the place of one with the same subject and day."""

    carrier: str
    channel: str
    operator: str  # first digit; ALL_OPERATORS for all
    from_day: date
    amount: int
    is_refunded: bool = False


REMEMBERED = TimedCache[Any, PriceTable](LOOK_EVERY, weak_keys=True)  # by connection pool


def current(executor: Executor) -> PriceTable:
    """The prices as of a second ago."""
    return REMEMBERED.find(pool_of(executor), lambda: read(executor))


def read(executor: Executor) -> PriceTable:
    """The prices as they are now."""
    rates: dict[Subject, list[tuple[date, Rate]]] = defaultdict(list)
    for row in executor.execute(select(_PRICES).order_by(_PRICES.c.from_day.desc())):
        rates[row.carrier, row.channel, row.operator].append((row.from_day, Rate(row.amount, row.is_refunded)))
    return PriceTable({subject: tuple(found) for subject, found in rates.items()})


def save(session: Session, new: NewPrice, by: str | None = None) -> None:
    """Let a price hold from its day on; texts that were taken before keep their cost. The caller commits."""
    key = {"carrier": new.carrier, "channel": new.channel, "operator": new.operator, "from_day": new.from_day}
    told = {"amount": new.amount, "is_refunded": new.is_refunded, "created_at": utcnow(), "created_by": by}
    adding = insert(session, _PRICES).values(**key, **told)
    session.execute(adding.on_conflict_do_update(index_elements=list(key), set_=told))
    REMEMBERED.forget(pool_of(session))


def remove(session: Session, price_id: int) -> bool:
    """Forget a price; texts that were taken keep their cost. Return whether there was one. The caller commits."""
    REMEMBERED.forget(pool_of(session))
    return bool(execute_dml(session, delete(Price).where(Price.id == price_id)))


def listed(session: Session) -> list[Price]:
    """All prices by carrier, channel and operator, the newest day first."""
    order = (Price.carrier, Price.channel, Price.operator, Price.from_day.desc())
    return list(session.scalars(select(Price).order_by(*order)))


def parse(text: str, highest: int = HIGHEST) -> int:
    """`0,32` or `0.3250` MRU → 1/10,000 MRU; raise ValueError where it is no amount, too precise, or too high."""
    whole, _point, part = text.strip().replace(",", ".").partition(".")
    if not (whole.isascii() and whole.isdigit() and (part or "0").isascii() and (part or "0").isdigit()):
        raise ValueError(text)
    if len(whole) > len(str(highest // UNITS)) or len(part) > len(str(UNITS)) - 1:
        raise ValueError(text)
    amount = int(whole) * UNITS + int(part.ljust(len(str(UNITS)) - 1, "0"))
    if amount > highest:
        raise ValueError(text)
    return amount


def plain(amount: int) -> str:
    """1/10,000 MRU as a number with a point and at least two digits after it: `3200` → `0.32`."""
    whole, part = divmod(abs(amount), UNITS)
    digits = f"{part:04d}"
    return f"{'-' if amount < 0 else ''}{whole}.{digits[:2]}{digits[2:].rstrip('0')}"


def number(amount: int) -> float:
    """1/10,000 MRU as JSON shows it: exact to the last digit below 900,000 million MRU."""
    return amount / UNITS

"""What a text would cost, were it sent to its number for real."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from dashboard.gateway.costs import prices
from dashboard.gateway.costs.prices import PriceTable
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import RoutingRequest, RoutingTable
from dashboard.sms import encoding


@dataclass(frozen=True)
class Estimate:
    """The carrier that would be tried first, how many segments it would count, and its price in 1/10,000 MRU."""

    carrier: str
    segments: int
    cost: int


@dataclass(frozen=True)
class Estimator:
    """The routes and prices of a day (UTC)."""

    routes: RoutingTable
    prices: PriceTable
    day: date

    @classmethod
    def read(cls, session: Session, day: date) -> Estimator:
        return cls(rules.read(session), prices.current(session), day)

    def estimate(self, phone: str, channel: str, text: str) -> Estimate | None:
        """By the routes that hold for all keys; None where none leads to a carrier, or nobody entered its price."""
        order = rules.candidates(self.routes, RoutingRequest(channel, phone, key_id=""))
        if not order:
            return None
        carrier = self.routes.carriers[order[0]].name
        rate = self.prices.find(carrier, channel, phone[4], self.day)
        segments = encoding.shape(text).segments
        return Estimate(carrier, segments, rate.amount * segments) if rate else None

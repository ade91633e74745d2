"""Charges of a month at random, and their sums by plain arithmetic, to hold the days and statements against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

from dashboard.gateway.costs.spending import Month
from dashboard.models.costs import COUNTS, MONEY

PRICES = (None, 1, 3_200, 3_255, 12_345)  # 1/10,000 MRU a segment


def row(random: Random, number: int, key_ids: Sequence[str], month: Month) -> dict[str, Any]:
    """A charge."""
    segments, is_ucs2 = random.randint(1, 10), random.random() < 0.3
    price = random.choice(PRICES)
    first = datetime.combine(month.first, time.min, UTC)
    return {
        "message_id": number,
        "key_id": random.choice(key_ids),
        "carrier": random.choice(("mauritel", "smsc", "meta")),
        "operator": random.choice("234"),
        "channel": random.choice(("sms", "whatsapp")),
        "segments": segments,
        "is_ucs2": is_ucs2,
        "wasted": random.randint(0, segments - 1) if is_ucs2 else 0,
        "cost": None if price is None else price * segments,
        "is_refunded": random.random() < 0.5,
        "taken_at": first + timedelta(seconds=random.randrange(month.last.day * 86_400)),
        "is_failed": random.random() < 0.1,
    }


def sums(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The figures of a day, a statement or a month that holds these charges."""
    total = dict.fromkeys((*COUNTS, *MONEY), 0)
    for one in rows:
        cost, segments = one["cost"] or 0, one["segments"]
        is_given_back = one["is_failed"] and one["is_refunded"]
        total["messages"] += 1
        total["segments"] += segments
        total["failed_segments"] += segments * one["is_failed"]
        total["ucs2_segments"] += segments * one["is_ucs2"]
        total["wasted_segments"] += one["wasted"]
        total["unpriced_segments"] += segments * (one["cost"] is None)
        total["refunded"] += cost * is_given_back
        total["cost"] += cost * (not is_given_back)
        total["failed_cost"] += cost * (one["is_failed"] and not is_given_back)
        total["wasted_cost"] += 0 if is_given_back else cost // segments * one["wasted"]
    return total

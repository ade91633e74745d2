"""Whether statement, ledger and messages agree on a large month, and how long a statement takes.

python -m tests.bench.statement [MESSAGES]      (1000000; exit with 1 where a sum differs)

The database is SQLite in a folder of its own, or DATABASE_URL where that is set; it must be empty.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select

from dashboard.db import Sessions, core_table, make_sessions
from dashboard.gateway.costs import charges, spending
from dashboard.gateway.costs.spending import Month
from dashboard.models.costs import Charge
from dashboard.models.registry import metadata
from tests.support import ledger

MESSAGES, BATCH, KEYS = 1_000_000, 10_000, ("shop", "bank", "clinic", "school")
MONTH = Month(date(2026, 10, 1))


def run(sessions: Sessions, messages: int) -> int:
    """Fill the month, count it, compare; return how many sums differ."""
    random, expected = Random(16), defaultdict[str, list[dict[str, int]]](list)
    for first in range(0, messages, BATCH):
        rows = [ledger.row(random, first + number, KEYS, MONTH) for number in range(min(BATCH, messages - first))]
        with sessions.begin() as session:
            session.execute(core_table(Charge).insert(), rows)
        for key_id in KEYS:
            expected[key_id].append(ledger.sums(row for row in rows if row["key_id"] == key_id))
    began = time.monotonic()
    charges.fold_for(sessions, 24 * 3600)
    print(f"{messages} charges counted in {time.monotonic() - began:.1f} s")
    return sum(_compare(sessions, key_id, expected[key_id]) for key_id in KEYS)


def _compare(sessions: Sessions, key_id: str, parts: list[dict[str, int]]) -> int:
    generated = {name: sum(part[name] for part in parts) for name in parts[0]}
    with sessions() as session:
        began = time.monotonic()
        stated: dict[str, Any] = dict(spending.total(spending.of_month(session, MONTH, key_id)))
        took = time.monotonic() - began
        paid = select(func.sum(Charge.cost)).where(Charge.key_id == key_id)
        given_back = session.scalar(paid.where(Charge.is_failed, Charge.is_refunded)) or 0
        by_messages = {"refunded": given_back, "cost": (session.scalar(paid) or 0) - given_back}
    wrong = [name for name in generated if stated[name] != generated[name]]
    wrong += [f"{name} over messages" for name, amount in by_messages.items() if stated[name] != amount]
    print(f"{key_id}: {stated['cost']} and {stated['refunded']} given back, in {took * 1000:.0f} ms; differs: {wrong}")
    return len(wrong)


def main() -> int:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    with tempfile.TemporaryDirectory() as folder:
        sessions = make_sessions(os.environ.get("DATABASE_URL") or f"sqlite:///{Path(folder) / 'bench.db'}")
        metadata.create_all(sessions.kw["bind"])
        wrong = run(sessions, messages)
        sessions.kw["bind"].dispose()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

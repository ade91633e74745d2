"""Roll-ups: what was asked for and what became of it, counted by time and subject, for good.

Everything is counted in the bucket in which it was asked for, whenever it happened, so that shares are of the same
messages. Times are kept as histograms, from which medians can be read when the rows themselves are gone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Integer, String, Table

from dashboard.db import Base, UtcDateTime

# Upper bounds in seconds; what is longer goes to one more bin.
SEND_BOUNDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600)
VERIFY_BOUNDS = (2, 5, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 90, 120, 180, 240, 300, 450, 600)
SEND = tuple(f"send_{i}" for i in range(len(SEND_BOUNDS) + 1))  # asked for → taken by the carrier
VERIFY = tuple(f"verify_{i}" for i in range(len(VERIFY_BOUNDS) + 1))  # asked for → typed in right
COUNTS = ("requested", "segments", "sent", "delivered", "failed", "expired", "verified", "exhausted")
MEASURES = (*COUNTS, *SEND, *VERIFY)
SUBJECT = ("key_id", "kind", "channel", "operator", "language")


def _bucket() -> list[Column[Any]]:
    """The columns that name a bucket. `operator` is the first digit of the numbers, `language` empty but for codes."""
    sizes = {"key_id": 36, "kind": 8, "channel": 8, "operator": 1, "language": 2}
    return [
        Column("grain", String(6), primary_key=True),  # minute, hour, day
        Column("at", UtcDateTime, primary_key=True),
        *(Column(name, String(size), primary_key=True) for name, size in sizes.items()),
    ]


class StatisticsBucket(Base):
    """The counts of one bucket."""

    __table__ = Table(
        "tallies",
        Base.metadata,
        *_bucket(),
        *(Column(name, Integer, nullable=False, server_default="0") for name in MEASURES),
        sqlite_with_rowid=False,
    )


class StatisticsReason(Base):
    """How many messages of one bucket failed for one reason."""

    __table__ = Table(
        "tally_reasons",
        Base.metadata,
        *_bucket(),
        Column("code", String(40), primary_key=True),
        Column("failed", Integer, nullable=False, server_default="0"),
        sqlite_with_rowid=False,
    )

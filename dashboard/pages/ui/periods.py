"""Lengths of time that pages offer, by the words that stand in addresses and forms; labels.py names them."""

from __future__ import annotations

from datetime import timedelta

PERIODS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
CHARTED = {"24h": ("hour", 24), "7d": ("day", 7), "30d": ("day", 30), "90d": ("day", 90)}  # unit, and how many of it
LASTING = {name: PERIODS[name] for name in ("1h", "24h", "7d")}

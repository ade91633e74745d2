"""What is left on our account with a carrier, for commands: as JSON, and in a few words."""

from __future__ import annotations

from typing import Any

from dashboard.db import iso
from dashboard.gateway.carriers import balances
from dashboard.gateway.costs import prices
from dashboard.models.carriers import CarrierBalance


def as_json(balance: CarrierBalance | None) -> dict[str, Any] | None:
    """None for a carrier that cannot be asked; `amount` is null until it has answered."""
    if balance is None:
        return None
    return {
        "amount": None if balance.amount is None else prices.number(balance.amount),
        "unit": balance.unit,
        "knownAt": iso(balance.known_at),
        "isLow": balance.is_low,
        "isStale": balances.is_stale(balance),
        "error": balance.code,
    }


def in_words(found: dict[str, Any] | None) -> str | None:
    """What `as_json` returned: `120.5 USD, low, at 2026-11-28T12:00:00Z`."""
    if found is None:
        return None
    if found["amount"] is None:
        return f"not known ({found['error'] or 'being asked'})"
    left = f"{found['amount']:.10g} {found['unit']}".strip()
    marks = [name for name, is_so in (("low", found["isLow"]), ("stale", found["isStale"])) if is_so]
    failed = f", not told since ({found['error']})" if found["error"] else ""
    return ", ".join([left, *marks]) + f", at {found['knownAt']}{failed}"

"""Lift the limits of a number on a key for an hour: what somebody with a caller on the line does with one press."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from dashboard.db import execute_dml, utcnow
from dashboard.gateway.limits import overrides, rate_limit
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.models.limits import UNLIMITED, LimitOverride
from dashboard.vocabulary import Window

LIFTED_FOR = timedelta(hours=1)
LEAST = {Window.MINUTE: 10, Window.HOUR: 30, Window.DAY: 60}
FACTOR = 3  # of what a window allows now, where that is more than LEAST


def lift(session: Session, key_id: str, phone: str, reason: str, by: str) -> LimitOverride:
    """Allow a number more codes of a key for an hour, and write down who did it. The caller commits.

    Raise AlreadySet when this number and key have an override in force: that is somebody's decision.
    """
    quotas = rate_limit.rule_for(session, key_id, phone).quotas
    lifted = {window: UNLIMITED if quota is None else more(window, quota) for window, quota in quotas.items()}
    wanted = NewOverride(key_id, phone, **lifted, reason=reason, until=utcnow() + LIFTED_FOR)
    return overrides.add(session, wanted, by)


def end(session: Session, override_id: int, phone: str) -> bool:
    """End a number's override now; it stays in the list as ended. Return whether it had an end to come.

    The caller commits.
    """
    now = utcnow()
    found = update(LimitOverride).where(
        LimitOverride.id == override_id, LimitOverride.phone == phone, LimitOverride.until > now
    )
    return execute_dml(session, found.values(until=now)) == 1


def in_force(session: Session, key_id: str, phone: str) -> LimitOverride | None:
    """The override of just this number and key, if it has not ended."""
    row = overrides.find_for(session, key_id, phone)
    return row if row is not None and overrides.is_in_force(row) else None


def more(window: Window, quota: int) -> int:
    """What a window that allows `quota` codes allows while it is lifted."""
    return min(max(quota * FACTOR, LEAST[window]), rate_limit.LARGEST)

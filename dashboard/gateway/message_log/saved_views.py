"""Filters of the message log that people keep under a name, for themselves or, by owners, for everybody."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from dashboard.db import lock
from dashboard.models.message_log import SavedView

MOST = 20  # of one person
LONGEST_NAME = 60


class NameTaken(Exception):
    """The person has a view of this name."""


class TooManyViews(Exception):
    """The person has MOST views."""


def listed(session: Session, user_id: int) -> list[SavedView]:
    """A person's own views and the shared ones, by name."""
    seen = or_(SavedView.user_id == user_id, SavedView.is_shared)
    return list(session.scalars(select(SavedView).where(seen).order_by(func.lower(SavedView.name), SavedView.id)))


def save(session: Session, user_id: int, name: str, params: Mapping[str, str], *, is_shared: bool = False) -> SavedView:
    """Keep filters under a name; raise NameTaken or TooManyViews."""
    lock(session, f"saved_views:{user_id}")
    names = session.scalars(select(SavedView.name).where(SavedView.user_id == user_id)).all()
    if name.casefold() in map(str.casefold, names):
        raise NameTaken
    if len(names) >= MOST:
        raise TooManyViews
    view = SavedView(user_id=user_id, name=name, params=dict(params), is_shared=is_shared)
    session.add(view)
    return view


def own(session: Session, user_id: int, view_id: int) -> SavedView | None:
    """A view of this person."""
    return session.scalar(select(SavedView).where(SavedView.id == view_id, SavedView.user_id == user_id))

"""Views of the message log that people keep."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, UtcDateTime, utcnow


class SavedView(Base):
    """Filters of the log under a name. They hold no number and no message id, so that they may be shared."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("user_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(60))
    params: Mapped[dict[str, str]] = mapped_column(JSON)  # as the address of the log holds them
    is_shared: Mapped[bool] = mapped_column(default=False)  # everybody sees it; only owners share
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

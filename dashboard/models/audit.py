"""What people, keys and commands changed: a table that only grows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, BigId, UtcDateTime


class AuditEntry(Base):
    """One act. Triggers of the database refuse to change or delete it; `hash` covers it and the `previous` entry."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_actor", "actor", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)  # 1, 2, 3 …, without gaps
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(254))  # an e-mail address, `key NAME`, `command NAME`
    act: Mapped[str] = mapped_column(String(60))  # such as api_keys.create
    subject: Mapped[str] = mapped_column(String(254))
    changes: Mapped[str] = mapped_column(Text)  # JSON: field → [before, after]; the text itself is hashed
    address: Mapped[str] = mapped_column(String(45))
    request_id: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

"""Texts that phones send to us, and the words that mean something."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow

INCOMPLETE = "completed_at IS NULL"


class IncomingMessage(Base):
    """A text from a phone. It is complete when all its parts are here, or were waited for long enough."""

    __tablename__ = "incoming_messages"
    __table_args__ = (
        Index("ix_incoming_messages_sender", "sender", "id"),
        Index("ix_incoming_messages_key", "key_id", "id"),
        Index("ix_incoming_messages_received", "received_at"),
        Index("ix_incoming_messages_incomplete", "received_at", **partial(INCOMPLETE)),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    key_id: Mapped[str | None] = mapped_column(ForeignKey("api_keys.id"))  # whose message it most likely answers
    carrier: Mapped[str] = mapped_column(String(40))
    sender: Mapped[str] = mapped_column(String(21))  # +222XXXXXXXX, or as the carrier writes it
    recipient: Mapped[str] = mapped_column(String(21))  # our number; empty where the carrier does not say
    body: Mapped[str | None] = mapped_column(Text)  # empty until it is complete, and when it was kept long enough
    parts: Mapped[int]
    concat_ref: Mapped[str] = mapped_column(String(8))  # what the parts of a long text share
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)  # its first part
    keyword: Mapped[str | None] = mapped_column(String(5))  # a Keyword, where it was understood as one
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rule_id: Mapped[int | None]  # of KeywordRule; empty where the keyword's rule stood by default
    answer: Mapped[str | None] = mapped_column(String(36))  # the public id of the message that answered it by itself


class IncomingPart(Base):
    """What came in one piece. Its digest tells a repeat from another text."""

    __tablename__ = "incoming_parts"
    __table_args__ = (Index("ix_incoming_parts_digest", "digest"),)

    message_id: Mapped[int] = mapped_column(ForeignKey("incoming_messages.id"), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    body: Mapped[str | None] = mapped_column(Text)  # until the text is complete
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class KeywordRule(Base):
    """Words that phones send alone: what they mean, and what is answered. Without a row a keyword stands by default."""

    __tablename__ = "keyword_rules"
    __table_args__ = (Index("ix_keyword_rules_keyword", "keyword", unique=True, **partial("keyword <> 'reply'")),)

    id: Mapped[int] = mapped_column(primary_key=True)
    keyword: Mapped[str] = mapped_column(String(5))  # a Keyword
    words: Mapped[dict[str, list[str]]] = mapped_column(JSON)  # by Language
    answers: Mapped[dict[str, str]] = mapped_column(JSON)  # by Language; none where nothing is answered
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    changed_by: Mapped[str | None] = mapped_column(String(254))

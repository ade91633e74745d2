"""Webhooks: who listens to a key's events, the events, their deliveries and the calls."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow
from dashboard.models.api_keys import ApiKey
from dashboard.vocabulary import Envelope


class WebhookEndpoint(Base):
    """An address that hears of what a key's messages and codes go through.

    Whoever holds `claim` until `lease_until` makes its calls, one after the other. A deleted endpoint stays as a row,
    soon without secrets, so that no event that is being written trips over it.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (Index("ix_webhook_endpoints_key", "key_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(80), default="")
    events: Mapped[list[str]] = mapped_column(JSON)
    envelope: Mapped[str] = mapped_column(String(8), default=Envelope.STANDARD)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_for: Mapped[str | None] = mapped_column(String(8))  # asked, gone, failing
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    claim: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    served_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when it was last claimed: the others go first
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the first failure after the last success
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_status: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(String(40))

    key: Mapped[ApiKey] = relationship()
    secrets: Mapped[list[WebhookSecret]] = relationship(back_populates="endpoint", order_by="WebhookSecret.id")


class WebhookSecret(Base):
    """A secret that calls to an endpoint are signed with, encrypted. A rotated one signs until `expires_at`."""

    __tablename__ = "webhook_secrets"

    id: Mapped[int] = mapped_column(primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    endpoint: Mapped[WebhookEndpoint] = relationship(back_populates="secrets")


class WebhookEvent(Base):
    """Something that happened; written in the transaction that made it happen. `body` is what is sent, byte for byte.

    The events of one message have ascending ids, since its row is locked while they are written.
    """

    __tablename__ = "webhook_events"
    __table_args__ = (
        Index("ix_webhook_events_key", "key_id", "created_at"),
        Index("ix_webhook_events_created", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    reference: Mapped[str] = mapped_column(String(36), unique=True)  # the webhook-id
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    message_id: Mapped[int | None] = mapped_column(BigId)  # no foreign key: messages may be forgotten earlier
    kind: Mapped[str] = mapped_column(String(20))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class WebhookDelivery(Base):
    """An event on its way to one endpoint; `due_at` is empty once it has arrived or was given up."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_due", "endpoint_id", "due_at", "event_id", **partial("due_at IS NOT NULL")),
        Index("ix_webhook_deliveries_message", "message_id", "endpoint_id", **partial("due_at IS NOT NULL")),
        Index("ix_webhook_deliveries_event", "event_id", "endpoint_id", unique=True),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("webhook_events.id"))
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id"))
    message_id: Mapped[int | None] = mapped_column(BigId)  # the event's: what must arrive in order
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WebhookAttempt(Base):
    """One call to an endpoint, and what it answered."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (
        Index("ix_webhook_attempts_endpoint", "endpoint_id", "id"),
        Index("ix_webhook_attempts_event", "event_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id"))
    event_id: Mapped[int] = mapped_column(ForeignKey("webhook_events.id"))
    number: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[int | None]  # of HTTP; empty when there was no answer
    error: Mapped[str | None] = mapped_column(String(40))  # empty when it arrived
    milliseconds: Mapped[int]
    answer: Mapped[str] = mapped_column(Text, default="")  # its first characters

    event: Mapped[WebhookEvent] = relationship()

"""Administrators, their sessions, and the tries that lock a sign-in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, UniqueConstraint, exists
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from dashboard.db import Base, UtcDateTime, utcnow


class Passkey(Base):
    """A key pair of which somebody's device keeps the private half (Web Authentication)."""

    __tablename__ = "passkeys"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True, index=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)  # what the device counts of its uses; many count nothing
    name: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    challenged_at: Mapped[int] = mapped_column(
        BigInteger
    )  # ns since 1970: when the challenge it answered last was made


class User(Base):
    """Someone who signs in to the dashboard."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(80), default="")
    role: Mapped[str] = mapped_column(String(8))  # vocabulary.Role
    password_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    language: Mapped[str | None] = mapped_column(String(2))  # None: as the browser says
    timezone: Mapped[str] = mapped_column(String(60), default="", server_default="")  # empty: the gateway's
    password_changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=utcnow)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # to the minute
    log_columns: Mapped[str] = mapped_column(String(80), default="", server_default="")  # LogColumn; empty: the usual
    failed_tries: Mapped[int] = mapped_column(default=0, server_default="0")  # since the last sign-in
    totp_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # the seed of the app, encrypted
    totp_step: Mapped[int | None] = mapped_column(BigInteger)  # of the last code that was used
    totp_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # since when it is asked for
    has_passkey: Mapped[bool] = column_property(exists().where(Passkey.user_id == id).correlate_except(Passkey))


class UserIdentity(Base):
    """Who somebody is to a provider that people sign in with (OpenID Connect)."""

    __tablename__ = "user_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject", name="uq_user_identities_subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RecoveryCode(Base):
    """What somebody signs in with who lost the phone, once; the row holds its SHA-256."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UserSession(Base):
    """A sign-in; the cookie holds the token, the row its SHA-256."""

    __tablename__ = "user_sessions"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    address: Mapped[str] = mapped_column(String(45), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")

    user: Mapped[User] = relationship(lazy="joined")


class SignInFailure(Base):
    """A failed sign-in. `subject` is the SHA-256 of an account name or of a network address."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (Index("ix_sign_in_failures_subject", "subject", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class PersonLink(Base):
    """A one-time link for one person: an invitation, or another password. The row holds the SHA-256 of its token."""

    __tablename__ = "person_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True, index=True)
    kind: Mapped[str] = mapped_column(String(10))  # vocabulary.LinkKind
    email: Mapped[str] = mapped_column(String(254), index=True)
    role: Mapped[str | None] = mapped_column(String(8))  # of who is invited
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SetupLink(Base):
    """The one-time link with which the first administrator is made; the row holds the SHA-256 of its token."""

    __tablename__ = "setup_links"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

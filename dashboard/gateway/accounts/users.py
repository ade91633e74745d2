"""Administrators: who they are, how they sign in, how the first one is made."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway.accounts import passwords
from dashboard.models.accounts import SetupLink, User
from dashboard.vocabulary import Role

RANK: dict[str, int] = {role: rank for rank, role in enumerate(Role)}
_NOT = r"@\s\x00-\x1f\ud800-\udfff"  # also what a database would choke on
EMAIL = re.compile(rf"[^{_NOT}]{{1,64}}@[^{_NOT}]{{1,180}}\.[^{_NOT}.]{{2,}}")
SETUP_LIFETIME = timedelta(minutes=30)


class InvalidPerson(ValueError):
    """`field` is email or role, `code` invalid or taken."""

    def __init__(self, name: str, code: str) -> None:
        super().__init__(f"{name} {code}")
        self.field = name
        self.code = code


class DeadLink(Exception):
    """The set-up link was used, is too old, or never was."""


@dataclass(frozen=True)
class NewPerson:
    """What the form of a new administrator holds."""

    email: str
    role: str
    password: str = field(repr=False)
    name: str = ""


def add(session: Session, wanted: NewPerson) -> User:
    """Make an administrator; raise InvalidPerson or WeakPassword."""
    email = normal_email(wanted.email)
    if not EMAIL.fullmatch(email) or len(email) > 254:
        raise InvalidPerson("email", "invalid")
    if wanted.role not in RANK:
        raise InvalidPerson("role", "invalid")
    if session.scalar(select(User.id).where(User.email == email)) is not None:
        raise InvalidPerson("email", "taken")
    user = User(email=email, name=wanted.name, role=wanted.role, password_hash=passwords.hashed(wanted.password))
    session.add(user)
    try:
        session.flush()
    except IntegrityError:  # somebody else was faster
        raise InvalidPerson("email", "taken") from None
    return user


def may(user: User, role: str) -> bool:
    """Whether the user has this role or one above it."""
    return RANK[user.role] >= RANK[role]


def listed(session: Session) -> list[User]:
    return list(session.scalars(select(User).order_by(User.email)))


def any_exist(session: Session) -> bool:
    return session.scalar(select(User.id).limit(1)) is not None


def make_setup_link(session: Session) -> str:
    """A token with which the first owner can be made for half an hour; older links die."""
    session.execute(delete(SetupLink).where(SetupLink.used_at.is_(None)))
    token = secrets.token_urlsafe(32)
    session.add(SetupLink(digest=_digest(token), expires_at=utcnow() + SETUP_LIFETIME))
    return token


def check_setup_link(session: Session, token: str) -> None:
    """Raise DeadLink unless the link can still be used."""
    link = session.get(SetupLink, _digest(token))
    if link is None or link.used_at is not None or link.expires_at <= utcnow():
        raise DeadLink


def set_up(session: Session, token: str, wanted: NewPerson) -> User:
    """Make the first owner; the link dies with it. Raise DeadLink, InvalidPerson or WeakPassword."""
    live = (SetupLink.digest == _digest(token), SetupLink.used_at.is_(None), SetupLink.expires_at > utcnow())
    used = update(SetupLink).where(*live).values(used_at=utcnow()).returning(SetupLink.digest)
    if session.scalar(used) is None or any_exist(session):
        raise DeadLink
    return add(session, wanted)


def normal_email(email: str) -> str:
    return email.strip().lower()


def _by_email(session: Session, email: str) -> User | None:
    if not EMAIL.fullmatch(email):  # nothing that a database would choke on
        return None
    return session.scalar(select(User).where(User.email == email, User.disabled_at.is_(None)))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

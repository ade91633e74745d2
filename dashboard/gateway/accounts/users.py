"""Administrators: who they are, how they sign in, how the first one is made."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from dashboard.db import lock, utcnow
from dashboard.gateway.accounts.password_words import new_hash
from dashboard.models.accounts import SetupLink, User, UserSession
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
    """The link was used, is too old, or never was."""


class LastOwner(Exception):
    """Nobody else owns the gateway, so this person stays an owner and may sign in."""


@dataclass(frozen=True)
class NewPerson:
    """What the form of a new administrator holds."""

    email: str
    role: str
    password: str = field(repr=False)
    name: str = ""
    organisation: str = ""  # its words are none for a password

    def password_hash(self) -> str:
        """Raise WeakPassword. It takes long: no transaction is held meanwhile."""
        return new_hash(self.password, (self.email, self.name, self.organisation))


def add(session: Session, wanted: NewPerson) -> User:
    """Make an administrator; raise InvalidPerson or WeakPassword."""
    valid_email(wanted.email)
    return insert(session, wanted, wanted.password_hash())


def insert(session: Session, wanted: NewPerson, password_hash: str) -> User:
    """Make an administrator whose password is hashed already; raise InvalidPerson."""
    email = valid_email(wanted.email)
    if wanted.role not in RANK:
        raise InvalidPerson("role", "invalid")
    if is_taken(session, email):
        raise InvalidPerson("email", "taken")
    user = User(email=email, name=wanted.name, role=wanted.role, password_hash=password_hash)
    session.add(user)
    try:
        session.flush()
    except IntegrityError:  # somebody else was faster
        raise InvalidPerson("email", "taken") from None
    return user


def find(session: Session, email: str) -> User | None:
    """Whoever signs in with this address, disabled or not."""
    wanted = normal_email(email)
    return session.scalar(select(User).where(User.email == wanted)) if EMAIL.fullmatch(wanted) else None


def is_taken(session: Session, email: str) -> bool:
    return session.scalar(select(User.id).where(User.email == email)) is not None


def change_email(session: Session, user: User, email: str) -> None:
    """Sign in with another address from now on; raise InvalidPerson."""
    wanted = valid_email(email)
    if wanted != user.email and is_taken(session, wanted):
        raise InvalidPerson("email", "taken")
    user.email = wanted
    try:
        session.flush()
    except IntegrityError:  # somebody else was faster
        raise InvalidPerson("email", "taken") from None


def change_password(session: Session, user: User, password_hash: str) -> None:
    """Choose another password; every session of the person ends."""
    user.password_hash, user.password_changed_at = password_hash, utcnow()
    end_sessions(session, user)


def disable(session: Session, user: User) -> None:
    """Shut somebody out at once; what they made stays. Raise LastOwner."""
    _change_unless_last_owner(session, user, disabled_at=utcnow())
    end_sessions(session, user)


def enable(session: Session, user: User) -> None:
    """Let somebody in again, with the password that they had."""
    user.disabled_at = None
    session.flush()


def change_role(session: Session, user: User, role: str) -> None:
    """Give another role, in force with the next request; raise LastOwner or InvalidPerson."""
    if role not in RANK:
        raise InvalidPerson("role", "invalid")
    if role != Role.OWNER:
        _change_unless_last_owner(session, user, role=role)
    user.role = role
    session.flush()


def end_sessions(session: Session, user: User, kept: str | None = None) -> None:
    """Sign somebody out everywhere; `kept` is the token of a session that stays."""
    others = delete(UserSession).where(UserSession.user_id == user.id)
    session.execute(others.where(UserSession.digest != digest(kept)) if kept else others)


def _change_unless_last_owner(session: Session, user: User, **values: object) -> None:
    """Raise LastOwner when nobody else who may sign in would own the gateway."""
    lock(session, "owners")
    other = aliased(User)
    others = exists().where(other.id != user.id, other.role == Role.OWNER, other.disabled_at.is_(None))
    rule = or_(User.role != Role.OWNER, User.disabled_at.is_not(None), others)
    done = update(User).where(User.id == user.id, rule).values(**values).returning(User.id)
    if session.scalar(done.execution_options(synchronize_session="fetch")) is None:
        raise LastOwner


def listed(session: Session) -> list[User]:
    return list(session.scalars(select(User).order_by(User.email)))


def any_exist(session: Session) -> bool:
    return session.scalar(select(User.id).limit(1)) is not None


def make_setup_link(session: Session) -> str:
    """A token with which the first owner can be made for half an hour; older links die."""
    session.execute(delete(SetupLink).where(SetupLink.used_at.is_(None)))
    token = secrets.token_urlsafe(32)
    session.add(SetupLink(digest=digest(token), expires_at=utcnow() + SETUP_LIFETIME))
    return token


def check_setup_link(session: Session, token: str) -> None:
    """Raise DeadLink unless the link can still be used."""
    link = session.get(SetupLink, digest(token))
    if link is None or link.used_at is not None or link.expires_at <= utcnow():
        raise DeadLink


def set_up(session: Session, token: str, wanted: NewPerson) -> User:
    """Make the first owner; the link dies with it. Raise DeadLink, InvalidPerson or WeakPassword."""
    valid_email(wanted.email)
    password_hash = wanted.password_hash()
    live = (SetupLink.digest == digest(token), SetupLink.used_at.is_(None), SetupLink.expires_at > utcnow())
    used = update(SetupLink).where(*live).values(used_at=utcnow()).returning(SetupLink.digest)
    if session.scalar(used) is None or any_exist(session):
        raise DeadLink
    return insert(session, wanted, password_hash)


def valid_email(email: str) -> str:
    """An address as it is stored; raise InvalidPerson."""
    wanted = normal_email(email)
    if not EMAIL.fullmatch(wanted) or len(wanted) > 254:
        raise InvalidPerson("email", "invalid")
    return wanted


def normal_email(email: str) -> str:
    return email.strip().lower()


def _by_email(session: Session, email: str) -> User | None:
    if not EMAIL.fullmatch(email):  # nothing that a database would choke on
        return None
    return session.scalar(select(User).where(User.email == email, User.disabled_at.is_(None)))


def digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

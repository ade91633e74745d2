"""Administrators: who they are, how they sign in, how the first one is made."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.db import lock, utcnow
from dashboard.gateway.accounts import passwords
from dashboard.models.accounts import SetupLink, SignInFailure, User, UserSession

ROLES = ("owner", "operator", "viewer")
RANK = {role: rank for rank, role in enumerate(reversed(ROLES))}
_NOT = r"@\s\x00-\x1f\ud800-\udfff"  # also what a database would choke on
EMAIL = re.compile(rf"[^{_NOT}]{{1,64}}@[^{_NOT}]{{1,180}}\.[^{_NOT}.]{{2,}}")
IDLE = timedelta(minutes=30)
LONGEST_SESSION = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
SETUP_LIFETIME = timedelta(minutes=30)
MOST_FAILURES = 10
FAILURE_WINDOW = timedelta(minutes=15)


class BadCredentials(Exception):
    """The name is unknown or the password wrong; which of the two is not told."""


class LockedOut(Exception):
    """Too many failures for this account or from this address, whether they exist or not."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after  # seconds


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
    if wanted.role not in ROLES:
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


def exist(session: Session) -> bool:
    return session.scalar(select(User.id).limit(1)) is not None


def sign_in(session: Session, email: str, password: str, address: str) -> User:
    """The user whose password it is; raise BadCredentials or LockedOut.

    Commits: the try is written down before the password is looked at, so that parallel tries cannot outrun the count.
    """
    account = _subject("account", normal_email(email))
    _spend_try(session, (account, _subject("address", address)))
    session.commit()
    user = _by_email(session, normal_email(email))
    session.commit()  # the hash takes long: hold no transaction meanwhile
    if not passwords.fits(user.password_hash if user else None, password) or user is None:
        raise BadCredentials
    _forgive(session, account, _subject("address", address))
    return user


def start_session(session: Session, user: User, address: str, agent: str) -> str:
    """Begin a session; return the token for the cookie."""
    token = secrets.token_urlsafe(32)
    session.add(UserSession(digest=_digest(token), user_id=user.id, address=address[:45], agent=agent[:200]))
    return token


def session_of(session: Session, token: str) -> UserSession | None:
    """The live session of a cookie, with its user."""
    now = utcnow()
    return session.scalar(
        select(UserSession)
        .join(User)
        .where(
            UserSession.digest == _digest(token),
            UserSession.seen_at > now - IDLE,
            UserSession.created_at > now - LONGEST_SESSION,
            User.disabled_at.is_(None),
        )
    )


def needs_touch(seen: UserSession) -> bool:
    return seen.seen_at <= utcnow() - SEEN_EVERY


def touch(session: Session, token: str) -> None:
    """Note that the session is in use."""
    session.execute(update(UserSession).where(UserSession.digest == _digest(token)).values(seen_at=utcnow()))


def end_session(session: Session, token: str) -> None:
    session.execute(delete(UserSession).where(UserSession.digest == _digest(token)))


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
    if session.scalar(used) is None or exist(session):
        raise DeadLink
    return add(session, wanted)


def forget_old_tries(session: Session) -> None:
    """Delete failures and sessions that no longer count."""
    now = utcnow()
    session.execute(delete(SignInFailure).where(SignInFailure.at < now - FAILURE_WINDOW))
    dead = (UserSession.seen_at < now - IDLE) | (UserSession.created_at < now - LONGEST_SESSION)
    session.execute(delete(UserSession).where(dead))


def normal_email(email: str) -> str:
    return email.strip().lower()


def _by_email(session: Session, email: str) -> User | None:
    if not EMAIL.fullmatch(email):  # nothing that a database would choke on
        return None
    return session.scalar(select(User).where(User.email == email, User.disabled_at.is_(None)))


def _spend_try(session: Session, subjects: tuple[str, str]) -> None:
    for subject in sorted(subjects):
        lock(session, subject)
    now = utcnow()
    for subject in subjects:
        recent = (SignInFailure.subject == subject, SignInFailure.at > now - FAILURE_WINDOW)
        count, oldest = session.execute(select(func.count(), func.min(SignInFailure.at)).where(*recent)).one()
        if count >= MOST_FAILURES:
            raise LockedOut(_seconds_until(oldest + FAILURE_WINDOW, now))
    session.add_all(SignInFailure(subject=subject, at=now) for subject in subjects)


def _forgive(session: Session, account: str, address: str) -> None:
    """A right password clears the account, and takes back the one try that was charged to the address."""
    session.execute(delete(SignInFailure).where(SignInFailure.subject == account))
    latest = select(func.max(SignInFailure.id)).where(SignInFailure.subject == address).scalar_subquery()
    session.execute(delete(SignInFailure).where(SignInFailure.id == latest))


def _seconds_until(end: datetime, now: datetime) -> int:
    return max(1, int((end - now).total_seconds()))


def _subject(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}:{value}".encode("utf-8", "surrogatepass")).hexdigest()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

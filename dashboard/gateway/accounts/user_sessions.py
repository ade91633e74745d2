"""Signing in and out, the sessions of people, and the brake on guessing passwords."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from dashboard.db import lock, utcnow
from dashboard.gateway.accounts import passwords
from dashboard.gateway.accounts.users import _by_email, _digest, normal_email
from dashboard.models.accounts import SignInFailure, User, UserSession

IDLE = timedelta(minutes=30)


LONGEST_SESSION = timedelta(hours=12)


SEEN_EVERY = timedelta(minutes=1)


MOST_FAILURES = 10


FAILURE_WINDOW = timedelta(minutes=15)


class BadCredentials(Exception):
    """The name is unknown or the password is wrong; nobody learns which of the two."""


class LockedOut(Exception):
    """Too many failures for this account or from this address, whether they exist or not."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after  # seconds


def sign_in(session: Session, email: str, password: str, address: str) -> User:
    """The user whose password it is; raise BadCredentials, LockedOut or passwords.Busy.

    Commits: the try is written down before the password is looked at, so that parallel tries cannot outrun the count.
    """
    account, origin = _subject("account", normal_email(email)), _subject("address", address)
    _spend_try(session, (account, origin))
    user = _by_email(session, normal_email(email))
    stored = user.password_hash if user else None
    session.commit()  # the hash takes long: hold no transaction meanwhile
    try:
        fits = passwords.fits(stored, password)
    except passwords.Busy:  # it was not judged, so it is no try
        _take_back(session, account)
        _take_back(session, origin)
        session.commit()
        raise
    if not fits or user is None:
        raise BadCredentials
    session.execute(delete(SignInFailure).where(SignInFailure.subject == account))
    _take_back(session, origin)
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


def forget_old_tries(session: Session) -> None:
    """Delete failures and sessions that no longer count."""
    now = utcnow()
    session.execute(delete(SignInFailure).where(SignInFailure.at < now - FAILURE_WINDOW))
    dead = (UserSession.seen_at < now - IDLE) | (UserSession.created_at < now - LONGEST_SESSION)
    session.execute(delete(UserSession).where(dead))


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


def _take_back(session: Session, subject: str) -> None:
    """One try of an account or an address no longer counts."""
    latest = select(func.max(SignInFailure.id)).where(SignInFailure.subject == subject).scalar_subquery()
    session.execute(delete(SignInFailure).where(SignInFailure.id == latest))


def _seconds_until(end: datetime, now: datetime) -> int:
    return max(1, int((end - now).total_seconds()))


def _subject(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}:{value}".encode("utf-8", "surrogatepass")).hexdigest()

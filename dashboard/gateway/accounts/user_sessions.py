"""Signing in and out, the sessions of people, and the brake on guessing passwords."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from dashboard.db import lock, utcnow
from dashboard.gateway.accounts import passwords
from dashboard.gateway.accounts.users import EMAIL, _by_email, digest, normal_email
from dashboard.models.accounts import SignInFailure, User, UserSession

IDLE = timedelta(minutes=30)


LONGEST_SESSION = timedelta(hours=12)


SEEN_EVERY = timedelta(minutes=1)


MOST_FAILURES = 10
ONLINE = timedelta(minutes=5)  # somebody seen within them is here
AWAY = timedelta(days=90)  # somebody who was not seen for so long may not need access any more


FAILURE_WINDOW = timedelta(minutes=15)


class BadCredentials(Exception):
    """The name is unknown or the password is wrong; nobody learns which of the two."""


class LockedOut(Exception):
    """Too many failures for this account or from this address, whether they exist or not."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after  # seconds


def sign_in(session: Session, email: str, password: str, address: str, device: str | None = None) -> User:
    """The user whose password it is; raise BadCredentials, LockedOut or passwords.Busy.

    Failures count against the account and the address, but those of a `device` that the person has signed in with
    before count against it alone, so that strangers cannot lock it out.
    Commits: the try is written down before the password is looked at, so that parallel tries cannot outrun the count.
    """
    account = _subject("account", normal_email(email))
    origin = _subject("device", device) if device else _subject("address", address)
    subjects = (origin,) if device else (account, origin)
    _spend_try(session, subjects)
    user = _by_email(session, normal_email(email))
    stored = user.password_hash if user else None
    session.commit()  # the hash takes long: hold no transaction meanwhile
    if not _judge(session, stored, password, *subjects) or user is None:
        _count_failure(session, normal_email(email))
        session.commit()
        raise BadCredentials
    session.execute(delete(SignInFailure).where(SignInFailure.subject == subjects[0]))
    if not device:
        _take_back(session, origin)
    return user


def prove(session: Session, user_id: int, password: str) -> User:
    """The user, whose password it has to be: asked again before something that a stolen cookie must not do.

    Raise BadCredentials, LockedOut or passwords.Busy. Commits, as `sign_in` does; failures here lock no sign-in.
    """
    subject = spend_try(session, "proof", user_id)
    session.commit()
    stored = session.scalar(select(User.password_hash).where(User.id == user_id))
    session.commit()  # the hash takes long: hold no transaction meanwhile
    if not _judge(session, stored, password, subject):
        raise BadCredentials
    forget_tries(session, subject)
    return session.get_one(User, user_id)


def start_session(session: Session, user: User, address: str, agent: str) -> str:
    """Begin a session; return the token for the cookie."""
    token = secrets.token_urlsafe(32)
    user.seen_at = utcnow()
    session.add(UserSession(digest=digest(token), user_id=user.id, address=address[:45], agent=agent[:200]))
    return token


def session_of(session: Session, token: str) -> UserSession | None:
    """The live session of a cookie, with its user."""
    return session.scalar(
        select(UserSession)
        .join(User)
        .where(UserSession.digest == digest(token), *_is_live(utcnow()), User.disabled_at.is_(None))
    )


def _is_live(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return UserSession.seen_at > now - IDLE, UserSession.created_at > now - LONGEST_SESSION


def needs_touch(seen: UserSession) -> bool:
    return seen.seen_at <= utcnow() - SEEN_EVERY


def touch(session: Session, token: str) -> None:
    """Note that the session is in use, and its user with it."""
    now = utcnow()
    used = update(UserSession).where(UserSession.digest == digest(token)).values(seen_at=now)
    user_id = session.scalar(used.returning(UserSession.user_id))
    session.execute(update(User).where(User.id == user_id).values(seen_at=now))


def end_session(session: Session, token: str) -> None:
    session.execute(delete(UserSession).where(UserSession.digest == digest(token)))


def sessions_of(session: Session, user_id: int) -> list[UserSession]:
    """Somebody's live sessions, the last used first."""
    return list(
        session.scalars(
            select(UserSession)
            .where(UserSession.user_id == user_id, *_is_live(utcnow()))
            .order_by(UserSession.seen_at.desc(), UserSession.digest)
        )
    )


def end_session_of(session: Session, user_id: int, digest: str) -> bool:
    """End one of somebody's sessions; whether there was such a one."""
    one = delete(UserSession).where(UserSession.user_id == user_id, UserSession.digest == digest)
    return session.scalar(one.returning(UserSession.digest)) is not None


def is_of(row: UserSession, token: str) -> bool:
    """Whether it is the session of this cookie."""
    return row.digest == digest(token)


def is_locked(session: Session, user: User) -> bool:
    """Whether too many wrong passwords keep somebody out for the moment."""
    return _failures(session, _subject("account", user.email), utcnow())[0] >= MOST_FAILURES


def unlock(session: Session, user: User) -> None:
    """Forget the failures that lock somebody's sign-in; those of an address stay."""
    subjects = [_subject("account", user.email), *(_subject(kind, str(user.id)) for kind in ("proof", "second"))]
    session.execute(delete(SignInFailure).where(SignInFailure.subject.in_(subjects)))


def forget_old_tries(session: Session) -> None:
    """Delete failures and sessions that no longer count."""
    now = utcnow()
    session.execute(delete(SignInFailure).where(SignInFailure.at < now - FAILURE_WINDOW))
    dead = (UserSession.seen_at < now - IDLE) | (UserSession.created_at < now - LONGEST_SESSION)
    session.execute(delete(UserSession).where(dead))


def spend_try(session: Session, kind: str, whose: int | str) -> str:
    """Count a try of a person or an address before it is judged; return what `forget_tries` takes. Raise LockedOut."""
    subject = _subject(kind, str(whose))
    _spend_try(session, (subject,))
    return subject


def forget_tries(session: Session, subject: str) -> None:
    """The last try was right."""
    session.execute(delete(SignInFailure).where(SignInFailure.subject == subject))


def _spend_try(session: Session, subjects: tuple[str, ...]) -> None:
    for subject in sorted(subjects):
        lock(session, subject)
    now = utcnow()
    for subject in subjects:
        count, oldest = _failures(session, subject, now)
        if oldest is not None and count >= MOST_FAILURES:
            raise LockedOut(_seconds_until(oldest + FAILURE_WINDOW, now))
    session.add_all(SignInFailure(subject=subject, at=now) for subject in subjects)


def _failures(session: Session, subject: str, now: datetime) -> tuple[int, datetime | None]:
    """How many still count, and when the first of them was."""
    recent = (SignInFailure.subject == subject, SignInFailure.at > now - FAILURE_WINDOW)
    count, oldest = session.execute(select(func.count(), func.min(SignInFailure.at)).where(*recent)).one()
    return count, oldest


def _count_failure(session: Session, email: str) -> None:
    """For the notice after the next sign-in; of unknown names it does as much, and changes nothing."""
    if EMAIL.fullmatch(email):
        failed = update(User).where(User.email == email)
        session.execute(failed.values(failed_tries=User.failed_tries + 1))


def _judge(session: Session, stored: str | None, password: str, *subjects: str) -> bool:
    """Whether it is the password; raise passwords.Busy: it was no try then, which is committed."""
    try:
        return passwords.fits(stored, password)
    except passwords.Busy:
        for subject in subjects:
            _take_back(session, subject)
        session.commit()
        raise


def _take_back(session: Session, subject: str) -> None:
    """One try of an account or an address no longer counts."""
    latest = select(func.max(SignInFailure.id)).where(SignInFailure.subject == subject).scalar_subquery()
    session.execute(delete(SignInFailure).where(SignInFailure.id == latest))


def _seconds_until(end: datetime, now: datetime) -> int:
    return max(1, int((end - now).total_seconds()))


def _subject(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}:{value}".encode("utf-8", "surrogatepass")).hexdigest()

"""One-time links for one person, handed over by whoever made them: no mail server is needed.

An invitation makes an account, a reset chooses another password. The token is shown once; only its SHA-256 is kept.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway.accounts import user_sessions, users
from dashboard.gateway.accounts.users import DeadLink, InvalidPerson, NewPerson
from dashboard.models.accounts import PersonLink, User
from dashboard.vocabulary import LinkKind

LIFETIME = timedelta(hours=48)
SHOWN_FOR = timedelta(days=7)  # after the end of an invitation that nobody used


def invite(session: Session, email: str, role: str, by: str | None) -> str:
    """A token with which an account can be made; an earlier invitation of this address dies. Raise InvalidPerson."""
    wanted = users.valid_email(email)
    if role not in users.RANK:
        raise InvalidPerson("role", "invalid")
    if users.is_taken(session, wanted):
        raise InvalidPerson("email", "taken")
    return _make(session, LinkKind.INVITATION, wanted, by, role)


def reset(session: Session, user: User, by: str | None) -> str:
    """A token with which somebody can choose another password; an earlier one dies, the old password works on."""
    return _make(session, LinkKind.RESET, user.email, by)


def invitations(session: Session) -> list[PersonLink]:
    """Those that nobody used yet, with those that ended lately; the newest first."""
    return list(
        session.scalars(
            select(PersonLink)
            .where(
                PersonLink.kind == LinkKind.INVITATION,
                PersonLink.used_at.is_(None),
                PersonLink.expires_at > utcnow() - SHOWN_FOR,
            )
            .order_by(PersonLink.id.desc())
        )
    )


def invitation(session: Session, link_id: int) -> PersonLink | None:
    """One that nobody used yet."""
    unused = (PersonLink.kind == LinkKind.INVITATION, PersonLink.used_at.is_(None))
    return session.scalar(select(PersonLink).where(PersonLink.id == link_id, *unused))


def withdraw(session: Session, link: PersonLink) -> None:
    session.delete(link)


def has_room_for(session: Session, email: str) -> bool:
    """Whether an invitation of this address may come back: nobody has joined with it or was invited anew."""
    newer = select(PersonLink.id).where(
        PersonLink.kind == LinkKind.INVITATION, PersonLink.email == email, PersonLink.used_at.is_(None)
    )
    return not users.is_taken(session, email) and session.scalar(newer) is None


def read(session: Session, kind: LinkKind, token: str) -> PersonLink:
    """The link of a token; raise DeadLink unless it can still be used."""
    link = session.scalar(select(PersonLink).where(*_live(kind, token)))
    if link is None:
        raise DeadLink
    return link


def accept(session: Session, token: str, wanted: NewPerson) -> User:
    """Make the account of an invitation, which dies with it. Raise DeadLink, InvalidPerson or WeakPassword."""
    password_hash = wanted.password_hash()
    link = _use(session, LinkKind.INVITATION, token)
    return users.insert(session, replace(wanted, email=link.email, role=link.role or ""), password_hash)


def use_invitation_of(session: Session, email: str) -> str | None:
    """Use up the invitation that waits for an address, whose person proved it in another way; return its role."""
    waiting = (PersonLink.kind == LinkKind.INVITATION, PersonLink.email == email, *_unused())
    return session.scalar(update(PersonLink).where(*waiting).values(used_at=utcnow()).returning(PersonLink.role))


def choose_password(session: Session, token: str, password_hash: str) -> User:
    """Set another password; sessions end, and a lock of the account too. Raise DeadLink."""
    link = _use(session, LinkKind.RESET, token)
    user = users.find(session, link.email)
    if user is None or user.disabled_at is not None:
        raise DeadLink
    users.change_password(session, user, password_hash)
    user_sessions.unlock(session, user)
    return user


def _make(session: Session, kind: LinkKind, email: str, by: str | None, role: str | None = None) -> str:
    earlier = (PersonLink.kind == kind, PersonLink.email == email, PersonLink.used_at.is_(None))
    session.execute(delete(PersonLink).where(*earlier))
    token = secrets.token_urlsafe(32)
    expires_at = utcnow() + LIFETIME
    digest = users.digest(token)
    session.add(PersonLink(digest=digest, kind=kind, email=email, role=role, created_by=by, expires_at=expires_at))
    return token


def _use(session: Session, kind: LinkKind, token: str) -> PersonLink:
    """Use a link up, once among all who try at the same time; raise DeadLink."""
    used = update(PersonLink).where(*_live(kind, token)).values(used_at=utcnow()).returning(PersonLink)
    link = session.scalar(used)
    if link is None:
        raise DeadLink
    return link


def _live(kind: LinkKind, token: str) -> tuple[Any, ...]:
    is_token = PersonLink.digest == users.digest(token)
    return is_token, PersonLink.kind == kind, *_unused()


def _unused() -> tuple[Any, ...]:
    return PersonLink.used_at.is_(None), PersonLink.expires_at > utcnow()

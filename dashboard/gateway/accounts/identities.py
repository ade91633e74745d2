"""Whose account it is that somebody of the provider's comes to, and with which role.

An account belongs to the pair (issuer, subject), never to an e-mail address alone: addresses are given to others. An
address that the provider has verified opens an invitation that waits for it; an account that is there already is joined
by its own person, on the page "Your account", after they have signed in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.db import lock, utcnow
from dashboard.gateway.accounts import links, users
from dashboard.gateway.accounts.oidc import Identity
from dashboard.gateway.accounts.users import InvalidPerson, LastOwner, NewPerson
from dashboard.models.accounts import User, UserIdentity
from dashboard.settings import Settings
from dashboard.vocabulary import Role

LONGEST_NAME = 80


class NotAdmitted(Exception):
    """`code`: no_role, disabled, unverified, not_invited, has_account or linked_elsewhere."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Admitted:
    """Whom the provider's word lets in, and what it changed of them: before and after, for the audit log."""

    user: User
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


def admit(session: Session, settings: Settings, identity: Identity) -> Admitted:
    """The account of an identity, which is made where an invitation or a role allows it. Raise NotAdmitted.

    The caller commits. Where roles come from a claim, the account has the role that the claim gives now; the last owner
    stays one.
    """
    lock(session, f"identity {users.digest(identity.subject)}")
    role = _role_of(settings, identity)
    row = _find(session, identity)
    if row is None:
        return _first_time(session, settings, identity, role)
    user = session.get_one(User, row.user_id)
    if user.disabled_at is not None:
        raise NotAdmitted("disabled")
    row.used_at = utcnow()
    if not settings.oidc_role_claim:
        return Admitted(user)
    if role is None:
        raise NotAdmitted("no_role")
    return Admitted(user, _follow_role(session, user, role))


def link(session: Session, user: User, identity: Identity) -> None:
    """Let somebody who is signed in come by the provider from now on; raise NotAdmitted. The caller commits."""
    lock(session, f"identity {users.digest(identity.subject)}")
    row = _find(session, identity)
    if row is not None and row.user_id != user.id:
        raise NotAdmitted("linked_elsewhere")
    if row is None:
        unlink(session, user)
        _keep(session, user, identity)


def unlink(session: Session, user: User) -> None:
    """The provider's word lets them in no more."""
    session.execute(delete(UserIdentity).where(UserIdentity.user_id == user.id))


def is_linked(session: Session, user: User, issuer: str) -> bool:
    own = select(UserIdentity.id).where(UserIdentity.user_id == user.id, UserIdentity.issuer == issuer)
    return session.scalar(own) is not None


def is_of(session: Session, user_id: int, identity: Identity) -> bool:
    """Whether an identity is this person's."""
    row = _find(session, identity)
    return row is not None and row.user_id == user_id


def any_owner_linked(session: Session, issuer: str) -> bool:
    """Whether an owner can come by this provider."""
    owners = select(UserIdentity.id).join(User).where(User.role == Role.OWNER, User.disabled_at.is_(None))
    return session.scalar(owners.where(UserIdentity.issuer == issuer).limit(1)) is not None


def _first_time(session: Session, settings: Settings, identity: Identity, role: str | None) -> Admitted:
    if settings.oidc_role_claim and role is None:
        raise NotAdmitted("no_role")
    try:
        email = users.valid_email(identity.email)
    except InvalidPerson:
        raise NotAdmitted("unverified") from None
    if users.is_taken(session, email):
        raise NotAdmitted("has_account")
    invited_as = links.use_invitation_of(session, email)
    given = role or invited_as
    if given is None:
        raise NotAdmitted("not_invited")
    name = "".join(filter(str.isprintable, identity.name)).strip()[:LONGEST_NAME]
    try:
        user = users.insert(session, NewPerson(email, given, "", name), password_hash="")
    except InvalidPerson:  # somebody else was faster
        raise NotAdmitted("has_account") from None
    _keep(session, user, identity)
    return Admitted(user)


def _role_of(settings: Settings, identity: Identity) -> str | None:
    """The highest role that the claim gives, else the one of the settings; None: none."""
    given = [role for value, role in settings.oidc_role_pairs if value in identity.roles]
    return max(given, key=lambda role: users.RANK[role], default=settings.oidc_default_role or None)


def _follow_role(session: Session, user: User, role: str) -> Mapping[str, tuple[Any, Any]]:
    before = user.role
    if role == before:
        return {}
    try:
        users.change_role(session, user, role)
    except LastOwner:
        return {}
    return {"role": (before, role)}


def _find(session: Session, identity: Identity) -> UserIdentity | None:
    own = (UserIdentity.issuer == identity.issuer, UserIdentity.subject == identity.subject)
    return session.scalar(select(UserIdentity).where(*own))


def _keep(session: Session, user: User, identity: Identity) -> None:
    session.add(UserIdentity(user_id=user.id, issuer=identity.issuer, subject=identity.subject, used_at=utcnow()))
    try:
        session.flush()
    except IntegrityError:  # somebody else was faster
        raise NotAdmitted("linked_elsewhere") from None

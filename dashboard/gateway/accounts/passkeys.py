"""Passkeys (W3C Web Authentication, level 3): a second factor, and a way to sign in with nothing else.

The page that asks for one holds a challenge: random bytes, what it is for and when it was made, signed. Nothing is kept
of it before it comes back. A passkey remembers when the challenge was made that it answered last, and answers none that
is as old: so each is good once.

Who a gateway is to a browser (its id and origin) comes from PUBLIC_URL alone, never from what a request says of itself.

The library is imported where it is used: it takes 7 MB and a fifth of a second, and most processes use none of it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from dashboard.db import lock, utcnow
from dashboard.models.accounts import Passkey, User
from dashboard.settings import Settings

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

MOST = 20  # of one person
CHALLENGE_SECONDS = 15 * 60  # how long a page may stand before its button is pressed
TIMEOUT_MS = 5 * 60 * 1000  # how long a browser waits for its person
LONGEST_ANSWER = 16_000  # characters of what a browser sends back


class WrongPasskey(Exception):
    """It is no passkey of this gateway or this person, or its answer does not hold."""


class StaleChallenge(Exception):
    """The page stood too long, or its challenge was answered before."""


@dataclass(frozen=True)
class RelyingParty:
    """Who the gateway is to a browser. `keys` sign challenges, the one in force last."""

    id: str
    origin: str
    keys: Sequence[str]

    @classmethod
    def of(cls, settings: Settings) -> RelyingParty | None:
        """By PUBLIC_URL; None where browsers allow no passkeys: without TLS but on localhost, and at bare addresses."""
        parts = urlsplit(settings.address)
        host = parts.hostname or ""
        if _is_ip(host) or (parts.scheme != "https" and host != "localhost"):
            return None
        return cls(host, f"{parts.scheme}://{parts.netloc}", list(reversed(settings.usable_secrets("SECRET_KEY"))))


def of_person(session: Session, user_id: int) -> list[Passkey]:
    return list(session.scalars(select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)))


def creation_options(session: Session, party: RelyingParty, user: User, gateway: str) -> str:
    """What a browser makes a passkey of this person from, as JSON."""
    import webauthn
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=gateway,
        user_id=_handle(user.id),
        user_name=user.email,
        user_display_name=user.name or user.email,
        challenge=_challenge(party, _adding(user.id)),
        timeout=TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=_descriptors(of_person(session, user.id)),
    )
    return webauthn.options_to_json(options)


def request_options(party: RelyingParty, purpose: str, allowed: Sequence[Passkey] = (), *, alone: bool = False) -> str:
    """What a browser asks its person's passkey with, as JSON; one that comes `alone` has to know its person."""
    import webauthn
    from webauthn.helpers.structs import UserVerificationRequirement

    wanted = UserVerificationRequirement.REQUIRED if alone else UserVerificationRequirement.PREFERRED
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=_challenge(party, purpose),
        timeout=TIMEOUT_MS,
        allow_credentials=_descriptors(allowed),
        user_verification=wanted,
    )
    return webauthn.options_to_json(options)


def add(session: Session, party: RelyingParty, user: User, name: str, answer: str) -> Passkey:
    """Keep a new passkey; raise WrongPasskey or StaleChallenge. The caller commits."""
    import webauthn

    lock(session, f"passkeys {user.id}")
    challenge, made_at = _answered(party, _adding(user.id), answer)
    try:
        made = webauthn.verify_registration_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=party.id, expected_origin=party.origin
        )
    except Exception as error:  # its parsers raise whatever a malformed answer makes them raise
        raise WrongPasskey from error
    known = select(Passkey.id).where(Passkey.credential_id == made.credential_id)
    if session.scalar(known) is not None or len(of_person(session, user.id)) >= MOST:
        raise WrongPasskey
    passkey = Passkey(
        user_id=user.id,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        name=name,
        challenged_at=made_at,
    )
    session.add(passkey)
    session.flush()
    return passkey


def prove(
    session: Session, party: RelyingParty, purpose: str, answer: str, user_id: int | None = None, *, alone: bool = False
) -> User:
    """The person whose passkey answers, who has to be `user_id` where that is said. The caller commits.

    One that comes `alone` must have known its person, by finger, face or PIN. Raise WrongPasskey or StaleChallenge.
    """
    import webauthn

    challenge, made_at = _answered(party, purpose, answer)
    row = session.scalar(select(Passkey).where(Passkey.credential_id == _credential_id(answer)))
    if row is None or (user_id is not None and row.user_id != user_id):
        raise WrongPasskey
    try:
        shown = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
            require_user_verification=alone,
        )
    except Exception as error:  # as in `add`
        raise WrongPasskey from error
    # One statement decides: of two who send the same answer, one gets in.
    newer = update(Passkey).where(Passkey.id == row.id, Passkey.challenged_at < made_at)
    used = newer.values(challenged_at=made_at, sign_count=shown.new_sign_count, used_at=utcnow())
    if session.scalar(used.returning(Passkey.id)) is None:
        raise StaleChallenge
    user = session.get_one(User, row.user_id)
    if user.disabled_at is not None:
        raise WrongPasskey
    return user


def remove(session: Session, passkey: Passkey) -> None:
    session.execute(delete(Passkey).where(Passkey.id == passkey.id))
    session.expire_all()


def _challenge(party: RelyingParty, purpose: str) -> bytes:
    return _signer(party).dumps([purpose, time.time_ns(), secrets.token_urlsafe(16)]).encode()


def _answered(party: RelyingParty, purpose: str, answer: str) -> tuple[bytes, int]:
    """The challenge that an answer holds and when it was made, in ns; raise WrongPasskey or StaleChallenge."""
    try:
        client_data = base64_decode(_json_of(answer)["response"]["clientDataJSON"])
        challenge = base64_decode(json.loads(client_data)["challenge"])
        meant, made_at, _ = _signer(party).loads(challenge)
    except (BadData, KeyError, TypeError, ValueError, RecursionError) as error:
        raise WrongPasskey from error
    if meant != purpose:
        raise WrongPasskey
    if not 0 <= time.time_ns() - made_at <= CHALLENGE_SECONDS * 10**9:
        raise StaleChallenge
    return challenge, made_at


def _credential_id(answer: str) -> bytes:
    try:
        return base64_decode(_json_of(answer)["rawId"])
    except (KeyError, TypeError, ValueError) as error:
        raise WrongPasskey from error


def _json_of(answer: str) -> Any:
    """What a browser sent back; raise ValueError or RecursionError."""
    if len(answer) > LONGEST_ANSWER:
        raise ValueError("too long")
    return json.loads(answer)


def _signer(party: RelyingParty) -> URLSafeSerializer:
    return URLSafeSerializer(list(party.keys), salt="chinqit-passkey")


def _adding(user_id: int) -> str:
    return f"add {user_id}"


def _handle(user_id: int) -> bytes:
    """How an authenticator tells a person's passkeys from another's of this gateway; it is no name of theirs."""
    return hashlib.sha256(f"chinqit person {user_id}".encode()).digest()


def _descriptors(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    return [PublicKeyCredentialDescriptor(id=passkey.credential_id) for passkey in passkeys]


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""The second factor: a passkey, six digits of an app (TOTP, RFC 6238), or one of ten recovery codes for who lost both.

A seed rests encrypted. A code of the app is good once: its step of time is kept, and no earlier one is taken again
(RFC 6238, 5.2). Recovery codes are 120 random bits, of which a plain SHA-256 is kept (OWASP ASVS 5.0, 6.5.2).
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from dataclasses import dataclass

import pyotp
from cryptography.fernet import InvalidToken
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway import encryption
from dashboard.gateway.accounts import passkeys, user_sessions, users
from dashboard.gateway.accounts.passkeys import RelyingParty
from dashboard.gateway.encryption import Cipher, Purpose
from dashboard.models.accounts import Passkey, RecoveryCode, User
from dashboard.settings import Settings

STEP_SECONDS = 30
DRIFT = 1  # steps that a phone's clock may be off, either way
RECOVERY_CODES = 10
RECOVERY_BYTES = 15
GROUP = 4  # letters
SETUP_SECONDS = 15 * 60  # from the picture to the first code


class WrongFactor(Exception):
    """It is no code of this person, or was used before."""


@dataclass(frozen=True)
class NewSeed:
    """What an app is set up with. `sealed` brings it back from the form, encrypted."""

    seed: str
    uri: str  # otpauth://, for the picture
    sealed: str


def cipher(settings: Settings) -> Cipher:
    return encryption.cipher(settings, Purpose.SECOND_FACTOR)


def is_on(user: User) -> bool:
    """Whether a password alone does not let them in."""
    return has_app(user) or user.has_passkey


def has_app(user: User) -> bool:
    return user.totp_sealed is not None


def new_seed(box: Cipher, user: User, issuer: str) -> NewSeed:
    """A seed that is nobody's yet."""
    seed = pyotp.random_base32()
    uri = pyotp.TOTP(seed).provisioning_uri(name=user.email, issuer_name=issuer)
    return NewSeed(seed, uri, box.encrypt(f"{user.id}:{seed}".encode()).decode())


def offered(box: Cipher, user: User, sealed: str, issuer: str) -> NewSeed | None:
    """The seed that a form brings back; None: it is too old, or another person's."""
    try:
        owner, _, seed = box.decrypt(sealed.encode("utf-8", "replace"), ttl=SETUP_SECONDS).decode().partition(":")
    except InvalidToken:
        return None
    if owner != str(user.id):
        return None
    return NewSeed(seed, pyotp.TOTP(seed).provisioning_uri(name=user.email, issuer_name=issuer), sealed)


def turn_on(session: Session, box: Cipher, user: User, seed: str, code: str) -> list[str]:
    """Ask for the app's codes from now on; return the recovery codes. Raise WrongFactor. The caller commits."""
    step = _step_of(seed, code)
    if step is None:
        raise WrongFactor
    user.totp_sealed, user.totp_step, user.totp_at = box.encrypt(seed.encode()), step, utcnow()
    return new_recovery_codes(session, user)


def add_passkey(session: Session, party: RelyingParty, user: User, name: str, answer: str) -> list[str]:
    """Keep a passkey; return recovery codes where it is the first factor. Raise as `passkeys.add`."""
    is_first = not is_on(user)
    passkeys.add(session, party, user, name, answer)
    return new_recovery_codes(session, user) if is_first else []


def remove_app(session: Session, user: User) -> None:
    """Ask for codes of the app no more; without a passkey for nothing but the password. The caller commits."""
    user.totp_sealed = user.totp_step = user.totp_at = None
    _forget_recovery_codes_without_factor(session, user)


def remove_passkey(session: Session, user: User, passkey: Passkey) -> None:
    """The caller commits."""
    passkeys.remove(session, passkey)
    _forget_recovery_codes_without_factor(session, user)


def reset(session: Session, user: User) -> None:
    """Somebody of the team turns it off for who lost everything; every session of the person ends."""
    for passkey in passkeys.of_person(session, user.id):
        passkeys.remove(session, passkey)
    remove_app(session, user)
    users.end_sessions(session, user)


def _forget_recovery_codes_without_factor(session: Session, user: User) -> None:
    if not is_on(user):
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def new_recovery_codes(session: Session, user: User) -> list[str]:
    """Ten codes; the ones before them die. The caller commits."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(user_id=user.id, digest=users.digest(_plain(code))) for code in codes)
    session.flush()
    return codes


def recovery_codes_left(session: Session, user: User) -> int:
    unused = select(func.count()).where(RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None))
    return session.scalar(unused) or 0


def prove(session: Session, box: Cipher, user_id: int, typed: str) -> bool:
    """Use up a code of the person; return whether it was a recovery code. Raise WrongFactor or user_sessions.LockedOut.

    Commits the try before it is judged, as a password's is, so that parallel tries cannot outrun the count.
    """
    tries = user_sessions.spend_try(session, "second", user_id)
    session.commit()
    user = session.get(User, user_id)
    if user is None or user.disabled_at is not None:
        raise WrongFactor
    is_recovery = not _use_totp(session, box, user, typed)
    if is_recovery and not _use_recovery(session, user, typed):
        raise WrongFactor
    user_sessions.forget_tries(session, tries)
    return is_recovery


def _use_totp(session: Session, box: Cipher, user: User, typed: str) -> bool:
    """One statement decides: of two who type the same code, one gets in."""
    try:
        seed = box.decrypt(user.totp_sealed).decode() if user.totp_sealed else ""
    except InvalidToken:  # DATA_SECRET is another one: the recovery codes are left
        return False
    step = _step_of(seed, typed) if seed else None
    if step is None:
        return False
    later = update(User).where(User.id == user.id, or_(User.totp_step.is_(None), User.totp_step < step))
    return session.scalar(later.values(totp_step=step).returning(User.id)) is not None


def _use_recovery(session: Session, user: User, typed: str) -> bool:
    code = update(RecoveryCode).where(
        RecoveryCode.user_id == user.id,
        RecoveryCode.digest == users.digest(_plain(typed)),
        RecoveryCode.used_at.is_(None),
    )
    return session.scalar(code.values(used_at=utcnow()).returning(RecoveryCode.id)) is not None


def _step_of(seed: str, typed: str) -> int | None:
    """The step of time whose code it is."""
    code = "".join(typed.split())
    if not (code.isascii() and code.isdigit()):
        return None
    totp, now = pyotp.TOTP(seed), int(time.time()) // STEP_SECONDS
    return next(
        (step for step in range(now - DRIFT, now + DRIFT + 1) if hmac.compare_digest(totp.generate_otp(step), code)),
        None,
    )


def _new_recovery_code() -> str:
    letters = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(letters[start : start + GROUP] for start in range(0, len(letters), GROUP))


def _plain(typed: str) -> str:
    """A recovery code without what people put between its letters."""
    return "".join(letter for letter in typed.lower() if letter.isascii() and letter.isalnum())

"""The installation's secrets: do they fit the database, and a sealed copy of them for a safe place."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.models.site_settings import Setting
from dashboard.settings import SECRETS, Settings

ROW = "secret_fingerprints"  # of table settings
CHECKED = ("OTP_SECRET", "DATA_SECRET")  # what the rows of a database depend on
SCRYPT = {"n": 2**15, "r": 8, "p": 1}  # OWASP Password Storage Cheat Sheet; 32 MiB
SHORTEST_PASSPHRASE = 12


class WrongPassphrase(Exception):
    """The passphrase does not open the copy, or the copy is damaged."""


def unfit(session: Session, settings: Settings) -> list[str]:
    """The names of secrets that are not those with which the database was written.

    The code secret of before a rotation, OTP_SECRET_PREVIOUS, still fits.
    """
    row = session.get(Setting, ROW)
    known: dict[str, str] = row.value if row is not None else {}
    wrong = [name for name, print_ in _fingerprints(settings).items() if known.get(name, print_) != print_]
    if "OTP_SECRET" in wrong and known["OTP_SECRET"] == _fingerprint("OTP_SECRET", settings.otp_secret_previous):
        wrong.remove("OTP_SECRET")
    return wrong


def accept(session: Session, settings: Settings) -> None:
    """Keep the fingerprints of the present secrets as those of the database."""
    session.merge(Setting(name=ROW, value=_fingerprints(settings), changed_at=utcnow()))


def sealed(settings: Settings, passphrase: str) -> str:
    """The three secrets as JSON that the passphrase alone opens."""
    salt = secrets.token_bytes(16)
    values = {name: getattr(settings, name.lower()) for name in SECRETS}
    token = Fernet(_key(passphrase, salt)).encrypt(json.dumps(values).encode())
    return json.dumps({"chinqit": "secrets", "salt": salt.hex(), "sealed": token.decode()}, indent=1) + "\n"


def opened(text: str, passphrase: str) -> dict[str, str]:
    """The secrets of a sealed copy by name; raise WrongPassphrase."""
    try:
        copy = json.loads(text)
        values = json.loads(Fernet(_key(passphrase, bytes.fromhex(copy["salt"]))).decrypt(copy["sealed"]))
        return {name: str(values[name]) for name in SECRETS}
    except (InvalidToken, KeyError, TypeError, ValueError):
        raise WrongPassphrase from None


def _fingerprints(settings: Settings) -> dict[str, str]:
    return {name: _fingerprint(name, getattr(settings, name.lower())) for name in CHECKED}


def _fingerprint(name: str, value: str) -> str:
    """Tells secrets apart and gives nothing of them away: they are random and long."""
    return hashlib.sha256(f"fingerprint:{name}:{value}".encode()).hexdigest()[:16]


def _key(passphrase: str, salt: bytes) -> bytes:
    raw = hashlib.scrypt(passphrase.encode(), salt=salt, maxmem=64 * 2**20, dklen=32, **SCRYPT)
    return base64.urlsafe_b64encode(raw)

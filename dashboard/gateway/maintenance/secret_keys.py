"""The installation's secrets: do they fit the database, and a sealed copy of them for a safe place."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.orm import Session

from dashboard import secret_files
from dashboard.db import lock, utcnow
from dashboard.models.site_settings import Setting
from dashboard.secret_files import Secret
from dashboard.settings import SECRETS, Settings

ROW = "secret_fingerprints"  # of table settings
CHECKED = ("OTP_SECRET", "DATA_SECRET")  # what the rows of a database depend on
SCRYPT = {"n": 2**15, "r": 8, "p": 1}  # OWASP Password Storage Cheat Sheet; 32 MiB
SHORTEST_PASSPHRASE = 12


class WrongPassphrase(Exception):
    """The passphrase does not open the copy, or the copy is damaged."""


def unfit(session: Session, settings: Settings) -> list[str]:
    """The names of secrets that are not those with which the database was written; one before a rotation still fits."""
    row = session.get(Setting, ROW)
    known: dict[str, str] = row.value if row is not None else {}
    return [name for name in CHECKED if name in known and known[name] not in _fingerprints(settings, name)]


def accept(session: Session, settings: Settings) -> None:
    """Keep the fingerprints of the newest secrets as those of the database."""
    lock(session, ROW)  # two who begin at once would both insert it
    newest = {name: _fingerprints(settings, name)[0] for name in CHECKED}
    session.merge(Setting(name=ROW, value=newest, changed_at=utcnow()))


def sealed(settings: Settings, passphrase: str) -> str:
    """The three secrets, with those of before a rotation, as JSON that the passphrase alone opens."""
    salt = secrets.token_bytes(16)
    values = {name: _portable(settings.secrets(name)) for name in SECRETS}
    token = Fernet(_key(passphrase, salt)).encrypt(json.dumps(values).encode())
    return json.dumps({"chinqit": "secrets", "salt": salt.hex(), "sealed": token.decode()}, indent=1) + "\n"


def opened(text: str, passphrase: str) -> dict[str, str]:
    """What the files of a sealed copy hold, by name; raise WrongPassphrase."""
    try:
        copy = json.loads(text)
        values = json.loads(Fernet(_key(passphrase, bytes.fromhex(copy["salt"]))).decrypt(copy["sealed"]))
        return {name: str(values[name]) for name in SECRETS}
    except (InvalidToken, KeyError, TypeError, ValueError):
        raise WrongPassphrase from None


def merged(own: str, copied: str) -> str | None:
    """What a file is to hold that held `own`, when `copied` is brought to it; None when they have nothing in common."""
    ours, theirs = secret_files.parse(own), secret_files.parse(copied)
    if not {secret.value for secret in ours} & {secret.value for secret in theirs}:
        return None
    newest = {secret.value for secret in theirs} - {secret.value for secret in ours}
    return copied if newest and ours[0].value in {secret.value for secret in theirs} else own


def _portable(values: Sequence[Secret]) -> str:
    """The content of a file with these values; of a single one that was never rotated the value itself."""
    is_plain = len(values) == 1 and values[0].since is None
    return values[0].value if is_plain else secret_files.text_of(values)


def _fingerprints(settings: Settings, name: str) -> list[str]:
    """They tell secrets apart and give nothing of them away: secrets are random and long. The newest one's is first."""
    return [
        hashlib.sha256(f"fingerprint:{name}:{secret.value}".encode()).hexdigest()[:16]
        for secret in settings.secrets(name)
    ]


def _key(passphrase: str, salt: bytes) -> bytes:
    raw = hashlib.scrypt(passphrase.encode(), salt=salt, maxmem=64 * 2**20, dklen=32, **SCRYPT)
    return base64.urlsafe_b64encode(raw)

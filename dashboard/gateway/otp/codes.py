"""One-time codes are derived, not stored: whoever has the database alone has no code."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from dashboard.gateway import encryption
from dashboard.gateway.encryption import Cipher, Purpose
from dashboard.secret_files import Secret
from dashboard.settings import Settings

DIGITS = 6
MAX_ATTEMPTS = 3  # guesses of one code that are judged
LABEL = b"chinqit otp v1"
NONCE_BYTES = 16


@dataclass(frozen=True)
class Keyring:
    """The secrets that codes are derived from, by the name (`kid`) that a row keeps. The first one makes new codes.

    `fixed` is the cipher of the codes of review numbers, which are stored. Take a new keyring for each use: one that is
    kept does not follow a rotation.
    """

    secrets: Mapping[str, bytes]
    fixed: Cipher | None = None

    @classmethod
    def of(cls, settings: Settings) -> Keyring:
        """The secret in force and those that codes may still have been made with."""
        return cls(_by_kid(settings.usable_secrets("OTP_SECRET")), encryption.cipher(settings, Purpose.REVIEW_NUMBERS))

    @property
    def kid(self) -> str:
        return next(iter(self.secrets))

    def derive(self, otp: Any, message_uuid: str) -> str | None:
        """The six digits of a code (RFC 4226's idea with SHA-256), or None when its secret is gone.

        `otp` is a row of the codes' table, as an object or as columns.
        """
        secret = self.secrets.get(otp.kid)
        if secret is None:
            return None
        parts = (LABEL, otp.nonce, message_uuid.encode(), otp.phone.encode(), otp.channel.encode())
        mac = hmac.digest(secret, b"".join(len(part).to_bytes(2, "big") + part for part in parts), "sha256")
        number = int.from_bytes(mac[:16], "big") + (otp.fixed_offset or 0)
        return str(number % 10**DIGITS).zfill(DIGITS)


def offset(keyring: Keyring, otp: Mapping[str, Any], message_uuid: str, code: str) -> int:
    """What is to be added to the derived code of a row to be, given by its columns, so that it is this one.

    It tells nothing without the secret. 0 where that is gone.
    """
    derived = keyring.derive(SimpleNamespace(**otp, fixed_offset=None), message_uuid)
    most: int = 10**DIGITS
    return 0 if derived is None else (int(code) - int(derived)) % most


@lru_cache(maxsize=4)
def _by_kid(secrets: tuple[str, ...]) -> Mapping[str, bytes]:
    return {Secret(secret).id: secret.encode() for secret in secrets}


def nonce() -> bytes:
    return secrets.token_bytes(NONCE_BYTES)

"""One-time codes are derived, not stored: whoever has the database alone has no code."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet

from dashboard.gateway import encryption
from dashboard.settings import Settings

DIGITS = 6
LABEL = b"chinqit otp v1"
NONCE_BYTES = 16


@dataclass(frozen=True)
class Keyring:
    """The secrets that codes are derived from, by the name (`kid`) that a row keeps. The first one makes new codes.

    `fixed` is the cipher of the codes of review numbers, which are stored.
    """

    secrets: dict[str, bytes]
    fixed: Fernet | None = None

    @classmethod
    def of(cls, settings: Settings) -> Keyring:
        """The secret in force and, for ten minutes after a rotation, the one before."""
        secrets = [secret.encode() for secret in (settings.otp_secret, settings.otp_secret_previous) if secret]
        by_kid = {hashlib.sha256(b"kid" + secret).hexdigest()[:8]: secret for secret in secrets}
        return cls(by_kid, encryption.cipher(settings, b"review numbers"))

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


def nonce() -> bytes:
    return secrets.token_bytes(NONCE_BYTES)

"""Encryption of what lies in the database: one key for each purpose, derived from DATA_SECRET by SHA-256."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet

from dashboard.settings import Settings


def cipher(settings: Settings, purpose: bytes) -> Fernet:
    """The cipher of one purpose; what was encrypted for another purpose cannot be decrypted with it."""
    key = hashlib.sha256(purpose + settings.data_secret.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def fingerprint(settings: Settings, text: str) -> str:
    """A keyed hash, to tell a number again that must not be read: without a key, all numbers are soon tried."""
    key = hashlib.sha256(b"fingerprint" + settings.data_secret.encode()).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]

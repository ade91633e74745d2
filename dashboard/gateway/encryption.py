"""Encryption of what lies in the database: one key for each purpose, derived from DATA_SECRET by SHA-256."""

from __future__ import annotations

import base64
import hashlib
import hmac
from enum import Enum
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet

from dashboard.settings import Settings

Cipher = Fernet | MultiFernet


class Purpose(Enum):
    """What is encrypted. What was encrypted for another purpose cannot be decrypted."""

    CARRIER_SETTINGS = b"carrier settings"
    SANDBOX = b"sandbox phone"
    REVIEW_NUMBERS = b"review numbers"
    WEBHOOK_SECRETS = b"webhook secrets"
    DOOR_SECRETS = b"door secrets"
    ALERT_CHANNELS = b"alert channels"
    SECOND_FACTOR = b"second factor"


def cipher(settings: Settings, purpose: Purpose) -> MultiFernet:
    """The cipher of one purpose. It encrypts with the DATA_SECRET in force and decrypts what those before it encrypted.

    Ask for one whenever it is needed: one that is kept does not follow a rotation.
    """
    return _cipher(settings.usable_secrets("DATA_SECRET"), purpose)


def newest_cipher(settings: Settings, purpose: Purpose) -> MultiFernet:
    """A cipher that knows the DATA_SECRET in force alone."""
    return _cipher(settings.usable_secrets("DATA_SECRET")[:1], purpose)


def fingerprint(settings: Settings, text: str) -> str:
    """A keyed hash, to tell a number again that must not be read: without a key, all numbers are soon tried.

    It is another one after a rotation of DATA_SECRET.
    """
    key = hashlib.sha256(b"fingerprint" + settings.usable_secrets("DATA_SECRET")[0].encode()).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]


@lru_cache(maxsize=2 * len(Purpose))
def _cipher(secrets: tuple[str, ...], purpose: Purpose) -> MultiFernet:
    keys = (hashlib.sha256(purpose.value + secret.encode()).digest() for secret in secrets)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])

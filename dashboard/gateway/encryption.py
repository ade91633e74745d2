"""Secrets at rest: one key a purpose, derived from DATA_SECRET."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet

from dashboard.settings import Settings


def cipher(settings: Settings, purpose: bytes) -> Fernet:
    """Encrypts for one purpose; what another purpose sealed cannot be opened with it."""
    key = hashlib.sha256(purpose + settings.data_secret.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))

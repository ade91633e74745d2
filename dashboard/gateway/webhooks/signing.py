"""Signatures after Standard Webhooks 1.0: who receives an event can prove that it comes from here."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """`whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(known: Sequence[str], reference: str, body: bytes, at: datetime) -> dict[str, str]:
    """The three headers of a call. Every secret signs, so that one that is being rotated costs nobody an event."""
    seconds = str(int(at.timestamp()))
    signed = f"{reference}.{seconds}.".encode() + body
    return {
        "webhook-id": reference,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{_sign(secret, signed)}" for secret in known),
    }


def _sign(secret: str, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(base64.b64decode(secret.removeprefix(PREFIX)), signed, "sha256")).decode()

"""Signatures after Standard Webhooks 1.0: who receives an event can prove that it comes from here."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

PREFIX = "whsec_"
SECRET_BYTES = 32
TOLERANCE = timedelta(minutes=5)  # between the caller's clock and ours
MOST_SIGNATURES = 10  # of a call that are looked at


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


def is_genuine(secret: str, given: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether a call to us was signed with this secret at most TOLERANCE ago; of several signatures one is enough.
    Header names are in small letters.

    Source: Standard Webhooks 1.0, "Verifying signatures".
    """
    reference, seconds = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not reference or not re.fullmatch(r"[0-9]{1,12}", seconds):
        return False
    if abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
        return False
    wanted = f"v1,{_sign(secret, f'{reference}.{seconds}.'.encode() + body)}".encode()
    signatures = given.get("webhook-signature", "").encode("utf-8", "replace").split()[:MOST_SIGNATURES]
    return any(hmac.compare_digest(wanted, signature) for signature in signatures)


def _sign(secret: str, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(base64.b64decode(secret.removeprefix(PREFIX)), signed, "sha256")).decode()

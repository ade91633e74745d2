"""A claimed row as it leaves: its text, by which time, and what its way depends on."""

from __future__ import annotations

import time
from datetime import timedelta

from dashboard.db import utcnow
from dashboard.gateway.messages import outbox
from dashboard.gateway.otp import templates
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.routing.rules import RoutingRequest
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.providers.base import Outgoing

CARRIER_TIMEOUT = timedelta(seconds=10)
MARGIN = timedelta(seconds=2)


def render(keyring: Keyring, message: Message, row: Otp | None, start_by: float) -> Outgoing | None:
    """The text as it leaves; a code is derived here and nowhere kept. None when its secret is gone."""
    code, body, language = None, message.body, None
    if message.kind == "otp":
        code = keyring.derive(row, message.uuid) if row else None
        if row is None or code is None:
            return None
        body, language = templates.of(row).render(code, row.app_hash), row.language
    return Outgoing(
        id=message.uuid,
        phone=message.phone,
        channel=outbox.base(message.lane),
        text=body or "",
        attempt=message.attempts,
        valid_until=message.valid_until,
        code=code,
        language=language,
        encoding=message.encoding,
        start_by=start_by,
    )


def trip(message: Message) -> RoutingRequest:
    """What its way depends on."""
    return RoutingRequest(outbox.base(message.lane), message.phone, message.key_id, message.attempts, message.uuid)


def start_by(message: Message) -> float:
    """On the monotonic clock: after it, the lease could end while the carrier is being asked."""
    if message.due_at is None:
        return 0.0
    return time.monotonic() + (message.due_at - CARRIER_TIMEOUT - MARGIN - utcnow()).total_seconds()

"""A claimed message as it leaves: its text, and by which time it must have begun."""

from __future__ import annotations

import time
from datetime import timedelta

from dashboard.db import utcnow
from dashboard.gateway.delivery.decisions import Claimed
from dashboard.gateway.messages.claimed import ClaimedMessage
from dashboard.gateway.otp import template_rules, templates
from dashboard.gateway.otp.codes import Keyring
from dashboard.providers.base import Outgoing
from dashboard.settings import Settings
from dashboard.vocabulary import Channel, Kind

CARRIER_TIMEOUT = timedelta(seconds=10)
MARGIN = timedelta(seconds=2)


def render(settings: Settings, claimed: Claimed, start_by: float, route_sender: str | None = None) -> Outgoing | None:
    """The text as it leaves; a code is derived here and kept nowhere. None when its secret is not known here.

    The key's sender comes before that of the route.
    """
    message, otp = claimed.message, claimed.otp
    code, text, language = None, message.body or "", None
    if message.kind == Kind.OTP:
        code = Keyring.of(settings).derive(otp, claimed.code_uuid or message.uuid) if otp else None
        if otp is None or code is None:
            return None
        if otp.fixed_offset is not None:  # of a review number: only the sandbox gets it, and people read that
            code = template_rules.MASK
        app_hash = otp.app_hash if message.lane == Channel.SMS else None
        text, language = templates.of(otp, message.lane).render(code, app_hash), otp.language
    return Outgoing(
        id=message.uuid,
        phone=message.phone,
        channel=message.lane,
        text=text,
        attempt=message.attempts,
        valid_until=message.valid_until,
        code=code,
        language=language,
        encoding=message.encoding,
        senders=tuple(filter(None, (message.sender, route_sender))),
        start_by=start_by,
    )


def start_by(message: ClaimedMessage) -> float:
    """On the monotonic clock: after it, the lease could end while the carrier is being asked."""
    return time.monotonic() + (message.due_at - CARRIER_TIMEOUT - MARGIN - utcnow()).total_seconds()

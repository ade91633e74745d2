"""Values in the reader's words: times, numbers, states, reasons."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import lazy_gettext as _l

from dashboard.pages.ui import failure_reasons
from dashboard.pages.ui.formats import (
    ago,
    clock,
    day,
    duration,
    duration_of,
    hour_minute,
    initials,
    moment,
    number,
    organisation,
    percent,
    phone,
    seconds,
    sees_numbers,
    span,
)
from dashboard.sms import numbers as phones

STATUSES = {
    "queued": _l("Queued"),
    "sending": _l("Sending"),
    "sent": _l("Sent"),
    "delivered": _l("Delivered"),
    "failed": _l("Failed"),
    "expired": _l("Expired"),
}
KEY_STATES = {"active": _l("Active"), "expired": _l("Ended"), "revoked": _l("Revoked")}
CHANNELS = {"sms": "SMS", "whatsapp": "WhatsApp"}
TIDIED = {
    "texts": _l("Texts of messages"),
    "numbers": _l("Phone numbers, cut"),
    "sandbox": _l("Texts on the sandbox phone"),
    "refusals": _l("Notes of refused codes"),
    "callers": _l("Addresses that used a key"),
}
OPERATORS = {name.lower(): name for name in sorted(phones.OPERATORS.values())}  # as an address names them
PERIODS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
PERIOD_NAMES = {
    "1h": _l("Last hour"),
    "24h": _l("Last 24 hours"),
    "7d": _l("Last 7 days"),
    "30d": _l("Last 30 days"),
    "90d": _l("Last 90 days"),
}
KINDS = {"otp": _l("Codes"), "message": _l("Texts")}
MODES = {"live": _l("Live"), "test": _l("Test")}
ROLES = {"owner": _l("Owner"), "operator": _l("Operator"), "viewer": _l("Viewer")}
SCOPES = {
    "send": _l("Send texts"),
    "otp": _l("Send and verify codes"),
    "read": _l("Read message status"),
    "webhooks": _l("Manage its webhooks"),
}
SCOPE_TAGS = {"send": _l("Texts"), "otp": _l("Codes"), "read": _l("Status"), "webhooks": _l("Webhooks")}
WINDOWS = {"minute": _l("minute"), "hour": _l("hour"), "day": _l("day")}
PER_WINDOW = {"minute": _l("per minute"), "hour": _l("per hour"), "day": _l("per day")}
WINDOWS_FULL = {
    "minute": _l("the limit of a minute"),
    "hour": _l("the limit of an hour"),
    "day": _l("the limit of a day"),
    "cap": _l("the key’s own cap of a day"),
}
LASTING = {"1h": _l("1 hour"), "24h": _l("24 hours"), "7d": _l("7 days")}
LASTING_TIMES = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
GRACES = {"now": _l("End it now"), "1h": _l("1 hour"), "24h": _l("24 hours"), "7d": _l("7 days")}


GLOBALS = {
    "ago": ago,
    "moment": moment,
    "clock": clock,
    "hour_minute": hour_minute,
    "day": day,
    "number": number,
    "percent": percent,
    "seconds": seconds,
    "duration": duration,
    "duration_of": duration_of,
    "span": span,
    "shown_phone": phone,
    "sees_numbers": sees_numbers,
    "operator_of": phones.operator,
    "is_fixed": phones.is_fixed,
    "reason": failure_reasons.reason,
    "reason_advice": failure_reasons.advice,
    "initials": initials,
    "STATUSES": STATUSES,
    "KEY_STATES": KEY_STATES,
    "CHANNELS": CHANNELS,
    "OPERATORS": OPERATORS,
    "PERIOD_NAMES": PERIOD_NAMES,
    "KINDS": KINDS,
    "TIDIED": TIDIED,
    "organisation": organisation,
    "MODES": MODES,
    "ROLES": ROLES,
    "SCOPES": SCOPES,
    "SCOPE_TAGS": SCOPE_TAGS,
    "GRACES": GRACES,
    "WINDOWS": WINDOWS,
    "PER_WINDOW": PER_WINDOW,
    "WINDOWS_FULL": WINDOWS_FULL,
    "LASTING": LASTING,
}

"""What the pages call the words of the vocabulary; how values are written is in formats.py."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext

from dashboard.sms import emails, numbers
from dashboard.vocabulary import (
    COMMAND_LINE,
    Channel,
    KeyMode,
    KeyState,
    Kind,
    PumpingStep,
    Role,
    Scope,
    Stage,
    Status,
    Window,
)

Labels = dict[str, Any]  # by the value that stands in databases and addresses: a name, or a lazy translation of it

STATUSES: Labels = {
    Status.QUEUED: _l("Queued"),
    Status.SENDING: _l("Sending"),
    Status.SENT: _l("Sent"),
    Status.DELIVERED: _l("Delivered"),
    Status.FAILED: _l("Failed"),
    Status.EXPIRED: _l("Expired"),
}
STAGES: Labels = {Stage.SENT: _l("Sent, whatever came then"), Stage.VERIFIED: _l("Codes verified")}
KEY_STATES: Labels = {
    KeyState.ACTIVE: lazy_pgettext("key", "Active"),
    KeyState.EXPIRED: lazy_pgettext("key", "Expired"),
    KeyState.REVOKED: lazy_pgettext("key", "Revoked"),
}
CHANNELS: Labels = {Channel.SMS: "SMS", Channel.WHATSAPP: "WhatsApp", Channel.EMAIL: _l("E-mail")}
TIDIED = {
    "texts": _l("Texts of messages"),
    "numbers": _l("Phone numbers, truncated"),
    "messages": _l("Messages, deleted"),
    "recipients": _l("Recipients of campaigns, truncated"),
    "incoming_texts": _l("Texts that phones sent"),
    "incoming": _l("Messages that phones sent"),
    "sandbox": _l("Messages on the sandbox phone"),
    "refusals": _l("Records of refused codes"),
    "guesses": _l("Records of wrong codes"),
    "ranges": _l("Ranges where SMS pumping was suspected"),
    "callers": _l("Addresses that used a key"),
    "notes": _l("Notes on numbers"),
    "imports": _l("Rows that were not imported as contacts"),
    "lookups": _l("Numbers that were looked up"),
}
OPERATORS = {name.lower(): name for name in sorted(numbers.OPERATORS.values())}  # as an address names them
OPERATOR_NAMES: Labels = {**numbers.OPERATORS, emails.PLACE_OF_OPERATOR: CHANNELS[Channel.EMAIL]}  # as they are counted
PERIOD_NAMES = {
    "1h": _l("Last hour"),
    "24h": _l("Last 24 hours"),
    "7d": _l("Last 7 days"),
    "30d": _l("Last 30 days"),
    "90d": _l("Last 90 days"),
}
KINDS: Labels = {Kind.OTP: _l("Codes"), Kind.MESSAGE: _l("Messages")}
MODES: Labels = {KeyMode.LIVE: _l("Live"), KeyMode.TEST: _l("Test")}
ROLES: Labels = {
    Role.OWNER: _l("Owner"),
    Role.OPERATOR: _l("Operator"),
    Role.DESK: _l("Support desk"),
    Role.VIEWER: _l("Viewer"),
}
SCOPES: Labels = {
    Scope.SEND: _l("Send messages"),
    Scope.OTP: _l("Send and verify codes"),
    Scope.READ: _l("Read message status"),
    Scope.WEBHOOKS: _l("Manage webhooks"),
}
SCOPE_TAGS: Labels = {
    Scope.SEND: _l("Messages"),
    Scope.OTP: _l("Codes"),
    Scope.READ: _l("Read states"),
    Scope.WEBHOOKS: _l("Webhooks"),
}
WINDOWS: Labels = {Window.MINUTE: _l("minute"), Window.HOUR: _l("hour"), Window.DAY: _l("day")}
PER_WINDOW: Labels = {Window.MINUTE: _l("per minute"), Window.HOUR: _l("per hour"), Window.DAY: _l("per day")}
PUMPING_STEPS: Labels = {
    PumpingStep.WATCH: _l("Watched"),
    PumpingStep.SLOW: _l("Slowed down"),
    PumpingStep.STOP: _l("Stopped"),
    PumpingStep.RELEASED: lazy_pgettext("range", "Let through"),
}
PUMPING_EFFECTS: Labels = {
    PumpingStep.WATCH: _l("All codes are still sent."),
    PumpingStep.SLOW: _l("One code a minute is sent; numbers that verified a code before get theirs."),
    PumpingStep.STOP: _l("No code is sent, except to numbers that verified one before."),
    PumpingStep.RELEASED: _l("All codes are sent: somebody of the team let them through."),
}
LASTING = {"1h": _l("1 hour"), "24h": _l("24 hours"), "7d": _l("7 days")}
GRACES = {"now": _l("Stop it now"), "1h": _l("1 hour"), "24h": _l("24 hours"), "7d": _l("7 days")}


def author(name: str | None) -> str:
    """Who did something: a person, the command line, or a dash where nobody knows."""
    return str(_l("command line")) if name == COMMAND_LINE else name or "—"


def operator_of(phone: str) -> str:
    """Whose number it is; of an e-mail address, that it is one."""
    return str(numbers.operator(phone) or CHANNELS[Channel.EMAIL])

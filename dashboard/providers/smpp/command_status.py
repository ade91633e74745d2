"""What an SMSC's command_status means for a text, and for a bind (SMPP 3.4, 5.1.3)."""

from __future__ import annotations

from typing import NamedTuple

from dashboard.outbound.errors import NotSent, Refused, SendError

OK = 0x00
INVALID_COMMAND_LENGTH = 0x02
INVALID_COMMAND = 0x03
WRONG_BIND_STATE = 0x04
ALREADY_BOUND = 0x05
QUEUE_FULL = 0x14
THROTTLED = 0x58
UNKNOWN_ERROR = 0xFF
TRY_AGAIN = 0x64  # ESME_RX_T_APPN: our own answer to a receipt that could not be stored

NEVER, AGAIN, SETUP = "never", "again", "setup"  # this text; later; whatever the text, until somebody mends the setup


class Meaning(NamedTuple):
    name: str
    kind: str
    wait: float | None = None  # seconds until the text may come again


MEANINGS = {
    0x01: Meaning("invalid_message_length", NEVER),
    0x02: Meaning("invalid_command_length", SETUP),
    0x03: Meaning("invalid_command", SETUP),
    0x04: Meaning("wrong_bind_state", AGAIN, 1),
    0x05: Meaning("already_bound", AGAIN, 5),
    0x06: Meaning("invalid_priority", SETUP),
    0x07: Meaning("invalid_registered_delivery", SETUP),
    0x08: Meaning("system_error", AGAIN, 5),
    0x0A: Meaning("invalid_source", SETUP),
    0x0B: Meaning("invalid_destination", NEVER),
    0x0C: Meaning("invalid_message_id", NEVER),
    0x0D: Meaning("bind_failed", AGAIN, 5),
    0x0E: Meaning("invalid_password", SETUP),
    0x0F: Meaning("invalid_system_id", SETUP),
    0x14: Meaning("queue_full", AGAIN, 2),
    0x15: Meaning("invalid_service_type", SETUP),
    0x43: Meaning("invalid_esm_class", SETUP),
    0x44: Meaning("cannot_submit_to_list", NEVER),
    0x45: Meaning("submit_failed", AGAIN, 5),
    0x48: Meaning("invalid_source_ton", SETUP),
    0x49: Meaning("invalid_source_npi", SETUP),
    0x50: Meaning("invalid_destination_ton", SETUP),
    0x51: Meaning("invalid_destination_npi", SETUP),
    0x53: Meaning("invalid_system_type", SETUP),
    0x54: Meaning("invalid_replace_flag", SETUP),
    0x58: Meaning("throttled", AGAIN, 1),
    0x61: Meaning("invalid_schedule", SETUP),
    0x62: Meaning("invalid_validity", SETUP),
    0x64: Meaning("temporary_error", AGAIN, 5),
    0x65: Meaning("permanent_error", NEVER),
    0x66: Meaning("rejected", NEVER),
    0xC0: Meaning("invalid_optional_part", SETUP),
    0xC1: Meaning("optional_parameter_not_allowed", SETUP),
    0xC2: Meaning("invalid_parameter_length", SETUP),
    0xC3: Meaning("missing_optional_parameter", SETUP),
    0xC4: Meaning("invalid_optional_parameter", SETUP),
    0xFE: Meaning("delivery_failed", AGAIN, 5),
    0xFF: Meaning("unknown_error", AGAIN, 5),
}
SLOWING = {THROTTLED: 1.0, QUEUE_FULL: 0.2}  # seconds that the whole bind holds its breath
LOCKED_OUT = frozenset({0x0E, 0x0F, 0x53})  # trying again soon would only lock the account


def code(status: int) -> str:
    """`smpp_throttled`; a status that the standard does not name stays a number, as `smpp_0x0400`."""
    found = MEANINGS.get(status)
    return f"smpp_{found.name}" if found else f"smpp_0x{status:04x}"


def error(status: int) -> SendError:
    """What a submit_sm's answer says. The text of a status that nobody here knows may come again."""
    found = MEANINGS.get(status, Meaning("", AGAIN))
    if found.kind == AGAIN:
        return NotSent(code(status), found.wait)
    return Refused(code(status), configuration=found.kind == SETUP)

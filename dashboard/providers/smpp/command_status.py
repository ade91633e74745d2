"""What an SMSC's command_status means for a text, and for a bind (SMPP 3.4, 5.1.3).

The standard names statuses, it does not say whose fault one is. The blame and the tries are what operators are known to
mean by them: ESME_RSUBMITFAIL, ESME_RDELIVERYFAILURE and ESME_RUNKNOWNERR come for barred numbers, missing credit and
missing routes; the statuses of lengths, esm_class, validity and TLVs depend on the text, since only long texts have a
header and each has a validity of its own. Where an operator means something else, a setting of the carrier says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dashboard.outbound.errors import SendError
from dashboard.providers.codes import NUMBER_REFUSED, SETUP, TEXT_REFUSED, Rule
from dashboard.vocabulary import Blame, NextStep

OK = 0x00
INVALID_COMMAND_LENGTH = 0x02
INVALID_COMMAND = 0x03
WRONG_BIND_STATE = 0x04
ALREADY_BOUND = 0x05
QUEUE_FULL = 0x14
THROTTLED = 0x58
UNKNOWN_ERROR = 0xFF
TRY_AGAIN = 0x64  # ESME_RX_T_APPN: our own answer to a receipt that could not be stored

THIS_TEXT = Rule(NextStep.NEXT_CARRIER, Blame.TEXT)  # another carrier may take it as it is
FEW_TRIES = Rule(NextStep.AGAIN, Blame.NUMBER, wait_seconds=5, tries=3)  # then the next carrier


def _busy(seconds: float) -> Rule:
    """The carrier is well, and says when to come back."""
    return Rule(NextStep.AGAIN, Blame.CARRIER, wait_seconds=seconds)


class CommandStatus(NamedTuple):
    """A status by our name for it, and what it means for a text."""

    name: str
    rule: Rule


STATUSES = {
    0x01: CommandStatus("invalid_message_length", TEXT_REFUSED),  # ESME_RINVMSGLEN
    0x02: CommandStatus("invalid_command_length", THIS_TEXT),  # ESME_RINVCMDLEN
    0x03: CommandStatus("invalid_command", THIS_TEXT),  # ESME_RINVCMDID, mostly in a generic_nack
    0x04: CommandStatus("wrong_bind_state", _busy(1)),  # ESME_RINVBNDSTS: the session is made anew
    0x05: CommandStatus("already_bound", _busy(5)),  # ESME_RALYBND
    0x06: CommandStatus("invalid_priority", SETUP),  # ESME_RINVPRTFLG
    0x07: CommandStatus("invalid_registered_delivery", SETUP),  # ESME_RINVREGDLVFLG
    0x08: CommandStatus("system_error", Rule(NextStep.AGAIN, Blame.CARRIER, wait_seconds=5, tries=3)),  # ESME_RSYSERR
    0x0A: CommandStatus("invalid_source", SETUP),  # ESME_RINVSRCADR
    0x0B: CommandStatus("invalid_destination", NUMBER_REFUSED),  # ESME_RINVDSTADR
    0x0C: CommandStatus("invalid_message_id", TEXT_REFUSED),  # ESME_RINVMSGID
    0x0D: CommandStatus("bind_failed", _busy(5)),  # ESME_RBINDFAIL
    0x0E: CommandStatus("invalid_password", SETUP),  # ESME_RINVPASWD
    0x0F: CommandStatus("invalid_system_id", SETUP),  # ESME_RINVSYSID
    0x14: CommandStatus("queue_full", _busy(2)),  # ESME_RMSGQFUL
    0x15: CommandStatus("invalid_service_type", SETUP),  # ESME_RINVSERTYP
    0x43: CommandStatus("invalid_esm_class", THIS_TEXT),  # ESME_RINVESMCLASS
    0x44: CommandStatus("cannot_submit_to_list", TEXT_REFUSED),  # ESME_RCNTSUBDL
    0x45: CommandStatus("submit_failed", FEW_TRIES),  # ESME_RSUBMITFAIL
    0x48: CommandStatus("invalid_source_ton", SETUP),  # ESME_RINVSRCTON
    0x49: CommandStatus("invalid_source_npi", SETUP),  # ESME_RINVSRCNPI
    0x50: CommandStatus("invalid_destination_ton", SETUP),  # ESME_RINVDSTTON
    0x51: CommandStatus("invalid_destination_npi", SETUP),  # ESME_RINVDSTNPI
    0x53: CommandStatus("invalid_system_type", SETUP),  # ESME_RINVSYSTYP
    0x54: CommandStatus("invalid_replace_flag", SETUP),  # ESME_RINVREPFLAG
    0x58: CommandStatus("throttled", _busy(1)),  # ESME_RTHROTTLED
    0x61: CommandStatus("invalid_schedule", THIS_TEXT),  # ESME_RINVSCHED
    0x62: CommandStatus("invalid_validity", THIS_TEXT),  # ESME_RINVEXPIRY
    0x64: CommandStatus("temporary_error", FEW_TRIES),  # ESME_RX_T_APPN
    0x65: CommandStatus("permanent_error", NUMBER_REFUSED),  # ESME_RX_P_APPN
    0x66: CommandStatus("rejected", NUMBER_REFUSED),  # ESME_RX_R_APPN
    0xC0: CommandStatus("invalid_optional_part", THIS_TEXT),  # ESME_RINVOPTPARSTREAM
    0xC1: CommandStatus("optional_parameter_not_allowed", THIS_TEXT),  # ESME_ROPTPARNOTALLWD
    0xC2: CommandStatus("invalid_parameter_length", THIS_TEXT),  # ESME_RINVPARLEN
    0xC3: CommandStatus("missing_optional_parameter", THIS_TEXT),  # ESME_RMISSINGOPTPARAM
    0xC4: CommandStatus("invalid_optional_parameter", THIS_TEXT),  # ESME_RINVOPTPARAMVAL
    0xFE: CommandStatus("delivery_failed", FEW_TRIES),  # ESME_RDELIVERYFAILURE
    0xFF: CommandStatus("unknown_error", FEW_TRIES),  # ESME_RUNKNOWNERR
}
UNNAMED = FEW_TRIES  # of statuses that the standard leaves to operators (0x0400–0x04FF) or reserves
SLOWING = {THROTTLED: 1.0, QUEUE_FULL: 0.2}  # seconds for which the whole bind sends nothing
LOCKED_OUT = frozenset({0x0E, 0x0F, 0x53})  # trying again soon would only lock the account

OVERRIDES = {  # what an administrator may say of a status
    NextStep.AGAIN: Rule(NextStep.AGAIN, Blame.TEXT),
    NextStep.NEXT_CARRIER: THIS_TEXT,
    NextStep.FINAL: TEXT_REFUSED,
}


def code(status: int) -> str:
    """`smpp_throttled`; a status that the standard does not name stays a number, as `smpp_0x0400`."""
    return f"smpp_{STATUSES[status].name}" if status in STATUSES else f"smpp_0x{status:04x}"


def error(status: int, overrides: Mapping[int, NextStep] | None = None) -> SendError:
    """What a submit_sm's answer says of its text; `overrides` are the carrier's own words for its statuses."""
    step = (overrides or {}).get(status)
    if step is not None:
        return OVERRIDES[step].error(code(status), answer=words(status))
    rule = STATUSES[status].rule if status in STATUSES else UNNAMED
    return rule.error(code(status), answer=words(status))


def words(status: int) -> str:
    """The SMSC's own answer, for people to read."""
    return f"command_status 0x{status:08X}"

"""What the words of a carrier's delivery reports mean, by a table that an administrator writes."""

from __future__ import annotations

import re

from dashboard.providers.codes import _l
from dashboard.providers.settings import BadSetting, lines
from dashboard.vocabulary import ReceiptState

STATES = (ReceiptState.SENT, ReceiptState.DELIVERED, ReceiptState.FAILED, ReceiptState.EXPIRED)
COMMON_STATES = """\
DELIVRD = delivered
DELIVERED = delivered
SENT = sent
ACCEPTD = sent
UNDELIV = failed
REJECTD = failed
FAILED = failed
EXPIRED = expired"""
PROBLEMS = {"state_form": _l("Write WORD = sent, delivered, failed or expired")}


def states(text: str) -> dict[str, ReceiptState]:
    """`DELIVRD = delivered` a line, compared without regard to case; raise BadSetting."""
    table = {}
    for number, line in lines(text):
        word, _, state = (part.strip() for part in line.rpartition("="))
        if not word or state not in STATES:
            raise BadSetting("state_form", line=number)
        table[word.lower()] = ReceiptState(state)
    return table


def error_code(word: str | None) -> str:
    """A carrier's error as carrier_…; words too long to be a code, and what may be a number, are left out."""
    plain = re.sub(r"[^a-z0-9]+", "_", (word or "").lower()).strip("_")
    if not plain or len(plain) > 30 or re.search(r"[0-9]{6}", plain):
        return "carrier_failed"
    return f"carrier_{plain}"

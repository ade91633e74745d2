"""Receipts from deliver_sm and data_sm: TLVs first, then the text of SMPP 3.4's appendix B."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dashboard.providers.base import Receipt
from dashboard.providers.smpp import message_ids, pdu
from dashboard.providers.smpp.pdu import Delivery

RECEIPT = 0x04 | 0x20  # of esm_class: a receipt, an intermediate notification
STATES = {  # message_state and stat → state, and why
    0: ("SCHEDULED", "pending", None),
    1: ("ENROUTE", "pending", None),
    2: ("DELIVRD", "delivered", None),
    3: ("EXPIRED", "expired", "smpp_expired"),
    4: ("DELETED", "failed", "smpp_deleted"),
    5: ("UNDELIV", "failed", "smpp_undelivered"),
    6: ("ACCEPTD", "sent", None),
    7: ("UNKNOWN", "failed", "smpp_unknown_state"),
    8: ("REJECTD", "failed", "smpp_rejected"),
    9: ("SKIPPED", "failed", "smpp_skipped"),
}
NUMBERS = {word[:5]: number for number, (word, _, _) in STATES.items()}  # some write DELIVERED, REJECTED
FIELDS = {
    "id": re.compile(r"\bid:\s{0,4}([^\s:]{1,65})", re.IGNORECASE),
    "stat": re.compile(r"\bstat:\s{0,4}([a-z]{4,16})", re.IGNORECASE),
    "err": re.compile(r"\berr:\s{0,4}([0-9a-z]{1,8})", re.IGNORECASE),
    "done": re.compile(r"\bdone[ _]date:\s{0,4}([0-9]{10,14})\b", re.IGNORECASE),
}
TEXT = re.compile(r"\btext:", re.IGNORECASE)  # from there on it is the message's own words
LONGEST = 512  # octets of a receipt's text that are looked at
FRESH = timedelta(minutes=5)
OLDEST = timedelta(days=7)
PHONE = re.compile(r"(?:\+|00)?(?:222)?([234][0-9]{7})")


def is_receipt(delivery: Delivery) -> bool:
    """Whether the SMSC says so. A text that looks like a receipt is not one: a phone can send it."""
    return bool(delivery.esm_class & RECEIPT) or pdu.RECEIPTED_MESSAGE_ID in delivery.tlvs


def read(delivery: Delivery, now: datetime | None = None) -> Receipt | None:
    """The receipt, or None when it names no text or no state."""
    now = now or datetime.now(UTC)
    words = _words(delivery)
    named = [_tlv_id(delivery), words.get("id", "")]
    candidates = tuple(dict.fromkeys(found for name in named if name for found in message_ids.meanings(name)))
    number = _state(delivery, words)
    if not candidates or number is None:
        return None
    _, state, code = STATES[number]
    return Receipt(
        candidates, phone(delivery.source), state, code, _at(words.get("done", ""), now), _error(delivery, words)
    )


def phone(address: str) -> str:
    """+222XXXXXXXX, or nothing where it is no number of this country."""
    found = PHONE.fullmatch(address.strip())
    return f"+222{found[1]}" if found else ""


def _words(delivery: Delivery) -> dict[str, str]:
    text = delivery.text
    if delivery.esm_class & pdu.UDHI and text:
        text = text[1 + text[0] :]
    plain = text[:LONGEST].decode("utf-16-be" if delivery.data_coding == 8 else "latin-1", "replace")
    head = TEXT.split(plain, maxsplit=1)[0]
    found = {name: pattern.search(head) for name, pattern in FIELDS.items()}
    return {name: match[1] for name, match in found.items() if match}


def _tlv_id(delivery: Delivery) -> str:
    return delivery.tlvs.get(pdu.RECEIPTED_MESSAGE_ID, b"").decode("latin-1").strip("\0 ")


def _state(delivery: Delivery, words: dict[str, str]) -> int | None:
    told = delivery.tlvs.get(pdu.MESSAGE_STATE, b"")
    if len(told) == 1 and told[0] in STATES:
        return told[0]
    return NUMBERS.get(words.get("stat", "").upper()[:5])


def _error(delivery: Delivery, words: dict[str, str]) -> str | None:
    """The network's own code, unless it says that there was none."""
    told = words.get("err", "")
    if not told.strip("0"):
        told = str(int.from_bytes(delivery.tlvs.get(pdu.NETWORK_ERROR_CODE, b"")[1:3], "big"))
    return told if told.strip("0") else None


def _at(done: str, now: datetime) -> datetime:
    """When it happened, where that is long ago. A date just now, to the minute, says less than our own clock."""
    try:
        at = datetime.strptime(f"{done:0<12.12}+0000", "%y%m%d%H%M%S%z")  # Mauritania's time is UTC
    except ValueError:
        return now
    return at if now - OLDEST < at < now - FRESH else now

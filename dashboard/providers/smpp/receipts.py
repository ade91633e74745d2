"""Receipts from deliver_sm and data_sm: TLVs first (SMPP 3.4, 5.3.2.12 and 5.3.2.35), then the text of appendix B."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from dashboard.providers.base import Receipt
from dashboard.providers.smpp import message_ids, pdu
from dashboard.providers.smpp.pdu import Delivery
from dashboard.sms import numbers
from dashboard.vocabulary import ReceiptState

Meaning = tuple[ReceiptState, str | None]  # a state, and the code that says why

MARKED = 0x04 | 0x20  # of esm_class (SMPP 3.4, 5.2.12): a receipt, an intermediate notification
UCS2 = 8
STATES: dict[int, tuple[str, ReceiptState, str | None]] = {  # message_state (5.2.28) and stat (appendix B)
    0: ("SCHEDULED", ReceiptState.PENDING, None),
    1: ("ENROUTE", ReceiptState.PENDING, None),
    2: ("DELIVRD", ReceiptState.DELIVERED, None),
    3: ("EXPIRED", ReceiptState.EXPIRED, "smpp_expired"),
    4: ("DELETED", ReceiptState.FAILED, "smpp_deleted"),
    5: ("UNDELIV", ReceiptState.FAILED, "smpp_undelivered"),
    6: ("ACCEPTD", ReceiptState.SENT, None),
    7: ("UNKNOWN", ReceiptState.FAILED, "smpp_unknown_state"),
    8: ("REJECTD", ReceiptState.FAILED, "smpp_rejected"),
    9: ("SKIPPED", ReceiptState.FAILED, "smpp_skipped"),
}
BY_WORD: dict[str, Meaning] = {word[:5]: meaning for word, *meaning in STATES.values()}  # type: ignore[misc]
OTHER_WORDS: dict[str, Meaning] = {  # of SMSCs that keep to no standard
    "FAILED": (ReceiptState.FAILED, "smpp_undelivered"),
    "ACKED": (ReceiptState.SENT, None),
    "BUFFRED": (ReceiptState.SENT, None),
    "BUFFERED": (ReceiptState.SENT, None),
    "NOROUTE": (ReceiptState.FAILED, "smpp_no_route"),
    "ABSENT": (ReceiptState.FAILED, "absent_subscriber"),
    "ESME_ROK": (ReceiptState.SENT, None),
}
CODES = {ReceiptState.FAILED: "smpp_undelivered", ReceiptState.EXPIRED: "smpp_expired"}  # of words that settings map
FIELDS = {
    "id": re.compile(r"\bid[:=]\s{0,4}([^\s:&]{1,65})", re.IGNORECASE),
    "stat": re.compile(r"\bstat(?:us|e)?[:=]\s{0,4}([a-z0-9_]{1,20})", re.IGNORECASE),
    "err": re.compile(r"\berr[:=]\s{0,4}([0-9a-z]{1,8})", re.IGNORECASE),
    "done": re.compile(r"\bdone[ _]date[:=]\s{0,4}([0-9]{10,14})\b", re.IGNORECASE),
}
TEXT = re.compile(r"\b(?:text|msg|message|content|body)[:=]", re.IGNORECASE)  # from there on: the message's own words
LONGEST = 512  # octets of a receipt's text that are looked at
LONGEST_RAW = 200  # characters of it that are kept where it cannot be read
LIKE_A_CODE = re.compile(r"(?<![\w:=-])[0-9]{6}(?![\w-])")
FRESH = timedelta(minutes=5)
OLDEST = timedelta(days=7)


@dataclass(frozen=True)
class ReceiptRules:
    """What an administrator says of an SMSC's receipts."""

    words: Mapping[str, ReceiptState] = field(default_factory=dict)  # by the word in capitals
    zone: tzinfo = UTC  # of its clock
    is_for_all: bool = False  # it sends one for all parts of a long text
    senders: frozenset[str] = frozenset()  # ours, as +222XXXXXXXX, where they are such numbers


BY_THE_BOOK = ReceiptRules()


def is_marked(delivery: Delivery) -> bool:
    """Whether the SMSC says that it is a receipt."""
    return bool(delivery.esm_class & MARKED) or pdu.RECEIPTED_MESSAGE_ID in delivery.tlvs


def read(delivery: Delivery, now: datetime | None = None, rules: ReceiptRules = BY_THE_BOOK) -> Receipt | None:
    """What a receipt says; None for a text from a phone, and for a receipt without any words.

    One whose state cannot be read is UNKNOWN, with its own words in `raw`. A text that reads like a receipt, and that
    the SMSC does not mark as one, is `is_unmarked`: a phone may have written it.
    """
    now = now or datetime.now(UTC)
    head = _head(delivery)
    words = {name: match[1] for name, pattern in FIELDS.items() if (match := pattern.search(head))}
    named = (_tlv_id(delivery), words.get("id", ""))
    candidates = tuple(dict.fromkeys(form for name in named if name for form in message_ids.meanings(name)))
    meaning = _meaning(delivery, words, rules)
    marked = is_marked(delivery)
    if not marked and not (candidates and meaning):
        return None
    if not (candidates or meaning or head.strip()):
        return None
    state, code = meaning or (ReceiptState.UNKNOWN, "smpp_unknown_word")
    return Receipt(
        candidates,
        _phone(delivery, rules),
        state,
        code,
        _at(words.get("done", ""), now, rules.zone),
        _error(delivery, words),
        raw=None if meaning else _raw(head),
        is_for_all=rules.is_for_all,
        is_unmarked=not marked,
    )


def _phone(delivery: Delivery, rules: ReceiptRules) -> str:
    """The phone that the text went to: the source of a receipt, by the standard; some SMSCs do not swap the two."""
    source, destination = numbers.of_carrier(delivery.source), numbers.of_carrier(delivery.destination)
    if source and source not in rules.senders:
        return source
    return destination if destination not in rules.senders else ""


def _head(delivery: Delivery) -> str:
    """The words of a receipt, without those of the message that it is about."""
    text = delivery.text
    if delivery.esm_class & pdu.UDHI and text:
        text = text[1 + text[0] :]
    text = text[:LONGEST]
    plain = text.decode("latin-1")
    if delivery.data_coding == UCS2:
        wide = text.decode("utf-16-be", "replace")
        if FIELDS["id"].search(wide) or not FIELDS["id"].search(plain):  # some say UCS-2 and write ASCII
            plain = wide
    return TEXT.split(plain, maxsplit=1)[0]


def _tlv_id(delivery: Delivery) -> str:
    return delivery.tlvs.get(pdu.RECEIPTED_MESSAGE_ID, b"").decode("latin-1").strip("\0 ")


def _meaning(delivery: Delivery, words: Mapping[str, str], rules: ReceiptRules) -> Meaning | None:
    """By message_state, a number or (against the standard) a word; else by the text."""
    value = delivery.tlvs.get(pdu.MESSAGE_STATE, b"")
    if len(value) == 1 and value[0] in STATES:
        return STATES[value[0]][1:]
    word = value.decode("latin-1").strip("\0 ") if len(value) > 1 else ""
    return _meaning_of(word, rules) or _meaning_of(words.get("stat", ""), rules)


def _meaning_of(word: str, rules: ReceiptRules) -> Meaning | None:
    word = word.upper()
    if word in rules.words:
        state = rules.words[word]
        return state, CODES.get(state)
    if word.isascii() and word.isdigit():
        return STATES[int(word)][1:] if int(word) in STATES else None
    return OTHER_WORDS.get(word) or BY_WORD.get(word[:5])  # some write DELIVERED, REJECTED


def _error(delivery: Delivery, words: Mapping[str, str]) -> str | None:
    """The network's own code (SMPP 3.4, 5.3.2.31), unless it says that there was none."""
    code = words.get("err", "")
    if not code.strip("0"):
        code = str(int.from_bytes(delivery.tlvs.get(pdu.NETWORK_ERROR_CODE, b"")[1:3], "big"))
    return code if code.strip("0") else None


def _raw(head: str) -> str:
    """Its words for people to read; what may be a one-time code is blanked."""
    return LIKE_A_CODE.sub("••••••", " ".join(head.split()))[:LONGEST_RAW]


def _at(done: str, now: datetime, zone: tzinfo) -> datetime:
    """When it happened, where that is long ago. A date just now, to the minute, says less than our own clock."""
    try:
        at = datetime.strptime(f"{done:0<12.12}+0000", "%y%m%d%H%M%S%z").replace(tzinfo=zone)
    except ValueError:
        return now
    return at.astimezone(UTC) if now - OLDEST < at < now - FRESH else now

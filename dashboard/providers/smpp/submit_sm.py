"""A text as bodies of submit_sm (SMPP 3.4, 4.4.1), one a segment."""

from __future__ import annotations

from datetime import UTC, datetime

from dashboard.providers.base import Outgoing
from dashboard.providers.smpp import pdu, segmentation
from dashboard.providers.smpp.segmentation import Segment
from dashboard.providers.smpp.settings import DROPPED, SmppSettings

SHORTEST_VALIDITY, LONGEST_VALIDITY = 60, 30 * 86_400  # seconds


def bodies(outgoing: Outgoing, settings: SmppSettings, head: bytes) -> list[bytes]:
    """One a segment; `head` is what `begin` gave. Raise segmentation.TooLong, or UnicodeError for a lone surrogate."""
    cut = segmentation.segments(
        outgoing.text, outgoing.id, settings.alphabet, settings.long_texts, int(settings.reference_bits)
    )
    head += outgoing.phone[len(DROPPED[settings.number_form]) :].encode() + b"\0"
    validity = pdu.string(_validity(outgoing.valid_until) if settings.validity else "")
    return [head + _tail(segment, validity, settings.receipts) for segment in cut]


def begin(settings: SmppSettings, sender: str) -> bytes:
    """How every body of a sender begins: service type, sender, type of number and numbering plan of phones."""
    ton, npi, address = settings.source(sender)
    source = pdu.string(settings.service_type) + bytes((ton, npi)) + pdu.string(address)
    return source + bytes((settings.destination_ton, settings.destination_npi))


def _tail(segment: Segment, validity: bytes, receipts: bool) -> bytes:
    return (
        bytes((segment.esm_class, 0, 0, 0))  # protocol_id, priority_flag, no schedule_delivery_time
        + validity
        + bytes((receipts, 0, segment.data_coding, 0, len(segment.text)))  # replace_if_present, sm_default_msg_id
        + segment.text
        + segment.tlvs
    )


def _validity(until: datetime) -> str:
    """Relative time, YYMMDDhhmmss000R (SMPP 3.4, 7.1.1): an SMSC's clock and zone do not matter."""
    left = int((until - datetime.now(UTC)).total_seconds())
    minutes, seconds = divmod(min(max(left, SHORTEST_VALIDITY), LONGEST_VALIDITY), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"0000{days:02}{hours:02}{minutes:02}{seconds:02}000R"

"""SMPP 3.4's packets (sections 3.2 and 4): taken from a stream of octets, taken apart, put together.

Every integer is big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

HEADER = struct.Struct(">IIII")  # length with the header, command, status, sequence number
TLV = struct.Struct(">HH")
LARGEST = 64 * 1024  # octets; the longest message_payload and what stands around it
SKIPPED = 1024 * 1024  # octets; a packet up to this is read past, a longer one is taken for a stream out of step

RESPONSE = 0x80000000
GENERIC_NACK = 0x80000000
SUBMIT_SM = 0x00000004
DELIVER_SM = 0x00000005
UNBIND = 0x00000006
BIND_RECEIVER = 0x00000001
BIND_TRANSMITTER = 0x00000002
BIND_TRANSCEIVER = 0x00000009
OUTBIND = 0x0000000B
ENQUIRE_LINK = 0x00000015
ALERT_NOTIFICATION = 0x00000102
DATA_SM = 0x00000103

RECEIPTED_MESSAGE_ID = 0x001E
SAR_MSG_REF_NUM = 0x020C
SAR_TOTAL_SEGMENTS = 0x020E
SAR_SEGMENT_SEQNUM = 0x020F
NETWORK_ERROR_CODE = 0x0423
MESSAGE_PAYLOAD = 0x0424
MESSAGE_STATE = 0x0427

VERSIONS = {"3.3": 0x33, "3.4": 0x34, "5.0": 0x50}  # interface_version (5.2.4)
UDHI = 0x40  # of esm_class: the text begins with a user data header


class OutOfStep(Exception):
    """Where the next packet begins cannot be told any more."""


class Malformed(Exception):
    """A packet's body ends early."""


class Pdu(NamedTuple):
    """A packet; of one longer than LARGEST the header alone (`whole` is False)."""

    command: int
    status: int
    sequence: int
    body: bytes = b""
    whole: bool = True

    def __repr__(self) -> str:
        """Without the body: it may hold a text."""
        return f"Pdu({self.command:#010x}, status={self.status:#x}, sequence={self.sequence}, {len(self.body)} octets)"


@dataclass(frozen=True)
class Delivery:
    """A deliver_sm or data_sm, as far as anybody here asks."""

    source: str
    destination: str
    esm_class: int
    data_coding: int
    text: bytes = field(repr=False)
    tlvs: dict[int, bytes] = field(repr=False)


class PduReader:
    """Cuts a stream into packets; holds at most one that is not complete."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._skip = 0

    def feed(self, data: bytes) -> Iterator[Pdu]:
        """The packets that are complete now; raise OutOfStep."""
        self._data += data
        position = 0
        try:
            while len(self._data) - position >= HEADER.size:
                if self._skip:
                    position += self._pass_over(position)
                    continue
                length, command, status, sequence = HEADER.unpack_from(self._data, position)
                if not HEADER.size <= length <= SKIPPED:
                    raise OutOfStep
                if length > LARGEST:
                    self._skip = length
                    yield Pdu(command, status, sequence, whole=False)
                    continue
                if len(self._data) - position < length:
                    return
                body = bytes(self._data[position + HEADER.size : position + length])
                position += length
                yield Pdu(command, status, sequence, body)
        finally:
            del self._data[:position]

    def _pass_over(self, position: int) -> int:
        passed = min(self._skip, len(self._data) - position)
        self._skip -= passed
        return passed


class PduBody:
    """A packet's body, read from its beginning; raises Malformed where it ends early."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def octet(self) -> int:
        return self.octets(1)[0]

    def octets(self, count: int) -> bytes:
        taken = self.data[self.position : self.position + count]
        if len(taken) < count:
            raise Malformed
        self.position += count
        return taken

    def string(self) -> str:
        """A C-octet string."""
        end = self.data.find(b"\0", self.position)
        if end < 0:
            raise Malformed
        taken = self.data[self.position : end].decode("latin-1")
        self.position = end + 1
        return taken

    def tlvs(self) -> dict[int, bytes]:
        """The optional parameters; what is cut off at the end is left out."""
        found = {}
        while self.position + TLV.size <= len(self.data):
            tag, length = TLV.unpack_from(self.data, self.position)
            start = self.position + TLV.size
            if start + length > len(self.data):
                break
            found[tag] = self.data[start : start + length]
            self.position = start + length
        return found


def pack(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    return HEADER.pack(HEADER.size + len(body), command, status, sequence) + body


def string(text: str) -> bytes:
    """A C-octet string."""
    return text.encode("latin-1") + b"\0"


def tlv(tag: int, value: bytes) -> bytes:
    return TLV.pack(tag, len(value)) + value


def bind(login: Sequence[str], version: str, ton: int, npi: int, address_range: str) -> bytes:
    """The body of a bind (4.1.1–4.1.5); `login` is system_id, password and system_type."""
    return b"".join(map(string, login)) + bytes((VERSIONS[version], ton, npi)) + string(address_range)


def message_id(body: bytes) -> str:
    """What a submit_sm_resp names; empty when it names nothing. Some SMSCs leave out the closing NUL."""
    return body.partition(b"\0")[0].decode("latin-1")


def delivery(pdu: Pdu) -> Delivery:
    """Take a deliver_sm or a data_sm apart; raise Malformed."""
    body = PduBody(pdu.body)
    body.string()  # service_type
    source, destination = _address(body), _address(body)
    esm_class = body.octet()
    if pdu.command == DATA_SM:
        body.octet()  # registered_delivery
        data_coding, text = body.octet(), b""
    else:
        body.octets(2)  # protocol_id, priority_flag
        body.string()  # schedule_delivery_time
        body.string()  # validity_period
        body.octets(2)  # registered_delivery, replace_if_present
        data_coding = body.octet()
        body.octet()  # sm_default_msg_id
        text = body.octets(body.octet())
    tlvs = body.tlvs()
    return Delivery(source, destination, esm_class, data_coding, text or tlvs.get(MESSAGE_PAYLOAD, b""), tlvs)


def _address(body: PduBody) -> str:
    body.octets(2)  # type of number, numbering plan
    return body.string()

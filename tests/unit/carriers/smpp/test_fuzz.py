"""Octets at random into the reader of packets: no crash but the two that are meant, and no growth."""

from __future__ import annotations

import random
import struct
import tracemalloc

from dashboard.providers.smpp import pdu as pdus
from dashboard.providers.smpp import receipts
from dashboard.providers.smpp.pdu import Malformed, OutOfStep, Pdu, PduReader
from tests.support.smpp.wire import ANSWER, DELIVER, SUBMIT, deliver, packet

INPUTS = 20_000
RECEIPT = b"id:0A3F sub:001 dlvrd:001 submit date:2611251100 done date:2611251200 stat:DELIVRD err:000 text:"
SEEDS = [
    deliver(1, RECEIPT, tlvs=struct.pack(">HH", 0x001E, 3) + b"AB\0" + struct.pack(">HHB", 0x0427, 1, 2)),
    deliver(2, b"", tlvs=struct.pack(">HH", 0x0424, len(RECEIPT)) + RECEIPT),
    deliver(3, b"\x05\x00\x03\x01\x02\x01" + RECEIPT, esm_class=0x44),
    packet(0x00000103, 4, b"\0\1\1x\0\1\1y\0\4\0\0" + struct.pack(">HH", 0x001E, 3) + b"AB\0"),
    packet(SUBMIT | ANSWER, 5, b"abc\0"),
    packet(0x15, 6),
]


def mutate(dice: random.Random) -> bytes:
    data = bytearray(b"".join(dice.choices(SEEDS, k=dice.randint(1, 3))))
    for _ in range(dice.randint(0, 6)):
        place = dice.randrange(len(data))
        match dice.randrange(4):
            case 0:
                data[place] = dice.randrange(256)
            case 1:
                del data[place : place + dice.randint(1, 9)]
            case 2:
                data[place:place] = dice.randbytes(dice.randint(1, 9))
            case 3:
                data[place : place + 4] = struct.pack(
                    ">I", dice.choice([0, 1, 15, 16, 17, 255, 65536, 65537, 2**31, 2**32 - 1])
                )
        if not data:
            break
    return bytes(data)


def feed(reader: PduReader, data: bytes, dice: random.Random) -> int:
    """In pieces of any size; how many packets came out."""
    count = 0
    while data:
        size = dice.randint(1, len(data))
        for pdu in reader.feed(data[:size]):
            count += 1
            examine(pdu)
        data = data[size:]
    return count


def examine(pdu: Pdu) -> None:
    pdus.message_id(pdu.body)
    if pdu.command in (DELIVER, pdus.DATA_SM):
        try:
            delivery = pdus.delivery(pdu)
        except Malformed:
            return
        receipts.is_marked(delivery)
        receipts.read(delivery)


def test_twenty_thousand_broken_streams_crash_nothing_and_leave_nothing_behind() -> None:
    dice = random.Random(2775)
    read = out_of_step = 0
    reader = PduReader()
    for number in range(INPUTS):
        if number == INPUTS * 9 // 10:  # tracing slows everything fourfold
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
        if dice.random() < 0.5:  # or goes on in the middle of the last one
            reader = PduReader()
        try:
            read += feed(reader, mutate(dice), dice)
        except OutOfStep:
            out_of_step += 1
            reader = PduReader()
        assert len(reader._data) <= pdus.SKIPPED
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert read > INPUTS / 2 and out_of_step > INPUTS / 50
    assert grown < 100_000


def test_a_packet_too_long_is_passed_over_without_being_kept() -> None:
    reader = PduReader()
    list(reader.feed(struct.pack(">IIII", 1_000_000, DELIVER, 0, 1)))
    for _ in range(999):
        assert not list(reader.feed(bytes(1000)))
        assert len(reader._data) < 1001
    rest = reader.feed(bytes(1_000_000 - 16 - 999_000) + packet(0x15, 2))
    assert [pdu.sequence for pdu in rest] == [2]

"""Receipts, read from the texts and parameters of a deliver_sm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.providers.base import Receipt
from dashboard.providers.smpp import message_ids, pdu, receipts
from dashboard.providers.smpp.pdu import Delivery
from dashboard.sms import numbers
from tests.support.present import present

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
USUAL = b"id:0A3F sub:001 dlvrd:001 submit date:2611251100 done date:2611251200 stat:DELIVRD err:000 text:Votre code"


def parsed(
    text: bytes = USUAL, esm_class: int = 4, source: str = "22238089336", data_coding: int = 0, **tlvs: Any
) -> Receipt | None:
    named = {"id": pdu.RECEIPTED_MESSAGE_ID, "state": pdu.MESSAGE_STATE, "error": pdu.NETWORK_ERROR_CODE}
    delivery = Delivery(
        source, "Chinqit", esm_class, data_coding, text, {named[name]: value for name, value in tlvs.items()}
    )
    assert receipts.is_marked(delivery)
    return receipts.read(delivery, NOW)


def read(text: bytes = USUAL, **more: Any) -> Receipt:
    return present(parsed(text, **more))


@pytest.mark.parametrize(
    ("text", "ids", "state"),
    [
        (USUAL, ("a3f", "2623"), "delivered"),
        (b"ID:1234 STAT:delivered ERR:0", ("1234", "4d2", "4660"), "delivered"),
        (b"id: 0000001234 sub:1 stat: UNDELIV", ("1234", "4d2", "4660"), "failed"),
        (
            b"id:550e8400-e29b-41d4-a716-446655440000 stat:EXPIRED",
            ("550e8400-e29b-41d4-a716-446655440000", "550e8400e29b41d4a716446655440000"),
            "expired",
        ),
        ("id:12g stat:ACCEPTED".encode("utf-16-be"), ("12g",), "sent"),
    ],
)
def test_a_text_is_read_as_smscs_write_it(text: Any, ids: tuple[Any, ...], state: str) -> None:
    found = read(text, data_coding=8 if text[:1] == b"\0" else 0)
    assert (found.references, found.state, found.phone) == (ids, state, "+22238089336")


def test_parameters_come_before_the_text() -> None:
    found = read(id=b"BEEF\0", state=b"\x05", error=b"\x03\x00\x22")
    assert found.references == ("beef", "48879", "a3f", "2623")
    assert (found.state, found.code, found.error) == ("failed", "smpp_undelivered", "34")


def test_what_the_message_itself_says_is_not_believed() -> None:
    found = read(b"id:7 stat:UNDELIV err:011 Text:id:8 stat:DELIVRD err:000")
    assert (found.references[0], found.state, found.error) == ("7", "failed", "011")


@pytest.mark.parametrize(
    ("text", "references"),
    [(b"id:", ()), (b"id:1 stat:", ("1",)), (b"id:1 stat:WHAT", ("1",)), (b"\xff" * 254, ()), (b"id:" * 80, ("id",))],
)
def test_what_names_no_known_state_is_kept_in_its_own_words(text: bytes, references: tuple[str, ...]) -> None:
    found = read(text)
    assert found is not None
    assert (found.references, found.state, found.code) == (references, "unknown", "smpp_unknown_word")
    assert found.raw and len(found.raw) <= 200 and found.raw in text.decode("latin-1")


def test_what_says_nothing_at_all_is_none() -> None:
    assert receipts.read(Delivery("22238089336", "Chinqit", 4, 0, b"", {}), NOW) is None


@pytest.mark.parametrize(
    ("address", "phone"),
    [
        ("22238089336", "+22238089336"),
        ("+22238089336", "+22238089336"),
        ("0022238089336", "+22238089336"),
        ("38089336", "+22238089336"),
        ("33612345678", ""),
        ("", ""),
        ("٣٨٠٨٩٣٣٦", ""),
    ],
)
def test_the_phone_is_one_of_ours_or_none(address: str, phone: str) -> None:
    assert numbers.of_carrier(address) == phone


@pytest.mark.parametrize(
    ("done", "at"),
    [
        (b"2611250900", NOW - timedelta(hours=3)),  # it lay at the SMSC
        (b"261125090030", NOW - timedelta(hours=3) + timedelta(seconds=30)),
        (b"2611251158", NOW),  # the minute of it; our clock says more
        (b"2611251300", NOW),  # another zone's time
        (b"0000000000", NOW),
        (b"2501010000", NOW),
    ],
)
def test_the_date_counts_where_it_says_more_than_our_clock(done: bytes, at: Any) -> None:
    assert read(b"id:1 done date:" + done + b" stat:DELIVRD").at == at


@pytest.mark.parametrize("same", [("0A3F", "a3f"), (" 00a3f ", "A3F"), ("000", "0"), ("12\0", "12"), ("0x", "x")])
def test_ids_that_are_the_same_have_one_form(same: tuple[Any, ...]) -> None:
    assert message_ids.normal(same[0]) == message_ids.normal(same[1])


def test_what_was_given_for_the_very_phone_is_the_likeliest() -> None:
    memory = message_ids.RecentIds()
    memory.note("4096", "+22238089336")
    memory.note("1000", "+22246000001")
    assert memory.likeliest(message_ids.meanings("4096"), "+22246000001") == ("1000", "4096", "16534")
    assert memory.likeliest(message_ids.meanings("4096"), "+22238089336") == ("4096", "1000", "16534")
    assert memory.likeliest(message_ids.meanings("4096"), "") == ("4096", "1000", "16534")


def test_the_receipts_of_an_smsc_that_sends_one_for_a_long_text_are_for_all_of_it() -> None:
    delivery = Delivery("22238089336", "Chinqit", 4, 0, b"id:7 stat:DELIVRD", {})
    for is_for_all in (True, False):
        rules = receipts.ReceiptRules(is_for_all=is_for_all)
        assert present(receipts.read(delivery, NOW, rules)).is_for_all is is_for_all


@pytest.mark.parametrize(
    ("given", "told"), [("MR96157011", "96157011"), ("96157011", "MR96157011"), ("mr-96157011", "96157011")]
)
def test_a_prefix_may_stand_in_the_answer_alone_or_in_the_receipt_alone(given: str, told: str) -> None:
    memory, phone = message_ids.RecentIds(), "+22238089336"
    memory.note(message_ids.normal(given), phone)
    assert message_ids.normal(given) in memory.likeliest(message_ids.meanings(told), phone)
    other = memory.likeliest(message_ids.meanings(told), "+22246000001")
    assert given.isdigit() or message_ids.normal(given) not in other


def test_a_receipt_that_comes_before_its_answer_is_read_as_the_others_were() -> None:
    memory = message_ids.RecentIds()
    assert memory.likeliest(message_ids.meanings("4096"), "+22238089336")[0] == "4096"
    memory.note("1001", "+22246000001")
    memory.likeliest(message_ids.meanings("4097"), "+22246000001")
    assert memory.likeliest(message_ids.meanings("4096"), "+22238089336")[0] == "1000"


def test_the_memory_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_ids, "REMEMBERED", 10)
    memory = message_ids.RecentIds()
    for number in range(100):
        memory.note(str(number), "+22238089336")
    assert len(memory._phones) == 10

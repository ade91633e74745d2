"""Long texts through an SMSC that nobody here wrote: its ledger of parts judges, whatever receipts say and when."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.gateway.delivery import receipts
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.models.delivery import MessagePart, UnmatchedReceipt
from dashboard.models.messages import Message
from dashboard.providers.base import Receipt
from tests.integration.delivery.worker import connect, working
from tests.support.http_carriers import PHONE, Office
from tests.support.smpp.smsc import Smsc
from tests.support.stack import until

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
FIVE_PARTS = "شكرا لكم على ثقتكم بنا. " * 13


def submit(office: Office, text: str = FIVE_PARTS, phone: str = PHONE) -> str:
    caller = office.caller()
    with office.sessions.begin() as session:
        return outbox.submit(session, caller, Draft.text(phone, text))[1]


def parts_taken(smsc: Smsc) -> list[tuple[int, datetime]]:
    """Number and time of each part that the SMSC took."""
    events = [event for event in smsc.events("submit_sm") if event["status"] == 0]
    return [(event["concat"]["seq"], datetime.fromisoformat(event["t"])) for event in events]


def test_receipts_of_parts_neither_end_the_sending_nor_make_it_delivered(
    office: Office, start_smsc: Callable[..., Smsc]
) -> None:
    smsc = start_smsc(receipt_delay="20")
    context = connect(office, smsc, rate=2)
    with working(context):
        uuid = submit(office)
        until(lambda: office.message(uuid).status == "delivered", 20)
    parts = parts_taken(smsc)
    assert [number for number, _ in parts] == [1, 2, 3, 4, 5]
    delivered_at = office.message(uuid).delivered_at
    assert delivered_at is not None
    assert delivered_at.astimezone(UTC) > parts[-1][1], "not before its last part was taken"


def test_a_part_that_does_not_arrive_fails_the_text_though_the_first_one_arrived(
    office: Office, start_smsc: Callable[..., Smsc]
) -> None:
    smsc = start_smsc(receipt_delay="20", receipt_stat="DELIVRD:1,UNDELIV:4")
    context = connect(office, smsc, rate=2)
    with working(context):
        uuid = submit(office)
        until(lambda: office.message(uuid).status == "failed", 20)
    assert len(parts_taken(smsc)) == 5


def test_an_smsc_that_dies_between_parts_gets_all_of_them_in_the_end(
    office: Office, start_smsc: Callable[..., Smsc]
) -> None:
    smsc = start_smsc(receipt_delay="20")
    context = connect(office, smsc, rate=2)
    with working(context):
        uuid = submit(office)
        until(lambda: len(parts_taken(smsc)) == 2, 10)
        time.sleep(0.2)  # its receipts have come
        smsc.kill()
        assert office.message(uuid).status == "sending"
        smsc.restart()
        until(lambda: office.message(uuid).status == "delivered", 40)
    parts = parts_taken(smsc)
    assert sum(smsc.taken().values()) == 1, "the text is there, whole, once"
    assert [number for number, _ in parts[2:]] == [1, 2, 3, 4, 5]


def has_taken(smsc: Smsc, parts: int) -> bool:
    return len(parts_taken(smsc)) > parts


def test_many_long_texts_lose_no_part_to_an_smsc_that_dies_again_and_again(
    office: Office, start_smsc: Callable[..., Smsc]
) -> None:
    smsc = start_smsc(receipt_delay="10")
    context = connect(office, smsc, rate=60)
    phones = [f"+2224411{number:04}" for number in range(60)]
    text = "Bonjour " * 40  # three parts
    with working(context):
        ids = {phone: submit(office, text, phone) for phone in phones}
        for kill in range(1, 4):
            until(partial(has_taken, smsc, kill * 30), 30)
            smsc.kill()
            time.sleep(0.3)
            smsc.restart()
        wanted = {phone.removeprefix("+") for phone in phones}
        until(lambda: {to for to, _ in smsc.taken()} == wanted, 30, lambda: "a text is not there, whole")
        until(lambda: not office.write(outbox.waiting).get("sms"), 30)
        time.sleep(0.5)  # the last receipts
    # A receipt that the SMSC still held when it was killed never comes: its text stays `sent`.
    states = Counter(office.message(uuid).status for uuid in ids.values())
    assert set(states) <= {"delivered", "sent"} and states["delivered"] >= 45
    delivered = {phone: uuid for phone, uuid in ids.items() if office.message(uuid).status == "delivered"}
    for phone, uuid in delivered.items():
        parts = [
            (event["concat"]["seq"], datetime.fromisoformat(event["t"]))
            for event in smsc.events("submit_sm")
            if event["status"] == 0 and f"+{event['dest']}" == phone
        ]
        delivered_at = office.message(uuid).delivered_at
        assert delivered_at is not None
        last_new = max(min(at for number, at in parts if number == part) for part in (1, 2, 3))
        assert delivered_at > last_new, "not before its last part was taken"


# The rules behind it


def claimed(office: Office, text: str = FIVE_PARTS) -> str:
    uuid = submit(office, text)
    with office.sessions() as session:
        outbox.claim(session, "sms", 1)
    return uuid


def say(office: Office, *references: str, state: str = "delivered", **more: Any) -> None:
    told = {"phone": PHONE, "code": None, "at": utcnow()} | more
    receipts.store_receipts(office.sessions, "smsc", [Receipt((name,), state=state, **told) for name in references])


def test_a_receipt_does_not_take_the_claim_of_a_text_that_is_being_sent(office: Office) -> None:
    uuid = claimed(office)
    say(office, "a1", "a2", "a3", "a4", "a5")
    found = office.message(uuid)
    assert (found.status, found.claim is not None) == ("sending", True)


def test_as_many_receipts_as_a_text_in_doubt_has_parts_make_it_delivered(office: Office) -> None:
    uuid = claimed(office)
    office.due_now()  # nobody holds it any more
    say(office, "a1", "a2", "a3", "a4")
    assert office.message(uuid).status == "sending"
    say(office, "a5")
    found = office.message(uuid)
    assert (found.status, found.due_at) == ("delivered", None)


def test_receipts_of_two_tries_do_not_add_up_to_one_text(office: Office) -> None:
    uuid = claimed(office)
    office.due_now()
    say(office, "a1", "a2")
    with office.sessions() as session:
        outbox.claim(session, "sms", 1)
    office.due_now()
    say(office, "b1", "b2", "b3")
    assert office.message(uuid).status == "sending"


def test_one_receipt_is_taken_for_all_parts_when_no_other_came_for_minutes(office: Office) -> None:
    uuid = claimed(office)
    row = office.message(uuid)
    with office.sessions.begin() as session:
        session.execute(
            update(Message).values(status="sent", carrier="smsc", carrier_ref="a1", claim=None, due_at=None)
        )
        session.add_all(MessagePart(carrier="smsc", reference=f"a{n}", message_id=row.id) for n in range(1, 6))
    say(office, "a5")
    office.write(receipts.deliver_by_one_receipt)
    assert office.message(uuid).status == "sent", "others may still come"
    with office.sessions.begin() as session:
        old = utcnow() - receipts.ONE_FOR_ALL_AFTER - timedelta(seconds=1)
        session.execute(update(MessagePart).where(MessagePart.delivered_at.is_not(None)).values(delivered_at=old))
    office.write(receipts.deliver_by_one_receipt)
    assert office.message(uuid).status == "delivered"
    assert office.write(receipts.deliver_by_one_receipt) == set()


def test_words_that_cannot_be_read_are_kept_with_their_message(office: Office) -> None:
    uuid = claimed(office, "Bonjour")
    row = office.message(uuid)
    with office.sessions.begin() as session:
        session.execute(
            update(Message).values(status="sent", carrier="smsc", carrier_ref="a1", claim=None, due_at=None)
        )
    say(office, "a1", state="unknown", raw="id:a1 stat:WONKY")
    say(office, "zz", state="unknown", raw="stat:ODD")
    assert office.message(uuid).status == "sent"
    kept = office.write(lambda session: receipts.unread(session, "smsc", 10))
    assert {(one.raw, one.message_id) for one in kept} == {("id:a1 stat:WONKY", row.id), ("stat:ODD", None)}
    since = utcnow() - timedelta(hours=1)
    assert office.write(lambda session: receipts.count_unread(session, since)) == {"smsc": 2}
    assert [one.raw for one in office.write(lambda session: receipts.unread_of(session, row.id))] == [
        "id:a1 stat:WONKY"
    ]
    office.write(receipts.reconcile)
    assert office.message(uuid).status == "sent"


def test_what_is_not_marked_as_a_receipt_counts_only_with_id_and_number(office: Office) -> None:
    uuid = claimed(office, "Bonjour")
    say(office, "a1", is_unmarked=True)
    assert office.message(uuid).status == "sending", "never by its number alone"
    with office.sessions.begin() as session:
        session.execute(
            update(Message).values(status="sent", carrier="smsc", carrier_ref="a1", claim=None, due_at=None)
        )
    say(office, "a1", is_unmarked=True, phone="+22233000009")
    say(office, "a1", is_unmarked=True, phone="")
    assert office.message(uuid).status == "sent"
    say(office, "a1", is_unmarked=True)
    assert office.message(uuid).status == "delivered"


def test_nothing_is_delivered_before_it_was_sent(office: Office) -> None:
    """The SMSC's clock runs in a zone five hours behind."""
    uuid = claimed(office, "Bonjour")
    with office.sessions.begin() as session:
        now = utcnow()
        values = {"status": "sent", "carrier": "smsc", "carrier_ref": "a1", "claim": None, "due_at": None}
        session.execute(update(Message).values(**values, sent_at=now))
    say(office, "a1", at=utcnow() - timedelta(hours=5))
    found = office.message(uuid)
    assert found.delivered_at is not None
    assert found.sent_at is not None
    assert found.delivered_at >= found.sent_at


def test_a_carrier_that_names_nothing_is_matched_by_number_and_time(office: Office) -> None:
    uuid = claimed(office, "Bonjour")
    with office.sessions.begin() as session:
        values = {"status": "sent", "carrier": "smsc", "carrier_ref": uuid, "claim": None, "due_at": None}
        session.execute(update(Message).values(**values, sent_at=utcnow()))
    say(office, "77")
    assert office.message(uuid).status == "delivered"
    assert office.write(lambda session: session.query(UnmatchedReceipt).count()) == 0

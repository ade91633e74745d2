"""Long texts through an SMSC that nobody here wrote: its ledger of parts judges, whatever receipts say and when."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest

from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from tests.support.http_carriers import PHONE, Office
from tests.support.smpp.smsc import Smsc
from tests.support.smpp.worker import connect, working
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

        def is_delivered() -> bool:
            end_waits(office, context)
            return office.message(uuid).status == "delivered"

        until(is_delivered, 40)
    parts = parts_taken(smsc)
    assert sum(smsc.taken().values()) == 1, "the text is there, whole, once"
    assert [number for number, _ in parts[2:]] == [1, 2, 3, 4, 5]


def end_waits(office: Office, context: WorkerContext) -> None:
    """What was put off is due as soon as the SMSC is there again, and its pause is over."""
    if context.connections.real()[0].provider.state().is_ready:
        office.end_waits()


def test_many_long_texts_lose_no_part_to_an_smsc_that_dies_again_and_again(
    office: Office, start_smsc: Callable[..., Smsc]
) -> None:
    smsc = start_smsc(receipt_delay="10")
    context = connect(office, smsc, rate=60)
    phones = [f"+2224411{number:04}" for number in range(60)]
    text = "Bonjour " * 40  # three parts
    with working(context):

        def has_taken(parts: int) -> bool:
            end_waits(office, context)
            return len(parts_taken(smsc)) > parts

        ids = {phone: submit(office, text, phone) for phone in phones}
        for kill in range(1, 4):
            until(partial(has_taken, kill * 30), 30)
            smsc.kill()
            time.sleep(0.3)
            smsc.restart()
        wanted = {phone.removeprefix("+") for phone in phones}

        def is_all_there() -> bool:
            end_waits(office, context)
            return {to for to, _ in smsc.taken()} == wanted and not office.write(outbox.waiting).get("sms")

        until(is_all_there, 30, lambda: "a text is not there, whole")

        def most_are_delivered() -> bool:
            return sum(office.message(uuid).status == "delivered" for uuid in ids.values()) >= 45

        until(most_are_delivered, 20, lambda: "receipts are lost that the SMSC had sent")
    # A receipt that the SMSC still held when it was killed never comes: its text stays `sent`.
    states = Counter(office.message(uuid).status for uuid in ids.values())
    assert set(states) <= {"delivered", "sent"}
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

"""What receipts say of long texts, and of texts in doubt."""

from __future__ import annotations

from datetime import timedelta
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
from tests.support.http_carriers import PHONE, Office

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
FIVE_PARTS = "شكرا لكم على ثقتكم بنا. " * 13


def submit(office: Office, text: str = FIVE_PARTS, phone: str = PHONE) -> str:
    caller = office.caller()
    with office.sessions.begin() as session:
        return outbox.submit(session, caller, Draft.text(phone, text))[1]


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

"""What carriers say of texts: ranked, matched in every way, kept when they fit nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.gateway.delivery import attempts, receipts, settle
from dashboard.gateway.delivery.decisions import MarkSent
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.claimed import ClaimedMessage
from dashboard.gateway.otp import verify
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.sandbox.inbox import SandboxInbox
from dashboard.models.delivery import MessagePart, UnmatchedReceipt
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.providers import sandbox
from dashboard.providers.base import Outcome, Receipt
from tests.support.fake_carrier import Carrier, answers
from tests.support.http_carriers import PHONE, Office


def say(office: Office, reference: str, state: str, code: str | None = None, **more: Any) -> None:
    told: dict[str, Any] = {"phone": PHONE, "at": utcnow()} | more
    receipts.store_receipts(office.sessions, "smsc", [Receipt((reference,), state=state, code=code, **told)])


def sent(office: Office, *parts: str, reference: str = "1a") -> str:
    """A text that the carrier has taken."""
    uuid = office.submit(office.caller())
    with office.sessions() as session:
        row = outbox.claim(session, "sms", 1)[0]
    office.write(
        lambda session: settle.apply(session.connection(), [MarkSent(row, "smsc", Outcome(reference, parts=parts))])
    )
    return uuid


def take(office: Office, row: ClaimedMessage, outcome: Outcome) -> None:
    office.write(lambda session: settle.apply(session.connection(), [MarkSent(row, "smsc", outcome)]))


def strays(office: Office) -> list[UnmatchedReceipt]:
    strays: list[UnmatchedReceipt] = office.write(lambda session: session.scalars(select(UnmatchedReceipt)).all())
    return strays


@pytest.mark.parametrize(
    ("states", "ends"),
    [
        (("delivered",), "delivered"),
        (("pending", "delivered"), "delivered"),
        (("delivered", "delivered"), "delivered"),
        (("delivered", "failed"), "delivered"),
        (("failed", "delivered"), "delivered"),
        (("failed", "sent"), "failed"),
        (("delivered", "pending"), "delivered"),
        (("read", "sent"), "delivered"),
        (("expired",), "failed"),
    ],
)
def test_a_state_never_goes_back(office: Office, states: tuple[str, ...], ends: str) -> None:
    uuid = sent(office)
    for state in states:
        say(office, "1a", state, "smpp_undeliv" if state == "failed" else None)
    found = office.message(uuid)
    assert found.status == ends
    assert (found.confirmed_by == "receipt") == (ends == "delivered")
    assert strays(office) == []


def test_another_number_is_another_text(office: Office) -> None:
    """A carrier begins its counting anew."""
    uuid = sent(office)
    say(office, "1a", "delivered", phone="+22222000000")
    assert office.message(uuid).status == "sent"
    assert len(strays(office)) == 1


def test_a_long_text_has_arrived_when_all_its_parts_have(office: Office) -> None:
    uuid = sent(office, "1a", "1b", "1c")
    say(office, "1c", "delivered")
    say(office, "1a", "delivered")
    assert office.message(uuid).status == "sent"
    say(office, "1b", "delivered")
    assert office.message(uuid).status == "delivered"


@pytest.mark.parametrize(("state", "ends"), [("delivered", "delivered"), ("failed", "failed"), ("sent", "sent")])
def test_where_one_receipt_is_for_all_parts_it_says_so_of_the_text(office: Office, state: str, ends: str) -> None:
    uuid = sent(office, "1a", "1b", "1c")
    say(office, "1b", state, is_for_all=True)
    assert office.message(uuid).status == ends


def test_a_long_text_has_failed_when_a_part_has(office: Office) -> None:
    uuid = sent(office, "1a", "1b")
    say(office, "1a", "delivered")
    say(office, "1b", "failed", "smpp_undeliv")
    found = office.message(uuid)
    assert (found.status, found.error_code) == ("failed", "smpp_undeliv")
    with office.sessions() as session:
        assert session.scalars(select(MessagePart.state).order_by(MessagePart.reference)).all() == [
            "delivered",
            "failed",
        ]


def test_a_receipt_before_the_answer_is_kept_and_found_later(office: Office) -> None:
    """Two texts are on their way to the number, so it cannot be told which one is meant."""
    caller = office.caller()
    uuids = [office.submit(caller), office.submit(caller)]
    with office.sessions() as session:
        rows = outbox.claim(session, "sms", 2)
    say(office, "2b", "delivered")
    assert len(strays(office)) == 1
    for row, reference in zip(rows, ("2a", "2b"), strict=True):
        take(office, row, Outcome(reference))
    assert [office.message(uuid).status for uuid in uuids] == ["sent", "delivered"]
    assert [stray.message_id for stray in strays(office)] == [rows[1].id]


def test_a_text_whose_reference_died_with_its_worker_is_found_by_its_number(office: Office) -> None:
    uuid = office.submit(office.caller())
    with office.sessions() as session:
        outbox.claim(session, "sms", 1)
    say(office, "3c", "delivered")
    found = office.message(uuid)
    assert (found.status, found.carrier_ref, found.due_at) == ("delivered", "3c", None)
    office.due_now()
    assert office.drain(office.desk()) == 0, "it is not sent again"


def test_an_old_receipt_does_not_hold_back_a_new_text(office: Office) -> None:
    """It says when it happened: before this text was on its way."""
    uuid = office.submit(office.caller())
    with office.sessions() as session:
        outbox.claim(session, "sms", 1)
    say(office, "3c", "delivered", at=utcnow() - timedelta(minutes=5))
    assert office.message(uuid).status == "sending"
    assert len(strays(office)) == 1


def test_a_text_that_still_waits_is_never_taken_for_one_that_left(office: Office) -> None:
    uuid = office.submit(office.caller())
    say(office, "3c", "delivered")
    assert office.message(uuid).status == "queued"


def test_a_receipt_ends_the_wait_of_a_text_in_doubt(office: Office, first: Carrier) -> None:
    office.add("smsc", first)
    first.plays(lambda wire: wire.reset(), answers(200))
    uuid = office.submit(office.caller())
    desk = office.desk()
    office.drain(desk)
    assert office.message(uuid).error_code == "connection_lost"
    say(office, "4d", "sent")
    assert office.message(uuid).status == "sent"
    office.due_now()
    assert office.drain(desk) == 0
    assert len(first.ledger) == 1


def test_a_verified_code_outranks_a_failure(office: Office) -> None:
    caller = office.caller()
    uuid = office.send_code(caller)
    with office.sessions() as session:
        row = outbox.claim(session, "sms", 1)[0]
    take(office, row, Outcome("5e"))
    say(office, "5e", "failed", "smpp_undeliv")
    keyring = Keyring.of(office.settings)
    with office.sessions() as session:
        code = keyring.derive(session.scalars(select(Otp)).one(), uuid)
    verdict = office.write(lambda session: verify.verify(session, keyring, caller, verify.Guess(PHONE, str(code))))
    assert verdict.refusal is None
    found = office.message(uuid)
    assert (found.status, found.confirmed_by) == ("delivered", "otp")


# WhatsApp codes that do not get out


def whatsapp(office: Office, carrier: Carrier, answer: bytes, status: int, **key: Any) -> tuple[str, Message]:
    office.add("meta", carrier, "whatsapp")
    carrier.plays(answers(status, answer))
    uuid = office.send_code(office.caller(**key), "whatsapp")
    office.drain(office.desk("whatsapp"), "whatsapp")
    return uuid, office.message(uuid)


NOT_THERE = b'{"error": {"code": 131026, "message": "x"}}'


def test_a_code_goes_by_sms_where_its_key_wants_that(office: Office, first: Carrier, second: Carrier) -> None:
    uuid, found = whatsapp(office, first, NOT_THERE, 400, sms_fallback=True)
    assert (found.status, found.lane) == ("sending", "sms")
    office.add("alpha", second)
    office.drain(office.desk())
    found = office.message(uuid)
    assert (found.status, found.carrier, found.channel) == ("sent", "alpha", "whatsapp")
    assert b"code" in second.ledger[0].body
    noted = office.write(lambda session: attempts.failed_attempts(session, found.id))
    assert [(one.carrier, one.outcome, one.code) for one in noted] == [("meta", "diverted", "not_on_whatsapp")]


def test_without_its_keys_wish_it_is_refused_and_void(office: Office, first: Carrier) -> None:
    _, found = whatsapp(office, first, NOT_THERE, 400)
    assert (found.status, found.error_code) == ("failed", "not_on_whatsapp")


def test_a_late_failure_diverts_too(office: Office, first: Carrier, second: Carrier) -> None:
    uuid, found = whatsapp(office, first, b'{"messages": [{"id": "wamid.1"}]}', 200, sms_fallback=True)
    assert found.status == "sent"
    late = Receipt(("wamid.1",), "", "failed", "not_on_whatsapp", utcnow())
    receipts.store_receipts(office.sessions, "meta", [late, late])
    office.add("alpha", second)
    office.drain(office.desk())
    assert (office.message(uuid).carrier, len(second.ledger)) == ("alpha", 1)


def test_callers_are_told_at_once_when_whatsapp_is_down(office: Office, first: Carrier) -> None:
    carrier_id = office.add("meta", first, "whatsapp")
    office.change(carrier_id, down_since=utcnow(), down_until=utcnow() + timedelta(minutes=1), down_code="unreachable")
    uuid = office.send_code(office.caller(), "whatsapp")
    office.drain(office.desk("whatsapp"), "whatsapp")
    found = office.message(uuid)
    assert (found.status, found.error_code, first.ledger) == ("failed", "carrier_down", [])


def test_strays_and_setbacks_are_forgotten(office: Office) -> None:
    say(office, "9z", "delivered")
    with office.sessions.begin() as session:
        session.execute(update(UnmatchedReceipt).values(received_at=utcnow() - timedelta(days=91)))
    office.write(receipts.forget_old)
    assert strays(office) == []


def test_a_number_rehearses_it_on_the_sandbox_phone_and_no_carrier_hears_of_it(office: Office, first: Carrier) -> None:
    office.add("alpha", first)
    number = f"+22244{sandbox.NO_WHATSAPP}"
    uuid = office.send_code(office.caller("test", sms_fallback=True), "whatsapp", number)
    office.drain(office.desk("whatsapp"), "whatsapp")
    office.drain(office.desk())
    assert office.message(uuid).status == "delivered"
    inbox = SandboxInbox(office.sessions, office.settings).inbox(number)
    assert [(text.channel, text.message_uuid) for text in inbox] == [("sms", uuid)]
    assert first.ledger == []


def test_receipts_and_answers_with_what_no_database_keeps_are_stored(office: Office) -> None:
    nasty = "id:1\x00 \ud800"
    say(office, nasty, "unknown", raw=nasty)
    say(office, nasty, "failed", nasty, message_id=nasty)
    assert [stray.references for stray in strays(office)] == [["id:1\ufffd \ufffd"]] * 2
    uuid = office.submit(office.caller())
    with office.sessions() as session:
        row = outbox.claim(session, "sms", 1)[0]
    take(office, row, Outcome(f"2{nasty}", parts=(f"3{nasty}", "4"), answer=nasty, doubt="carrier_taken_with_error"))
    assert (office.message(uuid).status, office.message(uuid).carrier_ref) == ("sent", "2id:1\ufffd \ufffd")

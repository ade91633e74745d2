"""A code that never left changes nothing: the one before it lives on, with its tries and its own time."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from dashboard.db import Sessions
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.otp import send, verify, voiding
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.send import Order
from dashboard.gateway.otp.verify import Guess, NoLiveOtp, VerifyRequest, WrongCode
from dashboard.models.messages import Message
from dashboard.models.otp import Otp

RING = Keyring({"kid": b"a secret of the tests"})
PHONE = "+22238089336"


@pytest.fixture
def shop(sessions: Sessions) -> Caller:
    with sessions.begin() as session:
        _, secret = keys.create(session, NewKey("shop"))
        session.flush()
        return authentication.authenticate(session, secret)


def order(sessions: Sessions, caller: Caller) -> str:
    with sessions.begin() as session:
        return send.send(session, RING, caller, Order(PHONE, "whatsapp")).message_id


def fail(sessions: Sessions, message_id: str) -> None:
    with sessions.begin() as session:
        messages = session.scalars(select(Message).where(Message.uuid == message_id)).all()
        voiding.void(session.connection(), messages)


def code(sessions: Sessions, message_id: str) -> str:
    with sessions() as session:
        row = session.scalars(select(Otp).join(Message).where(Message.uuid == message_id)).one()
        return RING.derive(row, message_id) or ""


def other(right: str) -> str:
    return f"{(int(right) + 1) % 1_000_000:06d}"


def judge(sessions: Sessions, caller: Caller, guess: str, channel: str = "whatsapp") -> Exception | None:
    with sessions.begin() as session:
        request = VerifyRequest(RING, caller, Guess(PHONE, guess, channel))
        (verdict,) = verify.verify_codes(session, [request])
    assert not isinstance(verdict, Exception)
    return verdict.refusal


def test_a_resend_that_fails_leaves_the_code_before_with_its_tries(sessions: Sessions, shop: Caller) -> None:
    first = order(sessions, shop)
    wrong = judge(sessions, shop, other(code(sessions, first)))
    assert isinstance(wrong, WrongCode)
    assert wrong.retries_left == 2
    with sessions() as session:
        expires = session.scalars(select(Otp.expires_at)).one()
    fail(sessions, order(sessions, shop))
    again = judge(sessions, shop, other(code(sessions, first)))
    assert isinstance(again, WrongCode)
    assert again.retries_left == 1
    with sessions() as session:
        assert session.scalars(select(Otp.expires_at).where(Otp.superseded_at.is_(None))).one() == expires
    assert judge(sessions, shop, code(sessions, first)) is None


def test_of_two_resends_under_way_the_failure_of_both_brings_the_first_code_back(
    sessions: Sessions, shop: Caller
) -> None:
    first, second, third = (order(sessions, shop) for _ in range(3))
    fail(sessions, second)
    assert isinstance(judge(sessions, shop, other(code(sessions, third))), WrongCode), "the third is the current one"
    fail(sessions, third)
    assert judge(sessions, shop, code(sessions, first)) is None


def test_a_code_that_arrived_after_a_failed_one_is_not_replaced(sessions: Sessions, shop: Caller) -> None:
    first, second, third = (order(sessions, shop) for _ in range(3))
    fail(sessions, second)
    assert isinstance(judge(sessions, shop, code(sessions, first)), WrongCode)
    assert judge(sessions, shop, code(sessions, third)) is None


def test_a_first_code_that_failed_was_not_sent_and_counts_nothing(sessions: Sessions, shop: Caller) -> None:
    for _ in range(5):
        failed = order(sessions, shop)
        fail(sessions, failed)
    refusal = judge(sessions, shop, code(sessions, failed))
    assert isinstance(refusal, NoLiveOtp)
    assert refusal.code == "otp_not_sent"


def test_a_code_that_failed_twice_is_voided_once(sessions: Sessions, shop: Caller) -> None:
    first = order(sessions, shop)
    second = order(sessions, shop)
    fail(sessions, second)
    fail(sessions, second)
    assert judge(sessions, shop, code(sessions, first)) is None


def test_a_code_by_whatsapp_that_went_by_sms_verifies_under_either_channel(sessions: Sessions, shop: Caller) -> None:
    sent = order(sessions, shop)
    assert isinstance(judge(sessions, shop, code(sessions, sent), "sms"), NoLiveOtp)
    with sessions.begin() as session:
        session.scalars(select(Message)).one().lane = "sms"
    wrong = judge(sessions, shop, other(code(sessions, sent)), "sms")
    assert isinstance(wrong, WrongCode)
    again = judge(sessions, shop, other(code(sessions, sent)), "whatsapp")
    assert isinstance(again, WrongCode)
    assert (wrong.retries_left, again.retries_left) == (2, 1), "the tries are the same"
    assert judge(sessions, shop, code(sessions, sent), "sms") is None

"""Numbers with a fixed code: judged like others, sent to nobody, and written down with who made and ended them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.delivery import render
from dashboard.gateway.delivery.decisions import Claimed
from dashboard.gateway.limits.rate_limit import RateLimited
from dashboard.gateway.messages import outbox
from dashboard.gateway.otp import review_numbers, send, template_rules, verify
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.review_numbers import BadReviewNumber, NewReviewNumber
from dashboard.gateway.otp.send import Order
from dashboard.gateway.otp.verify import Guess, NoLiveOtp, WrongCode
from dashboard.models.api_keys import ApiKey
from dashboard.models.messages import Message
from dashboard.models.otp import Otp, ReviewNumber
from dashboard.settings import Settings
from dashboard.vocabulary import KeyMode
from tests.support.fixtures.databases import on_sqlite

PHONE = "+22222000001"
CODE = "204816"
SOON = timedelta(days=30)


@pytest.fixture
def ring(settings: Settings) -> Keyring:
    return Keyring.of(settings)


@pytest.fixture
def shop(sessions: Sessions) -> Caller:
    with sessions.begin() as session:
        _, secret = keys.create(session, NewKey("shop"))
        session.flush()
        return authentication.authenticate(session, secret)


def add(sessions: Sessions, ring: Keyring, key_id: str, phone: str = PHONE, **more: Any) -> None:
    wanted = replace(NewReviewNumber(phone, CODE, utcnow() + SOON), **more)
    with sessions.begin() as session:
        review_numbers.add(session, ring, session.get_one(ApiKey, key_id), wanted, "owner@example.org")


def order(sessions: Sessions, ring: Keyring, caller: Caller, phone: str = PHONE) -> Message:
    with sessions.begin() as session:
        reference = send.send(session, ring, caller, Order(phone)).message_id
    with sessions() as session:
        return session.scalars(select(Message).where(Message.uuid == reference)).one()


def judge(sessions: Sessions, ring: Keyring, caller: Caller, code: str) -> Exception | None:
    with sessions.begin() as session:
        return verify.verify(session, ring, caller, Guess(PHONE, code)).refusal


def test_the_fixed_code_is_right_each_time_once_and_waits_for_no_carrier(
    sessions: Sessions, ring: Keyring, shop: Caller
) -> None:
    add(sessions, ring, shop.id)
    for _ in range(2):
        assert order(sessions, ring, shop).carrier_id == outbox.SANDBOX_ID
        assert judge(sessions, ring, shop, CODE) is None
        assert isinstance(judge(sessions, ring, shop, CODE), NoLiveOtp)


def test_tries_and_limits_hold(sessions: Sessions, ring: Keyring, shop: Caller) -> None:
    add(sessions, ring, shop.id)
    order(sessions, ring, shop)
    refusals = [judge(sessions, ring, shop, "111222") for _ in range(3)]
    assert [refusal.retries_left for refusal in refusals if isinstance(refusal, WrongCode)] == [2, 1, 0]
    assert judge(sessions, ring, shop, CODE) is not None
    for _ in range(2):
        order(sessions, ring, shop)
    with pytest.raises(RateLimited):
        order(sessions, ring, shop)


def test_neither_table_holds_the_code(sessions: Sessions, ring: Keyring, shop: Caller) -> None:
    add(sessions, ring, shop.id)
    message = order(sessions, ring, shop)
    with sessions() as session:
        otp = session.scalars(select(Otp).where(Otp.message_id == message.id)).one()
        row = session.scalars(select(ReviewNumber)).one()
        assert ring.derive(otp, message.uuid) == CODE
        assert otp.fixed_offset != int(CODE)
        assert CODE.encode() not in row.sealed


def test_the_sandbox_shows_no_more_than_that_a_code_was_asked_for(
    sessions: Sessions, settings: Settings, ring: Keyring, shop: Caller
) -> None:
    add(sessions, ring, shop.id)
    message = order(sessions, ring, shop)
    with sessions() as session:
        otp = session.scalars(select(Otp).where(Otp.message_id == message.id)).one()
        (claimed,) = outbox.claim(session, "sms", 1, carrier_id=outbox.SANDBOX_ID)
        outgoing = render.render(settings, Claimed(claimed, otp), 0.0)
    assert outgoing is not None
    assert CODE not in (outgoing.text, outgoing.code)
    assert template_rules.MASK in outgoing.text


def test_other_numbers_and_other_keys_get_codes_as_ever(sessions: Sessions, ring: Keyring, shop: Caller) -> None:
    with sessions.begin() as session:
        other, _ = keys.create(session, NewKey("other"))
        session.flush()
        add_to = other.id
    add(sessions, ring, add_to)
    for phone in (PHONE, "+22238089336"):
        message = order(sessions, ring, shop, phone)
        assert message.carrier_id is None
        with sessions() as session:
            assert session.scalars(select(Otp).where(Otp.message_id == message.id)).one().fixed_offset is None


def test_after_its_end_or_removal_a_code_is_sent_again_and_the_record_stays(
    sessions: Sessions, ring: Keyring, shop: Caller
) -> None:
    add(sessions, ring, shop.id)
    with sessions.begin() as session:
        session.execute(update(ReviewNumber).values(ends_at=utcnow() - timedelta(seconds=1)))
    assert order(sessions, ring, shop).carrier_id is None
    add(sessions, ring, shop.id)  # one that has ended is in nobody's way
    with sessions.begin() as session:
        assert review_numbers.remove(session, session.get_one(ApiKey, shop.id), PHONE, "admin@example.org")
        assert not review_numbers.remove(session, session.get_one(ApiKey, shop.id), PHONE, "admin@example.org")
    assert order(sessions, ring, shop).carrier_id is None
    with sessions() as session:
        newest, oldest = review_numbers.listed(session, session.get_one(ApiKey, shop.id))
        assert (newest.created_by, newest.removed_by) == ("owner@example.org", "admin@example.org")
        assert (oldest.created_by, oldest.removed_by) == ("owner@example.org", None)


def test_with_another_data_secret_nothing_is_sent_and_no_code_is_right(
    sessions: Sessions, ring: Keyring, shop: Caller, settings: Settings
) -> None:
    add(sessions, ring, shop.id)
    other = Keyring.of(replace(settings, data_secret="another data secret of the tests", secret_paths=()))
    assert order(sessions, other, shop).carrier_id == outbox.SANDBOX_ID
    assert isinstance(judge(sessions, other, shop, CODE), WrongCode)


@on_sqlite
@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"code": "12345"}, "six_digits"),
        ({"code": "٢٠٤٨١٦"}, "six_digits"),
        ({"code": "123456"}, "guessable"),
        ({"code": "777777"}, "guessable"),
        ({"ends_at": utcnow() - timedelta(days=1)}, "out_of_range"),
        ({"ends_at": utcnow() + timedelta(days=400)}, "out_of_range"),
    ],
)
def test_what_cannot_be_one_is_named(
    sessions: Sessions, ring: Keyring, shop: Caller, more: dict[str, Any], code: str
) -> None:
    with pytest.raises(BadReviewNumber) as refusal:
        add(sessions, ring, shop.id, **more)
    assert refusal.value.code == code


def test_a_key_has_five_at_most_each_number_once_and_a_test_key_none(
    sessions: Sessions, ring: Keyring, shop: Caller
) -> None:
    for last in range(1, 5):
        add(sessions, ring, shop.id, f"+2222200000{last}")
    with pytest.raises(BadReviewNumber, match="there_already"):
        add(sessions, ring, shop.id)
    add(sessions, ring, shop.id, "+22222000005")
    with pytest.raises(BadReviewNumber, match="too_many"):
        add(sessions, ring, shop.id, "+22222000006")
    with sessions.begin() as session:
        test_key, _ = keys.create(session, NewKey("tests", mode=KeyMode.TEST))
        session.flush()
        key_id = test_key.id
    with pytest.raises(BadReviewNumber, match="live_keys_only"):
        add(sessions, ring, key_id)

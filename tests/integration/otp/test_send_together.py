"""Codes that are asked for, and guesses that are made, at the same time: each is judged as if it had come alone."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from dashboard.db import Sessions
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller, UnknownKey
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.limits.rate_limit import RateLimited
from dashboard.gateway.otp import send as otp
from dashboard.gateway.otp import verify
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.send import Order, SendRequest
from dashboard.gateway.otp.verify import Guess, NoLiveOtp, TooManyAttempts, VerifyRequest, WrongCode
from dashboard.models.api_keys import ApiKey
from dashboard.models.limits import LimitRejection
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from tests.support.statements import asked

RING = Keyring({"kid": b"a secret of the tests"})
ONE, TWO = "+22238089336", "+22247112233"


def make_key(sessions: Sessions, **more: Any) -> Caller:
    with sessions.begin() as session:
        _, secret = keys.create(session, NewKey("shop", **more))
        session.flush()
        return authentication.authenticate(session, secret)


@pytest.fixture
def shop(sessions: Sessions) -> Caller:
    return make_key(sessions)


def send(sessions: Sessions, *asked: tuple[Caller, Order]) -> list[otp.Sent | Exception]:
    with sessions.begin() as session:
        return otp.send_codes(session, [SendRequest(RING, caller, order) for caller, order in asked])


def judge(sessions: Sessions, *guessed: tuple[Caller, Guess]) -> list[Exception | None]:
    with sessions.begin() as session:
        verdicts = verify.verify_codes(session, [VerifyRequest(RING, caller, guess) for caller, guess in guessed])
    return [verdict if isinstance(verdict, Exception) else verdict.refusal for verdict in verdicts]


def code(sessions: Sessions, sent: otp.Sent | Exception) -> str:
    assert not isinstance(sent, Exception)
    with sessions() as session:
        query = (
            select(Otp, Message.uuid).join(Message, Message.id == Otp.message_id).where(Message.uuid == sent.message_id)
        )
        row, reference = session.execute(query).one()
        return RING.derive(row, reference) or ""


def other(right: str) -> str:
    return f"{(int(right) + 1) % 1_000_000:06d}"


def living(sessions: Sessions) -> int:
    with sessions() as session:
        return session.scalars(select(func.count()).where(Otp.superseded_at.is_(None))).one()


def test_five_codes_and_five_guesses_cost_no_statement_more_than_one(sessions: Sessions, shop: Caller) -> None:
    counts = []
    for phones in ([TWO], [ONE], [f"+2223{number}000001" for number in range(500, 505)]):
        with asked(sessions) as statements:
            sent = send(sessions, *[(shop, Order(phone)) for phone in phones])
        right = [code(sessions, each) for each in sent]
        with asked(sessions) as more:
            refusals = judge(sessions, *[(shop, Guess(*each)) for each in zip(phones, right, strict=True)])
        assert refusals == [None] * len(phones)
        counts.append((len(statements), len(more)))
    assert counts[1] == counts[2], "the first one asks for what a process remembers"


def test_the_limits_hold_within_a_group(sessions: Sessions, shop: Caller) -> None:
    answers = send(sessions, *[(shop, Order(ONE, channel)) for channel in ("sms", "whatsapp", "sms", "sms")])
    left = [
        [standing.left for standing in answer.limits] for answer in answers[:3] if not isinstance(answer, Exception)
    ]
    assert left == [[2, 9, 19], [1, 8, 18], [0, 7, 17]]
    assert isinstance(answers[3], RateLimited)
    assert living(sessions) == 2, "one for each channel"
    with sessions() as session:
        assert [(row.phone, row.window, row.times) for row in session.scalars(select(LimitRejection))] == [
            (ONE, "minute", 1)
        ]


def test_a_full_number_holds_no_other_up(sessions: Sessions, shop: Caller) -> None:
    bank = make_key(sessions)
    crowd = [(shop, Order(ONE))] * 5
    answers = send(sessions, *crowd, (shop, Order(TWO)), (bank, Order(ONE)), *crowd)
    sent = [place for place, answer in enumerate(answers) if not isinstance(answer, Exception)]
    assert sent == [0, 1, 2, 5, 6]
    assert living(sessions) == 3


def test_the_cap_of_a_key_holds_within_a_group(sessions: Sessions) -> None:
    capped = make_key(sessions, otp_cap=2)
    answers = send(sessions, *[(capped, Order(f"+2223808933{n}")) for n in range(4)])
    assert [isinstance(answer, CapReached) for answer in answers] == [False, False, True, True]
    assert living(sessions) == 2
    with sessions() as session:
        assert {row.window for row in session.scalars(select(LimitRejection))} == {"cap"}


def test_each_code_is_the_one_of_its_own_message(sessions: Sessions, shop: Caller) -> None:
    bank = make_key(sessions)
    who = [(shop, ONE), (bank, TWO), (shop, TWO), (bank, ONE)]
    codes = [code(sessions, sent) for sent in send(sessions, *[(caller, Order(phone)) for caller, phone in who])]
    guesses = [(caller, Guess(phone, right)) for (caller, phone), right in zip(who, codes, strict=True)]
    assert judge(sessions, *guesses) == [None] * 4


def test_guesses_of_one_group_spend_their_tries_one_after_the_other(sessions: Sessions, shop: Caller) -> None:
    right = code(sessions, *send(sessions, (shop, Order(ONE))))
    told = judge(sessions, *[(shop, Guess(ONE, other(right)))] * 3, (shop, Guess(ONE, right)))
    assert [one.retries_left for one in told[:3] if isinstance(one, WrongCode)] == [2, 1, 0]
    assert isinstance(told[3], TooManyAttempts)


def test_of_right_guesses_in_one_group_one_wins(sessions: Sessions, shop: Caller) -> None:
    right = code(sessions, *send(sessions, (shop, Order(ONE))))
    told = judge(sessions, *[(shop, Guess(ONE, right))] * 3)
    assert told[0] is None
    assert [one.code for one in told[1:] if isinstance(one, NoLiveOtp)] == ["otp_used", "otp_used"]


def test_a_guess_touches_no_code_but_its_own(sessions: Sessions, shop: Caller) -> None:
    """The group asks for all keys and phones at once: what none of its guesses is about stays as it is."""
    bank = make_key(sessions)
    asked = [(shop, Order(ONE)), (shop, Order(TWO)), (bank, Order(ONE)), (bank, Order(TWO))]
    codes = [code(sessions, sent) for sent in send(sessions, *asked)]
    judge(sessions, (shop, Guess(ONE, other(codes[0]))), (bank, Guess(TWO, codes[3])))
    with sessions() as session:
        rows = session.scalars(select(Otp).order_by(Otp.id)).all()
        assert [(row.attempts, row.verified_at is None) for row in rows] == [
            (1, True),
            (0, True),
            (0, True),
            (1, False),
        ]
        statuses = session.scalars(select(Message.status).order_by(Message.id)).all()
        assert statuses == ["queued", "queued", "queued", "delivered"]


def test_a_key_that_ended_is_refused_and_the_others_are_served(sessions: Sessions, shop: Caller) -> None:
    gone = make_key(sessions)
    with sessions.begin() as session:
        keys.revoke(session, session.get_one(ApiKey, gone.id))
    answers = send(sessions, (gone, Order(ONE)), (shop, Order(ONE)), (gone, Order(TWO)))
    assert [isinstance(answer, UnknownKey) for answer in answers] == [True, False, True]
    assert living(sessions) == 1

"""Wrong codes are counted for a number over all live keys; whoever has several keys cannot guess on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import Sessions, execute_dml, utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.limits import wrong_codes
from dashboard.gateway.limits.wrong_codes import MOST_AN_HOUR, MOST_IN_A_ROW, TooManyWrongCodes
from dashboard.gateway.monitoring import alerts
from dashboard.gateway.otp import send, verify
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.send import Order
from dashboard.gateway.otp.verify import Guess, VerifyRequest, WrongCode
from dashboard.models.limits import WrongGuess
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.vocabulary import Window
from tests.support.statements import asked

RING = Keyring({"kid": b"a secret of the tests"})
PHONE = "+22238089336"


def caller(sessions: Sessions, name: str, mode: str = "live") -> Caller:
    with sessions.begin() as session:
        _, secret = keys.create(session, NewKey(name, mode=mode))
        session.flush()
        return authentication.authenticate(session, secret)


def code(sessions: Sessions, by: Caller, phone: str = PHONE) -> str:
    """A new code of a key."""
    with sessions.begin() as session:
        reference = send.send(session, RING, by, Order(phone)).message_id
        row = session.scalars(select(Otp).join(Message).where(Message.uuid == reference)).one()
        return RING.derive(row, reference) or ""


def other(right: str) -> str:
    return f"{(int(right) + 1) % 1_000_000:06d}"


def guess(sessions: Sessions, by: Caller, typed: str, phone: str = PHONE) -> Exception | None:
    with sessions.begin() as session:
        (result,) = verify.verify_codes(session, [VerifyRequest(RING, by, Guess(phone, typed))])
    assert not isinstance(result, Exception)
    return result.refusal


def with_wrong_codes(sessions: Sessions, by: Caller, count: int, ago: timedelta = timedelta(0)) -> None:
    with sessions.begin() as session:
        wrong_codes.record(session, [(PHONE, by.id)] * count, utcnow() - ago)


@pytest.fixture
def shop(sessions: Sessions) -> Caller:
    return caller(sessions, "shop")


def test_of_guesses_over_many_keys_ten_are_judged_even_when_all_come_at_once(sessions: Sessions) -> None:
    callers = [caller(sessions, f"app {number}") for number in range(8)]
    right = {by.id: code(sessions, by) for by in callers}
    guesses = [by for by in callers for _ in range(2)]
    with ThreadPoolExecutor(len(guesses)) as pool:
        answers = list(pool.map(lambda by: guess(sessions, by, other(right[by.id])), guesses))
    assert sum(isinstance(answer, WrongCode) for answer in answers) == MOST_AN_HOUR
    assert sum(isinstance(answer, TooManyWrongCodes) for answer in answers) == len(guesses) - MOST_AN_HOUR
    assert isinstance(guess(sessions, callers[0], right[callers[0].id]), TooManyWrongCodes)


def test_a_right_guess_waits_for_the_wrong_ones_before_it(sessions: Sessions, shop: Caller) -> None:
    """Otherwise each process judges one guess more than is allowed."""
    right = code(sessions, shop)
    with_wrong_codes(sessions, shop, MOST_AN_HOUR - 1)
    second = caller(sessions, "second")
    wrong = other(code(sessions, second))
    with ThreadPoolExecutor(1) as pool:
        with sessions.begin() as session:
            (last,) = verify.verify_codes(session, [VerifyRequest(RING, second, Guess(PHONE, wrong))])
            waiting = pool.submit(guess, sessions, shop, right)
            assert isinstance(last, verify.VerifyResult) and isinstance(last.refusal, WrongCode)
        assert isinstance(waiting.result(20), TooManyWrongCodes)


def test_ten_in_one_commit_count_one_after_the_other(sessions: Sessions, shop: Caller) -> None:
    with_wrong_codes(sessions, shop, MOST_AN_HOUR - 1)
    callers = [caller(sessions, name) for name in ("one", "two")]
    requests = [VerifyRequest(RING, by, Guess(PHONE, other(code(sessions, by)))) for by in callers]
    with sessions.begin() as session:
        results = verify.verify_codes(session, requests)
    refusals = [result.refusal for result in results if isinstance(result, verify.VerifyResult)]
    assert [type(refusal) for refusal in refusals] == [WrongCode, TooManyWrongCodes]


def test_the_hour_slides_and_says_how_long_to_wait(sessions: Sessions, shop: Caller) -> None:
    with_wrong_codes(sessions, shop, MOST_AN_HOUR, timedelta(minutes=59))
    refusal = guess(sessions, shop, code(sessions, shop))
    assert isinstance(refusal, TooManyWrongCodes)
    assert (refusal.count.window, refusal.count.quota) == (Window.HOUR, MOST_AN_HOUR)
    assert 0 < refusal.count.reset <= 60
    with sessions.begin() as session:
        session.execute(update(WrongGuess).values(at=utcnow() - timedelta(minutes=61)))
    assert guess(sessions, shop, code(sessions, shop)) is None


def test_after_a_hundred_in_a_row_one_guess_a_day_is_judged_until_it_is_right(sessions: Sessions, shop: Caller) -> None:
    with_wrong_codes(sessions, shop, MOST_IN_A_ROW - 1, timedelta(hours=30))
    right = code(sessions, shop)
    assert isinstance(guess(sessions, shop, other(right)), WrongCode)
    refusal = guess(sessions, shop, right)
    assert isinstance(refusal, TooManyWrongCodes) and refusal.count.window == Window.DAY
    assert refusal.count.reset > 3600 * 23
    with sessions.begin() as session:
        session.execute(update(WrongGuess).values(at=utcnow() - timedelta(hours=25)))
    assert guess(sessions, shop, right) is None
    with sessions() as session:
        assert wrong_codes.look(session, PHONE).in_a_row == 0
    assert isinstance(guess(sessions, shop, other(code(sessions, shop))), WrongCode)


def test_an_administrator_lifts_it(sessions: Sessions, shop: Caller) -> None:
    with_wrong_codes(sessions, shop, MOST_IN_A_ROW)
    with sessions.begin() as session:
        assert len(wrong_codes.lift(session, PHONE)) == MOST_IN_A_ROW
    assert guess(sessions, shop, code(sessions, shop)) is None


def test_test_keys_do_not_count(sessions: Sessions, shop: Caller) -> None:
    test = caller(sessions, "test", "test")
    right = code(sessions, test)
    assert isinstance(guess(sessions, test, other(right)), WrongCode)
    with sessions() as session:
        assert wrong_codes.look(session, PHONE).in_an_hour == 0


def test_a_right_guess_costs_no_statement_more_than_before(sessions: Sessions, shop: Caller) -> None:
    """Its tables are asked about within the statements that are there: find, spend, prove, note the event. On
    PostgreSQL the number is locked with the statement about the key.
    """
    right = code(sessions, shop)
    with asked(sessions) as statements:
        assert guess(sessions, shop, right) is None
    own = [text for text in statements if "wrong_guesses" in text]
    assert [text.split()[0] for text in own] == ["SELECT", "UPDATE"]
    assert own[1].startswith("UPDATE otps")
    assert all("key_secrets" in text for text in statements if "advisory" in text)


@pytest.mark.parametrize(("wrong", "right", "is_told"), [(11, 38, False), (11, 39, True), (11, 44, False)])
def test_a_key_of_whose_guesses_more_than_a_fifth_is_wrong_raises_an_alarm(
    sessions: Sessions, shop: Caller, wrong: int, right: int, is_told: bool
) -> None:
    with_wrong_codes(sessions, shop, wrong)
    with_wrong_codes(sessions, caller(sessions, "quiet"), 10)
    for number in range(right):
        code(sessions, shop, f"+2223{number:04d}000")  # one of each range: this is no pumping
    with sessions.begin() as session:
        assert execute_dml(session, update(Otp).values(verified_at=utcnow())) == right
    with sessions() as session:
        found = alerts.guess_alerts(session)
    assert [(alert.subject, alert.count, alert.tried) for alert in found] == ([("shop", wrong, 50)] if is_told else [])

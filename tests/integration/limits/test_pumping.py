"""SMS pumping: a range of numbers that is sent many codes of which few are typed in is watched, slowed and stopped."""

from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.audit import trail
from dashboard.gateway.limits import pumping
from dashboard.gateway.limits.pumping import PumpingSuspected
from dashboard.gateway.monitoring import alerts
from dashboard.gateway.monitoring.alerts import AlertCode
from dashboard.gateway.otp import send, verify
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.send import Order, SendRequest, Sent
from dashboard.gateway.otp.verify import Guess
from dashboard.models.limits import LimitRejection, PumpedRange
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.vocabulary import PumpingStep
from tests.support.fixtures.databases import on_sqlite
from tests.support.statements import asked

RING = Keyring({"kid": b"a secret of the tests"})


def make_key(sessions: Sessions, **more: Any) -> Caller:
    with sessions.begin() as session:
        _, secret = keys.create(session, NewKey(f"shop {uuid.uuid4()}", **more))
        session.flush()
        return authentication.authenticate(session, secret)


@pytest.fixture
def shop(sessions: Sessions) -> Caller:
    return make_key(sessions)


def ask(sessions: Sessions, caller: Caller, phones: list[str]) -> list[Sent | Exception]:
    """Ask for codes in one group, as a process does for requests that come together."""
    with sessions.begin() as session:
        return send.send_codes(session, [SendRequest(RING, caller, Order(phone)) for phone in phones])


def type_in(sessions: Sessions, caller: Caller, answers: list[Sent | Exception]) -> None:
    with sessions.begin() as session:
        for answer in answers:
            assert isinstance(answer, Sent)
            row = session.scalars(select(Otp).join(Message).where(Message.uuid == answer.message_id)).one()
            code = RING.derive(row, answer.message_id) or ""
            assert verify.verify(session, RING, caller, Guess(row.phone, code)).refusal is None


def in_range(first: int, last: int, digits: str = "+22238089") -> list[str]:
    return [f"{digits}{number:03d}" for number in range(first, last)]


def scattered(count: int, seed: int = 1, digits: str = "+22238089") -> list[str]:
    """Numbers of one range, hardly any of them neighbours."""
    return [f"{digits}{number:03d}" for number in random.Random(seed).sample(range(0, 1_000, 2), count)]


def sent(answers: list[Sent | Exception]) -> int:
    return sum(isinstance(answer, Sent) for answer in answers)


def step_of(sessions: Sessions, caller: Caller) -> str | None:
    with sessions() as session:
        row = pumping.current(session, caller.id, "+22238089000")
        return row.step if row else None


def acts(sessions: Sessions, caller: Caller) -> list[str]:
    """What the audit log says of the ranges of a key."""
    with sessions() as session:
        entries = [entry for entry in trail.entries(session) if entry.act == "pumping.suspect"]
    return [entry.changes for entry in entries if entry.subject.endswith(caller.name)]


@pytest.mark.parametrize(("order", "together", "count"), [("in a row", 1, 100), ("at random", 100, 500)])
def test_of_all_codes_over_one_range_at_most_a_hundred_are_sent(
    sessions: Sessions, shop: Caller, together: int, order: str, count: int
) -> None:
    numbers = in_range(0, 1_000) * 5
    if order == "at random":
        random.Random(3).shuffle(numbers)
    numbers = numbers[:count]
    groups = [numbers[first : first + together] for first in range(0, len(numbers), together)]
    answers = [answer for group in groups for answer in ask(sessions, shop, group)]
    refused = [answer for answer in answers if isinstance(answer, PumpingSuspected)]
    assert sent(answers) <= 60, "100 is what was promised"
    assert sent(answers) + len(refused) == len(numbers) and 0 < refused[-1].retry_after <= 3_600
    assert step_of(sessions, shop) == PumpingStep.STOP
    steps = [entry.split('"step": [')[1].split("]")[0] for entry in acts(sessions, shop)]
    assert steps == ['null, "watch"', '"watch", "slow"', '"slow", "stop"'], "each step is in the audit log"


def test_many_processes_at_once_send_no_more(sessions: Sessions, shop: Caller) -> None:
    numbers = scattered(120)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda phone: ask(sessions, shop, [phone])[0], numbers))
    assert sent(answers) <= 60


@on_sqlite
def test_codes_that_are_typed_in_are_no_pumping(sessions: Sessions, shop: Caller) -> None:
    for first in range(0, 90, 9):
        group = in_range(first, first + 9)
        answers = ask(sessions, shop, group)
        assert sent(answers) == 9
        type_in(sessions, shop, answers)
    assert step_of(sessions, shop) is None and not acts(sessions, shop)


@on_sqlite
def test_the_busiest_hour_of_a_launch_passes_through_the_gateway(sessions: Sessions, shop: Caller) -> None:
    dice = random.Random(5)
    ranges = [f"+222{dice.choice('234')}{dice.randrange(10_000):04d}" for _ in range(3_000)]
    fullness = [dice.lognormvariate(0, 0.8) for _ in ranges]
    phones = [f"{digits}{dice.randrange(1_000):03d}" for digits in dice.choices(ranges, fullness, k=1_000)]
    for first in range(0, len(phones), 50):
        answers = ask(sessions, shop, phones[first : first + 50])
        assert sent(answers) == 50
    assert acts(sessions, shop) == []


@on_sqlite
def test_slowed_down_one_code_a_minute_goes_and_tries_lead_to_the_stop(sessions: Sessions, shop: Caller) -> None:
    numbers = scattered(200)
    while step_of(sessions, shop) != PumpingStep.SLOW:
        ask(sessions, shop, [numbers.pop()])
    ask(sessions, shop, [numbers.pop()])  # the code of this minute, unless it went before
    (refused,) = ask(sessions, shop, [numbers.pop()])
    assert isinstance(refused, PumpingSuspected) and 0 < refused.retry_after <= 60
    with sessions.begin() as session:
        session.execute(update(PumpedRange).values(next_at=utcnow() - timedelta(seconds=1)))
    assert sent(ask(sessions, shop, [numbers.pop()])) == 1
    ask(sessions, shop, [numbers.pop() for _ in range(12)])
    assert step_of(sessions, shop) == PumpingStep.STOP


def stopped(sessions: Sessions, shop: Caller) -> None:
    ask(sessions, shop, scattered(100))
    assert step_of(sessions, shop) == PumpingStep.STOP


@on_sqlite
def test_who_verified_a_code_before_is_served_all_the_while(sessions: Sessions, shop: Caller) -> None:
    customer = "+22238089777"
    type_in(sessions, shop, ask(sessions, shop, [customer]))
    stopped(sessions, shop)
    assert sent(ask(sessions, shop, ["+22238089778"])) == 0
    assert sent(ask(sessions, shop, [customer])) == 1


def test_other_ranges_and_other_keys_are_not_touched(sessions: Sessions, shop: Caller) -> None:
    stopped(sessions, shop)
    assert sent(ask(sessions, shop, ["+22238088777"])) == 1
    assert sent(ask(sessions, make_key(sessions), ["+22238089777"])) == 1


def test_codes_of_test_keys_are_not_looked_at(sessions: Sessions) -> None:
    assert sent(ask(sessions, make_key(sessions, mode="test"), scattered(100))) == 100


@on_sqlite
def test_an_hour_after_the_last_try_the_range_is_open(sessions: Sessions, shop: Caller) -> None:
    stopped(sessions, shop)
    with sessions.begin() as session:
        session.execute(update(PumpedRange).values(until=utcnow() + timedelta(minutes=10)))
    ask(sessions, shop, ["+22238089777"])
    with sessions.begin() as session:
        held = session.scalars(select(PumpedRange)).one()
        assert held.until > utcnow() + timedelta(minutes=59), "a try holds it for another hour"
        past = utcnow() - timedelta(hours=2)
        session.execute(update(PumpedRange).values(until=past))
        session.execute(update(Otp).values(created_at=past))
    assert sent(ask(sessions, shop, ["+22238089777"])) == 1


def test_let_through_it_stays_open_for_a_day_and_can_be_held_again(sessions: Sessions, shop: Caller) -> None:
    stopped(sessions, shop)
    with sessions.begin() as session:
        row = pumping.suspected(session)[0]
        row_id, before = row.id, row.until
        pumping.release(session, row)
    assert sent(ask(sessions, shop, scattered(40, seed=2))) == 40
    with sessions.begin() as session:
        assert not pumping.suspected(session)
        assert pumping.hold(session, row_id, PumpingStep.STOP, before)
        assert pumping.hold(session, row_id, PumpingStep.STOP, before) is None
    assert sent(ask(sessions, shop, ["+22238089777"])) == 0


def set_preferences(sessions: Sessions, **changed: Any) -> None:
    with sessions.begin() as session:
        site_settings.save(session, replace(site_settings.read(session), **changed))


@on_sqlite
def test_owners_may_have_it_only_tell(sessions: Sessions, shop: Caller) -> None:
    set_preferences(sessions, pumping_stops=False)
    assert sent(ask(sessions, shop, scattered(100))) == 100
    ask(sessions, shop, scattered(10, seed=2))
    assert step_of(sessions, shop) == PumpingStep.WATCH and len(acts(sessions, shop)) == 1


@on_sqlite
def test_owners_may_allow_any_number(sessions: Sessions, shop: Caller) -> None:
    set_preferences(sessions, pumping_numbers=0)
    assert sent(ask(sessions, shop, scattered(200))) == 200
    assert step_of(sessions, shop) is None


def test_what_is_refused_is_listed_with_the_refusals(sessions: Sessions, shop: Caller) -> None:
    stopped(sessions, shop)
    with sessions() as session:
        rows = session.scalars(select(LimitRejection)).all()
        assert {row.window for row in rows} == {"range"} and session.scalar(select(func.count(Otp.id))) == 100 - len(
            rows
        )


def test_people_are_told_and_told_when_few_codes_of_a_key_are_verified(sessions: Sessions, shop: Caller) -> None:
    stopped(sessions, shop)
    with sessions() as session:
        (alert,) = alerts.pumping_alerts(session)
    assert (alert.code, alert.subject, alert.count, alert.reason) == (AlertCode.PUMPING, shop.name, 1, PumpingStep.STOP)


def test_where_nobody_pumps_no_statement_is_added(sessions: Sessions, shop: Caller) -> None:
    ask(sessions, shop, ["+22238089001"])
    with asked(sessions) as statements:
        ask(sessions, shop, ["+22238089002"])
    assert statements and not [text for text in statements if "pumped_ranges" in text]

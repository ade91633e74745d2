"""Parts die while messages flow. The carrier's ledger judges: nothing accepted is missing, nothing is doubled."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import suppress

import pytest
import redis

from dashboard.gateway.monitoring import outages
from dashboard.models.monitoring import Outage
from tests.support.phones import new_phone
from tests.support.stack import Stack, other_than, until
from tests.support.traffic import Traffic, traffic

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("healed")]
PARTS = set(Stack.NAMES)
# What is asked of the web server and of Valkey is the same whatever the database.
ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def ledger(stack: Stack) -> list[Traffic]:
    """What flowed while workers were killed, on one database: their rows fall due only when their leases end."""
    return []


def all_arrive(flowed: Traffic, within: float) -> None:
    """Everything that was accepted is on its phone, once."""
    until(lambda: not flowed.missing(), within, lambda: f"{len(flowed.missing())} of {len(flowed.accepted)} missing")
    assert flowed.doubles() == 0


def no_server_errors(flowed: Traffic) -> None:
    assert Counter(answer.status_code for answer in flowed.refused) == {}


def test_everything_killed_and_started_again(stack: Stack, ledger: list[Traffic]) -> None:
    client, phone = stack.client(), new_phone()
    code = client.code(phone)
    assert client.verify(phone, other_than(code)).json()["retriesLeft"] == 2
    with traffic(stack) as flowed:
        flowed.more(40)
        stack.kill(*PARTS)
        flowed.over.set()
    stack.start()
    stack.wait_ready()
    assert client.verify(phone, other_than(code)).json()["retriesLeft"] == 1  # what was tried stays tried
    assert client.verify(phone, code).status_code == 200
    no_server_errors(flowed)
    outage = until(lambda: checked_outage(stack), 20)
    assert (outage.lost, outage.fault, outage.clock_off) == (0, None, 0)
    assert outage.began_at < outage.ended_at
    ledger.append(flowed)


def checked_outage(stack: Stack) -> Outage | None:
    with stack.sessions() as session:
        found = outages.latest(session)
    return found if found is not None and found.checked_at is not None else None


def test_sms_workers_killed_again_and_again(stack: Stack, ledger: list[Traffic]) -> None:
    with traffic(stack) as flowed:
        for turn in range(4):
            flowed.more()
            stack.restart(f"sms-{turn % 2 + 1}")
    no_server_errors(flowed)
    assert (flowed.broken, flowed.turned_away) == (0, 0)
    ledger.append(flowed)


def test_web_workers_killed(stack: Stack) -> None:
    with traffic(stack) as flowed:
        for _ in range(3):
            victim = until(stack.web_workers, 10)[0]
            flowed.more()
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
    no_server_errors(flowed)
    all_arrive(flowed, 20)


@ONE_DATABASE
def test_a_web_server_that_is_told_to_reload_fails_nobody(stack: Stack) -> None:
    with traffic(stack) as flowed:
        for _ in range(4):
            flowed.more()
            stack.running["web"].send_signal(signal.SIGHUP)
            time.sleep(0.5)  # the old workers go on for a while: what is accepted now may still be theirs
        flowed.more()
    no_server_errors(flowed)
    assert (flowed.broken, flowed.turned_away) == (0, 0)
    assert flowed.slowest < 5
    all_arrive(flowed, 20)


@ONE_DATABASE
def test_a_web_server_that_is_told_to_stop_breaks_no_call_off(stack: Stack) -> None:
    with traffic(stack) as flowed:
        flowed.more(40)
        assert stack.stop("web") == [0]
    no_server_errors(flowed)
    assert flowed.broken == 0
    assert flowed.turned_away > 0
    all_arrive(flowed, 20)


@ONE_DATABASE
def test_valkey_killed_and_started_empty(stack: Stack) -> None:
    with traffic(stack) as flowed:
        for _ in range(3):
            flowed.more()
            stack.kill("valkey")
            flowed.more()
            stack.start("valkey")
    no_server_errors(flowed)
    assert (flowed.broken, flowed.turned_away) == (0, 0)
    assert flowed.slowest < 5
    all_arrive(flowed, 20)


@ONE_DATABASE
def test_delivery_goes_on_without_valkey(stack: Stack) -> None:
    stack.kill("valkey")
    with traffic(stack) as flowed:
        flowed.more(40)
    no_server_errors(flowed)
    all_arrive(flowed, 20)
    client, phone = stack.client(), new_phone()
    assert client.verify(phone, client.code(phone)).status_code == 200
    assert client.otp(phone, channel="whatsapp").status_code == 200
    ready = stack.call("GET", "/readyz")
    assert (ready.status_code, ready.json()["valkey"], ready.json()["database"]) == (503, "down", "ok")


@ONE_DATABASE
def test_a_full_valkey_refuses_no_caller(stack: Stack) -> None:
    with redis.Redis.from_url(stack.settings.redis_url) as valkey:
        valkey.config_set("maxmemory", "1")
        with traffic(stack) as flowed:
            flowed.more(40)
        valkey.config_set("maxmemory", "0")
    no_server_errors(flowed)
    assert (flowed.broken, flowed.turned_away) == (0, 0)
    assert flowed.slowest < 2.5
    all_arrive(flowed, 20)


@ONE_DATABASE
def test_a_hung_valkey_holds_no_caller_up(stack: Stack) -> None:
    stack.freeze("valkey")
    with traffic(stack) as flowed:
        time.sleep(4)  # longer than any time-out that a call has towards Valkey
        flowed.more()
    no_server_errors(flowed)
    assert (flowed.broken, flowed.turned_away) == (0, 0)
    assert flowed.slowest < 2.5
    stack.thaw("valkey")
    all_arrive(flowed, 10)


def test_with_nobody_to_deliver_messages_wait(stack: Stack) -> None:
    stack.stop("sms-1", "sms-2", "relay")
    with traffic(stack) as flowed:
        flowed.more(40)
    no_server_errors(flowed)
    assert len(flowed.missing()) == len(flowed.accepted)
    stack.start("sms-1", "sms-2", "relay")
    stack.wait_ready()
    oldest = next(iter(flowed.accepted))
    until(lambda: stack.inbox(oldest), 5)
    all_arrive(flowed, 15)


@ONE_DATABASE
def test_a_lost_ring_is_made_up_for(stack: Stack) -> None:
    """Valkey forgets everything at the worst moment: after the ring, before a worker heard it."""
    stack.freeze("sms-1")
    stack.freeze("sms-2")
    with traffic(stack) as flowed:
        flowed.more(40)
    stack.restart("valkey")
    stack.thaw("sms-1")
    stack.thaw("sms-2")
    all_arrive(flowed, 20)


def test_a_worker_told_to_stop_puts_its_rows_back(stack: Stack) -> None:
    with traffic(stack) as flowed:
        flowed.more(40)
        assert stack.stop("sms-1", "sms-2") == [0, 0]
        stack.start("sms-1", "sms-2")
    no_server_errors(flowed)
    all_arrive(flowed, 12)  # sooner than any lease ends, and none twice


def test_after_all_the_kills_nothing_is_missing_and_nothing_is_doubled(ledger: list[Traffic]) -> None:
    """Last, so that the leases of the killed have ended meanwhile. The sandbox has no text in hand at a kill."""
    for flowed in ledger:
        flowed.arrive(45)
    assert sum(flowed.doubles() for flowed in ledger) == 0

"""Binds and rate of a carrier, shared by processes over a real Valkey."""

from __future__ import annotations

import itertools
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboard import redis
from dashboard.gateway.carriers import leases, rate
from dashboard.gateway.carriers.leases import CarrierCoordinator
from dashboard.gateway.carriers.rate import LATE, SLOW
from tests.support.stack import until
from tests.support.valkey import running


def share(address: str, carrier: str | None = None) -> CarrierCoordinator:
    return CarrierCoordinator(redis.connect(address), carrier or str(uuid.uuid4()))


def server_time(address: str) -> float:
    """Seconds on the clock that the rate goes by."""
    seconds, micros = redis.connect(address).time()
    return float(seconds + micros / 1e6)


@pytest.mark.parametrize("rate", [50, 500])
def test_three_with_two_binds_are_never_given_more_than_the_one_rate(valkey: str, rate: int) -> None:
    """However fast they ask. Sums are held against the server's clock: how busy the machine is does not matter."""
    carrier, few = str(uuid.uuid4()), rate // 50
    given = [0, 0, 0]

    def ask(number: int) -> None:
        ours = share(valkey, carrier)
        while (sum(given) < 20 * few or given.count(0) > 1) and server_time(valkey) < began + 20:
            if ours.acquire_bind(2):
                given[number] += ours.acquire_tokens(rate, few).granted

    began = server_time(valkey)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(ask, range(3)))
    elapsed = server_time(valkey) - began
    assert given.count(0) == 1
    assert 20 * few <= sum(given) <= rate * (elapsed + LATE) + few


def test_who_waits_as_long_as_told_is_given_leave(valkey: str) -> None:
    """So the whole rate can be used: no wait is longer than what was granted takes."""
    ours, few = share(valkey), 5
    for _ in range(20):
        found = ours.acquire_tokens(500, few)
        assert (found.granted, 0 <= found.wait <= few / 500) == (few, True)
        time.sleep(found.wait)


def test_what_nobody_used_is_not_saved_up(valkey: str) -> None:
    ours = share(valkey)
    assert ours.acquire_tokens(100, 1).granted == 1
    time.sleep(0.1)
    assert ours.acquire_tokens(100, 1).wait == pytest.approx(1 / 100 - LATE, abs=1e-4)


class Clock:
    """Stands still until it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def test_alone_a_process_keeps_the_rate_to_the_microsecond(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ours = Clock(monkeypatch), rate.LocalRateLimiter()
    moments: list[float] = []
    while len(moments) < 50:
        found = ours.acquire_tokens(50, 1)
        moments += [clock.now] * found.granted
        clock.now += found.wait or 0.001
    gaps = {round(after - before, 6) for before, after in itertools.pairwise(moments[1:])}  # the first is made up for
    assert gaps == {0.02}


def test_alone_a_process_makes_up_for_no_more_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ours = Clock(monkeypatch), rate.LocalRateLimiter()
    assert ours.acquire_tokens(50, 1).granted == 1
    clock.now += 10
    assert ours.acquire_tokens(50, 1).wait == pytest.approx(0.02 - LATE)
    assert ours.acquire_tokens(50, 1).granted == 0


def test_alone_a_process_goes_at_half_the_rate_after_throttling(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ours = Clock(monkeypatch), rate.LocalRateLimiter()
    ours.slow_down()
    clock.now += SLOW - 0.5
    assert ours.acquire_tokens(100, 1).wait == pytest.approx(0.02 - LATE)
    clock.now += 1
    assert ours.acquire_tokens(100, 1).wait == pytest.approx(0.01 - LATE)


def test_a_bind_is_kept_by_asking_and_freed_by_saying_so(valkey: str) -> None:
    first, second = share(valkey, "a"), share(valkey, "a")
    assert [first.acquire_bind(1), second.acquire_bind(1), first.acquire_bind(1)] == [True, False, True]
    first.release_bind()
    assert [second.acquire_bind(1), first.acquire_bind(1)] == [True, False]


def test_a_bind_that_nobody_asks_for_runs_out(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE", 0.2)
    dead, heir = share(valkey, "b"), share(valkey, "b")
    assert dead.acquire_bind(1) and not heir.acquire_bind(1)
    until(lambda: heir.acquire_bind(1), 2)
    assert not dead.acquire_bind(1)


def test_carriers_do_not_share_with_one_another(valkey: str) -> None:
    assert share(valkey, "c").acquire_bind(1) and share(valkey, "d").acquire_bind(1)


def test_throttling_halves_everybodys_rate_for_a_while(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SLOW", 60)
    one, other = share(valkey, "e"), share(valkey, "e")
    assert other.acquire_tokens(1000, 10).wait <= 10 / 1000
    time.sleep(0.01)
    one.slow_down()
    assert 10 / 1000 < other.acquire_tokens(1000, 10).wait <= 20 / 1000
    assert 0 < redis.connect(valkey).pttl("chinqit:carrier:{e}:slow") <= 60_000


def test_a_wiped_valkey_costs_nobody_the_bind(valkey: str) -> None:
    holder, other = share(valkey, "f"), share(valkey, "f")
    assert holder.acquire_bind(1)
    redis.connect(valkey).flushall()
    redis.connect(valkey).script_flush()
    assert holder.acquire_bind(1) and not other.acquire_bind(1)


def test_without_valkey_a_bind_stays_held_and_each_sends_its_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path) as (address, process):
        holder, other = share(address, "g"), share(address, "g")
        assert holder.acquire_bind(2)
        process.kill()
        process.wait(10)
        assert holder.acquire_bind(2) and not other.acquire_bind(2)
        assert holder.acquire_tokens(100, 10).granted == 10
        assert 0.19 < holder.acquire_tokens(100, 10).wait <= 0.2  # half of the rate: one of two binds
        monkeypatch.setattr(leases, "LEASE", 0.0)
        assert other.acquire_bind(2)  # by now every lease is over


def test_a_hung_valkey_is_waited_for_once_and_not_at_every_segment(tmp_path: Path) -> None:
    with running(tmp_path) as (address, process):
        ours = share(address, "h")
        assert ours.acquire_bind(1) and ours.acquire_tokens(1000, 1).granted
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        for _ in range(50):
            ours.acquire_tokens(1000, 1)
        assert ours.acquire_bind(1)
        assert time.monotonic() - began < 50 * redis.TIMEOUT_SECONDS / 2

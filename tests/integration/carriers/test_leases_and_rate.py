"""Binds and rate of a carrier, shared by processes over a real Valkey."""

from __future__ import annotations

import signal
import time
import uuid
from pathlib import Path

import pytest

from dashboard import redis
from dashboard.gateway.carriers import leases
from dashboard.gateway.carriers.leases import CarrierCoordinator
from tests.support.processes import FORKSERVER
from tests.support.stack import until
from tests.support.valkey import running


def share(address: str, carrier: str | None = None) -> CarrierCoordinator:
    return CarrierCoordinator(redis.connect(address), carrier or str(uuid.uuid4()))


def send(address: str, carrier: str, rate: float, seconds: float, results) -> None:
    """A process that sends when it has a bind and leave; hands in when."""
    ours, sent = share(address, carrier), []
    results.get()  # all begin together
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not ours.acquire_bind(2):
            time.sleep(0.1)
            continue
        found = ours.acquire_tokens(rate, max(1, int(rate / 50)))
        sent += [time.time()] * found.granted
        time.sleep(found.wait if not found.granted else 0)
    results.put(sent)


def run_processes(address: str, rate: float, seconds: float, count: int = 3) -> list[list[float]]:
    pipes = [FORKSERVER.SimpleQueue() for _ in range(count)]
    carrier = str(uuid.uuid4())
    started = [FORKSERVER.Process(target=send, args=(address, carrier, rate, seconds, pipe)) for pipe in pipes]
    for process in started:
        process.start()
    for pipe in pipes:
        pipe.put(None)
    for process in started:
        process.join(30)
    return [pipe.get() for pipe in pipes]


@pytest.mark.parametrize("rate", [50, 500])
def test_three_processes_with_two_binds_send_at_the_one_rate(valkey: str, rate: int) -> None:
    sent = run_processes(valkey, rate, 2)
    assert sum(bool(times) for times in sent) == 2
    times = sorted(moment for each in sent for moment in each)
    elapsed = times[-1] - times[0]
    assert 0.7 < (len(times) - 1) / elapsed / rate < 1.03
    busiest = max(sum(moment <= other < moment + 1 for other in times) for moment in times)
    assert busiest <= rate * 1.06


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
    monkeypatch.setattr(leases, "SLOW", 0.3)
    one, other = share(valkey, "e"), share(valkey, "e")
    assert 0.09 < one.acquire_tokens(100, 10).wait <= 0.1
    one.slow_down()
    time.sleep(0.1)
    assert 0.19 < other.acquire_tokens(100, 10).wait <= 0.2
    time.sleep(0.25)
    assert 0.09 < other.acquire_tokens(100, 10).wait <= 0.1


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
        assert time.monotonic() - began < 1

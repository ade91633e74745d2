"""The drills that are too long for `make test`: each has a gateway of its own."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import redis

from dashboard.gateway.monitoring import outages
from tests.chaos.drill import Drill, Outcome, gateway, of
from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, until
from tests.support.traffic import Traffic, traffic

KILLS = 10
POWER_CUTS = 20
BACKLOG = 20_000
CODES = 100
PARTS = ("valkey", "web", "sms-1", "sms-2", "whatsapp", "webhooks", "relay")


def workers_killed() -> Outcome:
    with gateway() as stack:
        with traffic(stack) as flowed:
            for turn in range(KILLS):
                time.sleep(2)
                stack.restart(f"sms-{turn % 2 + 1}")
        began = time.monotonic()
        came = of(flowed, 60)
        return Outcome(f"{came.figure}, done after {time.monotonic() - began:.1f} s", came.is_met)


def nobody_delivers() -> Outcome:
    with gateway() as stack:
        stack.kill("sms-1", "sms-2", "relay")
        client, phone = stack.client(), new_phone()
        first = client.send(phone).json()["messageId"]
        with traffic(stack) as flowed:
            time.sleep(30)
        began = time.monotonic()
        stack.start("sms-1", "sms-2", "relay")
        stack.arrived(phone, first)
        oldest = time.monotonic() - began
        came = of(flowed, 60)
        return Outcome(f"{came.figure}; the oldest left after {oldest:.1f} s", came.is_met and oldest <= 5)


def valkey_fails() -> Outcome:
    """Killed, frozen, emptied, full."""
    with gateway() as stack:
        with traffic(stack) as flowed:
            for _ in range(5):
                stack.restart("valkey")
                flowed.more()
            stack.freeze("valkey")
            time.sleep(10)
            stack.thaw("valkey")
            with redis.from_url(stack.settings.redis_url) as valkey:
                for _ in range(5):
                    valkey.flushall()
                    flowed.more()
                valkey.config_set("maxmemory", 1)
                flowed.more(100)
                valkey.config_set("maxmemory", 0)
        came = of(flowed, 10)
        quick = flowed.slowest <= 2
        return Outcome(f"{came.figure}; the slowest answer took {flowed.slowest:.2f} s", came.is_met and quick)


def web_workers_killed() -> Outcome:
    with gateway() as stack:
        with traffic(stack) as flowed:
            for _ in range(KILLS):
                time.sleep(2)
                with suppress(ProcessLookupError):
                    os.kill(until(stack.web_workers, 10)[0], signal.SIGKILL)
        came = of(flowed, 20)
        return Outcome(f"{came.figure}; {flowed.broken} connections broke under a call", came.is_met)


def reloads() -> Outcome:
    with gateway() as stack:
        with traffic(stack) as flowed:
            for _ in range(5):
                flowed.more()
                stack.running["web"].send_signal(signal.SIGHUP)
                time.sleep(1)
        came = of(flowed, 20)
        failed = flowed.broken + flowed.turned_away
        return Outcome(f"{came.figure}, {failed} broken or refused", came.is_met and failed == 0)


def codes_before_a_backlog() -> Outcome:
    with gateway() as stack:
        client = stack.client()
        stack.kill("sms-1", "sms-2")
        waiting = [{"phoneNumber": new_phone(), "message": "Bonjour"} for _ in range(BACKLOG)]
        for start in range(0, BACKLOG, 1_000):
            assert client.post("/messages/batch", messages=waiting[start : start + 1_000]).status_code == 200
        stack.start("sms-1", "sms-2")
        took = sorted(_code_seconds(stack, client) for _ in range(CODES))
        p95, p99 = took[int(0.95 * CODES)], took[int(0.99 * CODES)]
        return Outcome(f"{BACKLOG} waited: p95 {p95:.2f} s, p99 {p99:.2f} s", p95 <= 1 and p99 <= 2)


def _code_seconds(stack: Stack, client: Client) -> float:
    phone, began = new_phone(), time.monotonic()
    stack.arrived(phone, client.otp(phone).json()["messageId"])
    return time.monotonic() - began


def power_cuts() -> Outcome:
    with gateway() as stack:
        known: set[int] = set()
        came: list[Traffic] = []
        for _ in range(POWER_CUTS):
            with traffic(stack) as flowed:
                flowed.more(20)
                stack.kill(*PARTS)
                flowed.over.set()
            stack.start()
            stack.wait_ready()
            came.append(flowed)
            known.add(until(lambda: _outage(stack, known), 20))
        for flowed in came:
            flowed.arrive(60)
        accepted = sum(len(flowed.accepted) for flowed in came)
        lost, doubles = sum(len(each.missing()) for each in came), sum(each.doubles() for each in came)
        figure = f"{POWER_CUTS} cuts, {len(known)} reported; {accepted} accepted, {lost} lost, {doubles} doubled"
        return Outcome(figure, (lost, doubles, len(known)) == (0, 0, POWER_CUTS))


def _outage(stack: Stack, known: set[int]) -> int | None:
    with stack.sessions() as session:
        found = outages.latest(session)
        is_new = found is not None and found.id not in known and found.checked_at is not None
        return found.id if found is not None and is_new and not found.lost and not found.fault else None


DRILLS = (
    Drill("F1", f"a worker killed every 2 s, {KILLS} times", "lost 0, doubled 0, done within 60 s", workers_killed),
    Drill("F2", "relay and workers dead for 30 s", "lost 0, the oldest leaves within 5 s", nobody_delivers),
    Drill("F3", "Valkey killed, hung, emptied, full", "lost 0, doubled 0, only 200", valkey_fails),
    Drill("F4", f"a web process killed every 2 s, {KILLS} times", "accepted and lost 0", web_workers_killed),
    Drill("F5", "five reloads under load", "failed 0", reloads),
    Drill("F13", f"{BACKLOG} wait, then {CODES} codes", "p95 1 s, p99 2 s", codes_before_a_backlog),
    Drill("cut", f"everything killed at once, {POWER_CUTS} times", "lost 0, each cut reported", power_cuts),
)

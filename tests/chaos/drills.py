"""Processes die, hang and start again under load: each drill has a gateway of its own."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import Any

import httpx
import redis

from dashboard.gateway.campaigns.campaigns import MOST_RECIPIENTS
from dashboard.gateway.monitoring import outages
from tests.chaos.drill import Drill, Outcome, at_least, gateway, of
from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, until
from tests.support.traffic import Traffic, traffic

KILL_SECONDS = 2.0
TEXTS = 10_000
KILLS = 20
DEAD_SECONDS = HUNG_SECONDS = 60
POWER_CUTS = 20
CALM_TEXTS = 200  # before the fault: what a call takes on this machine, with these callers
BACKLOG = 100_000
CODES = 500
PARTS = ("valkey", "web", "sms-1", "sms-2", "whatsapp", "webhooks", "relay")


def workers_killed(length: float) -> Outcome:
    texts, kills = at_least(length, TEXTS, 400), 0
    with gateway() as stack:
        with traffic(stack, callers=8) as flowed:
            while len(flowed.accepted) < texts:
                time.sleep(KILL_SECONDS)
                stack.restart(f"sms-{kills % 2 + 1}")
                kills += 1
        began = time.monotonic()
        came = of(flowed, 60)
        figure = f"{kills} kills, {came.figure}, done after {time.monotonic() - began:.1f} s"
        return Outcome(figure, came.is_met and time.monotonic() - began <= 60)


def nobody_delivers(length: float) -> Outcome:
    with gateway() as stack:
        stack.kill("sms-1", "sms-2", "relay")
        client, phone = stack.client(), new_phone()
        first = client.send(phone).json()["messageId"]
        with traffic(stack) as flowed:
            time.sleep(at_least(length, DEAD_SECONDS, 5))
        began = time.monotonic()
        stack.start("sms-1", "sms-2", "relay")
        stack.arrived(phone, first)
        oldest = time.monotonic() - began
        came = of(flowed, 60)
        return Outcome(f"{came.figure}; the oldest left after {oldest:.1f} s", came.is_met and oldest <= 5)


def valkey_fails(length: float) -> Outcome:
    """Killed, frozen, emptied, full."""
    with gateway() as stack:
        with traffic(stack) as calm:
            calm.more(CALM_TEXTS)
        with traffic(stack) as flowed:
            for _ in range(5):
                stack.restart("valkey")
                flowed.more()
            stack.freeze("valkey")
            time.sleep(at_least(length, HUNG_SECONDS, 10))
            stack.thaw("valkey")
            with redis.from_url(stack.settings.redis_url) as valkey:
                for _ in range(5):
                    valkey.flushall()
                    flowed.more()
                valkey.config_set("maxmemory", 1)
                flowed.more(200)
                valkey.config_set("maxmemory", 0)
        began = time.monotonic()
        came = of(flowed, 10)
        delivered = time.monotonic() - began
        usual, p99 = calm.percentile(0.99), flowed.percentile(0.99)
        figure = (
            f"{came.figure}; p99 {p99:.2f} s, {usual:.2f} s before, the slowest {flowed.slowest:.2f} s; "
            f"all there after {delivered:.1f} s"
        )
        return Outcome(figure, came.is_met and p99 <= max(0.5, 2 * usual) and delivered <= 5)


def web_workers_killed(length: float) -> Outcome:
    with gateway() as stack:
        with traffic(stack) as flowed:
            for _ in range(at_least(length, KILLS, 3)):
                time.sleep(KILL_SECONDS)
                with suppress(ProcessLookupError):
                    os.kill(until(stack.web_workers, 10)[0], signal.SIGKILL)
        came = of(flowed, 20)
        return Outcome(f"{came.figure}; {flowed.broken} connections broke under a call", came.is_met)


def reloads(_length: float) -> Outcome:
    with gateway() as stack:
        with traffic(stack) as flowed:
            for _ in range(5):
                flowed.more()
                stack.running["web"].send_signal(signal.SIGHUP)
                time.sleep(1)
        came = of(flowed, 20)
        failed = flowed.broken + flowed.turned_away
        return Outcome(f"{came.figure}, {failed} broken or refused", came.is_met and failed == 0)


def codes_before_a_backlog(length: float) -> Outcome:
    backlog, codes = at_least(length, BACKLOG, 2_000), at_least(length, CODES, 50)
    with gateway() as stack:
        client = stack.client()
        stack.kill("sms-1", "sms-2")
        waiting = [{"phoneNumber": new_phone(), "message": "Bonjour"} for _ in range(backlog)]
        for start in range(0, backlog, 1_000):
            assert client.post("/messages/batch", messages=waiting[start : start + 1_000]).status_code == 200
        stack.start("sms-1", "sms-2")
        return _codes_are_fast(stack, client, codes, f"{backlog:,} waited")


def codes_beside_a_campaign(length: float) -> Outcome:
    """It runs as fast as it can, and is not over when the last code is there."""
    rows, codes = at_least(length, BACKLOG, 20_000), at_least(length, CODES, 50)
    with gateway() as stack:
        client, stack.http.timeout = stack.client(), httpx.Timeout(180)
        batches = []
        for start in range(0, rows, MOST_RECIPIENTS):
            count = min(MOST_RECIPIENTS, rows - start)
            recipients = [{"phone": new_phone(), "message": "Bonjour"} for _ in range(count)]
            batches.append(client.post("/api/v2/bulk/send", recipients=recipients, urgent=True).json()["batchId"])
        until(lambda: _batch(client, batches[0])["delivered"], 60)
        came = _codes_are_fast(stack, client, codes, f"{rows:,} rows")
        left = sum(_batch(client, batch)["waiting"] for batch in batches)
        return Outcome(f"{came.figure}; {left:,} rows left then", came.is_met and left > 0)


def _batch(client: Client, batch_id: str) -> dict[str, Any]:
    told: dict[str, Any] = client.get(f"/api/v2/bulk/status/{batch_id}").json()
    return told


def _codes_are_fast(stack: Stack, client: Client, codes: int, beside: str) -> Outcome:
    took = sorted(_code_seconds(stack, client) for _ in range(codes))
    p95, p99 = took[int(0.95 * codes)], took[int(0.99 * codes)]
    return Outcome(f"{beside}, {codes} codes: p95 {p95:.2f} s, p99 {p99:.2f} s", p95 <= 1 and p99 <= 2)


def _code_seconds(stack: Stack, client: Client) -> float:
    phone, began = new_phone(), time.monotonic()
    stack.arrived(phone, client.otp(phone).json()["messageId"])
    return time.monotonic() - began


def power_cuts(length: float) -> Outcome:
    cuts = at_least(length, POWER_CUTS, 2)
    with gateway() as stack:
        known: set[int] = set()
        came: list[Traffic] = []
        for _ in range(cuts):
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
        figure = f"{cuts} cuts, {len(known)} reported; {accepted} accepted, {lost} lost, {doubles} doubled"
        return Outcome(figure, (lost, doubles, len(known)) == (0, 0, cuts))


def _outage(stack: Stack, known: set[int]) -> int | None:
    with stack.sessions() as session:
        found = outages.latest(session)
        is_new = found is not None and found.id not in known and found.checked_at is not None
        return found.id if found is not None and is_new and not found.lost and not found.fault else None


DRILLS = (
    Drill(
        "F1",
        f"{TEXTS:,} texts, a worker killed every 2 s",
        "lost 0, doubled 0, done within 60 s",
        workers_killed,
        30,
        150,
    ),
    Drill(
        "F2", f"relay and workers dead for {DEAD_SECONDS} s", "lost 0, the oldest within 5 s", nobody_delivers, 20, 60
    ),
    Drill(
        "F3",
        f"Valkey killed, hung for {HUNG_SECONDS} s, emptied, full",
        "lost 0, only 200, p99 500 ms or twice the calm one",
        valkey_fails,
        30,
        60,
    ),
    Drill("F4", f"a web process killed every 2 s, {KILLS} times", "accepted and lost 0", web_workers_killed, 20, 40),
    Drill("F5", "five reloads under load", "failed 0", reloads, 25),
    Drill("F13", f"{BACKLOG:,} wait, then {CODES} codes", "p95 1 s, p99 2 s", codes_before_a_backlog, 25, 180),
    Drill(
        "F13",
        f"a campaign of {BACKLOG:,} runs, then {CODES} codes",
        "p95 1 s, p99 2 s",
        codes_beside_a_campaign,
        30,
        180,
    ),
    Drill("cut", f"everything killed at once, {POWER_CUTS} times", "lost 0, each cut reported", power_cuts, 25, 180),
)

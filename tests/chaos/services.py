"""Helpers of the database and of Valkey fail over or start again: PgBouncer, Sentinel."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.drill import Drill, Outcome, Skipped, at_least, gateway, of
from tests.chaos.races import postgres
from tests.support import poolers
from tests.support.phones import new_phone
from tests.support.stack import Stack, until
from tests.support.traffic import traffic

TEXTS = 2_000
BACK_SECONDS = 10.0


def behind_pgbouncer(length: float) -> Outcome:
    """In transaction mode: statements of one connection go to several of the server's."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="chinqit-chaos-")))
        server = opened.enter_context(postgres())
        name = server.create().partition("@/")[2].partition("?")[0]
        try:
            address = opened.enter_context(poolers.bouncer(server, name, folder))
        except poolers.BouncerMissing:
            raise Skipped("pgbouncer is not installed") from None
        stack = opened.enter_context(gateway(f"{address}?prepare_threshold=none"))
        with traffic(stack) as flowed:
            until(lambda: len(flowed.accepted) >= at_least(length, TEXTS, 200), TEXTS / 20)
        return of(flowed, 20)


def sentinel_fails_over(_length: float) -> Outcome:
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="chinqit-chaos-")))
        watched = opened.enter_context(poolers.watched_by_sentinel(folder))
        stack = opened.enter_context(gateway(environ={"REDIS_URL": watched.address}))
        with traffic(stack) as flowed:
            flowed.more(100)
            watched.master.kill()
            began = time.monotonic()
            until(lambda: stack.call("GET", "/readyz").status_code == 200, 30)
            woken = time.monotonic() - began
            flowed.more(100)
            arrived = _seconds(stack)
        came = of(flowed, 10)
    figure = f"{came.figure}; woken again after {woken:.1f} s, then a text took {arrived:.2f} s"
    return Outcome(figure, came.is_met and woken <= BACK_SECONDS and arrived <= BACK_SECONDS)


def _seconds(stack: Stack) -> float:
    client, phone, began = stack.client(), new_phone(), time.monotonic()
    stack.arrived(phone, client.send(phone).json()["messageId"])
    return time.monotonic() - began


DRILLS = (
    Drill("F19", "PgBouncer in transaction mode", "lost 0, errors 0", behind_pgbouncer, 25, 25),
    Drill(
        "F19",
        "Valkey's master dies, a Sentinel promotes",
        "lost 0, errors 0, back within 10 s",
        sentinel_fails_over,
        30,
    ),
)

"""A worker beside an SMSC in trouble, at full size; the SMSC's ledger judges.

1. 1,000 texts that it answers with ESME_RSUBMITFAIL (0x45) beside 500 codes: how long a code takes until the SMSC has
   it, and what share of the carrier's rate goes into tries of refused texts.
2. 10,000 texts of three parts while it is killed every two seconds: parts that it never took, and texts that were
   called delivered before their last part was taken.

python -m tests.bench.trouble [REFUSED CODES LONG]      (1000, 500, 10000)
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from dashboard.cli import migrate
from dashboard.db import make_sessions
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.models.messages import Message
from dashboard.settings import Settings, prepare_home
from tests.support.http_carriers import Office
from tests.support.smpp.smsc import PASSWORD, NodeMissing, Smsc, install
from tests.support.smpp.worker import connect, working
from tests.support.stack import in_home
from tests.support.valkey import running

RATE = 100  # segments a second, of the first part
CODES_A_SECOND = 10
KILL_EVERY_SECONDS = 2
QUIET_SECONDS = 150  # of nothing new in the ledger, longer than a carrier is left alone: it is over
MOST_SECONDS = 300  # of kills
SUBMIT_FAIL = "0x45"
BARRED, CODES, LONG = 44_000_000, 36_000_000, 22_000_000  # numbers begin here
WORDS = "شكرا لكم على ثقتكم بنا. " * 7  # three parts


def main(refused: int, codes: int, long: int) -> None:
    with office() as found, smsc(receipts="off", fail_dest="^22244", fail_status=SUBMIT_FAIL) as server:
        measure_refusals(found, server, refused, codes)
    with office() as found, smsc(receipt_delay="50") as server:
        measure_kills(found, server, long)


@contextmanager
def office() -> Iterator[Office]:
    """A migrated SQLite database, with a Valkey beside it."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (address, _):
        home = Path(folder) / "home"
        prepare_home(home)
        settings = Settings.from_env({"CHINQIT_HOME": str(home), "DATABASE_URL": in_home(home), "REDIS_URL": address})
        migrate.upgrade(settings)
        made = Office(make_sessions(settings.database_url), settings)
        yield made
        for desk in made.desks:
            desk.connections.close()


@contextmanager
def smsc(**options: Any) -> Iterator[Smsc]:
    with tempfile.TemporaryDirectory() as folder:
        server = Smsc(install(Path(folder) / "node"), Path(folder) / "log", password=PASSWORD, **options)
        try:
            yield server
        finally:
            server.kill()


def measure_refusals(found: Office, server: Smsc, refused: int, codes: int) -> None:
    context, caller = connect(found, server, rate=RATE), found.caller()
    submit(found, BARRED, refused, "Bonjour")
    asked: dict[str, float] = {}
    with working(context):
        began = time.time()
        for number in range(codes):
            phone = f"+222{CODES + number * 1_000}"  # each in a range of its own, or it would be SMS pumping
            asked[phone] = time.time()
            found.send_code(caller, phone=phone)
            time.sleep(max(began + (number + 1) / CODES_A_SECOND - time.time(), 0))
        time.sleep(1)
    seconds = time.time() - began
    events = server.events("submit_sm")
    times = sorted(at(event) - asked[f"+{event['dest']}"] for event in events if event["status"] == 0)
    tries = Counter(event["dest"] for event in events if event["status"] != 0)
    retries = sum(tries.values()) - len(tries)
    print(f"refused: {refused:,} texts at {SUBMIT_FAIL} beside {codes:,} codes in {seconds:.0f} s, rate {RATE}/s")
    p50, p95 = share(times, 0.5), share(times, 0.95)
    print(f"  codes: {len(times):,} taken, p50 {p50:.2f} s, p95 {p95:.2f} s (demand 1)")
    share_of_rate = retries / seconds / RATE
    print(f"  retries: {retries:,}, {share_of_rate:.1%} of the rate (demand 10 %); {max(tries.values())} tries at most")


def measure_kills(found: Office, server: Smsc, count: int) -> None:
    context = connect(found, server, window=50)
    submit(found, LONG, count, WORDS)
    began, kills, end = time.monotonic(), itertools.count(), time.monotonic() + MOST_SECONDS
    stop = threading.Event()

    def kill() -> None:
        while not stop.wait(KILL_EVERY_SECONDS):
            server.kill()
            next(kills)
            server.restart()

    killer = threading.Thread(target=kill)
    with working(context):
        killer.start()
        while time.monotonic() < end and len(last_parts(server)) < count * 3:
            time.sleep(1)
        stop.set()
        killer.join()
        settle(server)
    parts = last_parts(server)
    with found.sessions() as session:
        rows = session.execute(select(Message.phone, Message.delivered_at).where(Message.delivered_at.is_not(None)))
        early = sum(at_last(parts, phone) > delivered.timestamp() for phone, delivered in rows if delivered)
        counted = select(Message.status, func.count()).group_by(Message.status)
        statuses = {row[0]: row[1] for row in session.execute(counted)}
    taken = sum(event["status"] == 0 for event in server.events("submit_sm"))
    print(f"kills: {count:,} texts of three parts, {next(kills)} kills, {time.monotonic() - began:.0f} s")
    lost, twice = count * 3 - len(parts), taken - len(parts)
    print(f"  parts never taken: {lost:,} of {count * 3:,} (demand 0); taken twice: {twice:,}")
    print(f"  delivered before the last part was taken: {early} (demand 0); ends: {statuses}")


def settle(server: Smsc) -> None:
    """Wait, with no more kills, until nothing new has come for a while: what is missing then is lost."""
    count = -1
    while count < (now := len(server.events("submit_sm"))):
        count = now
        time.sleep(QUIET_SECONDS)


def submit(found: Office, first: int, count: int, words: str) -> None:
    caller = found.caller()
    with found.sessions.begin() as session:
        drafts = [Draft.text(f"+222{first + number}", words) for number in range(count)]
        outbox.submit_all(session, [(caller, draft) for draft in drafts])


def last_parts(server: Smsc) -> dict[tuple[str, int], float]:
    """When each part was first taken, by number and place."""
    parts: dict[tuple[str, int], float] = {}
    for event in server.events("submit_sm"):
        if event["status"] == 0:
            parts.setdefault((event["dest"], event["concat"]["seq"]), at(event))
    return parts


def at_last(parts: dict[tuple[str, int], float], phone: str) -> float:
    """When the last part to a phone was taken; never, where one is missing."""
    return max(parts.get((phone.removeprefix("+"), place), float("inf")) for place in (1, 2, 3))


def at(event: dict[str, str]) -> float:
    return datetime.fromisoformat(event["t"]).timestamp()


def share(times: list[float], part: float) -> float:
    return times[min(int(len(times) * part), len(times) - 1)]


if __name__ == "__main__":
    try:
        main(*(int(argument) for argument in sys.argv[1:4] or (1000, 500, 10_000)))
    except NodeMissing:
        print("not measured: there is no node")

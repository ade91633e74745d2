"""How many waiting texts a second one worker delivers over one SMPP bind to an SMSC that answers at once.

The worker is a process of its own with a database; what counts is from the first submit_sm to the last row settled.
The ceiling beside it is the same bind with nothing but texts in memory, in the same run.

python -m tests.bench.delivery [TEXTS ROUNDS]      (20000, 3)
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import func, select

from dashboard.db import Sessions
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.carriers import carriers
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.models.messages import Message
from tests.bench import smpp
from tests.support.postgres import Postgres, PostgresMissing
from tests.support.stack import Stack, until

DEMAND = 3_000
WORDS = "Votre commande est en route. Merci de votre confiance."
WINDOW = 50
MOST_IN_ONE = 1_000


def main(count: int, rounds: int) -> None:
    with smpp.local() as port:
        ceilings = [smpp.measure(port, WINDOW, count, WORDS)[0] for _ in range(rounds)]
    ceiling = statistics.median(ceilings)
    print(f"bare session, window {WINDOW}: {ceiling:,.0f} texts/s")
    for name in ("sqlite", "postgresql"):
        try:
            found = [deliver(name, count) for _ in range(rounds)]
        except PostgresMissing:
            print(f"{name}: not measured, there is no PostgreSQL")
            continue
        rate = statistics.median(found)
        print(f"{name}: {rate:,.0f} texts/s delivered (demand {DEMAND:,}); {rate / ceiling:.2f} of the bare session")


def deliver(database: str, count: int) -> float:
    """Texts a second, from a database full of waiting ones."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        server = Postgres() if database == "postgresql" else None
        stack = Stack(home, server.create() if server else f"sqlite:///{home / 'chinqit.db'}")
        try:
            with smpp.local() as port:
                fill(stack.sessions, count)
                set_up(stack, port)
                stack.start("valkey", "sms-1", "relay")
                until(lambda: settled(stack.sessions) > 0, 30)
                begun, before = time.perf_counter(), settled(stack.sessions)
                until(lambda: settled(stack.sessions) == count, 120)
                return (count - before) / (time.perf_counter() - begun)
        finally:
            stack.close()
            if server:
                server.stop()


def fill(sessions: Sessions, count: int) -> None:
    with sessions.begin() as session:
        key, _ = keys.create(session, NewKey("bench"))
        session.flush()
        caller = authentication.Caller.from_row(key)
    drafts = [Draft.text(f"+222{40_000_000 + n}", WORDS) for n in range(count)]
    for start in range(0, count, MOST_IN_ONE):
        with sessions.begin() as session:
            outbox.submit_all(session, [(caller, draft) for draft in drafts[start : start + MOST_IN_ONE]])


def set_up(stack: Stack, port: int) -> None:
    told = {"host": "127.0.0.1", "port": str(port), "system_id": "t", "password": "t", "window": str(WINDOW)}
    with stack.sessions.begin() as session:
        carriers.add(session, carriers.cipher(stack.settings), carriers.NewCarrier("smpp", "smsc", told))


def settled(sessions: Sessions) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).where(Message.status == "sent")) or 0


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3] or ("20000", "3")))

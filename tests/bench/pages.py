"""How long the dashboard's heavy pages take on the server, on a small and on a large database, and how they grow.

python -m tests.bench.pages [SMALL LARGE]      (rows; 10000 and 1000000)

Beside the p95 stands the processor's own time, the median of the larger database: on a machine that is busy with
something else, the first says how busy it is and the second how much work a page is.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select

from dashboard.app import create_app
from dashboard.cli import migrate
from dashboard.db import Sessions, make_sessions
from dashboard.dev import seed
from dashboard.extensions import db
from dashboard.gateway.accounts import users
from dashboard.gateway.accounts.users import NewPerson
from dashboard.gateway.otp.codes import Keyring
from dashboard.models.messages import Message
from dashboard.settings import Settings, prepare_home

DEMAND_MS, DEMAND_GROWTH = 60, 1.5
ROUNDS = 40
DAYS = 30
EMAIL, PASSWORD = "bench@example.org", "Thé vert à 6 heures"
LOG, OTP = "/dashboard/messages/", "/dashboard/otp/"
PAGES = {
    "message log, first page": LOG,
    "status delivered": LOG + "?status=delivered",
    "status failed": LOG + "?status=failed",
    "status queued (none)": LOG + "?status=queued",
    "channel SMS": LOG + "?channel=sms",
    "channel WhatsApp": LOG + "?channel=whatsapp",
    "kind codes": LOG + "?kind=otp",
    "kind texts": LOG + "?kind=message",
    "one key": LOG + "?key={key}",
    "operator": LOG + "?operator=chinguitel",
    "period": LOG + "?period=24h",
    "failed WhatsApp of one key, period": LOG + "?status=failed&channel=whatsapp&key={key}&period=7d",
    "expired WhatsApp (none)": LOG + "?status=expired&channel=whatsapp&period=30d",
    "texts over WhatsApp (none)": LOG + "?kind=message&channel=whatsapp",
    "number": LOG + "?q={phone}",
    "beginning of a number": LOG + "?q=4411",
    "message ID": LOG + "?q={uuid}",
    "page two": LOG + "?before={before}",
    "poll of the log": LOG + "live?newest={before}",
    "overview": "/dashboard/",
    "a key, 30 days": "/dashboard/keys/{key}?period=30d",
    "codes, 24 hours": OTP + "?period=24h",
    "codes, 7 days": OTP + "?period=7d",
    "codes, 30 days": OTP + "?period=30d",
    "codes, 90 days, one operator": OTP + "?period=90d&operator=mauritel",
}


def main(sizes: list[int]) -> None:
    measured = [dict(of_size(size)) for size in sizes]
    print(f"\n{'p95, ms':42}" + "".join(f"{size:>12,}" for size in sizes) + f"{'growth':>9}{'CPU':>8}")
    slow = 0
    for name in PAGES:
        times = [result[name].p95 for result in measured]
        growth, work = times[-1] / times[0], measured[-1][name].work
        missed = max(times) > DEMAND_MS
        slow += missed
        shown = "".join(f"{value:12.1f}" for value in times)
        print(f"{name:42}{shown}{growth:8.2f}x{work:8.1f}" + " !" * missed)
    print(f"\nDemand: {DEMAND_MS} ms each; missed by {slow} of {len(PAGES)}. Growth is to stay under {DEMAND_GROWTH}x.")


@dataclass(frozen=True)
class Times:
    """Of one page, in milliseconds."""

    p95: float  # of the clock
    work: float  # of the processor, the median


def of_size(rows: int) -> Iterator[tuple[str, Times]]:
    """Each page with its times, on a database of so many messages."""
    with tempfile.TemporaryDirectory(prefix="chinqit-bench-") as folder:
        home = Path(folder) / "home"
        prepare_home(home)
        settings = Settings.from_env({"CHINQIT_HOME": str(home)})
        migrate.upgrade(settings)
        yield from measure(settings, fill(settings, rows))


def measure(settings: Settings, known: dict[str, Any]) -> Iterator[tuple[str, Times]]:
    """Each page with its times; `known` is what their addresses need."""
    app = create_app(settings)
    client = app.test_client()
    sign_in(client)
    for name, url in PAGES.items():
        yield name, timed(client, url.format(**known))
    with app.app_context():
        db.engine.dispose()


def sign_in(client: FlaskClient) -> None:
    form = client.get("/dashboard/sign-in").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert token
    told = {"csrf_token": token[1], "email": EMAIL, "password": PASSWORD}
    assert client.post("/dashboard/sign-in", data=told).status_code == 303


def fill(settings: Settings, rows: int) -> dict[str, Any]:
    """Messages, and someone who signs in; return what the addresses of the pages need."""
    began, sessions = time.monotonic(), make_sessions(settings.database_url)
    seed.seed(sessions, Keyring.of(settings), rows, DAYS)
    print(f"{rows:,} messages seeded in {time.monotonic() - began:.1f} s", file=sys.stderr)
    known = someone(sessions)
    sessions.kw["bind"].dispose()
    return known


def someone(sessions: Sessions) -> dict[str, Any]:
    """Add who signs in; return what the addresses of the pages need."""
    with sessions.begin() as session:
        users.add(session, NewPerson(EMAIL, "owner", PASSWORD, "Bench"))
        newest = session.scalar(select(func.max(Message.id))) or 0
        row = session.get_one(Message, newest // 2)
        return {"key": row.key_id, "phone": row.phone[4:], "uuid": row.uuid, "before": newest - 100}


def timed(client: FlaskClient, url: str) -> Times:
    times, work = [], []
    for turn in range(ROUNDS + 3):
        began, worked = time.perf_counter(), time.process_time()
        answer = client.get(url)
        passed, used = time.perf_counter() - began, time.process_time() - worked
        assert answer.status_code in (200, 204), (url, answer.status_code)
        if turn >= 3:  # the first ones fill caches
            times.append(passed * 1_000)
            work.append(used * 1_000)
    return Times(statistics.quantiles(times, n=20)[-1], statistics.median(work))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [10_000, 1_000_000])

"""A campaign of 50,000 through the page, and one call of 18 MB: seconds, memory of the web, and each text once.

A file is uploaded and started by one person and approved by another, as people do it. The call and the upload are done
three times, each with a web server that has just started, and the table has the median; the last upload leaves now, all
else in six days. Parts are killed while its texts leave; the ledger of an SMSC judges. What the SMSC has taken and not
answered when a worker is killed leaves again, for SMPP has no way to ask: a window of texts for each such kill, as rows
tell. No other may be there twice.

python -m tests.bench.campaign [ROWS]      (50000; exit with 1 where a demand is missed)
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import QueryableAttribute

from dashboard.db import utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.accounts import user_sessions
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.campaigns import campaigns
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.models.accounts import User
from dashboard.models.campaigns import Campaign
from dashboard.models.messages import Message
from dashboard.vocabulary import CampaignState, Role
from tests.bench import table
from tests.bench.api import megabytes
from tests.bench.delivery import DATABASES, empty
from tests.bench.table import Demand
from tests.support.dashboard_client import session_cookie
from tests.support.smpp.smsc import PASSWORD, Smsc, install
from tests.support.stack import Stack, until

ROWS, FIRST = 50_000, 30_000_000  # numbers begin there
ACCEPTED, MEMORY = Demand(60, at_most=True), Demand(60, at_most=True)
NONE = Demand(0, at_most=True)
WINDOW = 10  # texts that the SMSC has and has not answered
KILLS = ("sms-1", "relay", "web", "sms-2", "relay")
UNANSWERED = Demand(2 * WINDOW, at_most=True)  # two of them hold a window
LOOK_SECONDS = 0.05
ROUNDS = 3
LETTERS = 54  # of an Arabic text; each is six bytes of the call
MOST_SECONDS = 600


@dataclass
class Peak:
    """Memory of all web processes above what they had, in MB."""

    most: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self, pids: list[int]) -> None:
        before = sum(map(megabytes, pids))
        while not self.over.wait(LOOK_SECONDS):
            self.most = max(self.most, sum(map(megabytes, pids)) - before)


@dataclass
class Person:
    """Somebody with a browser, without its pages being drawn."""

    http: httpx.Client
    stack: Stack

    def token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.http.get("/dashboard/campaigns/new").text)
        assert found
        return found[1]

    def post(self, path: str, file: bytes | None = None, **fields: str) -> str:
        """Send a form; return where it leads."""
        files = {"file": ("clients.csv", file, "text/csv")} if file is not None else None
        answer = self.http.post(path, data={"csrf_token": self.token(), **fields}, files=files)
        assert answer.status_code == 303, answer.text[:2_000]
        return str(answer.headers["location"])

    def act(self, draft: str, act: str, mark: QueryableAttribute[Any]) -> None:
        """Start or approve a draft. A refusal leads to its page as a success does: what the act leaves there tells."""
        page = self.post(f"{draft}/{act}")
        with self.stack.sessions() as session:
            came = session.scalar(select(mark).where(Campaign.uuid == reference(draft)))
        if came is None:
            notices = re.findall(r'class="notice".*?<p>(.*?)</p>', self.http.get(page).text, re.S)
            raise AssertionError(f"{act} was refused: {' '.join(notices)}")


def main(rows: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        command, verdicts = install(Path(folder) / "smsc"), []
        for name in DATABASES:
            smsc = Smsc(command, Path(folder) / f"{name}.log", any_auth=True, receipts="off")
            try:
                with empty(name) as stack:
                    verdicts += run(stack, smsc, name, rows)
            finally:
                smsc.kill()
    return 1 if any(verdict != "PASS" for verdict in verdicts) else 0


def run(stack: Stack, smsc: Smsc, name: str, rows: int) -> list[str]:
    """Print what came; return the verdicts."""
    set_up(stack, smsc)
    stack.start()
    stack.http.timeout = httpx.Timeout(120)
    author, approver = person(stack, "author"), person(stack, "approver")
    later = utcnow() + timedelta(days=6)
    measured: list[tuple[float, float, float]] = []
    for turn in range(1, ROUNDS + 1):
        anew(stack)
        with peak(stack) as of_call:
            call(stack, rows, later)
        anew(stack)
        for one in (author, approver):
            one.token()  # what a first page loads is not the upload's
        with peak(stack) as of_page:
            draft, seconds = upload(stack, author, approver, rows, later if turn < ROUNDS else None)
        measured.append((of_call.most, of_page.most, seconds))
    call_memory, page_memory, accepted = map(median, zip(*measured, strict=True))
    began = time.monotonic()
    for turn, part in enumerate(KILLS, 1):
        share = turn * rows // (len(KILLS) + 1)
        until(lambda share=share: taken(smsc) >= share, MOST_SECONDS)  # type: ignore[misc]
        stack.restart(part)
    stack.wait_ready()
    until(lambda: is_over(stack, draft), MOST_SECONDS)
    copies = Counter(phone for phone, _text in smsc.taken().elements())
    lost = rows - len(copies)
    twice = {phone for phone, count in copies.items() if count > 1}
    print(table.line(f"{name}: left, with {len(KILLS)} kills", time.monotonic() - began, "s"))
    told = (
        (f"{name}: memory, a call of {rows:,} in \\u escapes", call_memory, "MB", MEMORY),
        (f"{name}: {rows:,} rows uploaded, approved, started", accepted, "s", ACCEPTED),
        (f"{name}: memory meanwhile", page_memory, "MB", MEMORY),
        (f"{name}: lost", float(lost), "texts", NONE),
        (f"{name}: twice, in hand at a kill", float(len(twice)), "texts", UNANSWERED),
        (f"{name}: twice, unless in hand at a kill", float(len(twice - tried_again(stack))), "texts", NONE),
    )
    for what, found, unit, demand in told:
        print(table.line(what, found, unit, demand), flush=True)
    return [demand.verdict(found) for _, found, _, demand in told]


def set_up(stack: Stack, smsc: Smsc) -> None:
    """The SMSC is the route of all texts, no hour is quiet, and a second person approves a campaign of any size."""
    values = {"host": "127.0.0.1", "port": str(smsc.port), "system_id": "test", "password": PASSWORD}
    values |= {"sender": "Chinqit", "window": str(WINDOW)}
    with stack.sessions.begin() as session:
        carriers.add(session, carriers.cipher(stack.settings), NewCarrier("smpp", "smsc", values))
        preferences = site_settings.read(session)
        changes: dict[str, Any] = {"quiet_from": "", "quiet_until": "", "rests_on_friday": False, "approval_from": 0}
        site_settings.save(session, replace(preferences, **changes))


def anew(stack: Stack) -> None:
    """Start the web server again: one that has needed memory keeps it, and takes no more the next time."""
    stack.restart("web")
    stack.wait_ready()


@contextmanager
def peak(stack: Stack) -> Iterator[Peak]:
    found = Peak()
    watching = threading.Thread(target=found.watch, args=(stack.web_workers(),))
    watching.start()
    try:
        yield found
    finally:
        found.over.set()
        watching.join()


def call(stack: Stack, rows: int, at: datetime) -> None:
    """One call of the API, whose texts leave then."""
    recipients = [{"phone": f"+222{FIRST + row}", "message": "م" * LETTERS} for row in range(rows)]
    body = json.dumps({"recipients": recipients, "scheduledAt": at.isoformat()}).encode()
    print(f"a call of {len(body) / 1e6:.1f} MB")
    headers = {"Content-Type": "application/json", "X-API-Key": stack.key()}
    answer = stack.http.post("/api/v2/bulk/send", content=body, headers=headers)
    assert answer.status_code == 202, answer.text


def person(stack: Stack, name: str) -> Person:
    with stack.sessions.begin() as session:
        user = User(email=f"{name}@example.org", name=name, role=Role.OWNER, password_hash="-")
        session.add(user)
        session.flush()
        token = user_sessions.start_session(session, user, "127.0.0.1", "bench")
    app = Flask("cookies")
    app.secret_key = stack.settings.secret_key
    http = httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", timeout=120, headers={"Accept-Language": "en"})
    # As the gateway sets it: another one of the same name would be sent beside.
    http.cookies.set("chinqit_session", session_cookie(app, token), domain="127.0.0.1", path="/")
    return Person(http, stack)


def upload(stack: Stack, author: Person, approver: Person, rows: int, start: datetime | None) -> tuple[str, float]:
    """The address of a campaign that runs, or begins then, and in how many seconds it came to that."""
    with stack.sessions.begin() as session:
        key, _secret = keys.create(session, NewKey("Shop"))
        session.flush()
        key_id = key.id
    lines = "".join(f"Client {row};+222{FIRST + row}\n" for row in range(rows))
    at = f"{start.astimezone(ZoneInfo(stack.settings.timezone)):%Y-%m-%dT%H:%M}" if start else ""
    began = time.monotonic()
    text = "Bonjour {nom}, la boutique est fermée lundi."
    draft = author.post(
        "/dashboard/campaigns/new",
        f"Nom;Téléphone\n{lines}".encode(),
        name="Rentrée",
        key=key_id,
        text=text,
        start=at,
    )
    author.act(draft, "start", Campaign.asked_at)
    approver.act(draft, "approve", Campaign.approved_by)
    return draft, time.monotonic() - began


def reference(draft: str) -> str:
    """Of a campaign, from its page's address."""
    return draft.rpartition("/")[2]


def is_over(stack: Stack, draft: str) -> bool:
    with stack.sessions() as session:
        campaign = campaigns.find(session, reference(draft))
        return campaign is not None and campaign.state == CampaignState.DONE


def tried_again(stack: Stack) -> set[str]:
    """The numbers of which the database tells more than one attempt, as the SMSC writes them."""
    with stack.sessions() as session:
        phones = session.scalars(select(Message.phone).where(Message.attempts > 1))
        return {phone.removeprefix("+") for phone in phones}


def taken(smsc: Smsc) -> int:
    return len(smsc.events("submit_sm"))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))

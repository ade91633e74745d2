"""Large tables, long runs, old copies, and many odd requests."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from sqlalchemy import func, select, text

from dashboard.cli import migrate
from dashboard.db import make_sessions
from dashboard.models.messages import Message
from dashboard.models.sandbox import SandboxMessage
from dashboard.resources import ROOT
from dashboard.settings import Settings, prepare_home
from dashboard.vocabulary import Status
from tests.chaos.clock import HOUR, clock
from tests.chaos.drill import POSTGRESQL, SQLITE, Drill, Outcome, at_least, gateway, of, together
from tests.chaos.races import postgres
from tests.support.command import COMMAND
from tests.support.processes import execute
from tests.support.stack import PYTHON, Stack, in_home
from tests.support.traffic import traffic

ROWS = 1_000_000
MIGRATE_SECONDS = 60.0
KILLED_AFTER = (1.0, 3.0)
SOAK_SECONDS, SAMPLES = 3_600, 60
SAYS_SECONDS = 600  # in less, caches that fill look like growth
FUZZED = 40_000
KEY = "00000000-0000-4000-8000-000000000000"
NUMBERS = {  # one row a number
    SQLITE: "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)",
    POSTGRESQL: "WITH numbers AS (SELECT n FROM generate_series(1, :rows) AS n)",
}
UUID = {SQLITE: "printf('%036d', n)", POSTGRESQL: "lpad(n::text, 36, '0')"}
OLD_ROWS = """
INSERT INTO messages (id, uuid, key_id, kind, channel, phone, encoding, segments, status,
                      lane, priority, attempts, valid_until, created_at, sending_at, sent_at, delivered_at)
{numbers}
SELECT n, {uuid}, '{key}', 'text', 'sms', '+2223800' || (1000 + n % 9000), 'gsm7', 1, 'delivered',
       'sms', 1, 1, {times}
FROM numbers
"""
TIMES = ", ".join(f"'2026-01-0{day} 00:00:00'" for day in (2, 1, 1, 1, 1))
OLD_KEY = f"""
INSERT INTO api_keys (id, name, mode, scopes, networks, created_at)
VALUES ('{KEY}', 'old', 'live', '["send"]', '[]', '2026-01-01 00:00:00')
"""


def old_tables_are_migrated(length: float) -> Outcome:
    rows = at_least(length, ROWS, 10_000)
    with tempfile.TemporaryDirectory(prefix="chinqit-chaos-") as folder, postgres() as server:
        addresses = {SQLITE: in_home(Path(folder) / SQLITE), POSTGRESQL: server.create()}
        return together({name: _migrate(Path(folder) / name, url, name, rows) for name, url in addresses.items()})


def _migrate(home: Path, url: str, name: str, rows: int) -> Outcome:
    """A database of the first version, filled, and brought to this one, killed on its way."""
    prepare_home(home)
    environ = {"CHINQIT_HOME": str(home), "DATABASE_URL": url}
    settings = Settings.from_env(environ)
    migrate.upgrade(settings, "0001")
    sessions = make_sessions(settings.database_url)
    with sessions.begin() as session:
        session.execute(text(OLD_KEY))
        session.execute(
            text(OLD_ROWS.format(numbers=NUMBERS[name], uuid=UUID[name], key=KEY, times=TIMES)), {"rows": rows}
        )
    for seconds in KILLED_AFTER:
        with subprocess.Popen([COMMAND, "migrate"], env=environ, cwd=home, stderr=subprocess.DEVNULL) as migrating:
            with suppress(subprocess.TimeoutExpired):
                migrating.wait(seconds)
            migrating.kill()
    began = time.monotonic()
    done = subprocess.run([COMMAND, "migrate"], env=environ, cwd=home, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    with sessions() as session:
        version, left = migrate.database_version(session), session.scalar(select(func.count()).select_from(Message))
    sessions.kw["bind"].dispose()
    is_whole = done.returncode == 0 and version == migrate.newest_version() and left == rows
    figure = f"{rows:,} rows, killed {len(KILLED_AFTER)} times, then {seconds:.1f} s to {version}{done.stderr[-200:]}"
    return Outcome(figure, is_whole and seconds <= MIGRATE_SECONDS)


def backup_is_restored_late(_length: float) -> Outcome:
    """A backup made under load, with messages that wait; restored elsewhere 25 hours later."""
    with tempfile.TemporaryDirectory(prefix="chinqit-chaos-") as place:
        file, home = Path(place) / "copy.db", Path(place) / "home"
        with gateway() as stack:
            stack.kill("sms-1", "sms-2")
            with traffic(stack) as flowed:
                flowed.more(100)
                backed_up = _command(stack.environment, "backup", str(file))
                flowed.more(50)
            prepare_home(home)
            shutil.copytree(stack.home / "secrets", home / "secrets", dirs_exist_ok=True)
        with clock(25 * HOUR) as later:
            environ = {"CHINQIT_HOME": str(home), **later.environ}
            restored = _command(environ, "restore", str(file))
            stack = Stack(home, in_home(home), execute, environ=later.environ)
            with closing(stack):
                stack.start()
                stack.wait_ready()
                end = time.monotonic() + 60
                while _counted(stack, Status.QUEUED) and time.monotonic() < end:
                    time.sleep(0.5)
                expired, waiting = _counted(stack, Status.EXPIRED), _counted(stack, Status.QUEUED)
                with stack.sessions() as session:
                    sent = session.scalar(select(func.count()).select_from(SandboxMessage))
    figure = f"{len(flowed.accepted)} accepted, {expired} of the backup expired, {waiting} wait, {sent} sent"
    is_met = (backed_up, restored, waiting, sent) == (0, 0, 0, 0) and expired >= 100 and not flowed.refused
    return Outcome(figure, is_met)


def _command(environ: dict[str, str], *words: str) -> int:
    done = subprocess.run([COMMAND, *words], env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr)
    return done.returncode


def _counted(stack: Stack, status: Status) -> int:
    with stack.sessions() as session:
        return session.scalar(select(func.count()).where(Message.status == status.value)) or 0


@dataclass
class Soak:
    """What the processes of a gateway hold, looked at now and then; bytes by process, and counts.

    Memory is what is a process's own: pages of the database's file that it has mapped grow with the file, and the
    system takes them back when it needs them.
    """

    at: list[float] = field(default_factory=list)
    memory: dict[str, list[int]] = field(default_factory=dict)
    files: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)

    def look(self, stack: Stack) -> None:
        pids = {name: part.pid for name, part in stack.running.items()}
        pids |= {f"web worker {number}": pid for number, pid in enumerate(sorted(stack.web_workers()), 1)}
        self.at.append(time.monotonic())
        for name, pid in pids.items():
            status = Path(f"/proc/{pid}/status").read_text()
            self.memory.setdefault(name, []).append(int(re.findall(r"RssAnon:\s+(\d+)", status)[0]) * 1024)
        self.files.append(sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids.values()))
        with redis.from_url(stack.settings.redis_url) as valkey:
            self.keys.append(int(valkey.dbsize()))

    def growth(self, name: str) -> float:
        """MB in ten minutes: the slope of the line that fits best."""
        values, middle = self.memory[name], sum(self.at) / len(self.at)
        mean = sum(values) / len(values)
        over = sum((at - middle) * (value - mean) for at, value in zip(self.at, values, strict=True))
        return over / sum((at - middle) ** 2 for at in self.at) * 600 / 2**20


def soak(length: float) -> Outcome:
    seconds = at_least(length, SOAK_SECONDS, 60)
    with gateway() as stack:
        seen = Soak()
        with traffic(stack, callers=4, pause=0.08) as flowed:  # 50 a second in all, less the time of the calls
            time.sleep(seconds / 6)  # caches fill
            for _ in range(SAMPLES):
                time.sleep(seconds / SAMPLES)
                seen.look(stack)
        came = of(flowed, 20)
    grew = {name: seen.growth(name) for name in seen.memory}
    worst = max(grew, key=lambda name: grew[name])
    files, keys = (f"{counted[0]} to {counted[-1]}" for counted in (seen.files, seen.keys))
    figure = f"{came.figure}; {worst} grew most, {grew[worst]:+.2f} MB in 10 min; files {files}, Valkey's keys {keys}"
    are_flat = seen.files[-1] <= seen.files[0] + 20 and seen.keys[-1] <= seen.keys[0] + 20
    if seconds < SAYS_SECONDS:
        return Outcome(f"{figure}; memory is judged from {SAYS_SECONDS} s on", came.is_met and are_flat)
    return Outcome(figure, came.is_met and grew[worst] <= 1 and are_flat)


def odd_requests(length: float) -> Outcome:
    cases = at_least(length, FUZZED, 500)
    words = [PYTHON, "-m", "tests.fuzz", "1", str(cases)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout[-10_000:] + done.stderr[-10_000:])
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "it printed nothing"
    return Outcome(f"{cases:,} generated, ended with {done.returncode}; {last}", done.returncode == 0)


DRILLS = (
    Drill(
        "F14",
        f"{ROWS:,} old rows migrated, killed twice",
        "within 60 s, nothing half done",
        old_tables_are_migrated,
        40,
        300,
    ),
    Drill("F14", "a backup under load, restored 25 hours later", "all expired, 0 sent", backup_is_restored_late, 45),
    Drill(
        "F15", "an hour at 50 texts a second", "1 MB in 10 min a process, files flat", soak, 30, SOAK_SECONDS * 7 // 6
    ),
    Drill(
        "F16",
        f"{FUZZED:,} generated and raw requests, on both databases",
        "never 500, each in shape",
        odd_requests,
        120,
        1_500,
    ),
)

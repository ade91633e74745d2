"""`chinqit run` as a person meets it, what `chinqit doctor` says, and the help of every command."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dashboard.cli.registry import main
from tests.support.command import Run, made
from tests.support.stack import free_port, until

pytestmark = pytest.mark.timeout(180)
DEAD_PORT = "1"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    yield from made(tmp_path)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One that serves, for all tests that leave it whole."""
    for found in made(tmp_path_factory.mktemp("r")):
        found.start()
        yield found


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A home with a database, in which nothing runs."""
    for found in made(tmp_path_factory.mktemp("p")):
        assert found.invoke("init").returncode == 0
        yield found


def test_one_command_serves(running: Run) -> None:
    assert running.ready()
    assert f"http://127.0.0.1:{running.port}/dashboard/setup/" in running.told()
    assert "keys create" in running.told()
    assert len(running.processes()) >= 9
    assert running.process
    files = [str(each.readlink()) for each in Path(f"/proc/{running.process.pid}/fd").iterdir()]
    assert not [name for name in files if "chinqit.db" in name], "SQLite's connections must not cross a fork"


def another(run: Run, part: str, before: set[int]) -> set[int]:
    """Processes that run a part now and did not before."""
    return set(run.processes(part)) - before


def test_what_dies_is_started_again(running: Run) -> None:
    for part in ("valkey", "web:", "worker sms:", "relay:"):
        before = set(running.processes(part))
        os.kill(min(before), signal.SIGKILL)
        until(partial(another, running, part, before), 20, running.told)
    until(running.ready, 30, running.told)


def test_a_killed_supervisor_takes_its_parts_along_and_can_be_started_at_once(running: Run) -> None:
    running.signal(signal.SIGKILL)
    assert running.process
    running.process.wait(10)
    running.start()
    assert running.ready()
    assert len(running.processes("relay:")) == 1


def test_a_second_one_in_the_same_home_is_refused_in_one_line(running: Run) -> None:
    second = running.invoke("run", PORT=str(free_port()))
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.splitlines() == [
        f"Error: Another gateway runs in {running.home}. End it, or set CHINQIT_HOME."
    ]
    assert running.ready()


def test_a_busy_port_is_told_in_one_line(prepared: Run) -> None:
    with socket.create_server(("127.0.0.1", prepared.port)):
        done = prepared.invoke("run")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: Cannot listen on 127.0.0.1:{prepared.port}: Address already in use.")


def test_a_home_that_cannot_be_made_is_told_in_one_line(run: Run) -> None:
    done = run.invoke("run", CHINQIT_HOME="/dev/null/home")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "Error: Cannot write in /dev/null/home: Not a directory. Set CHINQIT_HOME to a folder you own."
    ]


# The doctor


def test_the_doctor_is_content_with_a_gateway_that_runs(running: Run) -> None:
    done = running.invoke("doctor")
    assert done.returncode == 0, done.stdout
    assert "WRONG" not in done.stdout


def test_it_ends_with_no_process_left(running: Run) -> None:
    """The last but one of those that use this one."""
    running.signal(signal.SIGTERM)
    assert running.process
    began = time.monotonic()
    assert running.process.wait(10) == 0
    assert time.monotonic() - began < 10
    assert running.processes() == {}
    assert {path.name for path in running.home.parent.iterdir()} == {running.home.name, running.printed.name}


def test_without_workers_of_a_lane_it_serves_and_says_which_is_missing(running: Run) -> None:
    """The last of those that use this one: it is left so."""
    running.environ["WHATSAPP_WORKERS"] = "0"
    running.start()
    assert "no worker serves the lane whatsapp" in running.told()
    until(lambda: not running.ready(), 60, running.told)  # once the sign of life of the one before is old


def test_the_doctor_says_what_does_not_run_and_how_to_start_it(prepared: Run) -> None:
    done = prepared.invoke("doctor")
    assert done.returncode == 1
    assert "WRONG  valkey    does not answer" in done.stdout
    for words in ("chinqit worker sms", "chinqit worker whatsapp", "chinqit worker webhooks", "chinqit relay"):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"DATABASE_URL": f"postgresql://nobody@127.0.0.1:{DEAD_PORT}/none"}, "PostgreSQL does not answer"),
        ({"DATABASE_URL": "mysql://root@127.0.0.1/none"}, "DATABASE_URL must begin with"),
        ({"REDIS_URL": f"redis://127.0.0.1:{DEAD_PORT}"}, "Check REDIS_URL"),
        ({"REDIS_URL": "127.0.0.1:6379"}, "REDIS_URL must be as in"),
        ({"REDIS_URL": "redis://127.0.0.1:six"}, "REDIS_URL must be as in"),
        ({"OTP_SECRET": "short"}, "OTP_SECRET is too short"),
        ({"PORT": "http"}, "PORT must be a whole number"),
        ({"TIMEZONE": "Mars/Olympus"}, "there is no 'Mars/Olympus'"),
    ],
    ids=lambda value: next(iter(value.values())) if isinstance(value, dict) else "",
)
def test_the_doctor_names_the_setting_that_is_wrong(prepared: Run, environ: dict[str, str], words: str) -> None:
    done = prepared.invoke("doctor", **environ)
    assert (done.returncode, done.stderr) == (1, "")
    assert words in done.stdout


def test_the_doctor_knows_a_database_of_a_newer_version(run: Run) -> None:
    run.invoke("init")
    with sqlite3.connect(run.home / "chinqit.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert "Update the gateway" in run.invoke("doctor").stdout
    started = run.invoke("run")
    assert (started.returncode, started.stdout) == (1, "")
    assert "is newer (9999)" in started.stderr


def test_the_doctor_knows_a_file_that_is_no_database(run: Run) -> None:
    run.invoke("init")
    for leftover in run.home.glob("chinqit.db*"):
        leftover.unlink()
    (run.home / "chinqit.db").write_bytes(b"no database at all, but long enough to be looked at" * 50)
    done = run.invoke("doctor")
    assert done.returncode == 1
    assert "SQLite does not answer: file is not a database" in done.stdout


def test_a_review_number_is_added_listed_and_removed(prepared: Run) -> None:
    prepared.invoke("keys", "create", "app")
    added = prepared.invoke("keys", "review", "add", "app", "22000001", "--days", "9", "--code", "204816")
    assert added.returncode == 0, added.stderr
    again = prepared.invoke("keys", "review", "add", "app", "22000001", "--days", "9", "--code", "204816")
    assert "Remove that one first" in again.stderr
    assert prepared.invoke("keys", "review", "remove", "app", "22000001").returncode == 0
    (row,) = json.loads(prepared.invoke("keys", "review", "list", "app", "--json").stdout)
    assert (row["phone"], row["inForce"], row["removedBy"]) == ("+22222000001", False, "command line")


# Help


def commands(group: click.Group, path: str = "chinqit") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_that_calls_it(name: str) -> None:
    command = COMMANDS[name]
    told = command.get_help(click.Context(command, info_name=name))
    _, _, examples = told.partition("Example")
    assert name in examples


def test_a_misused_command_says_so_on_stderr(prepared: Run) -> None:
    for words, code in ((["keys", "create"], 2), (["nothing"], 2), (["keys", "revoke", "nobody"], 1)):
        done = CliRunner().invoke(main, words, env=prepared.environ)
        assert (done.exit_code, done.stdout) == (code, "")
        assert "Error: " in done.stderr

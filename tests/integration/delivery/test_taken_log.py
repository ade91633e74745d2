"""What carriers have taken from a worker that was killed before it wrote that down."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.delivery import claim, settle, taken_log
from dashboard.gateway.delivery.decisions import LetGo
from dashboard.gateway.delivery.taken_log import TakenLog
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.claimed import ClaimedMessage
from dashboard.gateway.messages.outbox import Draft
from dashboard.models.messages import Message
from dashboard.providers.base import Outcome
from dashboard.vocabulary import Status

PHONE, TEXT = "+22236000001", "Bonjour"
OUTCOME = Outcome("77-a", parts=("77-a", "78-a"), sender="Chinqit", answer=f"taken: {TEXT}")


@pytest.fixture
def message(sessions: Sessions, caller: Caller) -> ClaimedMessage:
    """Under a worker's lease."""
    with sessions.begin() as session:
        outbox.submit(session, caller, Draft.text(PHONE, TEXT))
    (claimed,) = claim.claim(sessions, "sms", 10)
    return claimed.message


def end(taken: TakenLog) -> None:
    """As the kernel does for a process that is killed."""
    for file in (taken._now, taken._before):
        assert file is not None
        file.close()


def row(sessions: Sessions) -> Message:
    with sessions() as session:
        return session.scalars(select(Message)).one()


def files(home: Path) -> list[Path]:
    return sorted((home / taken_log.FOLDER).glob("*.log"))


def test_what_a_killed_worker_had_noted_is_sent(sessions: Sessions, message: ClaimedMessage, tmp_path: Path) -> None:
    taken = TakenLog.open(tmp_path)
    taken.note(message, "mauritel", OUTCOME)
    assert taken_log.recover(sessions, tmp_path) == set()
    assert (row(sessions).status, len(files(tmp_path))) == (Status.SENDING, 2), "it lives: it is its own to write"
    end(taken)
    taken_log.recover(sessions, tmp_path)
    found = row(sessions)
    assert (found.status, found.carrier, found.carrier_ref) == (Status.SENT, "mauritel", "77-a")
    assert (found.due_at, found.claim, found.attempts, files(tmp_path)) == (None, None, 1, [])


def test_what_was_committed_or_is_anothers_now_is_left_alone(
    sessions: Sessions, message: ClaimedMessage, tmp_path: Path
) -> None:
    taken = TakenLog.open(tmp_path)
    taken.note(message, "mauritel", OUTCOME)
    with sessions.kw["bind"].begin() as connection:
        settle.apply(connection, [LetGo(message)])
    (again,) = claim.claim(sessions, "sms", 10)
    end(taken)
    taken_log.recover(sessions, tmp_path)
    assert (row(sessions).status, row(sessions).claim) == (Status.SENDING, again.message.claim)


def test_what_is_committed_is_forgotten_and_what_came_meanwhile_is_not(message: ClaimedMessage, tmp_path: Path) -> None:
    taken = TakenLog.open(tmp_path)
    taken.note(message, "before", OUTCOME)
    taken.begin()
    taken.note(message, "meanwhile", OUTCOME)
    taken.forget()
    (line,) = "".join(path.read_text() for path in files(tmp_path)).splitlines()
    assert '"meanwhile"' in line
    taken.begin()
    taken.forget()
    assert [path.stat().st_size for path in files(tmp_path)] == [0, 0]
    end(taken)


def test_no_number_and_no_text_is_noted_and_nobody_else_may_read_it(message: ClaimedMessage, tmp_path: Path) -> None:
    taken = TakenLog.open(tmp_path)
    taken.note(message, "mauritel", OUTCOME)
    end(taken)
    noted = "".join(path.read_text() for path in files(tmp_path))
    assert "77-a" in noted
    assert TEXT not in noted
    assert PHONE[4:] not in noted
    assert {path.stat().st_mode & 0o077 for path in files(tmp_path)} == {0}


@pytest.mark.parametrize("broken", [b'{"id": 1, "cl', b"\0" * 40, b"[]", b'{"id": 1}', b'{"outcome": {"x": 1}}'])
def test_a_line_that_cannot_be_read_stops_no_worker(
    sessions: Sessions, message: ClaimedMessage, tmp_path: Path, broken: bytes
) -> None:
    taken = TakenLog.open(tmp_path)
    taken.note(message, "mauritel", OUTCOME)
    end(taken)
    whole = next(path for path in files(tmp_path) if path.stat().st_size)
    whole.write_bytes(whole.read_bytes() + broken)
    taken_log.recover(sessions, tmp_path)
    assert (row(sessions).status, files(tmp_path)) == (Status.SENT, [])


def test_without_a_folder_nothing_is_noted_and_nothing_fails(
    sessions: Sessions, message: ClaimedMessage, tmp_path: Path
) -> None:
    (tmp_path / taken_log.FOLDER).write_text("a file is in the way")
    taken = TakenLog.open(tmp_path)
    taken.note(message, "mauritel", OUTCOME)
    taken.begin()
    taken.forget()
    assert taken_log.recover(sessions, tmp_path) == set()
    due_at = row(sessions).due_at
    assert due_at is not None
    assert due_at > utcnow()

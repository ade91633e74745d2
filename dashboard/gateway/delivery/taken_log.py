"""What carriers have taken and no transaction has told yet, in files that outlive a killed worker.

A worker that is killed between a carrier's answer and the commit that follows it would leave texts that are sent
again. Each answer is therefore noted in a file at once, and the next worker that starts on this machine writes down
what it finds. A lost file costs what it always did: those texts leave twice. It holds no number and no text.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dashboard.db import Sessions
from dashboard.gateway.delivery import settle
from dashboard.gateway.delivery.decisions import MarkSent
from dashboard.gateway.messages import claimed
from dashboard.gateway.messages.claimed import ClaimedMessage
from dashboard.providers.base import Outcome
from dashboard.vocabulary import Lane

log = logging.getLogger(__name__)

FOLDER = "taken"  # in the home folder
LOCK = ".lock"  # held while files are made or read
UNTOLD = ("arrival", "answer")  # of an outcome: what may hold a text
PER_TRANSACTION = 500


@dataclass(frozen=True)
class _Note:
    """A carrier's answer to the message with this row id and claim."""

    id: int
    claim: str
    carrier: str
    outcome: Outcome

    @classmethod
    def read(cls, line: bytes) -> _Note:
        """Raises ValueError, TypeError or KeyError: the line was cut, or another version wrote it."""
        told = json.loads(line)
        return cls(told["id"], told["claim"], told["carrier"], Outcome(**told["outcome"]))


class TakenLog:
    """The files of one process: one is written to while what the other holds is committed.

    A text is reported to the worker first and noted then; the worker begins the other file first and collects
    reports then. So whatever `forget` takes away has been collected.
    """

    def __init__(self, files: tuple[IO[bytes], IO[bytes]] | None = None) -> None:
        """Without files, nothing is noted."""
        self._now: IO[bytes] | None = None
        self._before: IO[bytes] | None = None
        if files is not None:
            self._now, self._before = files

    @classmethod
    def open(cls, home: Path) -> TakenLog:
        """With new files, which stay locked until this process ends; without, where none can be made."""
        folder = home / FOLDER
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            with _turn(folder):
                return cls((_new_file(folder, "a"), _new_file(folder, "b")))
        except OSError as error:
            log.warning("what carriers take is not noted: %s", error.strerror)
            return cls()

    def note(self, message: ClaimedMessage, carrier: str, outcome: Outcome) -> None:
        """Note that the carrier has it, from any thread; a full disk is survived."""
        file = self._now
        if file is None:
            return
        told = {name: value for name, value in vars(outcome).items() if name not in UNTOLD}
        line = json.dumps({"id": message.id, "claim": message.claim, "carrier": carrier, "outcome": told})
        with suppress(OSError):
            file.write(f"{line}\n".encode())

    def begin(self) -> None:
        """From now on note in the other file."""
        self._now, self._before = self._before, self._now

    def forget(self) -> None:
        """What was noted before `begin` is committed."""
        if self._before is not None:
            with suppress(OSError):
                self._before.truncate(0)


def recover(sessions: Sessions, home: Path) -> set[Lane]:
    """Write down what killed workers of this machine had noted; return the lanes that have work now. Commits.

    Raises SQLAlchemyError, and keeps what is not written.
    """
    folder, lanes = home / FOLDER, set[Lane]()
    if not folder.is_dir():
        return lanes
    with _turn(folder):
        for path in sorted(folder.glob("*.log")):
            with path.open("rb") as file:
                if not _is_ours(file):
                    continue
                notes = _notes(file)
                for first in range(0, len(notes), PER_TRANSACTION):
                    lanes |= _write(sessions, notes[first : first + PER_TRANSACTION])
                path.unlink()
                if notes:
                    log.warning("a worker was killed: %d texts that carriers had taken were noted", len(notes))
    return lanes


def _write(sessions: Sessions, notes: Sequence[_Note]) -> set[Lane]:
    """Settle those whose claim is still held."""
    with sessions.kw["bind"].begin() as connection:
        messages = claimed.find(connection, {note.id: note.claim for note in notes})
        sent = [MarkSent(messages[note.id], note.carrier, note.outcome) for note in notes if note.id in messages]
        return settle.apply(connection, sent) if sent else set()


def _notes(file: IO[bytes]) -> list[_Note]:
    """What can be read of it; an answer that is noted twice counts once."""
    notes: dict[str, _Note] = {}
    for line in file:
        with suppress(ValueError, TypeError, KeyError):
            note = _Note.read(line)
            notes[f"{note.id} {note.claim}"] = note
    return list(notes.values())


def _new_file(folder: Path, letter: str) -> IO[bytes]:
    path = folder / f"{os.getpid()}-{os.urandom(4).hex()}-{letter}.log"
    file = open(path, "ab", buffering=0, opener=_private)  # noqa: SIM115  it stays open as long as this process runs
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _is_ours(file: IO[bytes]) -> bool:
    """Whether the process that wrote it has ended."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One process at a time makes or reads files."""
    with open(folder / LOCK, "wb", opener=_private) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

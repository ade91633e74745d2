"""The chain of the audit log: each entry's hash covers its words and the hash before, so that no entry changes alone.

Whoever may write to the database can still make the whole chain anew, or cut off its end. Therefore the newest hash is
noted outside the database, too: in the home folder after each commit, and wherever an export is kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from dashboard.db import iso

START = "0" * 64  # what stands before the first entry
NOTE = "audit_head.json"
MOST_FAULTS = 20


@dataclass(frozen=True)
class Head:
    """The newest entry, as it was noted somewhere."""

    id: int
    hash: str


class ChainFault(NamedTuple):
    """`code` is changed, missing (entries before this one), rewired (it follows another one), or cut_off."""

    id: int
    code: str


class ChainEntry(NamedTuple):
    """A row as the chain sees it."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str
    changes: str
    address: str
    request_id: str
    previous: str
    hash: str

    def expected_hash(self) -> str:
        words = [self.id, iso_exact(self.at), *self[2:9]]
        return hashlib.sha256(json.dumps(words, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()

    def row(self) -> dict[str, object]:
        """For an export: what is needed to hash it anew."""
        return {**self._asdict(), "at": iso_exact(self.at), "changes": json.loads(self.changes)}


def iso_exact(at: datetime) -> str:
    """To the microsecond, as both databases keep it."""
    return f"{(iso(at) or '')[:-4]}{at.microsecond:06d}Z"


def faults(entries: Iterable[ChainEntry], noted: Head | None) -> Iterator[ChainFault]:
    """What does not fit, in the order of the entries; nothing when the chain is whole."""
    last_id, last_hash = 0, START
    for entry in entries:
        if entry.id != last_id + 1:
            yield ChainFault(entry.id, "missing")
        elif entry.previous != last_hash:
            yield ChainFault(entry.id, "rewired")
        if entry.hash != entry.expected_hash():
            yield ChainFault(entry.id, "changed")
        if noted is not None and entry.id == noted.id and entry.hash != noted.hash:
            yield ChainFault(entry.id, "changed")
        last_id, last_hash = entry.id, entry.hash
    if noted is not None and noted.id > last_id:
        yield ChainFault(last_id + 1, "cut_off")


def read_note(home: Path) -> Head | None:
    """The newest entry that this machine has seen committed."""
    try:
        return Head(**json.loads((home / NOTE).read_text()))
    except FileNotFoundError:
        return None


def note(home: Path, head: Head) -> None:
    """Keep the newest entry outside the database. Several processes write it: an older one never replaces a newer."""
    with (home / f"{NOTE}.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        known = read_note(home)
        if known is not None and known.id >= head.id:
            return
        draft = home / f"{NOTE}.new"
        draft.write_text(json.dumps(asdict(head)))
        draft.replace(home / NOTE)

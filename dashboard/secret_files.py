"""Files that hold a secret: one value alone, or, after a rotation, several with the time since when each is in force.

Processes read such a file again while they run, so a rotation needs no restart.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

FOLLOW_SECONDS = 1  # so old at most is what a running process knows of a file
MARK = '{"secrets":'  # what a file with several values begins with


@dataclass(frozen=True)
class Secret:
    """One value of a secret."""

    value: str = field(repr=False)
    since: datetime | None = None  # when it came, or comes, in force; None: nobody wrote it down
    is_resealed: bool = True  # nothing is encrypted any more with those before it

    @property
    def id(self) -> str:
        """A name that gives nothing of it away: values are random and long."""
        return hashlib.sha256(b"kid" + self.value.encode()).hexdigest()[:8]


def parse(text: str) -> tuple[Secret, ...]:
    """The values of a file, the newest first; raise ValueError when it holds none."""
    text = text.strip()
    if not text:
        raise ValueError("it is empty")
    if not text.startswith(MARK):
        return (Secret(text),)
    try:
        found = tuple(
            Secret(
                str(row["value"]),
                datetime.fromisoformat(row["since"]) if row["since"] else None,
                bool(row["is_resealed"]),
            )
            for row in json.loads(text)["secrets"]
        )
    except (KeyError, TypeError, ValueError):
        raise ValueError("it is damaged") from None
    if not found:
        raise ValueError("it is empty")
    return found


def text_of(secrets: Sequence[Secret]) -> str:
    """What a file holds that has these values, the newest first."""
    rows = [
        {
            "id": secret.id,
            "since": secret.since.isoformat() if secret.since else None,
            "is_resealed": secret.is_resealed,
            "value": secret.value,
        }
        for secret in secrets
    ]
    return MARK + json.dumps(rows, indent=1) + "}\n"


def usable(secrets: Sequence[Secret], life: timedelta, now: datetime) -> tuple[Secret, ...]:
    """The one in force first, then those that something may have been made with.

    Those are the ones to come, which a machine whose clock is ahead uses already, and the ones before, until their
    successor has been in force for `life` and nothing is encrypted with them any more.
    """
    if len(secrets) == 1:
        return tuple(secrets)
    coming = [secret for secret in secrets[:-1] if secret.since and secret.since > now]
    current, *before = secrets[len(coming) :]
    successors = [current, *before]
    kept = [secret for successor, secret in itertools.pairwise(successors) if not _has_replaced(successor, life, now)]
    return current, *coming, *kept


def without_retired(secrets: Sequence[Secret], life: timedelta, now: datetime) -> list[Secret]:
    """Those that are still usable, the newest first."""
    kept = usable(secrets, life, now)
    return [secret for secret in secrets if secret in kept]


def _has_replaced(successor: Secret, life: timedelta, now: datetime) -> bool:
    """Whether nothing that was made with the one before it is worth anything any more."""
    return successor.is_resealed and successor.since is not None and successor.since + life <= now


def read(path: Path) -> tuple[Secret, ...]:
    """The values of a file as they are now, the newest first; raise OSError or ValueError."""
    secrets = parse(path.read_text())
    _known[path] = (time.monotonic(), secrets)
    return secrets


def follow(path: Path) -> tuple[Secret, ...]:
    """The values of a file as they were at most a second ago; the last ones known while it cannot be read.

    Raise OSError or ValueError when this process could never read it.
    """
    known = _known.get(path)
    if known and time.monotonic() - known[0] < FOLLOW_SECONDS:
        return known[1]
    try:
        return read(path)
    except (OSError, ValueError):
        if known is None:
            raise
        _known[path] = (time.monotonic(), known[1])
        return known[1]


def write(path: Path, text: str) -> None:
    """Write whole or not at all: a half-written secret would lock the next start out.

    A file that was there keeps its owner and its mode; a new one is readable by this user alone. Raise OSError.
    """
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            before = path.stat()
            os.chown(draft, before.st_uid, before.st_gid)
            draft.chmod(stat.S_IMODE(before.st_mode))
        draft.rename(path)
    except OSError:
        draft.unlink()
        raise


_known: dict[Path, tuple[float, tuple[Secret, ...]]] = {}  # when each file was read, and what it held

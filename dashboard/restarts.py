"""How `chinqit restart` finds the gateway that runs in a home, and tells it which settings count from now on.

The settings may hold secrets: they lie in the home folder, which is this user's alone, from the command to the restart.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path

from dashboard.settings import environ_with, given_settings

NAME = "restart.json"


def leave_settings(home: Path) -> None:
    """Leave the settings of this process's environment for the gateway that is to restart."""
    forget_settings(home)
    descriptor = os.open(home / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(given_settings(), file)


def forget_settings(home: Path) -> None:
    """Nothing is left for a restart."""
    (home / NAME).unlink(missing_ok=True)


def are_left(home: Path) -> bool:
    """Whether nobody has taken them yet."""
    return (home / NAME).exists()


def take_environ(home: Path) -> dict[str, str]:
    """The environment to restart with: the settings that were left, once; else those of this process."""
    with suppress(OSError, ValueError):
        left = json.loads((home / NAME).read_text())
        forget_settings(home)
        return environ_with(left)
    return environ_with(given_settings())


def running_pid(home: Path) -> int | None:
    """The process id of the gateway that holds this home; None when there is none."""
    with suppress(FileNotFoundError), (home / "run.lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return int(lock.read() or 0) or None
    return None


def is_running(pid: int) -> bool:
    """Whether there is such a process."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False

"""The backups that BACKUP_FOLDER asks for: a thread of the relay makes one a day, in a process of its own.

A child keeps the relay small, and what goes wrong in it ends it alone. Each machine whose relay has a folder makes
them.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dashboard.db import utcnow
from dashboard.settings import Settings

log = logging.getLogger(__name__)

PATTERN = "chinqit-*T*Z.db"  # as `chinqit backup` names them
EVERY = timedelta(hours=24)
LOOK_SECONDS = 60.0
AFTER_FAILURE_SECONDS = 3_600.0
LONGEST_SECONDS = 4 * 3_600.0
COMMAND = (sys.executable, "-P", "-c", "from dashboard.cli.registry import main; main()", "backup")


def run(settings: Settings, stopping: threading.Event) -> None:
    """Make backups until `stopping` is set."""
    folder = Path(settings.backup_folder)
    wait = LOOK_SECONDS
    while not stopping.wait(wait):
        wait = LOOK_SECONDS
        if is_due(folder, utcnow()) and not make(settings):
            wait = AFTER_FAILURE_SECONDS


def is_due(folder: Path, now: datetime) -> bool:
    """Whether the newest backup in the folder is a day old, or there is none."""
    newest = max((path.stat().st_mtime for path in folder.glob(PATTERN)), default=0.0)
    age = now - datetime.fromtimestamp(newest, UTC)
    return age >= EVERY or age < -EVERY  # or the clock was set back


def make(settings: Settings) -> bool:
    """Make one and delete those beyond BACKUP_KEEP; return whether it worked. Its words go to the log."""
    command = [*COMMAND, settings.backup_folder, "--keep", str(settings.backup_keep)]
    try:
        Path(settings.backup_folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        done = subprocess.run(  # noqa: S603  words of ours
            command, env=settings.environ(), capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.error("no backup was made: %s", getattr(error, "strerror", None) or type(error).__name__)
        return False
    if done.returncode != 0:
        log.error("no backup was made: %s", (done.stderr.strip() or "it ended").splitlines()[-1])
        return False
    log.info("backup %s: %s", done.stdout.strip(), done.stderr.strip())
    return True

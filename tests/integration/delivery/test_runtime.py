"""What a worker process has one of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from dashboard.resources import ROOT
from dashboard.settings import prepare_home

AT_ONCE = """
import threading
from jobs import runtime

together, found = threading.Barrier(3), []

def ask():
    together.wait()
    found.append(runtime.context("sms"))

threads = [threading.Thread(target=ask) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(found), len(set(map(id, found))))
"""


def test_threads_that_start_at_once_have_the_carriers_connections_once(tmp_path: Path) -> None:
    """With two sets of them, the one that nobody uses any more kept the binds, and no text left."""
    prepare_home(tmp_path / "home")
    environ = os.environ | {"CHINQIT_HOME": str(tmp_path / "home")}
    ran = subprocess.run(
        [sys.executable, "-c", AT_ONCE], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == ["3", "1"], ran.stderr

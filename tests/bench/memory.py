"""What `chinqit run` holds in memory when nobody asks for anything, and how long it takes to start.

python -m tests.bench.memory
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench import table
from tests.bench.api import children, megabytes
from tests.bench.table import Demand
from tests.support.stack import KEPT, PYTHON, free_port, until

MEMORY = Demand(250, at_most=True)
SETTLED_SECONDS = 5.0  # after the start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        environ = {**kept, "CHINQIT_HOME": f"{folder}/home", "PORT": str(free_port())}
        printed, command = Path(folder) / "printed", Path(PYTHON).with_name("chinqit")
        subprocess.run([command, "init"], env=environ, check=True, capture_output=True)
        began = time.monotonic()
        with printed.open("wb") as out:
            gateway = subprocess.Popen([command, "run"], env=environ, stdout=out, stderr=out, cwd=folder)
        try:
            until(lambda: "Ctrl-C" in printed.read_text(), 60)
            print(table.line("start of all parts", time.monotonic() - began, "s"))
            time.sleep(SETTLED_SECONDS)
            print(table.line("memory of all parts, idle", sum(map(megabytes, tree(gateway.pid))), "MB", MEMORY))
        finally:
            gateway.terminate()
            gateway.wait()


def tree(pid: int) -> list[int]:
    """The ids of a process and of all that it has started."""
    return [pid, *(each for child in children(pid) for each in tree(child))]


if __name__ == "__main__":
    main()

"""20,000 requests made from `/openapi.json`, and 20,000 of raw bytes, against a gateway of its own.

The seed of the raw ones may be given, and another number of requests: `python -m tests.fuzz 7 1000`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from dashboard.pages.docs import reference
from dashboard.vocabulary import Scope
from tests.fuzz import generated, raw_bytes
from tests.support.stack import Stack

CASES = 20_000


def main(seed: int = 1, cases: int = CASES) -> int:
    with tempfile.TemporaryDirectory(prefix="chinqit-") as folder:
        stack = Stack(Path(folder) / "home", f"sqlite:///{folder}/home/chinqit.db")
        try:
            stack.start()
            stack.wait_ready()
            stack.kill("webhooks")
            ran = generated.fuzz(stack, cases // _operations(), Path(folder), tuple(Scope))
            sys.stdout.write(ran.stdout[-20_000:] + ran.stderr[-4_000:])
            raw = raw_bytes.fuzz(stack, cases, seed, tuple(Scope))
        finally:
            stack.close()
    told = ", ".join(f"{count:,} × {status}" for status, count in raw.statuses.most_common())
    sys.stdout.write(f"\n{cases:,} requests of raw bytes, seed {seed}: {told}; {len(raw.faults)} faults\n")
    sys.stdout.write("".join(f"{fault}\n" for fault in raw.faults[:20]))
    return ran.returncode or bool(raw.faults)


def _operations() -> int:
    """How many operations of `/openapi.json` take data."""
    paths = reference.document()["paths"].values()
    return sum(bool({"requestBody", "parameters"} & set(operation)) for path in paths for operation in path.values())


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

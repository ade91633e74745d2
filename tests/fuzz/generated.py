"""Requests made from our own OpenAPI document, against a running gateway; `make fuzz` runs 20,000 of them.

Every answer must have a documented status, the documented shape and codes, and never be a 500. As many of raw bytes
follow, see `rawfuzz`; their seed may be given: `python -m tests.fuzz 7`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from dashboard.gateway import keys
from tests.fuzz import raw_bytes as rawfuzz
from tests.support.stack import Stack

OPERATIONS = 14  # that take generated data
CASES = 20_000


def fuzz(
    stack: Stack, cases: int, folder: Path, scopes: tuple[str, ...] = keys.USUAL_SCOPES
) -> subprocess.CompletedProcess[str]:
    """About so many requests for each operation that takes data, with a test key.

    With the scope `webhooks`, end the worker that calls webhooks before: it would call addresses that are made up.
    """
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        f"--config-file={config}",
        "run",
        f"http://127.0.0.1:{stack.port}/openapi.json",
        f"--url=http://127.0.0.1:{stack.port}",
        f"--header=X-API-Key: {stack.key('test', scopes=scopes)}",
        f"--max-examples={cases}",
        "--phases=examples,coverage,fuzzing",
        "--mode=all",
        "--workers=1",
        "--generation-database=none",
        "--suppress-health-check=all",
        "--request-timeout=20",
        "--no-color",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


# All checks but these. A text may fit the pattern and yet be blank, or longer than ten segments once it holds a letter
# outside of the GSM alphabet. For WhatsApp a hash is ignored, whatever it is. A batch is taken whatever its
# messages are: each of them is judged by itself, and told in `results`.
CONFIG = """
[checks]
positive_data_acceptance.enabled = false

[[operations]]
include-path = ["/messages/batch", "/otp/send", "/api/v2/code"]
checks.negative_data_rejection.enabled = false

[[operations]]
include-path = "/readyz"  # says 503 while no worker calls webhooks
checks.not_a_server_error.enabled = false
"""


def main(seed: int = 1) -> int:
    with tempfile.TemporaryDirectory(prefix="chinqit-") as folder:
        stack = Stack(Path(folder) / "home", f"sqlite:///{folder}/home/chinqit.db")
        try:
            stack.start()
            stack.wait_ready()
            stack.kill("webhooks")
            ran = fuzz(stack, CASES // OPERATIONS, Path(folder), keys.SCOPES)
            sys.stdout.write(ran.stdout[-20_000:] + ran.stderr[-4_000:])
            raw = rawfuzz.fuzz(stack, CASES, seed, keys.SCOPES)
        finally:
            stack.close()
    told = ", ".join(f"{count:,} × {status}" for status, count in raw.statuses.most_common())
    sys.stdout.write(f"\n{CASES:,} requests of raw bytes, seed {seed}: {told}; {len(raw.faults)} faults\n")
    sys.stdout.write("".join(f"{fault}\n" for fault in raw.faults[:20]))
    return ran.returncode or bool(raw.faults)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

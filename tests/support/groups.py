"""Which tests go to one worker together."""

from __future__ import annotations

import re

GATEWAYS = ("tests/system/", "tests/resilience/")  # where tests use the shared gateway of a database
# Run processes of their own, not those of the shared gateway.
OWN_PROCESSES = (
    "tests/system/cli/",
    "tests/system/install/",
    "tests/system/carriers/",
    "tests/system/delivery/",
    "tests/resilience/database/test_crash.py",
    "tests/resilience/broken_off/",
)
APART = "tests/e2e/"  # tests that share nothing but a browser: each may go to any worker
DATABASE = re.compile(r"[\[-](sqlite|postgresql)[]-]")


def group(nodeid: str) -> str:
    """Tests of one gateway go to one worker, so that there is one of them a database; others go by file and database,
    for what is started once a file.
    """
    if nodeid.startswith(APART):
        return nodeid
    file = nodeid.partition("::")[0]
    found = DATABASE.search(nodeid)
    database = found[1] if found else "sqlite"
    if file.startswith(GATEWAYS) and not file.startswith(OWN_PROCESSES):
        return f"gateway on {database}"
    return f"{file} {database}"

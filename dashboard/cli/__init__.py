"""The `chinqit` command, one file a theme.

Answers go to stdout, troubles to stderr; exit codes: 0 done, 1 failed, 2 misused.
"""

from dashboard.cli import (  # noqa: F401  they add their commands
    carriers,
    contract,
    dev,
    keys,
    limits,
    messages,
    people,
    running,
)
from dashboard.cli.core import main

__all__ = ["main"]

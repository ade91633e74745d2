"""The `chinqit` command, one file a theme.

Answers go to stdout, troubles to stderr; exit codes: 0 done, 1 failed, 2 misused.
"""

from dashboard.cli import accounts, api_keys, carriers, contract_test, dev, limits, messages, service  # noqa: F401
from dashboard.cli.core import main

__all__ = ["main"]

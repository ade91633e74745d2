"""Laws of the house that can be read from its files, in one pass: `python -m tests.house`.

A check is a public function without arguments that yields faults.
"""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

from tests.house import code, dead_code, front, imports, top_level, translations

Check = Callable[[], Iterator[str]]
MODULES = (code, imports, front, translations, dead_code, top_level)


def checks(module: ModuleType) -> list[Check]:
    """A module's checks, in the order of its file."""
    return [
        function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    ]


def main() -> int:
    """Print what is wrong; return 1 when something is."""
    gc.disable()  # it would look again and again at what is kept to the end: the trees of all files
    failed = False
    for module in MODULES:
        for check in checks(module):
            faults = list(check())
            if faults:
                print(f"{check.__name__.replace('_', ' ')}:", *faults, sep="\n  ")
                failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

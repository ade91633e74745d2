"""Laws of the house that can be read from its files, in one pass: `python -m tests.house [--all]`.

A check is a public function without arguments that yields faults. `--all` shows those too that are only counted yet.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

from tests.house import code, dead_code, front, imports, translations

Check = Callable[[], Iterator[str]]
MODULES = (code, imports, front, translations, dead_code)
REPORTED_ONLY = ("no_class_is_defined_twice", "no_import_circle", "no_code_is_dead")  # until their last fault is mended


def checks(module: ModuleType) -> list[Check]:
    """A module's checks, in the order of its file."""
    return [
        function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    ]


def main(*words: str) -> int:
    """Print what is wrong; return 1 when something is that may not be."""
    failed = False
    for module in MODULES:
        for check in checks(module):
            faults = list(check())
            title = check.__name__.replace("_", " ")
            counted = check.__name__ in REPORTED_ONLY
            failed |= bool(faults) and not counted
            if faults and counted and "--all" not in words:
                print(f"{title}: {len(faults)} left")
            elif faults:
                print(f"{title}:", *faults, sep="\n  ")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

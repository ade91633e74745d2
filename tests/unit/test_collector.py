"""Beside all that is loaded, a process with little to do still gives back what it no longer uses."""

from __future__ import annotations

import subprocess
import sys

# An object that has become old, then as many young ones as call for a look at the old: fewer than a quarter of what is
# loaded, which is all the collector would go by.
GARBAGE = """
import gc, weakref
import dashboard.app
from dashboard import collector

class Node:
    def __init__(self):
        self.itself = self

collector.pass_over_loaded()
old = [Node() for _ in range(20_000)]
seen = weakref.ref(old[0])
old.clear()
for _ in range(100_000):
    Node()
print(seen() is None, gc.get_freeze_count() > 50_000)
"""


def test_garbage_that_has_become_old_is_found_soon() -> None:
    done = subprocess.run([sys.executable, "-c", GARBAGE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]

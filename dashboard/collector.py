"""Python's collector of objects that hold each other, which the counts of references do not free."""

from __future__ import annotations

import gc


def pass_over_loaded() -> None:
    """Have it pass over what is loaded by now, which stays as long as the process runs.

    It would touch all of that, and so copy what a forked process shares with its parent. And it looks at old objects
    only once there are a quarter as many new ones: beside all loaded modules that is some 45,000, for which a relay
    with little to do takes hours, and grows until then. The second look makes that quarter small.
    """
    gc.collect()
    gc.freeze()
    gc.collect()

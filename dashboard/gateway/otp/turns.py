"""Work through orders so that no two of one turn are about the same subject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


Answer = TypeVar("Answer")


def by_turns(
    items: Sequence[Item], subject: Callable[[Item], object], work: Callable[[list[Item]], list[Answer]]
) -> list[Answer]:
    """Do the work in turns in which no subject comes twice, so that each sees what became of the one before it."""
    answers: dict[int, Answer] = {}
    waiting = list(enumerate(items))
    while waiting:
        turn: dict[object, tuple[int, Item]] = {}
        for place, item in waiting:
            turn.setdefault(subject(item), (place, item))
        answers |= zip([place for place, _ in turn.values()], work([item for _, item in turn.values()]), strict=True)
        waiting = [(place, item) for place, item in waiting if place not in answers]
    return [answers[place] for place in range(len(items))]

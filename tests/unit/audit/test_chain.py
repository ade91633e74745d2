"""The chain of the audit log: whatever somebody does to its entries is found."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard.gateway.audit import chain
from dashboard.gateway.audit.chain import ChainEntry, Head

SIZE = 1_000  # an entry is judged by itself and the one before, wherever in a chain it stands
BEGIN = datetime(2026, 11, 27, 6, 0, 0, 123_456, tzinfo=UTC)


def make(number: int, previous: str, subject: str = "") -> ChainEntry:
    words = (
        "nadia@example.mr",
        "api_keys.create",
        subject or f"key {number}",
        '{"name": [null, "مفتاح"]}',
        "192.0.2.7",
    )
    draft = ChainEntry(number, BEGIN + timedelta(seconds=number), *words, f"request-{number}", previous, "")
    return draft._replace(hash=draft.expected_hash())


def link(subjects: list[str]) -> list[ChainEntry]:
    """A whole chain over these."""
    made: list[ChainEntry] = []
    for number, subject in enumerate(subjects, 1):
        made.append(make(number, made[-1].hash if made else chain.START, subject))
    return made


@pytest.fixture(scope="module")
def whole() -> list[ChainEntry]:
    return link([""] * SIZE)


def head_of(entries: list[ChainEntry]) -> Head:
    return Head(entries[-1].id, entries[-1].hash)


def codes(entries: list[ChainEntry], noted: Head | None) -> set[str]:
    return {fault.code for fault in chain.faults(entries, noted)}


def change(entries: list[ChainEntry], dice: random.Random) -> list[ChainEntry]:
    """One field of one entry."""
    place = dice.randrange(SIZE)
    name = dice.choice(("actor", "act", "subject", "changes", "address", "request_id", "at", "hash", "previous"))
    old = entries[place]
    new: dict[str, Any] = {name: old.at + timedelta(microseconds=1) if name == "at" else getattr(old, name)[:-1] + "Z"}
    return [*entries[:place], old._replace(**new), *entries[place + 1 :]]


def remove(entries: list[ChainEntry], dice: random.Random) -> list[ChainEntry]:
    place = dice.randrange(SIZE - 1)
    return entries[:place] + entries[place + 1 :]


def remove_and_number_anew(entries: list[ChainEntry], dice: random.Random) -> list[ChainEntry]:
    place = dice.randrange(SIZE - 1)
    return entries[:place] + [entry._replace(id=entry.id - 1) for entry in entries[place + 1 :]]


def swap(entries: list[ChainEntry], dice: random.Random) -> list[ChainEntry]:
    """Two entries change places, each with the other's number."""
    one, other = sorted(dice.sample(range(SIZE), 2))
    changed = list(entries)
    changed[one] = entries[other]._replace(id=entries[one].id)
    changed[other] = entries[one]._replace(id=entries[other].id)
    return changed


def cut_off(entries: list[ChainEntry], dice: random.Random) -> list[ChainEntry]:
    return entries[: dice.randrange(SIZE)]


def hash_anew(entries: list[ChainEntry], dice: random.Random) -> list[ChainEntry]:
    """A changed entry, and every hash from there on made anew: only the note outside the database can tell."""
    place = dice.randrange(SIZE - SIZE // 10, SIZE)
    made = entries[:place]
    for entry in entries[place:]:
        subject = "something else" if entry is entries[place] else entry.subject
        made.append(make(entry.id, made[-1].hash if made else chain.START, subject))
    return made


def insert(entries: list[ChainEntry], dice: random.Random) -> list[ChainEntry]:
    place = dice.randrange(1, SIZE)
    return [*entries[:place], make(place + 1, entries[place - 1].hash, "forged"), *entries[place:]]


TAMPERINGS = (change, remove, remove_and_number_anew, swap, cut_off, hash_anew, insert)


def test_a_whole_chain_has_no_fault(whole: list[ChainEntry]) -> None:
    assert codes(whole, head_of(whole)) == codes(whole, None) == codes(whole, head_of(whole[:500])) == set()
    assert codes([], None) == set()


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_every_tampering_is_found(whole: list[ChainEntry], tamper: Callable[..., list[ChainEntry]]) -> None:
    dice = random.Random(tamper.__name__)
    for _ in range(29):  # of seven kinds: 203
        assert next(chain.faults(tamper(whole, dice), head_of(whole)), None), tamper.__name__


def test_the_first_fault_names_its_entry(whole: list[ChainEntry]) -> None:
    changed = [*whole[:6], whole[6]._replace(subject="other"), *whole[7:]]
    assert next(chain.faults(changed, None)) == (7, "changed")
    assert next(chain.faults(whole[:6] + whole[7:], None)) == (8, "missing")
    assert next(chain.faults(whole[:9], head_of(whole))) == (10, "cut_off")


def test_a_note_never_goes_back(tmp_path: Path, whole: list[ChainEntry]) -> None:
    assert chain.read_note(tmp_path) is None
    chain.note(tmp_path, head_of(whole[:5]))
    chain.note(tmp_path, head_of(whole[:3]))
    assert chain.read_note(tmp_path) == head_of(whole[:5])

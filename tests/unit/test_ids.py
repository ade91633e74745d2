"""Ids of messages: of version 4, as the API promises, and in the order of time."""

import uuid
from datetime import timedelta

from dashboard.db import new_uuid, utcnow


def test_an_id_says_version_4_and_the_variant_of_its_rfc() -> None:
    for _ in range(100):
        made = new_uuid(utcnow())
        parsed = uuid.UUID(made)
        assert (parsed.version, parsed.variant, str(parsed)) == (4, uuid.RFC_4122, made)


def test_later_ids_sort_behind_earlier_ones() -> None:
    now = utcnow()
    made = [new_uuid(now + timedelta(milliseconds=2 * step)) for step in range(100)]
    assert made == sorted(made)


def test_ids_of_one_moment_differ() -> None:
    now = utcnow()
    assert len({new_uuid(now) for _ in range(10_000)}) == 10_000

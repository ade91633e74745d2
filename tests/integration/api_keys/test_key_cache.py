"""Keys that are remembered for a moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard import cache as caches
from dashboard.db import Sessions, reader_of
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.authentication import UnknownKey
from dashboard.gateway.api_keys.key_cache import KeyCache
from dashboard.gateway.api_keys.keys import NewKey
from tests.support.statements import asked


@pytest.fixture
def secret(sessions: Sessions) -> str:
    with sessions.begin() as session:
        return keys.create(session, NewKey("shop"))[1]


@pytest.fixture
def cache(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> KeyCache:
    monkeypatch.setattr(caches, "WAIT_SECONDS", 10.0)  # on a busy machine too
    return KeyCache(reader_of(sessions.kw["bind"]))


def test_of_many_callers_at_once_one_looks(sessions: Sessions, cache: KeyCache, secret: str) -> None:
    with asked(sessions) as statements, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: cache.find(secret, fresh=False), range(64)))
    assert {caller.name for caller in found} == {"shop"}
    assert len(statements) == 1


def test_whoever_wants_it_fresh_looks(sessions: Sessions, cache: KeyCache, secret: str) -> None:
    with asked(sessions) as statements:
        for _ in range(3):
            cache.find(secret)
    assert len(statements) == 3


def test_nobody_waits_for_one_who_is_stuck(sessions: Sessions, secret: str) -> None:
    cache = KeyCache(reader_of(sessions.kw["bind"]))
    with cache.remembered._asking:
        assert cache.find(secret, fresh=False).name == "shop"


def test_an_unknown_key_is_not_remembered(cache: KeyCache, secret: str) -> None:
    for _ in range(2):
        with pytest.raises(UnknownKey):
            cache.find(secret[:-1] + ("a" if secret[-1] != "a" else "b"), fresh=False)
    assert cache.find(secret, fresh=False).name == "shop"

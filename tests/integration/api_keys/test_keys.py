"""API keys."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller, UnknownKey
from dashboard.gateway.api_keys.keys import KeyNotFound, NewKey
from dashboard.models.api_keys import ApiKey, KeySecret
from tests.support.fixtures.databases import on_sqlite
from tests.support.present import present


def make(sessions: Sessions, name: str = "app", **more: Any) -> tuple[str, str]:
    """A key's id and secret."""
    with sessions.begin() as session:
        key, secret = keys.create(session, NewKey(name=name, **more))
        return key.id, secret


@on_sqlite
@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_secret_has_the_documented_form(sessions: Sessions, mode: str) -> None:
    _, secret = make(sessions, mode=mode)
    assert re.fullmatch(rf"cq_{mode}_[0-9A-Za-z]{{38}}", secret)
    assert authentication.is_well_formed(secret)


def test_the_database_holds_a_digest_and_a_hint_alone(sessions: Sessions) -> None:
    _, secret = make(sessions)
    with sessions() as session:
        row = session.scalars(select(KeySecret)).one()
    assert row.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert row.hint == f"cq_live_…{secret[-4:]}"


@on_sqlite
def test_every_single_typo_is_told_apart_offline(sessions: Sessions) -> None:
    _, secret = make(sessions)
    for place in range(len(secret)):
        for character in "0aZ_-é\x00":
            if secret[place] != character:
                assert not authentication.is_well_formed(secret[:place] + character + secret[place + 1 :])


@on_sqlite
def test_swapped_neighbours_are_told_apart_offline(sessions: Sessions) -> None:
    _, secret = make(sessions)
    for place in range(8, len(secret) - 1):
        swapped = secret[:place] + secret[place + 1] + secret[place] + secret[place + 2 :]
        assert swapped == secret or not authentication.is_well_formed(swapped)


@on_sqlite
def test_secrets_do_not_repeat(sessions: Sessions) -> None:
    assert len({make(sessions)[1] for _ in range(50)}) == 50


def test_authenticate_returns_what_the_key_may(sessions: Sessions) -> None:
    key_id, secret = make(sessions, scopes=("send",), networks=("10.0.0.0/8",), message_cap=5)
    with sessions() as session:
        caller = authentication.authenticate(session, secret)
    assert (caller.id, caller.mode, caller.message_cap, caller.otp_cap) == (key_id, "live", 5, None)
    assert caller.allows("send")
    assert not caller.allows("otp")
    assert caller.admits("10.9.8.7")
    assert not caller.admits("11.9.8.7")


@pytest.mark.parametrize("address", ["", "nonsense", "::1", "10.0.0.1.evil"])
def test_an_address_that_does_not_fit_is_not_admitted(address: str) -> None:
    caller = Caller(id="1", name="a", mode="live", scopes=(), networks=("10.0.0.0/8",))
    assert not caller.admits(address)


def test_rotation_leaves_two_secrets_for_the_grace(sessions: Sessions) -> None:
    key_id, old = make(sessions)
    with sessions.begin() as session:
        new = keys.rotate(session, session.get_one(ApiKey, key_id), "24h")
    with sessions() as session:
        assert authentication.authenticate(session, old).id == authentication.authenticate(session, new).id == key_id
        assert len(keys.live_secrets(session.get_one(ApiKey, key_id))) == 2
        later = utcnow() + timedelta(hours=25)
        assert [s.hint[-4:] for s in keys.live_secrets(session.get_one(ApiKey, key_id), later)] == [new[-4:]]


def test_rotating_twice_does_not_lengthen_a_grace(sessions: Sessions) -> None:
    key_id, first = make(sessions)
    for grace in ("1h", "7d"):
        with sessions.begin() as session:
            keys.rotate(session, session.get_one(ApiKey, key_id), grace)
    with sessions() as session:
        row = session.scalars(select(KeySecret).where(KeySecret.digest == authentication.digest(first))).one()
        assert present(row.expires_at) <= utcnow() + timedelta(hours=1)


def test_a_revoked_key_is_unknown_with_all_its_secrets(sessions: Sessions) -> None:
    key_id, old = make(sessions)
    with sessions.begin() as session:
        key = session.get_one(ApiKey, key_id)
        new = keys.rotate(session, key, "7d")
        keys.revoke(session, key)
        assert keys.state(key) == "revoked"
    for secret in (old, new):
        with sessions() as session, pytest.raises(UnknownKey):
            authentication.authenticate(session, secret)


def test_the_day_of_revocation_stays(sessions: Sessions) -> None:
    key_id, _ = make(sessions)
    with sessions.begin() as session:
        keys.revoke(session, session.get_one(ApiKey, key_id))
        first = session.get_one(ApiKey, key_id).revoked_at
        keys.revoke(session, session.get_one(ApiKey, key_id))
        assert session.get_one(ApiKey, key_id).revoked_at == first


def test_an_expired_key_is_unknown(sessions: Sessions) -> None:
    key_id, secret = make(sessions, expires_at=utcnow() - timedelta(seconds=1))
    with sessions() as session:
        assert keys.state(session.get_one(ApiKey, key_id)) == "expired"
        with pytest.raises(UnknownKey):
            authentication.authenticate(session, secret)


def test_a_key_is_found_by_id_and_by_a_name_of_its_own(sessions: Sessions) -> None:
    key_id, _ = make(sessions, "shop")
    make(sessions, "twin")
    make(sessions, "twin")
    with sessions() as session:
        assert keys.find(session, key_id).id == keys.find(session, "shop").id == key_id
        for name in ("twin", "nobody", ""):
            with pytest.raises(KeyNotFound):
                keys.find(session, name)


def test_use_is_written_down_at_most_once_a_minute() -> None:
    caller = Caller(id="1", name="a", mode="live", scopes=())
    now = utcnow()
    assert authentication.needs_touch(caller)
    assert not authentication.needs_touch(Caller(**(vars(caller) | {"last_used_at": now - timedelta(seconds=55)})))
    assert authentication.needs_touch(Caller(**(vars(caller) | {"last_used_at": now - timedelta(seconds=61)})))


def test_a_key_may_let_its_whatsapp_codes_fall_back_to_sms(sessions: Sessions) -> None:
    with sessions.begin() as session:
        made = [keys.create(session, NewKey("app", sms_fallback=wanted))[0] for wanted in (True, False)]
        session.flush()
        assert [key.sms_fallback for key in made] == [True, False]

"""The audit log in both databases: it only grows, in one chain, with what changed before and after."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dashboard.db import Sessions
from dashboard.gateway.accounts import users
from dashboard.gateway.accounts.users import NewPerson
from dashboard.gateway.audit import chain, trail
from dashboard.gateway.audit.chain import ChainEntry
from dashboard.gateway.audit.trail import Actor, AuditFilters
from dashboard.models.accounts import User


@pytest.fixture
def nadia(tmp_path: Path) -> Actor:
    return Actor("nadia@example.mr", tmp_path, "192.0.2.7", "request-1")


def newest(sessions: Sessions) -> ChainEntry:
    with sessions() as session:
        return trail.page(session, AuditFilters(), size=1)[0]


def faults(sessions: Sessions, home: Path) -> list[chain.ChainFault]:
    with sessions() as session:
        return trail.verify(session, home)


@pytest.mark.parametrize("statement", ["UPDATE audit_entries SET actor = 'x'", "DELETE FROM audit_entries"])
def test_the_database_itself_refuses_a_change(sessions: Sessions, nadia: Actor, statement: str) -> None:
    with sessions.begin() as session:
        trail.record(session, nadia, "settings.change")
    with sessions() as session, pytest.raises(DBAPIError, match="never changed"):
        session.execute(text(statement))


def test_an_entry_tells_before_and_after_and_no_secret(sessions: Sessions, nadia: Actor) -> None:
    with sessions.begin() as session:
        user = users.add(session, NewPerson("sidi@example.mr", "owner", "Thé à la menthe", "Sidi"))
        trail.record(session, nadia, "team.create", user.email)
    made = newest(sessions)
    assert (made.actor, made.act, made.subject) == ("nadia@example.mr", "team.create", "sidi@example.mr")
    assert (made.address, made.request_id) == ("192.0.2.7", "request-1")
    changes = json.loads(made.changes)
    assert changes["role"] == [None, "owner"] and "password_hash" not in changes and "argon2" not in made.changes
    with sessions.begin() as session:
        session.get_one(User, session.query(User).one().id).name = "Sidi Mohamed"
        session.flush()  # as services do
        trail.record(session, nadia, "account.change", "sidi@example.mr", note=("a", "b"))
    assert json.loads(newest(sessions).changes) == {"name": ["Sidi", "Sidi Mohamed"], "note": ["a", "b"]}


def test_what_is_rolled_back_was_never_noted(sessions: Sessions, nadia: Actor, tmp_path: Path) -> None:
    with sessions.begin() as session:
        trail.record(session, nadia, "settings.change", "one")
    noted = chain.read_note(tmp_path)
    with sessions() as session:
        trail.record(session, nadia, "settings.change", "two")
        session.rollback()
        trail.record(session, nadia, "settings.change", "three")
        session.rollback()
    assert newest(sessions).subject == "one" and chain.read_note(tmp_path) == noted


def test_a_home_that_takes_no_note_stops_no_act(
    sessions: Sessions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with sessions.begin() as session:
        trail.record(session, Actor("nadia@example.mr", tmp_path / "gone"), "settings.change", "kept")
    assert newest(sessions).subject == "kept" and "not noted" in caplog.text


def test_acts_at_the_same_time_make_one_chain(sessions: Sessions, nadia: Actor, tmp_path: Path) -> None:
    def act(number: int) -> None:
        with sessions.begin() as session:
            trail.record(session, nadia, "settings.change", f"act {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(40)))
    with sessions() as session:
        assert {entry.subject for entry in trail.page(session, AuditFilters(), size=40)} == {
            f"act {n}" for n in range(40)
        }
        head = trail.head(session)
    assert head == chain.read_note(tmp_path)
    assert faults(sessions, tmp_path) == []


def test_odd_words_are_kept_and_hashed_alike(sessions: Sessions, nadia: Actor, tmp_path: Path) -> None:
    for subject in ("a\x00b", "\ud800", "é" * 300, "مفتاح ‮x"):
        with sessions.begin() as session:
            trail.record(session, nadia, "settings.change", subject, value=(subject, None))
    assert faults(sessions, tmp_path) == []


def test_filters_find_by_person_area_and_words(sessions: Sessions, nadia: Actor) -> None:
    with sessions.begin() as session:
        trail.record(
            session, Actor("filter@example.mr", nadia.home), "routing.save", "sms 100%", carriers=([], ["one"])
        )
        trail.record(session, Actor("filter@example.mr", nadia.home), "settings.change")

    def found(**wanted: Any) -> list[str]:
        with sessions() as session:
            return [
                entry.act for entry in trail.page(session, AuditFilters(actor="filter@example.mr", **wanted), size=2)
            ]

    assert found() == ["settings.change", "routing.save"]
    assert found(area="routing") == found(text="100%") == found(text="ONE") == ["routing.save"]
    assert found(text="100_") == []

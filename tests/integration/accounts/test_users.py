"""Administrators: sign-in, lockout, sessions, the first one."""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway.accounts import user_sessions, users
from dashboard.gateway.accounts.user_sessions import BadCredentials, LockedOut
from dashboard.gateway.accounts.users import DeadLink, InvalidPerson, NewPerson
from dashboard.models.accounts import SetupLink, SignInFailure, User, UserSession
from tests.support.fixtures.databases import on_sqlite
from tests.support.present import present

EMAIL = "mariem@example.mr"
PASSWORD = "Thé à la menthe"
HOME = "192.0.2.7"


@pytest.fixture
def mariem(sessions: Sessions) -> int:
    with sessions.begin() as session:
        return users.add(session, NewPerson(EMAIL, "owner", PASSWORD)).id


def attempt(sessions: Sessions, password: str, email: str = EMAIL, address: str = HOME) -> str:
    """`in`, or the name of the refusal."""
    with sessions() as session:
        try:
            user_sessions.sign_in(session, email, password, address)
            session.commit()
        except (BadCredentials, LockedOut) as error:
            return type(error).__name__
    return "in"


@pytest.mark.parametrize("email", [EMAIL, EMAIL.upper(), f"  {EMAIL} "])
def test_the_right_password_lets_in(sessions: Sessions, mariem: int, email: str) -> None:
    assert attempt(sessions, PASSWORD, email) == "in"


@on_sqlite
@pytest.mark.parametrize(
    "email", ["nobody@example.mr", "", "x" * 5_000, "a\x00@b.mr", "\ud800@b.mr", "' OR 1=1 --"], ids=ascii
)
def test_an_unknown_name_is_refused_like_a_wrong_password(sessions: Sessions, mariem: int, email: str) -> None:
    assert attempt(sessions, PASSWORD, email) == "BadCredentials"
    assert attempt(sessions, "wrong wrong") == "BadCredentials"


def test_ten_failures_lock_even_the_right_password_out(sessions: Sessions, mariem: int) -> None:
    assert {attempt(sessions, "wrong wrong", address=f"192.0.2.{n}") for n in range(10)} == {"BadCredentials"}
    assert attempt(sessions, PASSWORD, address="198.51.100.1") == "LockedOut"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_thousand_guesses_lock_and_tell_nothing(sessions: Sessions, mariem: int) -> None:
    """From ever other addresses. The owner gets in all the same, by a device that was signed in with before."""

    def guesses(email: str) -> list[str]:
        return [attempt(sessions, f"wrong {n}", email, f"192.0.{n // 250}.{n % 250}") for n in range(500)]

    known, unknown = guesses(EMAIL), guesses("nobody@example.mr")
    assert known == unknown == ["BadCredentials"] * 10 + ["LockedOut"] * 490
    assert attempt(sessions, PASSWORD, address="198.51.100.1") == "LockedOut"
    with sessions() as session:
        assert user_sessions.sign_in(session, EMAIL, PASSWORD, HOME, device="of hers").email == EMAIL
        session.commit()
    assert attempt(sessions, PASSWORD, address="198.51.100.1") == "LockedOut"  # to strangers it tells nothing still


@on_sqlite
def test_names_that_do_not_exist_are_locked_alike(sessions: Sessions) -> None:
    found = [attempt(sessions, "wrong wrong", "nobody@example.mr", f"192.0.2.{n}") for n in range(12)]
    assert found == ["BadCredentials"] * 10 + ["LockedOut"] * 2


def test_ten_failures_from_one_address_lock_it_for_all_names(sessions: Sessions, mariem: int) -> None:
    for number in range(10):
        attempt(sessions, "wrong wrong", f"someone{number}@example.mr")
    assert attempt(sessions, PASSWORD) == "LockedOut"
    assert attempt(sessions, PASSWORD, address="198.51.100.1") == "in"


@pytest.mark.parametrize("same", ["account", "address"])
def test_parallel_tries_do_not_outrun_the_count(sessions: Sessions, mariem: int, same: str) -> None:
    def guess(number: int) -> str:
        if same == "account":
            return attempt(sessions, f"wrong {number}", address=f"192.0.2.{number}")
        return attempt(sessions, f"wrong {number}", email=f"someone{number}@example.mr")

    with ThreadPoolExecutor(30) as pool:
        assert Counter(pool.map(guess, range(30))) == {"BadCredentials": 10, "LockedOut": 20}


@on_sqlite
def test_a_lock_ends_after_a_quarter_of_an_hour(sessions: Sessions, mariem: int) -> None:
    for _ in range(11):
        attempt(sessions, "wrong wrong")
    with sessions() as session, pytest.raises(LockedOut) as caught:
        user_sessions.sign_in(session, EMAIL, PASSWORD, HOME)
    assert 880 <= caught.value.retry_after <= 900
    with sessions.begin() as session:
        session.execute(update(SignInFailure).values(at=utcnow() - timedelta(minutes=15, seconds=1)))
    assert attempt(sessions, PASSWORD) == "in"


@on_sqlite
def test_tries_while_locked_do_not_lengthen_the_lock(sessions: Sessions, mariem: int) -> None:
    for _ in range(30):
        attempt(sessions, "wrong wrong")
    with sessions() as session:
        assert len(session.scalars(select(SignInFailure)).all()) == 20  # ten for the name, ten for the address


@on_sqlite
def test_the_right_password_clears_the_name_and_not_the_address(sessions: Sessions, mariem: int) -> None:
    for _ in range(9):
        attempt(sessions, "wrong wrong")
    assert attempt(sessions, PASSWORD) == "in"
    assert attempt(sessions, PASSWORD) == "in"
    assert attempt(sessions, "wrong wrong") == "BadCredentials"  # the tenth from there
    assert attempt(sessions, PASSWORD) == "LockedOut"
    assert attempt(sessions, PASSWORD, address="198.51.100.1") == "in"


def test_a_disabled_person_stays_out(sessions: Sessions, mariem: int) -> None:
    with sessions.begin() as session:
        token = user_sessions.start_session(session, session.get_one(User, mariem), HOME, "agent")
        session.get_one(User, mariem).disabled_at = utcnow()
    assert attempt(sessions, PASSWORD) == "BadCredentials"
    with sessions() as session:
        assert user_sessions.session_of(session, token) is None


def test_neither_names_nor_passwords_nor_addresses_are_kept_of_tries(sessions: Sessions, mariem: int) -> None:
    attempt(sessions, "wrong wrong")
    with sessions() as session:
        kept = session.scalars(select(SignInFailure.subject)).all()
    assert all(len(subject) == 64 for subject in kept)
    assert hashlib.sha256(EMAIL.encode()).hexdigest() not in kept or len(kept) == 2


def begin(sessions: Sessions, user_id: int) -> str:
    with sessions.begin() as session:
        return user_sessions.start_session(session, session.get_one(User, user_id), HOME, "agent " * 100)


def test_a_session_is_known_by_its_token_alone(sessions: Sessions, mariem: int) -> None:
    token = begin(sessions, mariem)
    with sessions() as session:
        assert present(user_sessions.session_of(session, token)).user.email == EMAIL
        row = session.scalars(select(UserSession)).one()
        assert row.digest == hashlib.sha256(token.encode()).hexdigest()
        assert len(token) >= 43
        for other in ("", "x", token[:-1], row.digest, "\ud800"):
            assert user_sessions.session_of(session, other) is None


@pytest.mark.parametrize(
    ("column", "age", "lives"),
    [
        ("seen_at", timedelta(minutes=29), True),
        ("seen_at", timedelta(minutes=31), False),
        ("created_at", timedelta(hours=11), True),
        ("created_at", timedelta(hours=13), False),
    ],
)
def test_a_session_ends_idle_or_old(sessions: Sessions, mariem: int, column: str, age: timedelta, lives: bool) -> None:
    token = begin(sessions, mariem)
    with sessions.begin() as session:
        session.execute(update(UserSession).values({column: utcnow() - age}))
    with sessions.begin() as session:
        assert (user_sessions.session_of(session, token) is not None) is lives
        user_sessions.forget_old_tries(session)
        assert len(session.scalars(select(UserSession)).all()) == lives


def test_a_session_that_was_ended_is_gone(sessions: Sessions, mariem: int) -> None:
    token = begin(sessions, mariem)
    with sessions.begin() as session:
        user_sessions.end_session(session, token)
        assert user_sessions.session_of(session, token) is None


@on_sqlite
@pytest.mark.parametrize(
    "email", ["", "a", "a@b", "a b@c.mr", "a@b.mr\n", "a\x00@b.mr", "@b.mr", "a@b@c.mr", "x" * 250 + "@b.mr"]
)
def test_what_is_no_email_is_refused(sessions: Sessions, email: str) -> None:
    if email.strip() == "a@b.mr":
        return
    with sessions() as session, pytest.raises(InvalidPerson) as caught:
        users.add(session, NewPerson(email, "owner", PASSWORD))
    assert (caught.value.field, caught.value.code) == ("email", "invalid")


def test_a_role_must_be_known_and_an_email_free(sessions: Sessions, mariem: int) -> None:
    for email, role, name in (("b@example.mr", "admin", "role"), (EMAIL.upper(), "viewer", "email")):
        with sessions() as session, pytest.raises(InvalidPerson) as caught:
            users.add(session, NewPerson(email, role, PASSWORD))
        assert caught.value.field == name


def set_up(sessions: Sessions, token: str, email: str = EMAIL) -> str:
    with sessions() as session:
        try:
            users.set_up(session, token, NewPerson(email, "owner", PASSWORD))
            session.commit()
        except DeadLink:
            return "dead"
    return "made"


def test_a_set_up_link_works_once(sessions: Sessions) -> None:
    with sessions.begin() as session:
        token = users.make_setup_link(session)
    with sessions() as session:
        users.check_setup_link(session, token)
        assert token not in session.scalars(select(SetupLink.digest)).one()
    assert set_up(sessions, token) == "made"
    assert set_up(sessions, token, "other@example.mr") == "dead"
    with sessions() as session, pytest.raises(DeadLink):
        users.check_setup_link(session, token)


def test_a_set_up_link_used_by_many_at_once_makes_one_owner(sessions: Sessions) -> None:
    with sessions.begin() as session:
        token = users.make_setup_link(session)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: set_up(sessions, token, f"p{number}@example.mr"), range(8)))
    assert sorted(found) == ["dead"] * 7 + ["made"]


def test_a_set_up_link_dies_of_age_of_a_newer_one_and_of_an_owner(sessions: Sessions) -> None:
    with sessions.begin() as session:
        older = users.make_setup_link(session)
        newer = users.make_setup_link(session)
    assert set_up(sessions, older) == "dead"
    with sessions.begin() as session:
        session.execute(update(SetupLink).values(expires_at=utcnow() - timedelta(seconds=1)))
    assert set_up(sessions, newer) == "dead"
    with sessions.begin() as session:
        users.add(session, NewPerson(EMAIL, "owner", PASSWORD))
        last = users.make_setup_link(session)
    assert set_up(sessions, last, "other@example.mr") == "dead"


@on_sqlite
@pytest.mark.parametrize("token", ["", "x", "\ud800", "a" * 10_000])
def test_a_made_up_link_is_dead(sessions: Sessions, token: str) -> None:
    assert set_up(sessions, token) == "dead"


def test_a_weak_password_leaves_the_link_alive(sessions: Sessions) -> None:
    with sessions.begin() as session:
        token = users.make_setup_link(session)
    with sessions() as session, pytest.raises(ValueError, match="too_short"):
        users.set_up(session, token, NewPerson(EMAIL, "owner", "short"))
    assert set_up(sessions, token) == "made"


def test_a_password_is_not_shown_by_repr() -> None:
    assert PASSWORD not in repr(NewPerson(EMAIL, "owner", PASSWORD))

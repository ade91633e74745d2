"""Who has access: roles, the last owner, one-time links, sessions that end; on both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from dashboard.db import Sessions, utcnow
from dashboard.gateway.accounts import links, password_words, user_sessions, users
from dashboard.gateway.accounts.users import DeadLink, InvalidPerson, LastOwner, NewPerson
from dashboard.models.accounts import PersonLink, User
from dashboard.vocabulary import LinkKind
from tests.support.dashboard_client import HASH
from tests.support.present import present

PASSWORD = "Thé à la menthe"


def make(sessions: Sessions, email: str, role: str = "owner") -> int:
    with sessions.begin() as session:
        user = User(email=email, role=role, password_hash=HASH)
        session.add(user)
        session.flush()
        return user.id


def act(sessions: Sessions, user_id: int, change: Callable[[Session, User], None]) -> str:
    with sessions() as session:
        try:
            change(session, session.get_one(User, user_id))
            session.commit()
        except LastOwner:
            return "refused"
    return "done"


def demote(session: Session, user: User) -> None:
    users.change_role(session, user, "viewer")


@pytest.mark.parametrize("change", [users.disable, demote])
def test_the_last_owner_stays(sessions: Sessions, change: Callable[[Session, User], None]) -> None:
    mariem, _ = make(sessions, "mariem@example.mr"), make(sessions, "sidi@example.mr", "operator")
    assert act(sessions, mariem, change) == "refused"
    ahmed = make(sessions, "ahmed@example.mr")
    assert act(sessions, mariem, change) == "done"
    assert act(sessions, ahmed, change) == "refused"


@pytest.mark.parametrize("change", [users.disable, demote])
def test_two_owners_who_remove_each_other_leave_one(
    sessions: Sessions, change: Callable[[Session, User], None]
) -> None:
    pair = [make(sessions, f"owner{number}@example.mr") for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        ended = Counter(pool.map(lambda user_id: act(sessions, user_id, change), pair))
    assert ended == {"done": 1, "refused": 1}


def test_a_disabled_owner_counts_for_nothing(sessions: Sessions) -> None:
    mariem, ahmed = make(sessions, "mariem@example.mr"), make(sessions, "ahmed@example.mr")
    assert act(sessions, ahmed, users.disable) == "done"
    assert act(sessions, mariem, demote) == "refused"
    assert act(sessions, ahmed, demote) == "done"


def test_disabling_ends_sessions_and_enabling_brings_none_back(sessions: Sessions) -> None:
    make(sessions, "owner@example.mr")
    sidi = make(sessions, "sidi@example.mr", "operator")
    with sessions.begin() as session:
        token = user_sessions.start_session(session, session.get_one(User, sidi), "192.0.2.7", "")
    assert act(sessions, sidi, users.disable) == "done"
    assert act(sessions, sidi, users.enable) == "done"
    with sessions() as session:
        assert user_sessions.session_of(session, token) is None


def invite(sessions: Sessions, email: str = "nadia@example.mr", role: str = "desk") -> str:
    with sessions.begin() as session:
        return links.invite(session, email, role, "owner@example.mr")


def accept(sessions: Sessions, token: str) -> str:
    with sessions() as session:
        try:
            user = links.accept(session, token, NewPerson("ignored@example.mr", "owner", PASSWORD, "Nadia"))
            session.commit()
            return f"{user.email} {user.role}"
        except (DeadLink, InvalidPerson) as error:
            return type(error).__name__


def test_an_invitation_makes_the_person_and_the_role_that_were_named(sessions: Sessions) -> None:
    assert accept(sessions, invite(sessions, " Nadia@Example.mr")) == "nadia@example.mr desk"


def test_an_invitation_works_once_among_all_who_try(sessions: Sessions) -> None:
    token = invite(sessions)
    with ThreadPoolExecutor(4) as pool:
        found = Counter(pool.map(lambda _: accept(sessions, token), range(4)))
    assert found == {"nadia@example.mr desk": 1, "DeadLink": 3}


def test_a_new_invitation_kills_the_old_one(sessions: Sessions) -> None:
    old, new = invite(sessions), invite(sessions)
    assert (accept(sessions, old), accept(sessions, new)) == ("DeadLink", "nadia@example.mr desk")


@pytest.mark.parametrize("token", ["", "x", "\ud800", "0" * 10_000], ids=ascii)
def test_a_guess_opens_nothing(sessions: Sessions, token: str) -> None:
    invite(sessions)
    assert accept(sessions, token) == "DeadLink"


def test_a_link_ends_after_two_days(sessions: Sessions) -> None:
    token = invite(sessions)
    with sessions.begin() as session:
        session.execute(update(PersonLink).values(expires_at=utcnow() - timedelta(seconds=1)))
        assert present(links.invitations(session)[0]).email == "nadia@example.mr"  # shown for a week more
    assert accept(sessions, token) == "DeadLink"


def test_people_who_are_there_are_not_invited(sessions: Sessions) -> None:
    make(sessions, "nadia@example.mr")
    with pytest.raises(InvalidPerson):
        invite(sessions)


def test_a_reset_sets_the_password_ends_sessions_and_the_lock(sessions: Sessions) -> None:
    nadia = make(sessions, "nadia@example.mr")
    with sessions.begin() as session:
        user = session.get_one(User, nadia)
        token, signed_in = links.reset(session, user, None), user_sessions.start_session(session, user, "192.0.2.7", "")
    for number in range(10):
        with sessions() as session, pytest.raises(user_sessions.BadCredentials):
            user_sessions.sign_in(session, "nadia@example.mr", "wrong wrong", f"192.0.2.{number}")
    with sessions.begin() as session:
        assert user_sessions.is_locked(session, session.get_one(User, nadia))
        links.choose_password(session, token, password_words.new_hash(PASSWORD, ()))
    with sessions() as session:
        assert user_sessions.session_of(session, signed_in) is None
        assert user_sessions.sign_in(session, "nadia@example.mr", PASSWORD, "198.51.100.1").id == nadia
        session.commit()
    with sessions() as session, pytest.raises(DeadLink):
        links.choose_password(session, token, HASH)


def test_a_link_of_one_kind_does_not_open_the_other(sessions: Sessions) -> None:
    token = invite(sessions)
    with sessions() as session, pytest.raises(DeadLink):
        links.read(session, LinkKind.RESET, token)


def test_wrong_proofs_are_counted_and_lock_no_sign_in(sessions: Sessions) -> None:
    nadia = make(sessions, "nadia@example.mr")

    def prove(password: str) -> str:
        with sessions() as session:
            try:
                user_sessions.prove(session, nadia, password)
            except (user_sessions.BadCredentials, user_sessions.LockedOut) as error:
                return type(error).__name__
            return "proven"

    assert [prove("wrong wrong") for _ in range(11)] == ["BadCredentials"] * 10 + ["LockedOut"]
    with sessions() as session:
        assert not user_sessions.is_locked(session, session.get_one(User, nadia))

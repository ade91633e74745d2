"""Whose account an identity of the provider opens, in both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sqlalchemy import select

from dashboard.db import Sessions
from dashboard.gateway.accounts import identities, links
from dashboard.gateway.accounts.identities import NotAdmitted
from dashboard.gateway.accounts.oidc import Identity
from dashboard.models.accounts import PersonLink, User, UserIdentity
from dashboard.settings import Settings

NADIA = Identity("https://id.example.mr", "7741", "nadia@example.mr", "Nadia\n Haddad", (), None, is_strong=False)


def admitted(sessions: Sessions, settings: Settings, identity: Identity = NADIA) -> str:
    """The role that somebody comes in with, or why not."""
    with sessions() as session:
        try:
            role = identities.admit(session, settings, identity).user.role
        except NotAdmitted as error:
            return error.code
        session.commit()
        return role


def test_of_many_who_come_at_once_with_one_invitation_all_are_one(sessions: Sessions, settings: Settings) -> None:
    with sessions.begin() as session:
        links.invite(session, "nadia@example.mr", "operator", None)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: admitted(sessions, settings), range(8))) == {"operator"}
    with sessions() as session:
        assert [user.name for user in session.scalars(select(User))] == ["Nadia Haddad"]
        assert len(session.scalars(select(UserIdentity)).all()) == 1
        assert session.scalars(select(PersonLink.used_at)).one() is not None


def test_a_role_by_claim_is_followed_and_the_last_owner_stays(sessions: Sessions, settings: Settings) -> None:
    by_claim = replace(settings, oidc_role_claim="groups", oidc_roles="admins=owner,team=viewer")
    given = (("admins", "team"), "owner"), (("team",), "owner"), ((), "no_role"), (("other",), "no_role")
    for roles, came in given:
        assert admitted(sessions, by_claim, replace(NADIA, roles=roles)) == came
    second = replace(NADIA, subject="7742", email="sidi@example.mr", roles=("admins",))
    assert admitted(sessions, by_claim, second) == "owner"
    assert admitted(sessions, by_claim, replace(NADIA, roles=("team",))) == "viewer"


def test_another_subject_with_the_same_address_gets_nobody_s_account(sessions: Sessions, settings: Settings) -> None:
    open_to_all = replace(settings, oidc_default_role="viewer")
    assert admitted(sessions, open_to_all) == "viewer"
    for other in (replace(NADIA, subject="7742"), replace(NADIA, issuer="https://other.example.mr")):
        assert admitted(sessions, open_to_all, other) == "has_account"
    assert admitted(sessions, open_to_all, replace(NADIA, subject="7743", email="")) == "unverified"
    assert admitted(sessions, open_to_all, replace(NADIA, subject="7743", email="a\x00@b.mr")) == "unverified"

"""Views of the log under a name, and the columns that each person chooses."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select

from dashboard.db import Sessions
from dashboard.gateway.accounts import users
from dashboard.gateway.accounts.users import NewPerson
from dashboard.gateway.message_log import saved_views
from dashboard.gateway.message_log.saved_views import NameTaken, TooManyViews
from dashboard.models.message_log import SavedView
from tests.support.dashboard_client import PARTIAL, Browser, World

LIST = "/dashboard/messages/"
VIEWS = f"{LIST}views/"


def plain(page: str) -> str:
    return " ".join(page.split())


def bar(page: str) -> str:
    found = re.search(r'<nav id="views".*?</nav>', page, re.DOTALL)
    assert found
    return plain(found[0])


def heads(page: str) -> list[str]:
    table = page[page.index('class="table cardy msgs') :]
    return [head.strip() for head in re.findall(r"<th scope=\"col\"[^>]*>([^<]*)</th>", table)]


def test_filters_are_kept_under_a_name_and_lead_back(viewer: Browser, world: World) -> None:
    world.text(world.key(), **world.sent(status="failed"))
    assert "Save this view" not in bar(viewer.get(LIST).text)
    url = f"{VIEWS}new?status=failed&channel=sms"
    assert "Save this view" in bar(viewer.get(f"{LIST}?status=failed&channel=sms").text)
    changed = viewer.post(url, {"name": "  SMS   that failed "}, headers=PARTIAL)
    assert changed.headers["HX-Trigger"] == "close-dialog" and "SMS that failed" in bar(changed.text)
    page = bar(viewer.get(f"{LIST}?status=failed&channel=sms").text)
    assert 'aria-current="true"' in page and "Save this view" not in page
    other = bar(viewer.get(LIST).text)
    assert 'href="/dashboard/messages/?' in other and "status=failed" in other and "aria-current" not in other


def test_a_view_holds_no_number_that_was_searched_for(operator: Browser, world: World) -> None:
    operator.post(f"{VIEWS}new?status=failed&q=38089336", {"name": "Failures"})
    with world.services.sessions() as session:
        assert session.scalars(select(SavedView)).one().params == {"status": "failed"}


@pytest.mark.parametrize(("role", "sees"), [("owner", True), ("operator", False)])
def test_only_owners_share_views(role: str, sees: bool, enter: Callable[[str], Browser], viewer: Browser) -> None:
    browser = enter(role)
    assert ("Show this view to everybody" in browser.get(f"{VIEWS}new?status=failed").text) == sees
    browser.post(f"{VIEWS}new?status=failed", {"name": "Failures", "is_shared": "1"})
    assert ("Failures" in viewer.get(f"{LIST}?status=sent").text) == sees
    assert "Manage views" not in viewer.get(f"{LIST}?status=sent").text


@pytest.mark.parametrize(
    ("name", "told"), [("", "Enter a name"), ("x" * 61, "at most 60"), ("failures", "You have a view of this name")]
)
def test_a_name_that_cannot_be_is_told_and_kept_in_the_form(viewer: Browser, name: str, told: str) -> None:
    viewer.post(f"{VIEWS}new?status=failed", {"name": "Failures"})
    answer = viewer.post(f"{VIEWS}new?status=sent", {"name": name})
    assert answer.status_code == 422 and told in answer.text and f'value="{name}"' in answer.text


def test_a_removed_view_can_be_taken_back(viewer: Browser, owner: Browser, world: World) -> None:
    viewer.post(f"{VIEWS}new?status=failed", {"name": "Failures"})
    with world.services.sessions() as session:
        view_id = session.scalars(select(SavedView.id)).one()
    assert owner.post(f"{VIEWS}{view_id}/remove").status_code == 404
    assert "Failures" in viewer.get(VIEWS).text
    toast = viewer.post(f"{VIEWS}{view_id}/remove", headers=PARTIAL).text
    assert "Failures" not in bar(toast)
    before = re.search(r'name="before" value="([^"]+)"', plain(toast))
    assert before
    assert "Failures" in bar(viewer.post(f"{VIEWS}restore", {"before": before[1]}, headers=PARTIAL).text)
    assert viewer.post(f"{VIEWS}restore", {"before": before[1]}, headers=PARTIAL).status_code == 409


def test_columns_are_remembered_for_each_person(operator: Browser, viewer: Browser, world: World) -> None:
    world.text(world.key(), **world.sent(status="failed", error_code="no_route", carrier="mattel"))
    usual = heads(operator.get(LIST).text)
    assert usual == ["Status", "Recipient", "Message", "Channel", "Segments", "API key", "Time"]
    answer = operator.post(f"{VIEWS}columns?status=failed", {"columns": ["reason", "carrier"]})
    assert answer.headers["Location"] == f"{LIST}?status=failed"
    page = operator.get(LIST).text
    assert heads(page) == ["Status", "Recipient", "Carrier", "Reason", "Time"]
    assert "No carrier is set for this message" in page and "mattel" in page and "Bonjour" not in page
    assert heads(viewer.get(LIST).text) == usual
    assert operator.post(f"{VIEWS}columns", {"columns": []}).status_code == 422
    operator.post(f"{VIEWS}columns", {"columns": ["text", "channel", "segments", "key"]})
    assert heads(operator.get(LIST).text) == usual


def test_a_person_has_names_of_their_own_and_no_more_than_the_most(sessions: Sessions) -> None:
    with sessions.begin() as session:
        people = [users.add(session, NewPerson(f"{n}@example.org", "viewer", "Thé vert à 6 heures", n)) for n in "ab"]
        session.flush()
        first, second = (person.id for person in people)
        for number in range(saved_views.MOST):
            saved_views.save(session, first, f"View {number}", {"status": "failed"}, is_shared=number == 0)
        saved_views.save(session, second, "View 0", {"period": "dates", "from": "2026-11-01"})
        with pytest.raises(TooManyViews):
            saved_views.save(session, first, "One more", {})
        with pytest.raises(NameTaken):
            saved_views.save(session, second, "VIEW 0", {})
    with sessions() as session:
        seen = saved_views.listed(session, second)
        assert [(view.user_id, view.name) for view in seen] == [(first, "View 0"), (second, "View 0")]
        assert seen[1].params == {"period": "dates", "from": "2026-11-01"}


def test_who_has_no_view_is_told(operator: Browser) -> None:
    assert "You have no view yet." in operator.get("/dashboard/messages/views/").text

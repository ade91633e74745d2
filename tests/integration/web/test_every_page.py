"""Every page of the register, on an empty, a live-only and a full database, has its menu and the place of dialogs."""

from __future__ import annotations

import pytest

from dashboard.pages.registry import PAGES
from tests.support.dashboard_client import Browser, World

URLS = [f"/dashboard{page.url}/" for page in PAGES if page.blueprint.name != "manual"]


@pytest.fixture(params=["empty", "live only", "full"])
def filled(request: pytest.FixtureRequest, world: World) -> None:
    if request.param == "empty":
        return
    key = world.key("Shop")
    world.text(key)
    if request.param == "full":
        world.code(world.key("Shop, test", mode="test"))
        world.text(key, **world.sent())


@pytest.mark.usefixtures("filled")
def test_a_page_has_menu_sign_out_and_dialogs(owner: Browser) -> None:
    assert len(URLS) > 10
    for url in URLS:
        page = owner.get(url)
        assert page.status_code == 200, url
        assert 'id="nav"' in page.text and 'action="/dashboard/sign-out"' in page.text, url
        assert '<dialog id="dialog"' in page.text and 'id="dialog-body"' in page.text, url


def test_a_session_that_ended_is_told_at_the_sign_in_and_leads_back(owner: Browser) -> None:
    owner.post("/dashboard/preferences", {"language": "en"})
    cookie = owner.client.get_cookie("chinqit_session")
    owner.post("/dashboard/sign-out")
    assert cookie
    owner.client.set_cookie("chinqit_session", cookie.value)
    asked = owner.get("/dashboard/messages/?status=failed")
    assert asked.headers["Location"] == "/dashboard/sign-in?next=/dashboard/messages/?status%3Dfailed"
    assert "Your session has ended" in owner.get(asked.headers["Location"]).text
    assert "Your session has ended" not in owner.get("/dashboard/sign-in").text

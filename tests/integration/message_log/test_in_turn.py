"""A code that several channels carry in turn, as people see it: on its messages' pages and under “Why no code?”."""

from __future__ import annotations

from typing import Any

from dashboard.db import utcnow
from tests.support.dashboard_client import Browser, World

PHONE = "+22238089336"


def refused() -> dict[str, Any]:
    return {"status": "failed", "error_code": "not_on_whatsapp", "failed_at": utcnow(), "due_at": None}


def test_each_message_shows_all_of_them(owner: Browser, world: World) -> None:
    key = world.key(channel_order="whatsapp:30,sms")
    first = world.code(key, PHONE, channel="auto", **refused())
    page = owner.get(f"/dashboard/messages/{first.uuid}").text
    assert "Channels of this code" in page
    assert "its turn comes at" in page
    (second,) = _references(page)
    assert _references(owner.get(f"/dashboard/messages/{second}").text) == [first.uuid]


def test_a_code_by_one_channel_shows_none(owner: Browser, world: World) -> None:
    message = world.code(world.key(channel_order="whatsapp:30,sms"), PHONE)
    assert "Channels of this code" not in owner.get(f"/dashboard/messages/{message.uuid}").text


def test_why_no_code_judges_by_the_message_that_came_furthest(owner: Browser, world: World) -> None:
    world.code(world.key(channel_order="whatsapp:30,sms"), PHONE, channel="auto", **refused())
    page = owner.get("/dashboard/lookup/", query_string={"phone": PHONE}).text
    assert "its turn comes at" in page
    assert "WhatsApp" in page


def _references(page: str) -> list[str]:
    """The messages that the list of a code's channels leads to."""
    listed = page.partition('class="in-turn"')[2].partition("</ol>")[0]
    return [part[:36] for part in listed.split("/dashboard/messages/")[1:]]

"""Review numbers on a key's page: the owner adds and removes them; the log tells their codes from others."""

from __future__ import annotations

import re
from datetime import timedelta

from dashboard.db import utcnow
from dashboard.vocabulary import KeyMode
from tests.support.dashboard_client import Browser, World

PHONE = "22000001"
CODE = "204816"


def form(**more: str) -> dict[str, str]:
    until = (utcnow() + timedelta(days=20)).date().isoformat()
    return {"phone": PHONE, "code": CODE, "until": until, **more}


def test_the_owner_adds_and_removes_one_and_both_are_on_record(owner: Browser, viewer: Browser, world: World) -> None:
    key = world.key()
    page = f"/dashboard/keys/{key.id}"
    assert "Review numbers" in owner.get(page).text
    assert "Review numbers" not in viewer.get(page).text
    added = owner.post(f"{page}/review-numbers/new", form())
    assert added.status_code == 303, added.text
    shown = owner.get(page).text
    assert "owner@example.org" in shown
    assert CODE not in shown
    message = world.code(key, f"+222{PHONE}")
    for url in ("/dashboard/messages/", f"/dashboard/messages/{message.uuid}"):
        log = owner.get(url).text
        assert "its code is fixed" in log
        assert CODE not in log
    assert "Add a number" not in viewer.get(page).text
    (row,) = set(re.findall(r"/review-numbers/(\d+)/remove", shown))
    assert "Remove this review number?" in owner.get(f"{page}/review-numbers/{row}/remove").text
    owner.post(f"{page}/review-numbers/{row}/remove")
    assert f"/review-numbers/{row}/remove" not in owner.get(page).text


def test_a_fault_is_told_at_its_field_and_the_code_is_not_stored(owner: Browser, world: World) -> None:
    key = world.key()
    address = f"/dashboard/keys/{key.id}/review-numbers/new"
    for more, told in (
        ({"code": "123456"}, "Anybody would try this code first"),
        ({"code": "12"}, "Enter six digits"),
        ({"until": ""}, "Choose the last day"),
        ({"phone": "99"}, "Enter a Mauritanian number"),
        ({"until": (utcnow() + timedelta(days=500)).date().isoformat()}, "Choose a day within a year"),
    ):
        answer = owner.post(address, form(**more))
        assert answer.status_code == 422
        assert told in answer.text
    owner.post(address, form())
    assert "a review number of the key already" in owner.post(address, form()).text


def test_only_the_owner_of_a_live_key_may(owner: Browser, operator: Browser, world: World) -> None:
    live, test = world.key("Live"), world.key("Tests", mode=KeyMode.TEST)
    assert owner.get(f"/dashboard/keys/{test.id}/review-numbers/new").status_code == 404
    assert "Review numbers" not in owner.get(f"/dashboard/keys/{test.id}").text
    assert owner.get(f"/dashboard/keys/{live.id}/review-numbers/new").status_code == 200
    assert operator.get(f"/dashboard/keys/{live.id}/review-numbers/new").status_code == 403

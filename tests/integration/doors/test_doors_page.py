"""Doors on a key's page: owners open and close them, and are told what that means."""

from __future__ import annotations

import re

from tests.support.dashboard_client import Browser, World


def test_an_owner_opens_and_closes_one(owner: Browser, viewer: Browser, world: World) -> None:
    key = world.key()
    page = f"/dashboard/keys/{key.id}"
    assert "Open the door" in owner.get(page).text and "Open the door" not in viewer.get(page).text
    assert "Supabase makes the codes" in owner.get(f"{page}/doors/supabase/open").text
    opened = owner.post(f"{page}/doors/supabase/open", headers={"HX-Request": "true"}).text
    (secret,) = set(re.findall(r"v1,whsec_[A-Za-z0-9+/=]{44}", opened))
    (address,) = set(re.findall(r"/doors/supabase/[0-9a-f-]{36}", opened))
    shown = owner.get(page).text
    assert address in shown and "owner@example.org" in shown and secret not in shown
    assert "Close this door?" in owner.get(f"{page}/doors/supabase/close").text
    owner.post(f"{page}/doors/supabase/close")
    assert address not in owner.get(page).text


def test_one_that_tells_codes_to_its_caller_says_so_before_it_is_opened(owner: Browser, world: World) -> None:
    key = world.key()
    assert "reads every code" in owner.get(f"/dashboard/keys/{key.id}/doors/chinguisoft/open").text
    opened = owner.post(f"/dashboard/keys/{key.id}/doors/chinguisoft/open", headers={"HX-Request": "true"}).text
    assert "/api/sms/validation/" in opened and "whsec_" not in opened


def test_a_key_that_may_not_send_codes_and_an_unknown_dialect_have_none(owner: Browser, world: World) -> None:
    key = world.key(scopes=("send",))
    page = f"/dashboard/keys/{key.id}"
    assert "Open the door" not in owner.get(page).text
    assert owner.post(f"{page}/doors/supabase/open").status_code == 404
    assert owner.get(f"{page}/doors/twilio/open").status_code == 404

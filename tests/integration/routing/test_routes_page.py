"""The pages of routes: rules made, ordered and removed; which way a message would go; codes that fall back to SMS."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway.api_keys import keys
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import NewRouteTarget
from dashboard.models.api_keys import ApiKey
from tests.support.dashboard_client import PARTIAL, Browser, World

ROUTES = "/dashboard/routes/"
URL = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}'}
ALL_SMS = f"{ROUTES}rule?channel=sms"


@pytest.fixture
def ways(services: Services) -> None:
    """Three SMS carriers, the first of which is the route of all, and one for WhatsApp."""
    box = carriers.cipher(services.settings)
    with services.sessions.begin() as session:
        for name in ("mauritel", "mattel", "spare"):
            carriers.add(session, box, NewCarrier("http", name, URL))
        told = {"phone_number_id": "123456", "access_token": "hush", "template_fr": "code"}
        carriers.add(session, box, NewCarrier("whatsapp", "meta", told))


def legs(services: Services, channel: str, *subject: str | None) -> list[tuple[str, int, int]]:
    """The carriers of a rule with place and weight."""
    with services.sessions() as session:
        found = dict(rules.rules(session)).get((channel, subject[0], subject[1]), [])
        return [(route.carrier.name, route.position, route.weight) for route in found]


def set_rule(services: Services, subject: Any, *choices: NewRouteTarget) -> None:
    with services.sessions.begin() as session:
        rules.set_rule(session, subject, choices)


def down(services: Services, name: str, code: str = "unreachable") -> None:
    with services.sessions.begin() as session:
        found = carriers.find(session, name)
        found.down_since, found.down_until = utcnow(), utcnow() + timedelta(minutes=5)
        found.down_code = code


def was(browser: Browser, address: str) -> str:
    found = re.search(r'name="version" value="(\w+)"', browser.get(address).text)
    assert found
    return found[1]


def order(text: str) -> list[str]:
    return re.findall(r'name="carrier" value="([^"]+)"', text)


# Seeing


def test_without_a_carrier_it_leads_to_them(viewer: Browser) -> None:
    text = viewer.get(ROUTES).text
    assert "No carrier yet" in text and 'href="/dashboard/carriers/"' in text


def test_rules_read_as_sentences_the_most_specific_first(
    viewer: Browser, world: World, services: Services, ways: None
) -> None:
    key = world.key("Shop")
    set_rule(services, ("sms", "4", None), NewRouteTarget("mauritel", 0))
    set_rule(services, ("sms", None, key.id), NewRouteTarget("spare", 0))
    set_rule(services, ("sms", "3", key.id), NewRouteTarget("mattel", 0))
    found = re.findall(r'<th scope="row">([^<]+)</th>', viewer.get(ROUTES).text)
    assert found == [
        "SMS to Mattel, of the key “Shop”",
        "SMS of the key “Shop”",
        "SMS to Mauritel",
        "All SMS",
        "All WhatsApp",
    ]


def test_a_rule_shows_shares_and_how_its_carriers_stand(viewer: Browser, services: Services, ways: None) -> None:
    set_rule(
        services,
        ("sms", None, None),
        NewRouteTarget("mauritel", 0, 70),
        NewRouteTarget("mattel", 0, 30),
        NewRouteTarget("spare", 1),
    )
    down(services, "mattel")
    text = viewer.get(ROUTES).text
    assert "70% of the messages" in text and "30% of the messages" in text
    assert "The carrier could not be reached." in text


def test_a_channel_with_carriers_and_no_rule_is_told(viewer: Browser, services: Services, ways: None) -> None:
    set_rule(services, ("sms", None, None))
    assert "No rule covers SMS" in viewer.get(ROUTES).text


def test_a_poll_brings_the_rules_when_something_changed(viewer: Browser, services: Services, ways: None) -> None:
    seen = re.search(r"seen=(\w+)", viewer.get(ROUTES).text)
    assert seen
    assert viewer.partial(f"{ROUTES}?seen={seen[1]}", "div#rules").status_code == 204
    down(services, "mauritel")
    answer = viewer.partial(f"{ROUTES}?seen={seen[1]}", "div#rules")
    assert answer.status_code == 200 and answer.text.lstrip().startswith('<div id="rules"')


def test_viewers_and_operators_change_nothing(
    viewer: Browser, operator: Browser, services: Services, ways: None
) -> None:
    for browser in (viewer, operator):
        assert "Add a rule" not in browser.get(ROUTES).text
        for address in (f"{ROUTES}new", ALL_SMS, f"{ROUTES}remove?channel=sms", f"{ROUTES}fallback"):
            assert browser.post(address, {"act": "save", "carrier": ["spare"]}).status_code == 403
    assert legs(services, "sms", None, None) == [("mauritel", 0, 1)]


# Making and changing


def test_a_rule_is_made_with_one_press(owner: Browser, world: World, services: Services, ways: None) -> None:
    key = world.key("Shop")
    told = {"channel": "sms", "operator": "3", "key": key.id, "more": "mattel", "act": "save"}
    assert owner.post(f"{ROUTES}new", told).status_code == 303
    assert legs(services, "sms", "3", key.id) == [("mattel", 0, 1)]


def test_buttons_move_add_and_take_out_without_keeping_anything(owner: Browser, services: Services, ways: None) -> None:
    told: dict[str, Any] = {"carrier": ["mauritel", "mattel"], "weight": ["2", "3"], "share": "mattel"}
    moved = owner.post(ALL_SMS, {**told, "act": "up:mattel"})
    assert moved.status_code == 200
    assert order(moved.text) == ["mattel", "mauritel"]
    assert "mattel is now number 1 of 2." in moved.text
    assert re.findall(r'name="weight" value="(\d)"', moved.text) == ["3", "2"]
    assert order(owner.post(ALL_SMS, {**told, "act": "up:mauritel"}).text) == ["mauritel", "mattel"]
    assert order(owner.post(ALL_SMS, {**told, "act": "down:mauritel"}).text) == ["mattel", "mauritel"]
    assert order(owner.post(ALL_SMS, {**told, "act": "drop:mauritel"}).text) == ["mattel"]
    added = owner.post(ALL_SMS, {**told, "act": "add", "more": "spare"}).text
    assert order(added) == ["mauritel", "mattel", "spare"]
    assert '<option value="spare">' not in added
    assert legs(services, "sms", None, None) == [("mauritel", 0, 1)]


def test_order_weights_and_shared_places_are_kept(owner: Browser, services: Services, ways: None) -> None:
    told = {"carrier": ["mattel", "mauritel", "spare"], "weight": ["70", "30", ""], "share": "mauritel", "act": "save"}
    assert owner.post(ALL_SMS, {**told, "version": was(owner, ALL_SMS)}).status_code == 303
    assert legs(services, "sms", None, None) == [("mattel", 0, 70), ("mauritel", 0, 30), ("spare", 1, 1)]
    assert re.findall(r'value="(\w+)" checked', owner.get(ALL_SMS).text) == ["mauritel"]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "Add at least one carrier."),
        ({"carrier": ["mauritel", "mauritel"]}, "can name a carrier only once"),
        ({"carrier": ["gone"]}, "no longer exists"),
        ({"carrier": ["meta"]}, "does not serve this channel"),
        ({"carrier": ["mauritel"], "weight": ["0"]}, "must be from 1 to 100"),
        ({"carrier": ["mauritel"], "weight": ["101"]}, "must be from 1 to 100"),
        ({"carrier": ["mauritel"], "weight": ["٣"]}, "must be from 1 to 100"),
        ({"carrier": ["mauritel"], "weight": ["-1"]}, "must be from 1 to 100"),
        ({"carrier": ["<script>"]}, "no longer exists"),
        ({"carrier": ["mauritel"], "sender": ["Ecole d\u00e9j\u00e0"]}, "up to 11 letters and digits"),
        ({"carrier": ["mauritel"], "sender": ["douze lettres"]}, "up to 11 letters and digits"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    owner: Browser, services: Services, ways: None, told: dict[str, Any], said: str
) -> None:
    answer = owner.post(ALL_SMS, {**told, "act": "save", "version": was(owner, ALL_SMS)})
    assert answer.status_code == 422
    assert said in answer.text and 'class="err-sum" role="alert" tabindex="-1" autofocus' in answer.text
    assert "<script>" not in answer.text.split("<main")[1]
    assert legs(services, "sms", None, None) == [("mauritel", 0, 1)]


def test_each_carrier_of_a_rule_may_have_a_sender(owner: Browser, services: Services, ways: None) -> None:
    told = {"carrier": ["mauritel", "spare"], "sender": [" Boutique ", ""], "act": "save"}
    assert owner.post(ALL_SMS, {**told, "version": was(owner, ALL_SMS)}).status_code == 303
    assert re.findall(r'name="sender"\s+value="(\w*)"', owner.get(ALL_SMS).text) == ["Boutique", ""]
    assert '<bdi dir="ltr">Boutique</bdi>' in owner.get(ROUTES).text


def test_a_rule_that_is_there_is_not_made_again(owner: Browser, services: Services, ways: None) -> None:
    answer = owner.post(f"{ROUTES}new", {"channel": "sms", "more": "spare", "act": "save"})
    assert answer.status_code == 422
    assert "There is a rule for this already" in answer.text
    assert legs(services, "sms", None, None) == [("mauritel", 0, 1)]


def test_two_who_change_a_rule_at_once_are_told(owner: Browser, services: Services, ways: None) -> None:
    before = was(owner, ALL_SMS)
    set_rule(services, ("sms", None, None), NewRouteTarget("spare", 0))
    told = {"carrier": ["mattel"], "act": "save"}
    answer = owner.post(ALL_SMS, {**told, "version": before})
    assert answer.status_code == 409 and "Somebody else has saved this meanwhile" in answer.text
    assert '1. spare (1)</bdi></td><td><bdi dir="auto">1. mattel (1)' in answer.text
    assert legs(services, "sms", None, None) == [("spare", 0, 1)]
    again = re.search(r'name="version" value="(\w+)"', answer.text)
    assert again and owner.post(ALL_SMS, {**told, "version": again[1]}).status_code == 303


def test_moving_carriers_does_not_hide_what_somebody_saved_meanwhile(
    owner: Browser, services: Services, ways: None
) -> None:
    told = {"carrier": ["mauritel", "mattel"], "version": was(owner, ALL_SMS)}
    set_rule(services, ("sms", None, None), NewRouteTarget("spare", 0))
    moved = owner.post(ALL_SMS, {**told, "act": "up:mattel"})
    assert moved.status_code == 200
    kept = re.search(r'name="version" value="(\w+)"', moved.text)
    assert kept and kept[1] == told["version"]
    assert owner.post(ALL_SMS, {**told, "version": kept[1], "act": "save"}).status_code == 409


@pytest.mark.parametrize(
    ("chosen", "said"),
    [({"key": "gone"}, "Choose a key."), ({"operator": "9"}, "Choose one of the list"), ({"channel": "fax"}, "Choose")],
)
def test_a_choice_that_is_gone_does_not_become_a_rule_for_all(
    owner: Browser, services: Services, ways: None, chosen: dict[str, str], said: str
) -> None:
    answer = owner.post(f"{ROUTES}new", {"channel": "sms", "operator": "3", "more": "mattel", "act": "save", **chosen})
    assert answer.status_code == 422 and said in answer.text
    assert legs(services, "sms", "3", None) == [] and legs(services, "sms", None, None) == [("mauritel", 0, 1)]


def test_removing_a_rule_says_what_comes_of_its_messages(owner: Browser, services: Services, ways: None) -> None:
    set_rule(services, ("sms", "4", None), NewRouteTarget("spare", 0))
    narrow, wide = f"{ROUTES}remove?channel=sms&operator=4", f"{ROUTES}remove?channel=sms"
    assert "The rule “All SMS” covers these messages from now on." in owner.get(narrow).text
    assert "they will wait until one does" in owner.get(wide).text
    assert owner.post(narrow).status_code == 303
    assert legs(services, "sms", "4", None) == []
    assert owner.post(narrow).status_code == 404
    for odd in ("", "?channel=fax", "?channel=sms&operator=9", "?channel=sms&key=none"):
        assert owner.get(f"{ROUTES}rule{odd}").status_code == 404


# Asking


def ask(browser: Browser, phone: str, channel: str = "sms", key: str = "") -> str:
    page = browser.get(ROUTES, query_string={"phone": phone, "channel": channel, "key": key}).text
    said = page.split('id="tester-said"')[1].split("</section>")[0]
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", said))


def test_the_tester_names_the_carrier_the_rule_and_who_stands_by(
    viewer: Browser, world: World, services: Services, ways: None
) -> None:
    key = world.key("Shop")
    set_rule(
        services,
        ("sms", None, None),
        NewRouteTarget("mauritel", 0),
        NewRouteTarget("mattel", 1),
        NewRouteTarget("spare", 2),
    )
    set_rule(services, ("sms", "3", key.id), NewRouteTarget("spare", 0))
    said = ask(viewer, "47 11 22 33")
    assert "The message would go by mauritel now." in said and "The rule “All SMS” decides." in said
    assert re.search(r"mauritel Goes now.*mattel Stands by.*spare Stands by", said)
    assert "The message would go by spare now." in ask(viewer, "33112233", key=key.id)
    down(services, "mauritel")
    said = ask(viewer, "47112233")
    assert "The message would go by mattel now." in said and "could not be reached" in said


def test_the_tester_tells_shares_and_when_nobody_takes_it(viewer: Browser, services: Services, ways: None) -> None:
    set_rule(services, ("sms", None, None), NewRouteTarget("mauritel", 0, 60), NewRouteTarget("mattel", 0, 40))
    said = ask(viewer, "47112233")
    assert "one of these now: mauritel, mattel" in said and "60% of the messages" in said
    down(services, "mauritel")
    down(services, "mattel")
    assert "none of its carriers accepts messages now" in ask(viewer, "47112233")


def test_the_tester_warns_of_fixed_lines_test_keys_and_missing_rules(
    viewer: Browser, world: World, services: Services, ways: None
) -> None:
    test = world.key("CI", mode="test")
    assert "This is a fixed line" in ask(viewer, "45112233") and "fixed" not in ask(viewer, "47112233")
    assert "lands on the sandbox phone, whatever the routes say" in ask(viewer, "38089336", key=test.id)
    set_rule(services, ("sms", None, None))
    assert "No rule covers this message" in ask(viewer, "38089336")
    assert "eight digits" in ask(viewer, "12")


def test_without_carriers_everything_lands_on_the_sandbox_phone(viewer: Browser) -> None:
    assert "No carrier serves this channel" in ask(viewer, "38089336")


# WhatsApp → SMS


def falls_back(services: Services, key: ApiKey) -> bool:
    with services.sessions() as session:
        return keys.find(session, key.id).sms_fallback


def test_owners_let_the_codes_of_a_key_fall_back_to_sms(owner: Browser, world: World, services: Services) -> None:
    key = world.key("Shop")
    assert "WhatsApp only" in owner.get(ROUTES).text
    assert owner.post(f"{ROUTES}fallback", {"key": key.id, "on": "1"}).status_code == 303
    assert falls_back(services, key)
    assert "Falls back to SMS" in owner.get(ROUTES).text
    assert owner.post(f"{ROUTES}fallback", {"key": key.id, "on": "0"}).status_code == 303
    assert not falls_back(services, key)
    for odd in ("", "none", keys.OWN_ID):
        assert owner.post(f"{ROUTES}fallback", {"key": odd, "on": "1"}).status_code == 404


def test_keys_that_send_no_code_by_a_carrier_have_no_such_switch(viewer: Browser, world: World) -> None:
    world.key("Texts only", scopes=("send",)), world.key("CI", mode="test")
    fallback = viewer.get(ROUTES).text.split('id="fallback"')[1]
    assert "Texts only" not in fallback and "CI" not in fallback
    assert "No live key may send codes." in fallback


@pytest.mark.parametrize("language", ["fr", "ar", "en"])
def test_every_page_is_there_in_every_language(
    owner: Browser, world: World, services: Services, ways: None, language: str
) -> None:
    world.key("Shop")
    set_rule(services, ("sms", "4", None), NewRouteTarget("spare", 0))
    owner.headers = {"Accept-Language": language}
    for page in (ROUTES, f"{ROUTES}?phone=38089336", f"{ROUTES}new", ALL_SMS, f"{ROUTES}remove?channel=sms&operator=4"):
        for get in (owner.get, owner.partial):
            assert get(page).status_code == 200


def test_acts_change_their_part_of_the_page_in_place(
    owner: Browser, world: World, services: Services, ways: None
) -> None:
    key = world.key("Shop")
    set_rule(services, ("sms", "4", None), NewRouteTarget("spare", 0))
    removed = owner.post(f"{ROUTES}remove?channel=sms&operator=4", headers=PARTIAL)
    assert removed.headers["HX-Trigger"] == "close-dialog"
    assert 'hx-target="#rules"' in removed.text and "SMS to Mauritel" not in removed.text
    switched = owner.post(f"{ROUTES}fallback", {"key": key.id, "on": "1"}, headers=PARTIAL)
    assert 'hx-target="#fallback"' in switched.text and "Falls back to SMS" in switched.text
    saved = owner.post(f"{ROUTES}new", {"channel": "sms", "operator": "2", "more": "spare"}, headers=PARTIAL)
    assert saved.headers["HX-Redirect"] == ROUTES

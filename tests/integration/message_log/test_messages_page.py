"""The message log: search, filters, more rows, the drawer, the poll."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from dashboard.db import utcnow
from dashboard.gateway.audit import trail
from dashboard.gateway.audit.trail import AuditFilters
from dashboard.gateway.message_log import search
from dashboard.pages.web import revealed
from tests.support.dashboard_client import PARTIAL, Browser, World

LIST = "/dashboard/messages/"


def rows(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'<tr class="click" id="m-(\d+)"', page)]


def test_first_use_leads_to_the_keys(viewer: Browser) -> None:
    page = viewer.get(LIST).text
    assert "No message yet" in page
    assert 'id="filters"' not in page


def test_the_newest_come_first_with_operator_and_fixed_line(viewer: Browser, world: World) -> None:
    key = world.key()
    old, new = world.text(key, "+22238089336"), world.text(key, "+22245112233")
    page = viewer.get(LIST).text
    assert rows(page) == [new.id, old.id]
    assert "Mattel" in page and "Mauritel" in page
    assert page.count("Fixed line: no text reaches it") == 1


def test_codes_are_masked_in_list_and_drawer(owner: Browser, world: World) -> None:
    key = world.key()
    message = world.code(key, language="en", app_hash="FA+9qCX9VSu")
    for page in (owner.get(LIST).text, owner.get(LIST + message.uuid).text):
        assert "Your verification code is ••••••." in page
        assert not re.search(r"code is \d{6}", page)


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_numbers_are_masked_for_viewers(role: str, enter: Callable[[str], Browser], world: World) -> None:
    message = world.text(world.key())
    browser = enter(role)
    for page in (browser.get(LIST).text, browser.get(LIST + message.uuid).text):
        assert ("+222 38 08 93 36" in page) == (role == "operator")
        assert ("+222 38 •• •• 36" in page) == (role == "viewer")
        assert role == "operator" or "38089336" not in page


@pytest.mark.parametrize("typed", ["3808", "38089336", "+222 38 08 93 36"])
def test_viewers_cannot_guess_a_number_by_asking(viewer: Browser, operator: Browser, world: World, typed: str) -> None:
    message = world.text(world.key())
    assert rows(viewer.get(LIST, query_string={"q": typed}).text) == []
    assert rows(viewer.get(LIST, query_string={"q": message.uuid}).text) == [message.id]
    assert rows(operator.get(LIST, query_string={"q": typed}).text) == [message.id]


@pytest.mark.parametrize(("role", "reads"), [("viewer", False), ("desk", False), ("operator", True)])
def test_texts_of_apps_are_for_operators(role: str, reads: bool, enter: Callable[[str], Browser], world: World) -> None:
    message = world.text(world.key(), body="Solde : 12 400 MRU")
    code = world.code(world.key(), language="en")
    browser = enter(role)
    for page in (browser.get(LIST).text, browser.get(LIST + message.uuid).text):
        assert ("12 400 MRU" in page) == reads and ("Text hidden (18 characters)" in page) != reads
    assert "code is ••••••" in browser.get(LIST + code.uuid).text


@pytest.mark.parametrize("role", ["viewer", "desk"])
def test_a_message_is_revealed_one_at_a_time_and_the_audit_log_tells_who_looked(
    role: str, enter: Callable[[str], Browser], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revealed, "MOST", 2)
    message, browser = world.text(world.key(), body="Solde : 12 400 MRU", status="queued"), enter(role)
    assert "Reveal number and text" in browser.get(LIST + message.uuid).text
    for headers in ({}, PARTIAL):
        page = browser.post(f"{LIST}{message.uuid}/reveal", headers=headers).text
        assert "12 400 MRU" in page and "+222 38 08 93 36" in page
        assert "every 3s" not in page, "a poll would mask it again"
    assert browser.get(LIST + message.uuid).text.count("12 400 MRU") == 0
    refused = browser.post(f"{LIST}{message.uuid}/reveal", headers=PARTIAL)
    assert "12 400 MRU" not in refused.text and "which is the most" in refused.text
    with world.services.sessions() as session:
        found = trail.page(session, AuditFilters(area="messages"))
    assert [(one.act, one.subject, one.actor) for one in found] == [
        ("messages.reveal", message.uuid, f"{role}@example.org")
    ] * 2


def test_who_sees_all_has_nothing_to_reveal(operator: Browser, world: World) -> None:
    message = world.text(world.key())
    assert "Reveal number and text" not in operator.get(LIST + message.uuid).text


@pytest.mark.parametrize(
    "typed",
    ["38089336", "+22238089336", "22238089336", "38 08 93 36", "+222 38-08-93-36", "٣٨٠٨٩٣٣٦", "3808", "+222 3808"],
)
def test_a_number_is_found_however_it_is_written(owner: Browser, world: World, typed: str) -> None:
    key = world.key()
    wanted, _ = world.text(key, "+22238089336"), world.text(key, "+22247000000")
    assert rows(owner.get(LIST, query_string={"q": typed}).text) == [wanted.id]


def test_three_digits_are_not_worth_a_search(owner: Browser, world: World) -> None:
    world.text(world.key(), "+22238089336")
    assert "Type at least four digits" in owner.get(LIST + "?q=380").text


def test_a_message_is_found_by_its_id(owner: Browser, world: World) -> None:
    key = world.key()
    wanted, _ = world.text(key), world.text(key)
    assert rows(owner.get(LIST, query_string={"q": f" {wanted.uuid.upper()} "}).text) == [wanted.id]


def test_filters_narrow_together_and_stay_in_the_page(owner: Browser, world: World) -> None:
    shop, bank = world.key("Shop"), world.key("Bank")
    wanted = world.code(shop, **world.sent(status="failed"))
    world.code(bank, **world.sent(status="failed")), world.text(shop, **world.sent(status="failed"))
    world.code(shop, "+22247000000", channel="whatsapp", **world.sent(status="failed"))
    world.code(shop, "+22247000001", **world.sent())
    query = {"status": "failed", "channel": "sms", "kind": "otp", "key": shop.id}
    page = owner.get(LIST, query_string=query).text
    assert rows(page) == [wanted.id]
    assert 'value="failed" form="filters" checked' in page
    assert f'value="{shop.id}" selected' in page


def test_no_match_says_what_was_searched(owner: Browser, world: World) -> None:
    world.text(world.key())
    assert "No message for “47 00 00 00”" in owner.get(LIST + "?q=47+00+00+00").text
    assert "The other filters count as well" in owner.get(LIST + "?q=47000000&status=failed").text
    assert "“pizza” is neither a number nor a message ID" in owner.get(LIST + "?q=pizza").text
    assert "No message matches these filters" in owner.get(LIST + "?status=failed").text


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=%ED%A0%80",
        "q=" + "9" * 3000,
        "q=%F0%9F%98%80%00%E2%80%AE",
        "q=%25_%25",
        "q='%20OR%201=1--",
        "q=<script>alert(1)</script>",
        "status=%00&channel=fax&kind=x&key=%00",
        "key=" + "k" * 2000,
        "before=0",
        "before=-1",
        "before=1e9",
        "before=" + "9" * 18,
        "before=" + "9" * 400,
        "before=%D9%A3",
        "before=%00",
        "q=a&q=b&status=failed&status=sent",
    ],
)
@pytest.mark.parametrize("url", [LIST, LIST + "live"])
def test_hostile_addresses_never_break_the_page(owner: Browser, world: World, url: str, query: str) -> None:
    world.text(world.key())
    answer = owner.get(f"{url}?{query}")
    assert answer.status_code in ((400,) if "%00" in query else (200, 204))  # NUL is refused at the door
    assert "<script>alert" not in answer.text


def test_more_rows_go_on_where_the_page_ended(owner: Browser, world: World) -> None:
    key = world.key()
    ids = [world.text(key, body=f"n {n}").id for n in range(search.PAGE + 3)]
    page = owner.get(LIST + "?channel=sms").text
    more = re.search(r'hx-get="([^"]+before=\d+)"', page)
    assert more
    first = rows(page)
    fragment = owner.partial(more[1].replace("&amp;", "&"), target="tr#more").text
    assert "<html" not in fragment and "<table" not in fragment
    assert first + rows(fragment) == sorted(ids, reverse=True)
    assert 'id="more"' not in fragment


def test_the_same_address_gives_page_and_fragment(owner: Browser, world: World) -> None:
    world.text(world.key())
    assert "<html" in owner.get(LIST, headers={"HX-Request": "true", "HX-Request-Type": "full"}).text
    fragment = owner.partial(LIST, target="div#results").text
    assert "<html" not in fragment and 'class="chips"' in fragment


def test_a_message_opens_on_a_direct_visit_and_in_the_drawer(owner: Browser, world: World) -> None:
    message = world.text(world.key(), body="Bonjour <b>Nadia</b>")
    page = owner.get(LIST + message.uuid).text
    assert '<dialog id="drawer"' in page and "data-open" in page
    assert "Bonjour &lt;b&gt;Nadia&lt;/b&gt;" in page
    assert rows(page) == [message.id]
    fragment = owner.partial(LIST + message.uuid, target="div#drawer-body").text
    assert "<html" not in fragment and message.uuid in fragment


@pytest.mark.parametrize("name", ["00000000-0000-4000-8000-000000000000", "x", "1", "%00", "a" * 500])
def test_an_unknown_message_is_not_found(owner: Browser, name: str) -> None:
    assert owner.get(LIST + name).status_code == 404


def test_the_timeline_tells_each_step_and_the_time_between(owner: Browser, world: World) -> None:
    start = utcnow() - timedelta(minutes=5)
    times = {
        "created_at": start,
        "sending_at": start + timedelta(seconds=0.25),
        "sent_at": start + timedelta(seconds=2.25),
        "delivered_at": start + timedelta(seconds=127.25),
    }
    message = world.text(world.key(), **world.sent(carrier_ref="abc-1", confirmed_by="receipt", **times))
    page = owner.get(LIST + message.uuid).text
    steps = ["Accepted and queued", "Taken by a worker", "Handed to the carrier", "Delivered to the phone"]
    assert [page.index(step) for step in steps] == sorted(page.index(step) for step in steps)
    assert "+ 0.25 sec" in page and "+ 2 sec" in page and "+ 2 min 5 sec" in page
    assert "confirmed by the carrier" in page
    assert "abc-1" in page


def test_a_verified_code_proves_its_delivery(owner: Browser, world: World) -> None:
    key = world.key()
    message = world.code(key)
    world.guess_right(key, message)
    assert "confirmed by the code itself" in owner.get(LIST + message.uuid).text


def test_an_error_is_told_in_words_with_the_carrier_s_code_beside(owner: Browser, world: World) -> None:
    failed = {"status": "failed", "delivered_at": None, "failed_at": utcnow()}
    key = world.key()
    known = world.text(key, **world.sent(**failed, error_code="unreachable"))
    unknown = world.text(key, **world.sent(**failed, error_code="131026"))
    assert "The carrier could not be reached." in owner.get(LIST + known.uuid).text
    assert "The carrier gave the reason “131026”." in owner.get(LIST + unknown.uuid).text


def test_a_waiting_message_tells_when_it_is_tried_again(owner: Browser, world: World) -> None:
    later = utcnow() + timedelta(seconds=90)
    message = world.text(world.key(), error_code="sandbox_busy", due_at=later, attempts=1)
    page = owner.get(LIST + message.uuid).text
    assert "Waiting for the next try" in page
    assert "data-poll" in page


def test_a_text_that_is_no_longer_kept_says_so(owner: Browser, world: World) -> None:
    message = world.text(world.key(), **world.sent())
    world.settle(message.id, body=None)
    assert "The text is no longer kept." in owner.get(LIST + message.uuid).text


def test_a_poll_without_news_is_empty(viewer: Browser, world: World) -> None:
    row = world.text(world.key())
    answer = viewer.get(f"{LIST}live?newest={row.id}&open={row.id}.queued", headers=PARTIAL)
    assert (answer.status_code, answer.get_data()) == (204, b"")


def test_a_poll_changes_rows_in_place_and_only_counts_new_ones(viewer: Browser, world: World) -> None:
    key = world.key()
    row = world.text(key)
    fresh = world.text(key)
    world.settle(row.id, **world.sent())
    page = viewer.get(f"{LIST}live?newest={row.id}&open={row.id}.queued", headers=PARTIAL).text
    assert f'<hx-partial hx-target="#m-{row.id}" hx-swap="outerMorph">' in page
    assert "1 new message" in page
    assert f"m-{fresh.id}" not in page


def test_a_poll_counts_what_the_filters_let_through(viewer: Browser, world: World) -> None:
    key = world.key()
    row = world.text(key)
    world.text(key)
    assert viewer.get(f"{LIST}live?newest={row.id}&status=failed", headers=PARTIAL).status_code == 204


@pytest.mark.parametrize(("zone", "hour"), [("Africa/Nouakchott", 12), ("Asia/Tokyo", 21)])
def test_times_are_told_in_the_gateway_s_zone(make_app: Callable[..., Flask], zone: str, hour: int) -> None:
    app = make_app(timezone=zone)
    world, browser = World(app.extensions["chinqit"]), Browser(app)
    browser.start_session(world, "viewer")
    noon = datetime(2026, 1, 15, 12, 0, 5, tzinfo=UTC)
    message = world.text(world.key(), **world.sent(created_at=noon))
    assert f"15 Jan 2026, {hour}:00:05" in browser.get(LIST + message.uuid).text

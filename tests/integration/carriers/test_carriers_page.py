"""The pages of carriers: who may do what, forms drawn from what kinds say, secrets that no answer holds, trials."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway.alerts import incidents
from dashboard.gateway.api_keys import keys
from dashboard.gateway.carriers import carriers
from dashboard.gateway.monitoring import alerts, carrier_status
from dashboard.models.carriers import Carrier, CarrierBalance, CarrierConnection, CarrierMinute
from dashboard.models.delivery import UnmatchedReceipt
from dashboard.models.messages import Message
from dashboard.models.monitoring import Process
from dashboard.providers import registry
from dashboard.vocabulary import COMMAND_LINE
from tests.support.dashboard_client import Browser, World

CARRIERS = "/dashboard/carriers/"
PASSWORD, TOKEN = "hush-password-1", "hush-token-2"
HTTP = {
    "kind": "http",
    "name": "mauritel",
    "v-method": "POST",
    "v-url": "https://sms.example.org/send",
    "v-body_format": "json",
    "v-body": '{"to": "{phone}", "text": "{text}"}',
    "v-username": "gateway",
    "v-password": PASSWORD,
    "v-token": TOKEN,
}


def add(browser: Browser, **more: Any) -> str:
    """Set a carrier up on the page; return its address there."""
    answer = browser.post(f"{CARRIERS}new", {**HTTP, **more})
    assert answer.status_code == 303, re.findall(r'class="err"[^>]*>([^<]+)', answer.text)
    return str(answer.location)


@pytest.fixture
def page(owner: Browser) -> str:
    return add(owner)


def row(services: Services, name: str = "mauritel") -> Carrier:
    with services.sessions() as session:
        found = carriers.find(session, name)
        found.routes  # noqa: B018  loaded before the session closes
        session.expunge_all()
        return found


def told(services: Services) -> dict[str, Any]:
    with services.sessions() as session:
        return carriers.decrypted(carriers.cipher(services.settings), carriers.find(session, "mauritel"))


def change(services: Services, **values: Any) -> None:
    with services.sessions.begin() as session:
        for name, value in values.items():
            setattr(carriers.find(session, "mauritel"), name, value)


def line(services: Services, state: str, code: str | None = None, process: str = "host:1") -> None:
    """A sign of life of a worker that has the carrier, which holds however long the test takes."""
    with services.sessions.begin() as session:
        found = carriers.find(session, "mauritel")
        told = {
            "state": state,
            "code": code,
            "version": found.version,
            "under_way": 3,
            "beat_at": utcnow() + timedelta(minutes=5),
        }
        session.merge(CarrierConnection(process=process, carrier_id=found.id, **told))


def answered(services: Services, **counts: int) -> None:
    """What the carrier answered a minute ago, each within half a second."""
    counts = {"taken": 0, "refused": 0, "again": 0, "unknown": 0, **counts}
    times = [0, 0, 0, sum(counts.values()), 0, 0, 0, 0, 0, 0, 0]
    with services.sessions.begin() as session:
        at = utcnow() - timedelta(minutes=1)
        session.add(CarrierMinute(carrier="mauritel", at=at, times=times, **counts))


def stray(services: Services, count: int, phone: str = "+22245112233") -> None:
    with services.sessions.begin() as session:
        for i in range(count):
            told = {"references": [f"ref-{i}"], "phone": phone, "state": "failed", "code": "smpp_undelivered"}
            session.add(UnmatchedReceipt(carrier="mauritel", at=utcnow(), **told))


def mark(text: str) -> str:
    found = re.search(r"seen=(\w+)", text)
    assert found
    return found[1]


# Seeing


def test_without_a_carrier_it_says_where_messages_land_and_owners_choose_a_kind(
    owner: Browser, viewer: Browser
) -> None:
    text = owner.get(CARRIERS).text
    assert "every message lands on the sandbox phone" in text
    for kind in registry.KINDS:
        assert f"/dashboard/carriers/new?kind={kind}" in text
        assert f"/dashboard/carriers/new?kind={kind}" not in viewer.get(CARRIERS).text


def test_the_list_tells_state_errors_seconds_strays_and_routes(viewer: Browser, page: str, services: Services) -> None:
    line(services, "ready")
    line(services, "waiting", "smpp_no_free_bind", process="host:2")
    answered(services, taken=19, again=1)
    stray(services, 2)
    text = viewer.get(CARRIERS).text
    for said in (
        "mauritel",
        "Operational",
        "1 worker ready",
        "1 worker waiting",
        "5% errors",
        "0.49",
        "All SMS: no. 1",
    ):
        assert said in text, said
    assert "2 receipts without a message" in text


def test_a_balance_is_told_with_its_time_and_limit_and_why_it_is_not_newer(
    operator: Browser, viewer: Browser, page: str, services: Services
) -> None:
    with services.sessions.begin() as session:
        found = carriers.find(session, "mauritel")
        facts = {"amount": 12_505_000, "low": 20_000_000, "unit": "MRU", "known_at": utcnow() - timedelta(hours=2)}
        left = CarrierBalance(carrier_id=found.id, version=found.version, asked_at=utcnow(), code="http_503", **facts)
        session.add(left)
        session.flush()
        statuses = carrier_status.all_of(session, carriers.cipher(services.settings))
        incidents.observe(session, alerts.carrier_alerts(statuses), utcnow())
    for address, said in (
        (CARRIERS, ("Balance 1,250.5 MRU", "low", "2 hr. ago")),
        (page, ("1,250.5 MRU", "2 hr. ago", "It may have changed", "less than 2,000 MRU", "HTTP status 503")),
        ("/dashboard/alerts/", ("mauritel: the balance is low, 1,250.5 MRU left",)),
    ):
        text = operator.get(address).text
        assert [one for one in said if one not in text] == []
        assert "1,250.5" not in viewer.get(address).text
    assert "mauritel: the balance is low" in viewer.get("/dashboard/alerts/").text


@pytest.mark.parametrize(
    ("state", "code", "said"),
    [
        ("opening", None, "Opening"),
        ("waiting", "smpp_no_free_bind", "Waiting for a bind"),
        ("broken", "unreachable", "No connection"),
        ("broken", "smpp_invalid_password", "Credentials refused"),
    ],
)
def test_a_line_s_state_is_told_in_words(
    viewer: Browser, page: str, services: Services, state: str, code: str | None, said: str
) -> None:
    line(services, state, code)
    text = viewer.get(page).text
    assert said in text
    assert not code or code not in text


def test_one_that_is_down_says_since_when_why_and_when_it_is_tried(
    viewer: Browser, page: str, services: Services
) -> None:
    now = utcnow()
    change(services, down_since=now - timedelta(minutes=12), down_until=now + timedelta(minutes=5), down_code="slow")
    for address in (CARRIERS, page):
        text = viewer.get(address).text
        assert "Down" in text and "for 12 min" in text
        assert "longer than 5 seconds" in text and "Tried again" in text
    change(services, down_until=now - timedelta(seconds=1))
    assert "Down, being tried" in viewer.get(page).text


def test_wrong_credentials_are_told_apart(viewer: Browser, page: str, services: Services) -> None:
    change(services, down_since=utcnow(), down_until=utcnow() + timedelta(minutes=1), down_code="http_401")
    text = viewer.get(page).text
    assert "Credentials refused" in text and "HTTP status 401" in text


def test_a_poll_brings_what_changed_and_nothing_else(viewer: Browser, page: str, services: Services) -> None:
    for address, root in ((CARRIERS, "carriers"), (page, "standing")):
        seen = mark(viewer.get(address).text)
        assert viewer.partial(f"{address}?seen={seen}", f"div#{root}").status_code == 204
        answered(services, taken=3)
        answer = viewer.partial(f"{address}?seen={seen}", f"div#{root}")
        assert answer.status_code == 200
        assert answer.text.lstrip().startswith(f'<div id="{root}"')


def test_figures_by_hour_have_a_table(viewer: Browser, page: str, services: Services) -> None:
    answered(services, taken=7, refused=2)
    text = viewer.get(page).text
    assert "What it answered, by hour" in text
    assert re.search(r'<td class="n">7</td><td class="n">2</td>', text)


def test_viewers_see_neither_settings_nor_the_callback_address_nor_whole_numbers(
    viewer: Browser, operator: Browser, page: str, services: Services
) -> None:
    stray(services, 1)
    hook = row(services).hook
    seen, shown = viewer.get(page).text, operator.get(page).text
    assert hook not in seen and "sms.example.org" not in seen and "+222 45 11 22 33" not in seen
    assert hook in shown and "sms.example.org" in shown and "+222 45 11 22 33" in shown
    assert "The operator could not deliver the text." in shown


# Setting up


@pytest.mark.parametrize("kind", sorted(registry.KINDS))
def test_the_form_of_a_kind_has_all_its_fields(owner: Browser, kind: str) -> None:
    text = owner.get(f"{CARRIERS}new?kind={kind}").text
    for one in registry.describe(kind):
        assert f'name="v-{one.name}"' in text, one.name
        if one.type == "secret" and not one.rows:
            assert re.search(rf'<input[^>]+name="v-{one.name}" type="password"', text)


def test_a_carrier_is_set_up_with_its_route_and_the_one_who_did_it(
    owner: Browser, page: str, services: Services
) -> None:
    found = row(services)
    assert found.created_by == "owner@example.org"
    assert [(route.channel, route.operator, route.key_id) for route in found.routes] == [("sms", None, None)]
    assert told(services)["password"] == PASSWORD
    assert "is set up" in owner.get(page).text


def test_no_answer_ever_holds_a_secret(owner: Browser, page: str, services: Services) -> None:
    wrong = {**HTTP, "name": "other", "v-url": "ftp://x"}
    answers = [
        owner.get(page).text,
        owner.get(f"{page}/edit").text,
        owner.get(CARRIERS).text,
        owner.post(f"{CARRIERS}new", wrong).text,
        owner.post(f"{page}/edit", {**HTTP, "v-url": "ftp://x"}).text,
        owner.partial(page).text,
        owner.get(f"{page}/remove").text,
    ]
    for text in answers:
        assert PASSWORD not in text and TOKEN not in text
    assert "It is set; leave it empty to keep it." in answers[1]


def test_a_secret_that_is_left_empty_stays_and_another_takes_its_place(
    owner: Browser, page: str, services: Services
) -> None:
    version = row(services).version
    typed = {**HTTP, "v-password": "", "v-token": "another-token", "v-username": "new"}
    assert owner.post(f"{page}/edit", typed).status_code == 303
    stored = told(services)
    assert (stored["password"], stored["token"], stored["username"]) == (PASSWORD, "another-token", "new")
    assert row(services).version == version + 1, "workers open it anew"


@pytest.mark.parametrize(
    ("changed", "place", "said"),
    [
        ({"name": ""}, "f-name", "small letters"),
        ({"name": "Mauritel 2"}, "f-name", "small letters"),
        ({"name": "sandbox"}, "f-name", "is taken"),
        ({"v-url": ""}, "f-v-url", "Required field"),
        ({"v-url": "http://sms.example.org/"}, "f-v-url", "must begin with https"),
        ({"v-url": "x" * 2001}, "f-v-url", "Most characters: 2000"),
        ({"v-body": "{oops"}, "f-v-body", ""),
        ({"v-taken_when": "nonsense"}, "f-v-taken_when", "Line 1"),
        ({"v-parallel": "٣x"}, "f-v-parallel", "whole number"),
        ({"v-parallel": "99"}, "f-v-parallel", "32 or less"),
        ({"v-callback_format": "json"}, "f-v-callback_", "needed"),
        ({"v-method": "DELETE"}, "f-v-method", "Choose one"),
    ],
)
def test_faults_stand_at_their_fields_and_what_was_typed_stays(
    owner: Browser, services: Services, changed: dict[str, str], place: str, said: str
) -> None:
    answer = owner.post(f"{CARRIERS}new", {**HTTP, **changed})
    assert answer.status_code == 422
    summary = answer.text.split('class="err-sum" role="alert" tabindex="-1" autofocus')[1].split("</div>")[0]
    assert f'href="#{place}' in summary and said in summary
    assert f'id="{place}' in answer.text
    if "v-username" not in changed:
        assert 'value="gateway"' in answer.text
    with services.sessions() as session:
        assert carriers.listed(session) == []


def test_a_name_is_taken_once(owner: Browser, page: str) -> None:
    answer = owner.post(f"{CARRIERS}new", HTTP)
    assert answer.status_code == 422
    assert "has this name already" in answer.text


def test_hostile_text_is_only_text(owner: Browser) -> None:
    page = add(owner, **{"v-username": '"><script>alert(1)</script>'})
    for address in (page, f"{page}/edit"):
        text = owner.get(address).text
        assert "<script>alert" not in text and "&lt;script&gt;" in text


def test_settings_sealed_under_another_secret_are_told_and_can_be_entered_anew(
    owner: Browser, page: str, services: Services
) -> None:
    change(services, sealed=b"sealed by somebody else")
    for address in (CARRIERS, page):
        assert "Settings cannot be read" in owner.get(address).text
    assert owner.get(f"{page}/edit").status_code == 200
    assert owner.post(f"{page}/edit", HTTP).status_code == 303
    assert told(services)["password"] == PASSWORD


# Switching and removing


def test_one_is_switched_off_and_on_again(owner: Browser, page: str, services: Services) -> None:
    assert "All SMS" in owner.get(f"{page}/disable").text, "nobody else takes over"
    assert owner.post(f"{page}/disable").status_code == 303
    assert not row(services).enabled
    assert "Switched off" in owner.get(page).text
    assert owner.post(f"{page}/enable").status_code == 303
    assert row(services).enabled


def test_removing_one_in_a_route_asks_for_its_name(owner: Browser, page: str, services: Services) -> None:
    assert "Type the carrier’s name" in owner.get(f"{page}/remove").text
    assert owner.post(f"{page}/remove", {"name": "mattel"}).status_code == 422
    assert row(services)
    assert owner.post(f"{page}/remove", {"name": "mauritel"}).status_code == 303
    assert owner.get(page).status_code == 404
    assert owner.get(CARRIERS).status_code == 200


def test_removing_one_that_nobody_uses_needs_no_name(owner: Browser, page: str, services: Services) -> None:
    spare = add(owner, name="spare")
    assert "Type the carrier’s name" not in owner.get(f"{spare}/remove").text
    assert owner.post(f"{spare}/remove").status_code == 303
    assert owner.get(spare).status_code == 404


def test_operators_try_but_change_nothing(operator: Browser, page: str, services: Services) -> None:
    for act in ("edit", "disable", "enable", "remove"):
        assert operator.post(f"{page}/{act}", HTTP).status_code == 403
    assert operator.post(f"{CARRIERS}new", HTTP).status_code == 403
    assert operator.post(f"{page}/test", {"phone": "38089336"}).status_code == 303
    assert row(services).enabled


# Trials


def trial(services: Services) -> Message:
    with services.sessions() as session:
        [found] = session.scalars(select(Message).where(Message.key_id == keys.OWN_ID))
        session.expunge_all()
        return found


def test_a_trial_waits_for_this_carrier_alone(operator: Browser, page: str, services: Services) -> None:
    answer = operator.post(f"{page}/test", {"phone": "45 11 22 33"})
    assert answer.status_code == 303
    message = trial(services)
    shown = operator.get(f"/dashboard/messages/{message.uuid}").text
    assert "Chinqit Gateway" in shown
    assert keys.OWN_ID not in shown, "the gateway's own key has no page to link to"
    assert message.phone == "+22245112233"
    assert (message.lane, message.carrier_id) == ("sms", row(services).id)
    assert message.uuid in str(answer.location)
    text = operator.get(str(answer.location)).text
    assert "chinqit worker sms" in text, "why it waits"
    assert f"/dashboard/messages/{message.uuid}" in text


def test_its_outcome_follows_live(operator: Browser, page: str, services: Services, world: World) -> None:
    with services.sessions.begin() as session:
        session.add(Process(name="sms", role="sms", started_at=utcnow(), beat_at=utcnow()))
    here = str(operator.post(f"{page}/test", {"phone": "38089336"}).location)
    first = operator.get(here).text
    assert "No worker has it yet" in first
    outcome = first.split('id="outcome"')[1]
    seen = mark(outcome)
    assert operator.partial(f"{here}?seen={seen}", "div#outcome").status_code == 204
    world.settle(trial(services).id, **world.sent(status="sent", delivered_at=None))
    text = operator.partial(f"{here}?seen={seen}", "div#outcome").text
    assert "The carrier has accepted it" in text and "data-poll" in text
    world.settle(trial(services).id, **world.sent())
    text = operator.partial(here, "div#outcome").text
    assert "It is on the phone." in text and "data-poll" not in text


def test_a_refusal_is_told_in_words(operator: Browser, page: str, services: Services, world: World) -> None:
    here = str(operator.post(f"{page}/test", {"phone": "38089336"}).location)
    refused = {"status": "failed", "failed_at": utcnow(), "delivered_at": None, "error_code": "http_451"}
    world.settle(trial(services).id, **world.sent(**refused))
    text = operator.partial(here, "div#outcome").text
    assert "HTTP status 451" in text and "http_451" not in text


@pytest.mark.parametrize("phone", ["", "12", "+33612345678", "<script>", "5" * 60])
def test_a_trial_needs_a_number_of_the_country(operator: Browser, page: str, services: Services, phone: str) -> None:
    for send in (operator.post, lambda *told: operator.post(*told, headers={"HX-Request-Type": "partial"})):
        answer = send(f"{page}/test", {"phone": phone})
        assert answer.status_code == 422
        assert "eight digits" in answer.text
    with services.sessions() as session:
        assert session.scalar(select(Message.id)) is None


def test_a_carrier_that_is_switched_off_is_not_tried(operator: Browser, page: str, services: Services) -> None:
    change(services, enabled=False)
    answer = operator.post(f"{page}/test", {"phone": "38089336"})
    assert answer.status_code == 422
    assert "Switch it on first" in answer.text


def test_trial_codes_keep_to_the_limits(owner: Browser, services: Services) -> None:
    told = {"v-phone_number_id": "123456", "v-access_token": TOKEN, "v-template_fr": "code"}
    page = str(owner.post(f"{CARRIERS}new", {"kind": "whatsapp", "name": "meta", **told}).location)
    statuses = [owner.post(f"{page}/test", {"phone": "38089336"}).status_code for _ in range(4)]
    assert statuses == [303, 303, 303, 422]
    assert "Try again in" in owner.post(f"{page}/test", {"phone": "38089336"}).text


def test_a_trial_is_a_message_of_the_gateway_s_own(operator: Browser, page: str, world: World) -> None:
    other = world.text(world.key())
    assert operator.get(f"{page}/test/{other.uuid}").status_code == 404


# On the overview


def test_the_overview_warns_of_carriers_strays_and_missing_routes(
    owner: Browser, page: str, services: Services, world: World
) -> None:
    now, key = utcnow(), world.key()
    until = now + timedelta(minutes=1)
    change(services, down_since=now - timedelta(minutes=3), down_until=until, down_code="no_answer")
    stray(services, 21)
    world.text(key, error_code="no_route", due_at=now + timedelta(seconds=20))
    text = owner.get("/dashboard/").text
    assert "The carrier mauritel accepts no messages" in text and "did not answer in time" in text
    assert "21 receipts of mauritel in the last hour fit no message" in text
    assert "1 message waits: no route leads to a carrier (SMS)" in text
    change(services, down_code="whatsapp_190")
    assert "The carrier mauritel refuses its credentials" in owner.get("/dashboard/").text


def test_the_overview_warns_of_no_carrier_that_works(
    owner: Browser, page: str, services: Services, world: World
) -> None:
    world.text(world.key())
    line(services, "ready")
    stray(services, 20)
    text = owner.get("/dashboard/").text
    assert "accepts no messages" not in text and "fit no message" not in text and "no route leads" not in text
    assert re.search(r"mauritel</a></span><span class=\"status s-operational\">", text)


@pytest.mark.parametrize("language", ["fr", "ar", "en"])
def test_every_page_is_there_in_every_language(owner: Browser, page: str, services: Services, language: str) -> None:
    answered(services, taken=1)
    stray(services, 1)
    change(services, down_since=utcnow(), down_until=utcnow() + timedelta(minutes=1), down_code="unreachable")
    here = str(owner.post(f"{page}/test", {"phone": "38089336"}).location)
    owner.headers = {"Accept-Language": language}
    pages = [CARRIERS, f"{CARRIERS}new", page, here, *(f"{page}/{act}" for act in ("edit", "disable", "remove"))]
    for address in pages + [f"{CARRIERS}new?kind={kind}" for kind in registry.KINDS]:
        for get in (owner.get, owner.partial):
            assert get(address).status_code == 200, address


WORDS_OF_THE_TRADE = {"POST", "GET", "PUT", "3.3", "3.4", "5.0", "8", "16"}


def test_every_choice_of_every_kind_has_a_name_for_people() -> None:
    unnamed = {
        (kind, one.name, choice)
        for kind in registry.KINDS
        for one in registry.describe(kind)
        for choice in one.choices
        if choice not in one.names and choice not in WORDS_OF_THE_TRADE
    }
    assert unnamed == set()


@pytest.mark.parametrize(("language", "named"), [("fr", "Le secret dans un en-tête"), ("ar", "السر في ترويسة")])
def test_the_settings_of_a_carrier_hold_no_english_and_what_was_left_alone_is_folded(
    owner: Browser, services: Services, page: str, language: str, named: str
) -> None:
    change(services, created_by=COMMAND_LINE)
    text = owner.get(page, headers={"Accept-Language": language}).text
    assert not re.search(r">\s*(none|header|reference|basic|json|command line|yes|no)\s*<", text)
    folded = text.split('<details class="more-fields">')[1].split("</details>")[0]
    assert named in folded and "gateway" not in folded and "sms.example.org" not in folded

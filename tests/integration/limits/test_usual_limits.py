"""The usual limits: owners change them, after a look at the last week; all that tells of limits follows."""

from __future__ import annotations

import re
from html import unescape

import pytest
from click.testing import CliRunner

from dashboard.cache import TimedCache
from dashboard.cli.registry import main
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.limits import lifts, overrides, rate_limit, simulation
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.limits.rate_limit import RateLimited
from dashboard.gateway.otp import send
from dashboard.vocabulary import Window
from tests.support.dashboard_client import PARTIAL, Browser, World

LIST = "/dashboard/limits/"
USUAL = f"{LIST}usual"
PHONE = "+22238089336"
WANTED = {"minute": "5", "hour": "12", "day": "25"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_settings, "REMEMBERED", TimedCache(0.0, weak_keys=True))


def usual(world: World) -> list[int]:
    with world.services.sessions() as session:
        return list(rate_limit.usual(session).values())


def test_new_limits_hold_for_calls_the_key_the_docs_and_the_simulator(owner: Browser, world: World) -> None:
    assert usual(world) == [3, 10, 20]
    assert owner.post(USUAL, WANTED).headers["Location"] == LIST
    page = owner.get(LIST).text
    assert "<b>25</b>" in page and "Usual limits saved" in page
    assert usual(world) == [5, 12, 25]
    with world.services.sessions.begin() as session:
        _, secret = keys.create(session, NewKey("API"))
    headers = {"X-API-Key": secret}
    sent = [owner.client.post("/otp/send", json={"phoneNumber": "38089336"}, headers=headers) for _ in range(6)]
    assert [answer.status_code for answer in sent] == [200] * 5 + [429]
    assert sent[0].headers["RateLimit-Policy"].startswith('"minute";q=5;w=60')
    assert owner.client.get("/me", headers=headers).get_json()["limits"] == {"minute": 5, "hour": 12, "day": 25}
    assert "at most 5 in 60 seconds, 12 in" in " ".join(owner.get("/docs/en/limits").text.split())
    assert 'placeholder="12"' in owner.get(f"{LIST}new").text


def test_a_test_number_that_rehearses_a_429_tells_the_usual_limit(owner: Browser, world: World) -> None:
    owner.post(USUAL, WANTED)
    caller = authentication.Caller.from_row(world.key(mode="test"))
    with world.services.sessions() as session, pytest.raises(RateLimited) as refusal:
        send.send(session, world.services.keyring, caller, send.Order("+22238999905"))
    assert refusal.value.standing.quota == 5


def test_limits_that_would_have_kept_people_out_ask_first(owner: Browser, world: World) -> None:
    key = world.key()
    for _ in range(3):
        world.guess_right(key, world.code(key, PHONE))
    tried = owner.post(USUAL, {**WANTED, "minute": "2", "rehearse": "1"}, headers=PARTIAL).text
    assert "1 real user, who entered the code correctly, would have been blocked" in tried
    assert "Save all the same" in owner.post(USUAL, {**WANTED, "minute": "2"}, headers=PARTIAL).text
    assert usual(world) == [3, 10, 20]
    owner.post(USUAL, {**WANTED, "minute": "2", "confirmed": "1"}, headers=PARTIAL)
    assert usual(world) == [2, 12, 25]


def test_the_simulator_leaves_out_whom_an_override_covers(world: World) -> None:
    key = world.key()
    for _ in range(3):
        world.code(key, PHONE)
        world.code(key, "+22238089337")
    with world.services.sessions.begin() as session:
        overrides.save(session, NewOverride(key.id, PHONE, 9, 9, 9))
    with world.services.sessions() as session:
        result = simulation.replay_usual(session, {Window.MINUTE: 1, Window.HOUR: 10, Window.DAY: 20})
        assert (result.looked_at, result.refused_sends) == (6, 2)


def test_a_lift_gives_three_times_the_usual(owner: Browser, world: World) -> None:
    owner.post(USUAL, {"minute": "50", "hour": "100", "day": "200"})
    form = owner.get(f"{LIST}new?lift=1&phone=38089336&key={world.key().id}").text
    inputs = [re.findall(rf'<input[^>]*name="{window}"[^>]*>', form)[0] for window in Window]
    assert [re.findall(r'value="(\d+)"', one) for one in inputs] == [["150"], ["300"], ["600"]]
    assert lifts.more(Window.MINUTE, 3) == 10


def test_an_undo_brings_the_former_limits_back(owner: Browser, operator: Browser, world: World) -> None:
    owner.post(USUAL, WANTED)
    before = re.search(r'name="before"\s+value="([^"]+)"', owner.get(LIST).text)
    assert before
    fields = {"before": unescape(before[1])}
    assert operator.post(f"{USUAL}/restore", fields).status_code == 403
    assert owner.post(f"{USUAL}/restore", fields, headers=PARTIAL).headers["HX-Redirect"] == LIST
    assert usual(world) == [3, 10, 20]


@pytest.mark.parametrize("typed", ["0", "10001", "x", "", "-1"])
def test_a_limit_that_is_none_changes_nothing(owner: Browser, world: World, typed: str) -> None:
    answer = owner.post(USUAL, {**WANTED, "hour": typed})
    assert answer.status_code == 422 and "Enter a whole number from 1 to 10,000." in answer.text
    assert usual(world) == [3, 10, 20]


def test_two_owners_at_once_are_told(owner: Browser, world: World) -> None:
    version = re.search(r'name="version" value="(\w+)"', owner.get(USUAL).text)
    assert version
    owner.post(USUAL, WANTED)
    answer = owner.post(USUAL, {**WANTED, "minute": "9", "version": version[1]})
    assert answer.status_code == 409 and usual(world) == [5, 12, 25]


def test_the_command_shows_and_sets_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = world.services.settings
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(settings, name)))

    def run(*words: str) -> str:
        return CliRunner().invoke(main, ["limits", *words], catch_exceptions=False).output

    assert run("usual") == "The usual limits are 3 a minute, 10 an hour and 20 a day.\n"
    assert run("usual", "--hour", "15", "--json") == '{"minute": 3, "hour": 15, "day": 20}\n'
    assert run("list") == "No override. The usual limits are 3 a minute, 15 an hour and 20 a day.\n"

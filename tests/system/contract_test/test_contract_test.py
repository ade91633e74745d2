"""chinqit contract-test."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dashboard.cli.registry import main
from dashboard.contract_test import registry, runner
from dashboard.contract_test.runner import WINDOWS, RuleResult
from dashboard.gateway.limits import overrides
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.models.limits import UNLIMITED
from dashboard.vocabulary import Scope
from tests.support.door_callers import open_doors
from tests.support.phones import new_phone
from tests.support.reference_server import FIRST, KEY, SECOND, Hosted
from tests.support.stack import Stack

CODE_RULE = "a code is sent: success, messageId, expiresIn 600"


def contract_test(stack: Stack, key: str, *more: str) -> Result:
    told = ["contract-test", f"http://127.0.0.1:{stack.port}", key, *more]
    return CliRunner().invoke(main, told, env=stack.environment)


def numbers() -> list[str]:
    return ["--phone", new_phone(), "--code-phone", new_phone()]


def test_this_gateway_keeps_every_rule(sqlite_stack: Stack) -> None:
    key = sqlite_stack.key("test", scopes=tuple(Scope))
    told = ["contract-test", f"http://127.0.0.1:{sqlite_stack.port}", key, "--json", "--sandbox", "--whatsapp"]
    validation, hook, secret = open_doors(sqlite_stack.sessions, sqlite_stack.settings, key)
    told += ["--validation", validation, "--hook", hook, "--hook-secret", secret]
    environ = {**sqlite_stack.environment, "CHINQIT_OTHER_KEY": sqlite_stack.key("test")}
    for names in ((), ("--current-names",)):
        ran = CliRunner().invoke(main, [*told, *names, *numbers()], env=environ)
        found = json.loads(ran.stdout)
        assert [finding for finding in found if finding["result"] != "ok"] == []
        assert ran.exit_code == 0
        assert len(found) > 48


def test_without_the_phone_and_a_second_key_only_the_rules_that_use_them_are_skipped(sqlite_stack: Stack) -> None:
    ran = contract_test(sqlite_stack, sqlite_stack.key("test", scopes=tuple(Scope)), *numbers())
    assert ran.exit_code == 0, ran.stdout
    assert ran.stdout.count("skipped") == 11, ran.stdout
    assert ran.stdout.count("failed") == 0


def test_it_says_first_what_it_sends_and_keeps_to_it(sqlite_stack: Stack) -> None:
    key, (_, phone, _, code_phone) = sqlite_stack.key("test"), numbers()
    ran = contract_test(sqlite_stack, key, "--sandbox", "--phone", phone, "--code-phone", code_phone)
    assert ran.stderr.startswith(f"This sends up to 9 texts to {phone} and 3 codes to {code_phone}.")
    made = sqlite_stack.call("GET", "/messages?limit=100", key=key).json()["messages"]
    counts = Counter(message["phoneNumber"] for message in made)
    assert (set(counts), counts[code_phone]) == ({phone, code_phone}, 3)
    assert counts[phone] in (8, 9), "the text of the batch waits for its turn"


def test_a_rule_that_does_not_hold_is_a_failure(sqlite_stack: Stack) -> None:
    ran = contract_test(sqlite_stack, sqlite_stack.key("test", scopes=("send", "read")), *numbers())
    assert ran.exit_code == 1
    assert "instead of" in ran.stdout
    assert "are not kept" in ran.stderr


def test_a_server_that_is_not_there_is_one_line() -> None:
    ran = CliRunner().invoke(main, ["contract-test", "http://127.0.0.1:1", "cq_test_x"])
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == "Error: Nothing answers at http://127.0.0.1:1: ConnectError"


def test_a_wrong_key_is_one_line(sqlite_stack: Stack) -> None:
    ran = contract_test(sqlite_stack, "cq_test_" + "x" * 40)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == "Error: The server refuses this key: 403 Invalid API key"


def test_with_a_test_key_each_run_takes_fresh_numbers(sqlite_stack: Stack) -> None:
    key = sqlite_stack.key("test", scopes=tuple(Scope))
    for _ in range(2):
        ran = contract_test(sqlite_stack, key)
        assert ran.exit_code == 0, ran.stdout + ran.stderr


LIMITED = "a code past the limit is 429, in whatever form the number is"
OF_CODES = [rule for rule in registry.RULES if re.search(r"\b(codes?|tries|429)\b|GET /me", rule.name)]


@pytest.fixture
def judge_codes(sqlite_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], dict[str, RuleResult]]:
    """Holds the gateway to the rules of codes, with a key and a given number: all that limits of codes can change."""
    for name, value in sqlite_stack.environment.items():
        monkeypatch.setenv(name, value)

    def judge_with(key: str, phone: str) -> dict[str, RuleResult]:
        url = f"http://127.0.0.1:{sqlite_stack.port}"
        plan = runner.TestPlan(url, key, new_phone(), phone, sandbox=True, is_given=True)
        found = {result.rule: result for result in runner.run(plan, OF_CODES)}
        assert [result for result in found.values() if result.result == "failed"] == []
        return found

    return judge_with


def test_a_number_that_had_codes_lately_is_one_line_that_says_how_long_to_wait(
    sqlite_stack: Stack, judge_codes: Callable[[str, str], dict[str, RuleResult]], phone: str
) -> None:
    key = sqlite_stack.key("test", scopes=tuple(Scope))
    judge_codes(key, phone)
    again = contract_test(sqlite_stack, key, "--phone", new_phone(), "--code-phone", phone)
    assert (again.exit_code, again.stdout) == (1, "")
    assert re.search(rf"Error: \{phone} was sent codes lately: wait [0-9]+ s, or give another number", again.stderr)


@pytest.mark.parametrize(
    ("limits", "codes", "said"),
    [
        ({"minute": 5}, 5, ("ok", "5 in each minute")),
        ({"minute": None, "hour": 4}, 4, ("ok", "4 in each hour")),
        ({"hour": 2}, 2, ("ok", "2 in each hour")),
        ({"minute": 1}, 1, ("ok", "1 in each minute")),
        (
            {"minute": 50, "hour": 50, "day": 50},
            3,
            ("skipped", "this server allows 50 codes to one number: that many are not sent for a test"),
        ),
        ({"minute": None, "hour": None, "day": None}, 3, ("skipped", "this server has no limit")),
    ],
)
def test_the_limits_that_an_owner_chose_are_those_that_are_held(
    sqlite_stack: Stack,
    judge_codes: Callable[[str, str], dict[str, RuleResult]],
    limits: dict[str, int | None],
    codes: int,
    said: tuple[str, str],
) -> None:
    caller = sqlite_stack.client("test", scopes=tuple(Scope))
    with sqlite_stack.sessions.begin() as session:
        unlimited: dict[str, Any] = {window: UNLIMITED if quota is None else quota for window, quota in limits.items()}
        overrides.save(session, NewOverride(caller.key_id, None, **unlimited))
    limited = judge_codes(caller.key, new_phone())[LIMITED]
    assert (limited.result, limited.detail) == said
    url = f"http://127.0.0.1:{sqlite_stack.port}"
    assert runner.codes_to_send(runner.TestPlan(url, caller.key, "", "")) == codes
    made = sqlite_stack.call("GET", "/messages?kind=otp", key=caller.key).json()["messages"]
    assert len(made) == codes


@pytest.mark.parametrize(
    ("own", "said", "policy"),
    [
        (
            {"minute": 8},
            ("skipped", "this server allows 8 codes to one number: that many are not sent for a test"),
            "8 in each minute, 10 in each hour, 20 in each day",
        ),
        (dict.fromkeys(WINDOWS, UNLIMITED), ("skipped", "this server has no limit"), "no limit"),
    ],
)
def test_a_number_that_is_given_is_held_to_limits_of_its_own(
    sqlite_stack: Stack,
    judge_codes: Callable[[str, str], dict[str, RuleResult]],
    phone: str,
    own: dict[str, Any],
    said: tuple[str, str],
    policy: str,
) -> None:
    caller = sqlite_stack.client("test", scopes=tuple(Scope))
    with sqlite_stack.sessions.begin() as session:
        overrides.save(session, NewOverride(None, phone, **own))
    found = judge_codes(caller.key, phone)
    assert (found[LIMITED].result, found[LIMITED].detail) == said
    told = found["a code that is taken tells the limits, and what is left of the tightest"]
    assert (told.result, told.detail) == ("ok", policy)
    made = sqlite_stack.call("GET", "/messages?kind=otp", key=caller.key).json()["messages"]
    assert len(made) <= 3, "no more than was announced"


def test_the_command_holds_a_number_that_is_given_to_limits_of_its_own(sqlite_stack: Stack, phone: str) -> None:
    key = sqlite_stack.key("test", scopes=tuple(Scope))
    with sqlite_stack.sessions.begin() as session:
        overrides.save(session, NewOverride(None, phone, minute=2))
    ran = contract_test(sqlite_stack, key, "--sandbox", "--json", "--phone", new_phone(), "--code-phone", phone)
    found = {finding["rule"]: (finding["result"], finding["detail"]) for finding in json.loads(ran.stdout)}
    assert {rule: finding for rule, finding in found.items() if finding[0] == "failed"} == {}
    assert found[LIMITED] == ("ok", "2 in each minute")
    told = found["a code that is taken tells the limits, and what is left of the tightest"]
    assert told == ("ok", "2 in each minute, 10 in each hour, 20 in each day")
    assert len(sqlite_stack.call("GET", "/messages?kind=otp", key=key).json()["messages"]) <= 3


def judge(hosted: Hosted, *, current: bool = False) -> dict[str, dict[str, str]]:
    """What is found of somebody else's server, by rule."""
    plan = runner.TestPlan(hosted.url, KEY, new_phone(), new_phone(), current=current)
    return {finding.rule: vars(finding) for finding in runner.run(plan, registry.RULES)}


@pytest.fixture(params=[FIRST, SECOND], ids=["first generation", "second generation"])
def hosted(request: pytest.FixtureRequest) -> Iterator[Hosted]:
    found = Hosted(request.param)
    yield found
    found.close()


def test_a_server_that_has_the_reference_alone_keeps_its_rules_and_is_spared_the_others(hosted: Hosted) -> None:
    found = judge(hosted, current=hosted.names == SECOND)
    assert {rule: finding["detail"] for rule, finding in found.items() if finding["result"] == "failed"} == {}
    results = Counter(finding["result"] for finding in found.values())
    assert results["ok"] >= 17
    skipped = {finding["detail"] for finding in found.values() if finding["result"] == "skipped"}
    by_name = {"this server says nothing of what a text costs", "this server has no /api/v2/bulk/send"}
    assert skipped - by_name == {
        "this server has no GET /me: it has the reference alone",
        "the code must be read from a sandbox phone: give --sandbox",
        "give --whatsapp",
    }
    assert bool(skipped & by_name) is (hosted.names == SECOND)


def test_a_server_under_other_names_fails(hosted: Hosted) -> None:
    found = judge(hosted, current=hosted.names == FIRST)
    assert found["a text is taken: success, messageId, queued"]["result"] == "failed"


@pytest.mark.parametrize(
    ("work", "said", "rule", "detail"),
    [
        ("send", (202, {}), "a text is taken: success, messageId, queued", "202 instead of 200"),
        ("send", (200, {"success": True}), "a text is taken: success, messageId, queued", "the body has ['success']"),
        ("send", (200, []), "a text is taken: success, messageId, queued", "not an object"),
        ("code", (200, {"success": True, "messageId": "7", "expiresIn": 600}), CODE_RULE, "not a version 4 UUID"),
        ("code", (200, {"success": True, "messageId": "7", "expiresIn": 300}), CODE_RULE, "300"),
    ],
)
def test_what_a_server_does_otherwise_is_named(work: str, said: Any, rule: str, detail: str) -> None:
    hosted = Hosted(FIRST)
    try:
        hosted.spoils[work] = said
        found = judge(hosted)
    finally:
        hosted.close()
    assert found[rule]["result"] == "failed"
    assert detail in found[rule]["detail"]
    assert found["a call without a key is 401"]["result"] == "ok"


@pytest.mark.parametrize("url", ["sms.example.mr", "ftp://sms.example.mr", ""])
def test_an_address_without_its_scheme_is_a_misuse(url: str) -> None:
    ran = CliRunner().invoke(main, ["contract-test", url, "cq_test_x"])
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "URL must begin with http:// or https://." in ran.stderr


@pytest.mark.parametrize("more", [(), ("--phone", "38000001"), ("--phone", "38000001", "--code-phone", "38000001")])
def test_with_a_live_key_both_numbers_must_be_given(sqlite_stack: Stack, more: tuple[str, ...]) -> None:
    ran = contract_test(sqlite_stack, sqlite_stack.key(), *more)
    assert (ran.exit_code, ran.stdout) == (2, "")

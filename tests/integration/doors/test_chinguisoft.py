"""A door for clients of Chinguisoft: they ask for a code, are told it, and judge it themselves."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from dashboard.extensions import Services
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.doors import doors
from dashboard.models.api_keys import ApiKey
from dashboard.vocabulary import Dialect
from tests.support.door_callers import DoorCaller

PHONE = "38089336"


def test_a_new_code_is_sent_and_told(chinguisoft: DoorCaller) -> None:
    answer = chinguisoft.validate(phone=PHONE, lang="ar")
    assert (answer.status_code, set(answer.get_json())) == (200, {"code", "balance"})
    code = answer.get_json()["code"]
    assert re.fullmatch(r"[0-9]{6}", code)
    assert chinguisoft.sent() == [("+22238089336", "ar", code)]


@pytest.mark.parametrize("code", ["004217", 480215])
def test_a_code_that_the_caller_chose_is_sent_and_told(chinguisoft: DoorCaller, code: Any) -> None:
    answer = chinguisoft.validate(phone="+22238089336", lang="fr", code=code)
    assert answer.get_json() == {"code": str(code), "balance": None}
    assert chinguisoft.sent() == [("+22238089336", "fr", str(code))]


def test_the_balance_is_what_the_budget_has_left(
    chinguisoft: DoorCaller, limit: Callable[[DoorCaller, int], None]
) -> None:
    limit(chinguisoft, 8_000)
    answers = [chinguisoft.validate(phone=PHONE, lang="fr") for _ in range(3)]
    assert [(answer.status_code, answer.get_json()["balance"]) for answer in answers] == [
        (200, 0.48),
        (200, 0.16),
        (402, 0.16),
    ]
    assert "code" not in answers[2].get_json() and "0.32 MRU" in answers[2].get_json()["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"phone": "12345678", "lang": "fr"}, "phone"),
        ({"lang": "fr"}, "phone"),
        ({"phone": PHONE, "lang": "de"}, "lang"),
        ({"phone": PHONE, "lang": "fr", "code": "12345"}, "code"),
        ({"phone": PHONE, "lang": "fr", "code": True}, "code"),
    ],
)
def test_what_breaks_a_rule_is_422_and_names_the_field(
    chinguisoft: DoorCaller, body: dict[str, Any], field: str
) -> None:
    answer = chinguisoft.validate(**body)
    assert (answer.status_code, list(answer.get_json()["errors"])) == (422, [field])
    assert answer.get_json()["message"].startswith(f"{field}: ")
    assert chinguisoft.sent() == []


def test_who_has_not_both_key_and_door_is_401(chinguisoft: DoorCaller, services: Services) -> None:
    with services.sessions.begin() as session:
        _, other = keys.create(session, NewKey("Other"))
    strangers = [
        chinguisoft.with_(token=""),
        chinguisoft.with_(token="cq_live_wrong"),
        chinguisoft.with_(token=other),
        chinguisoft.with_(path="/api/sms/validation/YGyy486ooGx6gWGT"),
    ]
    answers = [stranger.validate(phone=PHONE, lang="fr") for stranger in strangers]
    assert {(answer.status_code, tuple(answer.get_json())) for answer in answers} == {(401, ("message",))}
    with services.sessions.begin() as session:
        doors.close(session, session.get_one(ApiKey, chinguisoft.key_id), Dialect.CHINGUISOFT)
    assert chinguisoft.validate(phone=PHONE, lang="fr").status_code == 401
    assert chinguisoft.sent() == []


def test_limits_hold_and_say_when_to_come_again(chinguisoft: DoorCaller) -> None:
    answers = [chinguisoft.validate(phone=PHONE, lang="fr") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[3].headers["Retry-After"]) <= 60


def test_the_code_stands_in_the_answer_alone(chinguisoft: DoorCaller, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        code = chinguisoft.validate(phone=PHONE, lang="fr").get_json()["code"]
    assert code not in caplog.text and chinguisoft.token not in caplog.text

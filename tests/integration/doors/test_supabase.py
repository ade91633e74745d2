"""The "Send SMS" hook of Supabase, as Supabase Auth calls it and reads its answers."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from dashboard.extensions import Services
from dashboard.gateway.api_keys import keys
from dashboard.gateway.doors import doors
from dashboard.models.api_keys import ApiKey
from dashboard.vocabulary import Dialect
from tests.support.door_callers import DoorCaller

CODE = "480215"


def body(phone: str = "22238089336", code: Any = CODE, **metadata: Any) -> dict[str, Any]:
    user = {"id": "6481a5c1-3d37-4a56-9f6a-bee08c554965", "phone": phone, "user_metadata": metadata, "factors": None}
    return {"user": user, "sms": {"otp": code}}


def error(answer: TestResponse) -> tuple[int, int, str]:
    """Status of the answer, and what Supabase tells its caller."""
    told = answer.get_json()
    assert list(told) == ["error"] and set(told["error"]) == {"http_code", "message"}
    return answer.status_code, told["error"]["http_code"], told["error"]["message"]


def test_the_code_of_supabase_is_sent(supabase: DoorCaller) -> None:
    answer = supabase.hook(body())
    assert (answer.status_code, answer.get_json(), answer.mimetype) == (200, {}, "application/json")
    assert supabase.sent() == [("+22238089336", "fr", CODE)]


def test_a_call_that_comes_twice_sends_once(supabase: DoorCaller) -> None:
    assert [supabase.hook(body()).get_json() for _ in range(2)] == [{}, {}]
    assert len(supabase.sent()) == 1
    assert error(supabase.hook(body(code="111111")))[:2] == (200, 400)
    assert supabase.hook(body(code="111111"), "msg_2").get_json() == {}
    assert [code for _, _, code in supabase.sent()] == [CODE, "111111"]


@pytest.mark.parametrize(
    ("metadata", "query", "language"),
    [
        ({"language": "ar"}, "", "ar"),
        ({"locale": "en-US"}, "", "en"),
        ({"lang": "wo"}, "", "fr"),
        ({"language": "en"}, "?language=ar", "ar"),
        ({"language": ["en"]}, "", "fr"),
    ],
)
def test_it_is_sent_in_the_language_of_the_user_or_of_the_address(
    supabase: DoorCaller, metadata: dict[str, Any], query: str, language: str
) -> None:
    assert supabase.with_(path=supabase.path + query).hook(body(**metadata)).status_code == 200
    assert supabase.sent()[0][1] == language


def test_a_call_that_supabase_did_not_sign_is_401(supabase: DoorCaller) -> None:
    other = "v1,whsec_" + base64.b64encode(bytes(32)).decode()
    strangers = [
        supabase.with_(secret=other).hook(body()),
        supabase.hook(body(), late=timedelta(seconds=301)),
        supabase.hook(body(), late=timedelta(seconds=-301)),
        supabase.post(body(), {}),
        supabase.post(body(), {"webhook-id": "a", "webhook-timestamp": "x", "webhook-signature": "v1,"}),
        supabase.with_(path=supabase.path.replace("-", "0")).hook(body()),
        supabase.with_(path=supabase.path[:-1] + ("0" if supabase.path[-1] != "0" else "1")).hook(body()),
    ]
    assert {error(answer)[:2] for answer in strangers} == {(401, 401)}
    assert supabase.sent() == []
    assert supabase.hook(body(), late=timedelta(seconds=290)).status_code == 200


@pytest.mark.parametrize(
    ("told", "names"),
    [
        (body(phone="33612345678"), "user.phone"),
        (body(phone=""), "user.phone"),
        (body(code="12345678"), "sms.otp"),
        (body(code=480215), "sms.otp"),
        ({"user": {"phone": "22238089336"}}, "sms"),
        ([], "object"),
    ],
)
def test_what_cannot_be_sent_is_said_in_the_shape_that_supabase_passes_on(
    supabase: DoorCaller, told: Any, names: str
) -> None:
    status, code, message = error(supabase.hook(told))
    assert (status, code) == (200, 422)
    assert names in message and CODE not in message


def test_limits_hold_as_for_otp_send(supabase: DoorCaller) -> None:
    answers = [supabase.hook(body(), f"msg_{number}") for number in range(4)]
    assert [answer.get_json() for answer in answers[:3]] == [{}] * 3
    status, code, message = error(answers[3])
    assert (status, code) == (200, 429) and "3 codes" in message
    direct = supabase.app.test_client().post(
        "/otp/send", json={"phoneNumber": "38089336"}, headers={"X-API-Key": supabase.token}
    )
    assert direct.status_code == 429


def test_a_budget_holds(supabase: DoorCaller, limit: Callable[[DoorCaller, int], None]) -> None:
    limit(supabase, 3_200)
    assert supabase.hook(body()).get_json() == {}
    status, code, message = error(supabase.hook(body(), "msg_2"))
    assert (status, code) == (200, 402) and "0.32 MRU" in message
    assert len(supabase.sent()) == 1


@pytest.mark.parametrize("end", ["revoke", "close"])
def test_a_door_that_is_closed_and_a_key_that_is_revoked_send_nothing(
    supabase: DoorCaller, services: Services, end: str
) -> None:
    with services.sessions.begin() as session:
        key = session.get_one(ApiKey, supabase.key_id)
        keys.revoke(session, key) if end == "revoke" else doors.close(session, key, Dialect.SUPABASE)
    assert error(supabase.hook(body()))[1] in (401, 403)
    assert supabase.sent() == []


def test_a_key_without_the_scope_or_from_elsewhere_is_refused(open_door: Callable[..., DoorCaller]) -> None:
    for more in ({"scopes": ("send",)}, {"networks": ("192.0.2.0/24",)}):
        assert error(open_door(Dialect.SUPABASE, **more).hook(body()))[:2] == (200, 403)


def test_no_code_stands_in_the_log(supabase: DoorCaller, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        supabase.hook(body())
        supabase.hook(body(phone="1"), "msg_2")
    assert CODE not in caplog.text and supabase.secret not in caplog.text

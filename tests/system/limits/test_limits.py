"""The rate limits of /otp/send: 3 a minute, 10 an hour, 20 a day, for each phone and key."""

from __future__ import annotations

import re

import httpx
import pytest

from dashboard.gateway.api_keys import keys
from dashboard.models.api_keys import ApiKey
from tests.support.error_shape import failure, invalid
from tests.support.fixtures.databases import on_sqlite
from tests.support.present import present
from tests.support.stack import Client, digits

POLICY = '"minute";q=3;w=60, "hour";q=10;w=3600, "day";q=20;w=86400'
STANDING = re.compile(r'"(minute|hour|day)";r=(\d+);t=(\d+)')


def standing(answer: httpx.Response) -> tuple[str, int, int]:
    """The RateLimit header: window, left, seconds."""
    window, left, seconds = present(STANDING.fullmatch(answer.headers["RateLimit"])).groups()
    return window, int(left), int(seconds)


def fill(client: Client, phone: str, times: int, **order: str) -> list[httpx.Response]:
    answers = [client.otp(phone, **order) for _ in range(times)]
    assert {answer.status_code for answer in answers} == {200}, answers[-1].text
    return answers


def full(answer: httpx.Response, window: str, limit: int, around: float) -> None:
    """A 429 exactly as documented, that asks to wait about so many seconds."""
    errors = failure(answer, 429, "Rate limit exceeded")
    assert len(errors) == 1
    item = errors[0]
    assert set(item) == {"path", "code", "window", "limit", "retryAfter", "message"}
    assert (item["path"], item["code"]) == (["phoneNumber"], "rate_limited")
    assert (item["window"], item["limit"]) == (window, limit)
    assert around - 15 <= item["retryAfter"] <= around
    assert answer.headers["Retry-After"] == str(item["retryAfter"])
    assert answer.headers["RateLimit-Policy"] == POLICY
    assert standing(answer) == (window, 0, item["retryAfter"])


def test_three_in_a_minute_and_the_headers_count_down(client: Client, phone: str) -> None:
    answers = fill(client, phone, 3)
    assert [answer.headers["RateLimit-Policy"] for answer in answers] == [POLICY] * 3
    assert [standing(answer)[:2] for answer in answers] == [("minute", 2), ("minute", 1), ("minute", 0)]
    assert standing(answers[0])[2] == 60
    assert not [answer for answer in answers if "Retry-After" in answer.headers]
    full(client.otp(phone), "minute", 3, 60)


def test_ten_in_an_hour(client: Client, phone: str) -> None:
    for times in (3, 3, 3, 1):
        answers = fill(client, phone, times)
        client.age(phone, 61)
    assert standing(answers[-1])[:2] == ("hour", 0)
    full(client.otp(phone), "hour", 10, 3_600 - 4 * 61)


def test_twenty_in_a_day(client: Client, phone: str) -> None:
    for times in (3, 3, 3, 3, 3, 3, 2):
        answers = fill(client, phone, times)
        client.age(phone, 1_300)
    assert standing(answers[-1])[:2] == ("day", 0)
    full(client.otp(phone), "day", 20, 86_400 - 7 * 1_300)
    client.age(phone, 86_400 - 7 * 1_300)
    assert standing(fill(client, phone, 1)[0])[:2] == ("day", 2)  # the first three have left


def test_the_minute_slides(client: Client, phone: str) -> None:
    fill(client, phone, 1)
    client.age(phone, 30)
    fill(client, phone, 2)
    full(client.otp(phone), "minute", 3, 30)
    client.age(phone, 31)  # the first is out, two are in
    fill(client, phone, 1)
    full(client.otp(phone), "minute", 3, 29)


@on_sqlite
def test_one_more_second_is_not_yet_a_minute(client: Client, phone: str) -> None:
    fill(client, phone, 3)
    client.age(phone, 50)
    full(client.otp(phone), "minute", 3, 10)


def test_refused_calls_cost_nothing(client: Client, phone: str) -> None:
    fill(client, phone, 3)
    for _ in range(12):
        assert client.otp(phone).status_code == 429
    client.age(phone, 61)
    assert standing(fill(client, phone, 3)[0])[:2] == ("minute", 2)


def test_a_refused_call_leaves_the_code_alive(client: Client, phone: str) -> None:
    fill(client, phone, 2)
    code = client.code(phone)
    assert client.otp(phone).status_code == 429
    assert client.verify(phone, code).status_code == 200


@on_sqlite
def test_invalid_calls_cost_nothing_and_bear_no_limits(client: Client, phone: str) -> None:
    for _ in range(5):
        answer = client.otp(phone, language="de")
        invalid(answer, ["language"])
        assert "RateLimit" not in answer.headers
    assert standing(client.otp(phone))[:2] == ("minute", 2)


@on_sqlite
def test_fields_are_looked_at_before_limits(client: Client, phone: str) -> None:
    fill(client, phone, 3)
    invalid(client.otp(phone, hash="x"), ["hash"])
    invalid(client.raw("/otp/send", b"{"), [])
    failure(client.raw("/otp/send", b" " * 40_000), 413)
    with client.stack.sessions.begin() as session:
        keys.revoke(session, session.get_one(ApiKey, client.key_id))
    assert client.otp(phone).status_code == 403


@on_sqlite
def test_all_forms_of_a_number_share_the_count(client: Client, phone: str) -> None:
    for form in (phone, phone[1:], phone[4:]):
        fill(client, form, 1)
    for form in (phone, phone[1:], phone[4:]):
        assert client.otp(form).status_code == 429


@on_sqlite
def test_both_channels_share_the_count(client: Client, phone: str) -> None:
    fill(client, phone, 2)
    fill(client, phone, 1, channel="whatsapp")
    for channel in ("sms", "whatsapp"):
        full(client.otp(phone, channel=channel), "minute", 3, 60)


def test_every_key_and_phone_has_a_count_of_its_own(client: Client, phone: str) -> None:
    fill(client, phone, 3)
    fill(client.stack.client(), phone, 3)
    fill(client.stack.client("test"), phone, 3)
    neighbour = phone[:-1] + str((int(phone[-1]) + 1) % 10)
    fill(client, neighbour, 3)


@on_sqlite
def test_a_test_key_is_limited_too(client: Client, phone: str) -> None:
    test = client.stack.client("test")
    fill(test, phone, 3)
    full(test.otp(phone), "minute", 3, 60)


@on_sqlite
def test_rotating_does_not_reset_the_count(client: Client, phone: str) -> None:
    fill(client, phone, 3)
    with client.stack.sessions.begin() as session:
        secret = keys.rotate(session, session.get_one(ApiKey, client.key_id), "now")
    full(Client(client.stack, secret).otp(phone), "minute", 3, 60)


@on_sqlite
def test_verifying_does_not_give_sends_back(client: Client, phone: str) -> None:
    fill(client, phone, 2)
    assert client.verify(phone, client.code(phone)).status_code == 200
    assert client.otp(phone).status_code == 429


@on_sqlite
@pytest.mark.parametrize("guess", ["123456", "x"])
def test_verify_bears_no_limits(client: Client, phone: str, guess: str) -> None:
    fill(client, phone, 1)
    assert "RateLimit" not in client.verify(phone, guess).headers


def test_a_code_is_rated_by_when_it_was_sent_not_by_its_life(client: Client, phone: str) -> None:
    sent = fill(client, phone, 3)
    code = digits(client.stack.arrived(phone, sent[-1].json()["messageId"]).text)
    client.expire(phone)
    assert client.verify(phone, code).status_code == 404
    assert client.otp(phone).status_code == 429

"""Many callers at once: the deciding steps hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.support.stack import Client, digits, other_than, until


def together(count: int, call: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    """So many calls at once."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def fates(client: Client, answers: list[httpx.Response]) -> tuple[list[str], list[str]]:
    """The codes that reached the phone, and those that a newer one replaced before they left."""
    paths = [f"/messages/{answer.json()['messageId']}" for answer in answers if answer.status_code == 200]

    def rows() -> list[dict[str, Any]]:
        return [client.get(path).json() for path in paths]

    until(lambda: all(row["status"] in ("delivered", "expired") for row in rows()), 15)
    assert {row["errorCode"] for row in rows()} <= {None, "superseded"}
    arrived = [row["messageId"] for row in rows() if row["status"] == "delivered"]
    return arrived, [row["messageId"] for row in rows() if row["messageId"] not in arrived]


def test_of_200_sends_at_once_exactly_three_are_accepted(client: Client, phone: str) -> None:
    forms = (phone, phone[1:], phone[4:])
    answers = together(200, lambda number: client.otp(forms[number % 3]))
    assert statuses(answers) == {200: 3, 429: 197}
    arrived, superseded = fates(client, answers)
    assert len(arrived) + len(superseded) == 3
    assert len(client.stack.inbox(phone)) == len(arrived) >= 1


def test_of_the_codes_sent_at_once_exactly_one_lives(client: Client, phone: str) -> None:
    answers = together(40, lambda _: client.otp(phone))
    fates(client, answers)
    codes = {digits(text.text) for text in client.stack.inbox(phone)}
    assert [client.verify(phone, code).status_code for code in codes].count(200) == 1


def test_of_100_wrong_guesses_at_once_exactly_three_count(client: Client, phone: str) -> None:
    code = client.code(phone)
    answers = together(100, lambda _: client.verify(phone, other_than(code)))
    assert statuses(answers) == {400: 100}
    judged = [answer.json()["retriesLeft"] for answer in answers if answer.json()["message"] == "Invalid OTP"]
    assert sorted(judged) == [0, 1, 2]
    assert client.verify(phone, code).status_code == 400


def test_of_100_right_answers_at_once_exactly_one_wins(client: Client, phone: str) -> None:
    code = client.code(phone)
    answers = together(100, lambda _: client.verify(phone, code))
    assert statuses(answers) == {200: 1, 404: 99}
    assert {answer.json()["errors"][0]["code"] for answer in answers if answer.status_code == 404} == {"otp_used"}


def test_of_100_different_guesses_at_once_at_most_three_are_judged(client: Client, phone: str) -> None:
    code = client.code(phone)
    guesses = [f"{(int(code) + number) % 1_000_000:06d}" for number in range(100)]
    answers = together(100, lambda number: client.verify(phone, guesses[number]))
    judged = [a for a in answers if a.status_code == 200 or a.json()["message"] == "Invalid OTP"]
    assert len(judged) <= 3
    assert statuses(answers)[200] <= 1


def test_a_daily_cap_holds_against_a_crowd(client: Client, phone: str) -> None:
    capped = client.stack.client(message_cap=7)
    assert statuses(together(60, lambda _: capped.send(phone))) == {200: 7, 429: 53}


def test_fifty_callers_who_wait_for_whatsapp_leave_room_for_others(client: Client, phone: str) -> None:
    *waited, text = together(
        51,
        lambda number: (
            client.send(phone) if number == 50 else client.otp(f"+2224{number:02d}00001", channel="whatsapp")
        ),
    )
    assert text.status_code == 200
    refused = [answer for answer in waited if answer.status_code != 200]
    assert len(refused) < 50 and statuses(refused).keys() <= {502}
    assert {answer.json()["errors"][0]["reason"] for answer in refused} <= {"busy", "no_answer"}

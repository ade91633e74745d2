"""Idempotency-Key: a call that comes again gets the same answer and does nothing."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from dashboard.db import read_session
from dashboard.gateway.messages import idempotency
from dashboard.models.idempotency import IdempotencyRecord
from dashboard.models.messages import Message
from dashboard.providers import sandbox
from tests.support.error_shape import failure, refused
from tests.support.fixtures.databases import on_sqlite
from tests.support.phones import new_phone
from tests.support.stack import Client, digits

BODIES: dict[str, Callable[[str], dict[str, Any]]] = {
    "/messages/send": lambda phone: {"phoneNumber": phone, "message": "Bonjour"},
    "/api/v2/notify": lambda phone: {"phoneNumber": phone, "message": "Bonjour"},
    "/messages/batch": lambda phone: {"messages": [{"phoneNumber": phone, "message": "Bonjour"}, {}]},
    "/otp/send": lambda phone: {"phoneNumber": phone},
    "/api/v2/code": lambda phone: {"phoneNumber": phone},
}
CROWD = 40
PATHS = pytest.mark.parametrize("path", BODIES)


def call(client: Client, path: str, name: str, body: dict[str, Any]) -> httpx.Response:
    return client.stack.call("POST", path, key=client.key, json=body, headers={"Idempotency-Key": name})


def new_name() -> str:
    return f"order {random.getrandbits(64):x}"


def same(first: httpx.Response, again: httpx.Response) -> None:
    """Status and body are equal to the byte, and only the second says that it is one."""
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]


def rows(client: Client, phone: str) -> int:
    with read_session(client.stack.sessions) as session:
        return len(session.scalars(select(Message.id).where(Message.phone == phone)).all())


@PATHS
def test_a_call_that_comes_again_gets_the_same_answer_and_makes_nothing(client: Client, phone: str, path: str) -> None:
    name, body = new_name(), BODIES[path](phone)
    first = call(client, path, name, body)
    assert first.status_code == 200, first.text
    for _ in range(3):
        same(first, call(client, path, name, body))
    assert rows(client, phone) == 1


@on_sqlite
@PATHS
def test_another_body_is_refused(client: Client, phone: str, path: str) -> None:
    name = new_name()
    first = call(client, path, name, BODIES[path](phone))
    answer = call(client, path, name, BODIES[path](new_phone()))
    failure(answer, 400, "Idempotency key reused")
    assert refused(answer, 400, "idempotency_mismatch")["path"] == ["Idempotency-Key"]
    same(first, call(client, path, name, BODIES[path](phone)))


@on_sqlite
def test_the_same_json_in_another_order_is_the_same_body(client: Client, phone: str) -> None:
    name = new_name()
    first = call(client, "/messages/send", name, {"phoneNumber": phone, "message": "é"})
    raw = json.dumps({"message": "é", "phoneNumber": phone}, ensure_ascii=False, indent=2).encode()
    headers = {"Idempotency-Key": name}
    same(first, client.stack.call("POST", "/messages/send", key=client.key, data=raw, headers=headers))


@on_sqlite
@pytest.mark.parametrize("name", ["", "é", "a" * 256, "a\tb", "clé"])
def test_a_name_is_1_to_255_printable_ascii_characters(client: Client, phone: str, name: str) -> None:
    raw = [(b"X-API-Key", client.key.encode()), (b"Idempotency-Key", name.encode("utf-8"))]
    body = {"phoneNumber": phone, "message": "Bonjour"}
    answer = client.stack.http.post("/messages/send", json=body, headers=raw)
    assert refused(answer, 400, "idempotency_key")["path"] == ["Idempotency-Key"]
    assert rows(client, phone) == 0


@on_sqlite
@pytest.mark.parametrize("name", ["a", "a" * 255, "!~ \"#$%&'()*+,-./:;<=>?@[]^_`{|}", "0"])
def test_any_printable_name_will_do(client: Client, phone: str, name: str) -> None:
    body = {"phoneNumber": phone, "message": "Bonjour"}
    same(call(client, "/messages/send", name, body), call(client, "/messages/send", name, body))


def test_a_name_belongs_to_a_key_and_a_path(client: Client, phone: str) -> None:
    name, body = new_name(), {"phoneNumber": phone, "message": "Bonjour"}
    answers = [
        call(client, "/messages/send", name, body),
        call(client.stack.client(), "/messages/send", name, body),
        call(client, "/api/v2/notify", name, body),
        call(client, "/otp/send", name, body),
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert not [answer for answer in answers if "Idempotent-Replayed" in answer.headers]
    assert len({answer.json()["messageId"] for answer in answers}) == 4


@on_sqlite
def test_a_rotated_key_is_the_same_key(client: Client, phone: str) -> None:
    name, body = new_name(), {"phoneNumber": phone, "message": "Bonjour"}
    first = call(client, "/messages/send", name, body)
    with client.stack.sessions.begin() as session:
        from dashboard.gateway.api_keys import keys

        secret = keys.rotate(session, keys.find(session, client.key_id))
    same(first, call(Client(client.stack, secret), "/messages/send", name, body))


def test_without_a_name_every_call_is_new(client: Client, phone: str) -> None:
    assert len({client.send(phone).json()["messageId"] for _ in range(3)}) == 3


def test_a_code_that_comes_again_is_the_same_code_and_costs_nothing(client: Client, phone: str) -> None:
    name, body = new_name(), {"phoneNumber": phone}
    first = call(client, "/otp/send", name, body)
    code = digits(client.stack.arrived(phone, first.json()["messageId"]).text)
    for _ in range(10):
        same(first, call(client, "/otp/send", name, body))
    assert [client.otp(phone).status_code for _ in range(3)] == [200, 200, 429]
    assert len(client.stack.inbox(phone)) <= 3
    assert client.verify(phone, code).status_code == 400  # newer ones came


def test_a_refusal_is_not_kept(client: Client, phone: str) -> None:
    name, body = new_name(), {"phoneNumber": phone}
    for _ in range(3):
        assert client.otp(phone).status_code == 200
    assert call(client, "/otp/send", name, body).status_code == 429
    client.age(phone, 61)
    answer = call(client, "/otp/send", name, body)
    assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (200, False)
    assert call(client, "/messages/send", name, {}).status_code == 400
    assert call(client, "/messages/send", name, {"phoneNumber": phone, "message": "x"}).status_code == 200


def test_a_call_that_comes_again_costs_nothing_of_the_daily_cap(client: Client, phone: str) -> None:
    capped, name = client.stack.client(message_cap=2), new_name()
    body = {"phoneNumber": phone, "message": "Bonjour"}
    first = call(capped, "/messages/send", name, body)
    for _ in range(5):
        same(first, call(capped, "/messages/send", name, body))
    assert [capped.send(phone).status_code for _ in range(2)] == [200, 429]
    same(first, call(capped, "/messages/send", name, body))


@pytest.mark.parametrize("path", ["/messages/send", "/messages/batch", "/otp/send"])  # the others are their aliases
def test_a_crowd_at_once_makes_one_message_and_gets_equal_answers(client: Client, phone: str, path: str) -> None:
    name, body = new_name(), BODIES[path](phone)
    with ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(lambda _: call(client, path, name, body), range(CROWD)))
    assert Counter(answer.status_code for answer in answers) == {200: CROWD}
    assert len({answer.content for answer in answers}) == 1
    assert Counter("Idempotent-Replayed" in answer.headers for answer in answers) == {True: CROWD - 1, False: 1}
    assert rows(client, phone) == 1


def test_many_names_from_many_callers_at_once_make_one_message_each(client: Client) -> None:
    """Groups of two processes meet the same names in different orders."""
    names = [(new_name(), new_phone()) for _ in range(15)]

    def crowd(seed: int) -> list[tuple[str, bytes]]:
        mixed = random.Random(seed).sample(names, len(names))
        answers = [
            (phone, call(client, "/messages/send", name, BODIES["/messages/send"](phone))) for name, phone in mixed
        ]
        assert {answer.status_code for _, answer in answers} == {200}
        return [(phone, answer.content) for phone, answer in answers]

    with ThreadPoolExecutor(8) as pool:
        found = [told for crowd_told in pool.map(crowd, range(8)) for told in crowd_told]
    assert len(set(found)) == len(names)
    assert [rows(client, phone) for _, phone in names] == [1] * len(names)


def test_a_whatsapp_code_that_comes_again_is_not_sent_again(client: Client, phone: str) -> None:
    name, body = new_name(), {"phoneNumber": phone, "channel": "whatsapp"}
    first = call(client, "/otp/send", name, body)
    same(first, call(client, "/otp/send", name, body))
    assert len(client.stack.inbox(phone)) == 1


def test_a_whatsapp_refusal_made_nothing_so_it_is_tried_anew(client: Client) -> None:
    phone = "+22246" + sandbox.REFUSED
    name, body = new_name(), {"phoneNumber": phone, "channel": "whatsapp"}
    before = rows(client, phone)  # the number is one of a few with this ending: others may have used it
    for made in (1, 2):
        answer = call(client, "/otp/send", name, body)
        refused(answer, 502, "provider_error")
        assert "Idempotent-Replayed" not in answer.headers
        assert rows(client, phone) == before + made


def test_a_whatsapp_timeout_is_told_again_without_a_second_code(client: Client) -> None:
    phone = "+22246" + sandbox.SILENT
    name, body = new_name(), {"phoneNumber": phone, "channel": "whatsapp"}
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: call(client, "/otp/send", name, body), range(3)))
    for answer in [*answers, call(client, "/otp/send", name, body)]:
        refused(answer, 502, "provider_timeout")
        assert answer.content == answers[0].content
    assert Counter("Idempotent-Replayed" in answer.headers for answer in answers) == {True: 2, False: 1}
    assert rows(client, phone) == 1
    (message_id,) = messages_of(client, phone)
    client.stack.try_again_now(message_id)
    text = client.stack.arrived(phone, message_id)
    assert client.verify(phone, digits(text.text), channel="whatsapp").status_code == 200
    assert call(client, "/otp/send", name, body).content == answers[0].content


def test_parallel_whatsapp_calls_share_one_code(client: Client, phone: str) -> None:
    name, body = new_name(), {"phoneNumber": phone, "channel": "whatsapp"}
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: call(client, "/otp/send", name, body), range(30)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert len(client.stack.inbox(phone)) == 1


def messages_of(client: Client, phone: str) -> list[str]:
    with read_session(client.stack.sessions) as session:
        return list(session.scalars(select(Message.uuid).where(Message.phone == phone)))


def test_what_is_kept_holds_neither_text_nor_number_nor_code(client: Client, phone: str) -> None:
    name = "unmistakable-name"
    call(client, "/messages/send", name, {"phoneNumber": phone, "message": "unmistakable-text"})
    sent = call(client, "/otp/send", name, {"phoneNumber": phone}).json()
    code = digits(client.stack.arrived(phone, sent["messageId"]).text)
    with read_session(client.stack.sessions) as session:
        kept = session.execute(select(IdempotencyRecord.__table__)).all()
    told = "".join(str(value) for row in kept for value in row if not hasattr(value, "year"))
    for secret in ("unmistakable", phone, phone[4:], client.key):
        assert secret not in told
    mine = [row.answer for row in kept if sent["messageId"] in row.answer]
    assert mine and code not in mine[0].replace(sent["messageId"], "")


def test_after_a_day_a_name_is_free_again(client: Client, phone: str) -> None:
    name, body = new_name(), {"phoneNumber": phone, "message": "Bonjour"}
    first = call(client, "/messages/send", name, body)
    age_kept(client, first.json()["messageId"], timedelta(hours=24))
    again = call(client, "/messages/send", name, body)
    assert again.json()["messageId"] != first.json()["messageId"]
    same(again, call(client, "/messages/send", name, body))


def test_the_sweep_deletes_what_is_past_its_day(client: Client, phone: str) -> None:
    old, young = (
        call(client, "/messages/send", new_name(), {"phoneNumber": phone, "message": text}).json()["messageId"]
        for text in ("old", "young")
    )
    age_kept(client, old, timedelta(hours=24))
    with client.stack.sessions.begin() as session:
        idempotency.sweep(session)
    with read_session(client.stack.sessions) as session:
        kept = "".join(session.scalars(select(IdempotencyRecord.answer)))
    assert (old in kept, young in kept) == (False, True)


def age_kept(client: Client, message_id: str, by: timedelta) -> None:
    with client.stack.sessions.begin() as session:
        row = session.scalars(select(IdempotencyRecord).where(IdempotencyRecord.answer.contains(message_id))).one()
        session.execute(
            update(IdempotencyRecord).where(IdempotencyRecord.token == row.token).values(created_at=row.created_at - by)
        )

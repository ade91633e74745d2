"""The calls that the web server's main thread serves: no connection to the database is taken there, whatever comes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from dashboard.api import registry
from dashboard.app import Gateway
from tests.support.api_client import Api, ApiClient
from tests.support.main_thread import MainThread

BRIEF = {
    b"POST /messages/send",
    b"POST /api/v2/notify",
    b"POST /otp/send",
    b"POST /api/v2/code",
    b"POST /otp/verify",
    b"POST /api/v2/check",
}
TEXT = {"phoneNumber": "20000001", "message": "Bonjour"}
CODE = {"phoneNumber": "20000002"}
CALLS: dict[str, tuple[str, Any, dict[str, str]]] = {
    "a text": ("/messages/send", TEXT, {}),
    "a text that is named": ("/messages/send", TEXT, {"Idempotency-Key": "one"}),
    "the same again": ("/messages/send", TEXT, {"Idempotency-Key": "one"}),
    "another by the same name": ("/messages/send", TEXT | {"message": "Bonsoir"}, {"Idempotency-Key": "one"}),
    "a text without its number": ("/messages/send", {"message": "Bonjour"}, {}),
    "an unknown key": ("/messages/send", TEXT, {"X-API-Key": "cq_live_nobody"}),
    "no key": ("/messages/send", TEXT, {"X-API-Key": ""}),
    "a code": ("/otp/send", CODE, {}),
    "a code in Arabic": ("/otp/send", CODE | {"language": "ar"}, {}),
    "a code that is not taken within the wait": ("/otp/send", CODE | {"channel": "whatsapp"}, {}),
    "a wrong code": ("/otp/verify", CODE | {"otp": "000000"}, {}),
    "a code that nobody asked for": ("/otp/verify", {"phoneNumber": "20000009", "otp": "123456"}, {}),
}


@contextmanager
def connections_taken_here(app: Gateway) -> Iterator[list[str]]:
    """The names of the threads that took one while they serve calls: the main thread's alone counts."""
    services = app.extensions["chinqit"]
    pool, here, taken = services.reader.pool, threading.current_thread(), []

    def note(*_arguments: object) -> None:
        if threading.current_thread() is here:
            taken.append(here.name)

    event.listen(pool, "checkout", note)
    try:
        yield taken
    finally:
        event.remove(pool, "checkout", note)


@pytest.fixture
def gateway(api: Api) -> Gateway:
    transport = api.http._transport
    assert isinstance(transport, httpx.WSGITransport)
    assert isinstance(transport.app, Gateway)
    return transport.app


def test_those_are_brief_that_wait_for_nothing_but_their_commit(gateway: Gateway) -> None:
    assert registry.brief_operations(gateway) == BRIEF


def test_no_brief_call_takes_a_connection_in_the_main_thread(
    client: ApiClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = gateway.extensions["chinqit"]
    hurried = replace(services, settings=replace(services.settings, whatsapp_wait=0.05))
    monkeypatch.setitem(gateway.extensions, "chinqit", hurried)
    main = MainThread()
    key = {"X-API-Key": client.key}

    def call(path: str, body: Any, headers: dict[str, str]) -> int:
        return client.api.http.post(path, json=body, headers=key | headers).status_code

    with connections_taken_here(gateway) as taken:
        statuses = {each: main.serve(partial(call, *CALLS[each]))[0] for each in CALLS}
    main.close()
    assert taken == []
    assert statuses == {
        "a text": 200,
        "a text that is named": 200,
        "the same again": 200,
        "another by the same name": 400,
        "a text without its number": 400,
        "an unknown key": 403,
        "no key": 401,
        "a code": 200,
        "a code in Arabic": 200,
        "a code that is not taken within the wait": 502,
        "a wrong code": 400,
        "a code that nobody asked for": 404,
    }


def test_calls_of_a_crowd_are_committed_together(client: ApiClient) -> None:
    main = MainThread()
    body = {"phoneNumber": "20000003", "message": "Bonjour"}
    calls = [partial(client.api.http.post, "/messages/send", json=body, headers={"X-API-Key": client.key})] * 50
    answers = main.serve(*calls)
    main.close()
    assert [answer.status_code for answer in answers] == [200] * 50
    assert len({answer.json()["messageId"] for answer in answers}) == 50

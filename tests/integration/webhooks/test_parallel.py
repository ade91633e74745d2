"""Several calls to one endpoint at a time."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from dashboard.db import utcnow
from dashboard.gateway.webhooks import dispatcher, queue
from dashboard.gateway.webhooks.queue import AttemptResult
from tests.support.fixtures.databases import on_sqlite
from tests.support.statements import asked
from tests.support.webhook_endpoints import Office
from tests.support.webhook_receiver import Answer, Got

MESSAGES = 25


def test_eight_calls_are_under_way_at_once_and_each_message_keeps_its_order(office: Office, path: str) -> None:
    office.listen(path)
    first_eight = threading.Barrier(8)  # each of them is answered when all are there

    def answer(got: Got) -> Answer:
        if office.receiver.got(path).index(got) < 8:
            first_eight.wait(10)
        return Answer(seconds=random.uniform(0.001, 0.01))

    office.receiver.answers[path] = answer
    messages = [office.deliver() for _ in range(MESSAGES)]
    while office.serve():
        pass
    calls = office.receiver.got(path)
    assert office.receiver.most_at_once[path] == 8
    assert len({got.id for got in calls}) == len(calls) == 2 * MESSAGES
    for message in messages:
        mine = [got.type for got in calls if got.event["data"]["messageId"] == message.uuid]
        assert mine == ["message.sent", "message.delivered"]


@on_sqlite
def test_the_number_of_calls_is_a_setting(make_office: Callable[..., Office], path: str) -> None:
    office = make_office(webhooks_allow_http=True, webhooks_allow_private=True, webhooks_parallel=2)
    office.listen(path, events=("message.sent",))
    office.receiver.answers[path] = Answer(seconds=0.05)
    for _ in range(6):
        office.deliver()
    office.serve()
    assert office.receiver.most_at_once[path] == 2


@on_sqlite
def test_an_endpoint_that_fails_gets_one_call_at_a_time(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path, events=("message.sent",))
    office.receiver.answers[path] = Answer(500, seconds=0.05)
    office.deliver()
    office.serve()
    office.receiver.answers[path] = lambda _got: Answer(seconds=0.05)
    for _ in range(5):
        office.deliver()
    office.serve()
    assert office.endpoint(endpoint_id).failing_since is None
    assert office.receiver.most_at_once[path] == 1


def test_what_waits_for_an_earlier_event_of_its_message_is_out_of_the_way(office: Office, path: str) -> None:
    """Else an endpoint would be claimed again and again for events that may not go yet."""
    office.listen(path)
    bad = [office.message(f"+2223808933{digit}") for digit in range(8)]
    office.receiver.answers[path] = lambda got: Answer(500 if got.type == "message.sent" else 200)
    for message in bad:
        office.deliver(message)
    office.serve()
    office.serve()
    assert office.serve() == 0
    assert {got.type for got in office.receiver.got(path)} == {"message.sent"}


def test_an_event_tells_the_message_as_it_was_at_its_step(office: Office, path: str) -> None:
    office.listen(path)
    office.deliver()
    while office.serve():
        pass
    told: dict[str, Got] = {got.type: got for got in office.receiver.got(path)}
    sent, delivered = told["message.sent"].event["data"], told["message.delivered"].event["data"]
    assert sent["status"] == "sent" and sent["sentAt"]
    assert (sent["deliveredAt"], sent["failedAt"], sent["expiredAt"]) == (None, None, None)
    assert (sent["errorCode"], sent["confirmedBy"]) == (None, None)
    assert delivered["deliveredAt"] and delivered["confirmedBy"] == "receipt"
    assert list(sent) == list(delivered)


def test_a_turn_ends_so_that_others_get_the_place(office: Office, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "EVENTS_A_TURN", 3)
    office.listen(path, events=("message.sent",))
    for _ in range(5):
        office.deliver()
    office.serve()
    assert len(office.receiver.got(path)) == 3


def test_eight_calls_that_end_together_are_written_down_with_as_many_statements_as_one(
    office: Office, path: str
) -> None:
    """Else the time between two calls to a busy endpoint goes into the database."""

    def statements_of(events: int) -> int:
        for _ in range(events):
            office.deliver()
        with office.sessions() as session:
            (lease,) = queue.claim(session, 1, failing=False)
        with office.sessions.begin() as session:
            taken = queue.take(session, lease, events)
        assert len(taken) == events
        ended = [(delivery, AttemptResult(utcnow(), timedelta(0), 200)) for delivery in taken]
        with asked(office.sessions) as statements, office.sessions.begin() as session:
            queue.settle(session, lease, ended)
        with office.sessions.begin() as session:
            queue.release_lease(session, lease)
        return len(statements)

    office.listen(path, events=("message.sent",))
    assert statements_of(8) == statements_of(1)


def test_calls_that_end_together_leave_the_endpoint_as_the_last_of_them_says(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path, events=("message.sent",))
    for _ in range(3):
        office.deliver()
    with office.sessions() as session:
        (lease,) = queue.claim(session, 1, failing=False)
    with office.sessions.begin() as session:
        taken = queue.take(session, lease, 3)
    began = utcnow()
    results = [
        AttemptResult(began + timedelta(seconds=number), timedelta(0), status, error)
        for number, (status, error) in enumerate([(500, "refused"), (200, None), (503, "refused")])
    ]
    with office.sessions.begin() as session:
        queue.settle(session, lease, list(zip(taken, results, strict=True)))
    endpoint = office.endpoint(endpoint_id)
    assert (endpoint.last_status, endpoint.failing_since) == (503, results[2].at)
    assert sorted(tries for _, tries in office.waits()) == [1, 1]  # the one in the middle has arrived

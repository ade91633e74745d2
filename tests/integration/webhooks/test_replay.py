"""Replay, test events, and what becomes of events when an endpoint is off or gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from dashboard.db import utcnow
from dashboard.gateway.webhooks import endpoints, queue
from dashboard.gateway.webhooks.endpoints import AlreadyRotated, EndpointOff, EventNotFound, TooManyEndpoints
from dashboard.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEvent, WebhookSecret
from tests.support.webhook_endpoints import Office
from tests.support.webhook_receiver import Answer, Got


def replay_all(office: Office, endpoint_id: str, only: str = "all") -> int:
    with office.sessions.begin() as session:
        endpoint = endpoints.find(session, endpoint_id)
        return endpoints.replay_period(session, endpoint, utcnow() - timedelta(hours=1), utcnow(), only)


def by_message(calls: Sequence[Got]) -> dict[str, list[str]]:
    """The ids of the events of each message, in the order in which they came."""
    found: dict[str, list[str]] = {}
    for got in calls:
        found.setdefault(got.event["data"]["messageId"], []).append(got.id)
    return found


def test_one_event_is_replayed_under_its_id(office: Office, path: str) -> None:
    endpoint_id, secret = office.listen(path)
    office.deliver()
    office.serve()
    first = office.receiver.got(path)[0]
    with office.sessions.begin() as session:
        endpoints.replay(session, endpoints.find(session, endpoint_id), first.id)
    office.serve()
    again = office.receiver.got(path)
    assert [got.id for got in again] == [first.id, again[1].id, first.id]
    assert again[2].verify(secret) and again[2].body == first.body


@pytest.mark.parametrize("status", [200, 500])
def test_a_replay_that_is_asked_for_while_the_event_is_under_way_is_made(
    office: Office, path: str, status: int
) -> None:
    endpoint_id, _ = office.listen(path, events=("message.sent",))

    def replay_once(got: Got) -> Answer:
        if len(office.receiver.got(path)) == 1:
            with office.sessions.begin() as session:
                endpoints.replay(session, endpoints.find(session, endpoint_id), got.id)
            return Answer(status)
        return Answer()

    office.receiver.answers[path] = replay_once
    office.deliver()
    while office.serve():
        pass
    first, again = office.receiver.got(path)
    assert first.id == again.id
    assert office.waits() == []


def test_a_period_is_replayed_in_the_order_of_each_message(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path)
    for _ in range(3):
        office.deliver()
    office.serve()
    before = by_message(office.receiver.got(path))
    assert replay_all(office, endpoint_id) == 6
    office.serve()
    assert by_message(office.receiver.got(path)[6:]) == before


def test_only_what_did_not_arrive_is_replayed_unless_all_is_asked_for(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path, events=("message.sent",))
    office.deliver()
    office.serve()
    with office.sessions.begin() as session:
        endpoints.disable(session, endpoints.find(session, endpoint_id))
    office.deliver()
    with office.sessions.begin() as session:
        endpoints.enable(session, endpoints.find(session, endpoint_id))
    assert office.serve() == 0, "what happened while it was off is not told by itself"
    assert replay_all(office, endpoint_id, "undelivered") == 1
    office.serve()
    assert len(office.receiver.got(path)) == 2
    assert replay_all(office, endpoint_id, "undelivered") == 0


def test_disabling_gives_up_what_waits(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path)
    office.receiver.answers[path] = Answer(500)
    office.deliver()
    office.serve()
    with office.sessions.begin() as session:
        endpoints.disable(session, endpoints.find(session, endpoint_id))
        endpoints.enable(session, endpoints.find(session, endpoint_id))
    assert office.waits() == []
    assert replay_all(office, endpoint_id, "undelivered") == 2


def test_another_keys_event_cannot_be_replayed(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path)
    office.deliver()
    with office.sessions.begin() as session:
        stolen = session.scalars(select(WebhookEvent)).first()
        assert stolen
        reference = stolen.reference
        from dashboard.gateway.api_keys import keys

        other, _ = keys.create(session, keys.NewKey("Other"))
        session.flush()
        session.execute(update(WebhookEvent).values(key_id=other.id))
    with office.sessions.begin() as session, pytest.raises(EventNotFound):
        endpoints.replay(session, endpoints.find(session, endpoint_id), reference)
    assert replay_all(office, endpoint_id) == 0


def test_a_test_event_goes_to_one_endpoint_whatever_it_wants(office: Office, path: str) -> None:
    endpoint_id, secret = office.listen(path, events=("otp.exhausted",))
    office.listen(f"{path}-other")
    with office.sessions.begin() as session:
        reference = endpoints.send_test(session, endpoints.find(session, endpoint_id))
    office.serve()
    [got] = office.receiver.got(path)
    assert (got.id, got.verify(secret)["type"]) == (reference, "webhook.test")
    assert office.receiver.got(f"{path}-other") == []


def test_nothing_is_sent_to_an_endpoint_that_is_off(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path)
    with office.sessions.begin() as session:
        endpoint = endpoints.find(session, endpoint_id)
        endpoints.disable(session, endpoint)
        with pytest.raises(EndpointOff):
            endpoints.send_test(session, endpoint)
        with pytest.raises(EndpointOff):
            endpoints.replay(session, endpoint, "evt_x")


def test_a_removed_endpoint_is_gone_with_its_secrets(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path)
    office.deliver()
    with office.sessions.begin() as session:
        endpoints.remove(session, endpoints.find(session, endpoint_id))
    assert office.serve() == 0
    office.deliver()
    assert office.receiver.got(path) == []
    with office.sessions() as session:
        assert endpoints.listed(session) == []
        assert endpoints.forget_secrets(session, utcnow() - timedelta(minutes=2)) == 0  # it may still come back
        assert endpoints.forget_secrets(session, utcnow() + timedelta(seconds=1)) == 1
        assert session.scalar(select(func.count()).select_from(WebhookSecret)) == 0
        with pytest.raises(endpoints.EndpointNotFound):
            endpoints.find(session, endpoint_id)


def test_a_key_has_ten_endpoints_at_most(office: Office, path: str) -> None:
    for _ in range(endpoints.MOST_ENDPOINTS):
        office.listen(path)
    with pytest.raises(TooManyEndpoints):
        office.listen(path)


def test_a_form_sent_twice_makes_one_endpoint_and_one_secret(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path)
    with pytest.raises(AlreadyRotated):
        office.listen(path, id=endpoint_id)
    with office.sessions.begin() as session:
        endpoint = endpoints.find(session, endpoint_id)
        newest = endpoint.secrets[-1].id
        endpoints.rotate(session, endpoints.cipher(office.context.settings), endpoint, newest)
        session.flush()
        with pytest.raises(AlreadyRotated):
            endpoints.rotate(session, endpoints.cipher(office.context.settings), endpoint, newest)


def test_old_events_are_forgotten_with_their_log(office: Office, path: str) -> None:
    office.listen(path)
    office.deliver()
    office.serve()
    office.deliver()
    with office.sessions.begin() as session:
        first = select(WebhookEvent.id).order_by(WebhookEvent.id).limit(2)
        ids = list(session.scalars(first))
        old = update(WebhookEvent).where(WebhookEvent.id.in_(ids))
        session.execute(old.values(created_at=utcnow() - timedelta(days=30, minutes=1)))
    with office.sessions.begin() as session:
        assert queue.forget_old(session) == 2
        assert session.scalar(select(func.count()).select_from(WebhookAttempt)) == 0
        assert session.scalar(select(func.count()).select_from(WebhookDelivery)) == 2


def test_a_clock_that_was_set_back_holds_nothing_up(office: Office, path: str) -> None:
    office.listen(path)
    office.deliver()
    with office.sessions.begin() as session:
        session.execute(update(WebhookDelivery).values(due_at=utcnow() + timedelta(days=1)))
    assert office.serve() == 0
    with office.sessions.begin() as session:
        queue.mend_clock(session)
    assert office.serve() == 1

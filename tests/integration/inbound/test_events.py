"""What the app hears of texts that came in: the event, and the list of the API."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.inbound import inbox
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.webhooks import events
from dashboard.models.api_keys import ApiKey
from dashboard.models.webhooks import WebhookEndpoint, WebhookEvent
from dashboard.providers.base import Incoming

PHONE, OTHER = "+22238089336", "+22247000000"


def make_key(sessions: Sessions, name: str, *wanted: str) -> str:
    """A key with an endpoint for these events; it writes to PHONE."""
    with sessions.begin() as session:
        key, _ = keys.create(session, NewKey(name))
        session.flush()
        if wanted:
            url = "https://shop.example.org/hooks"
            session.add(WebhookEndpoint(id=f"hook of {name}", key_id=key.id, url=url, events=list(wanted)))
        write_to(sessions, key, session)
        events.REMEMBERED.forget(sessions.kw["bind"].pool)
        return key.id


def write_to(sessions: Sessions, key: ApiKey, session: Any) -> None:
    outbox.submit(session, authentication.Caller.from_row(key), Draft.text(PHONE, "Bonjour"))


def receive(sessions: Sessions, words: str = "Merci <7>", sender: str = PHONE, **more: Any) -> set[str]:
    return set(inbox.receive(sessions, "smsc", [Incoming(sender, "3601", words, utcnow(), **more)]))


def told(sessions: Sessions) -> list[WebhookEvent]:
    with sessions() as session:
        return list(session.scalars(select(WebhookEvent).where(WebhookEvent.kind == "message.received")))


def test_the_key_that_wrote_last_hears_of_it_without_the_words(sessions: Sessions) -> None:
    make_key(sessions, "Bank", "message.received")
    shop = make_key(sessions, "Shop", "message.received")
    assert receive(sessions) == {"webhooks"}
    (event,) = told(sessions)
    body = json.loads(event.body)
    assert (event.key_id, body["type"]) == (shop, "message.received")
    data = body["data"]
    assert (data["phoneNumber"], data["to"], data["segments"], data["keyword"]) == (PHONE, "3601", 1, None)
    assert data["messageId"] and data["receivedAt"] and "Merci" not in event.body


def test_who_does_not_want_it_hears_nothing(sessions: Sessions) -> None:
    make_key(sessions, "Shop", "message.sent")
    assert receive(sessions) == set() and told(sessions) == []


def test_a_phone_that_nobody_wrote_to_is_nobodys(sessions: Sessions) -> None:
    make_key(sessions, "Shop", "message.received")
    assert receive(sessions, sender=OTHER) == set() and told(sessions) == []
    with sessions() as session:
        assert [row.key_id for row in inbox.page(session)] == [None]


def test_a_long_text_is_one_event_when_it_is_complete(sessions: Sessions) -> None:
    make_key(sessions, "Shop", "message.received")
    for place, lanes in ((1, set()), (2, {"webhooks"})):
        assert receive(sessions, f"part {place}", part=place, parts=2, concat_ref="1") == lanes
    assert len(told(sessions)) == 1


def test_a_repeat_is_no_second_event(sessions: Sessions) -> None:
    make_key(sessions, "Shop", "message.received")
    receive(sessions)
    assert receive(sessions) == set() and len(told(sessions)) == 1


@pytest.mark.parametrize(("since", "until", "count"), [(-1, 1, 1), (1, 2, 0), (-2, -1, 0)])
def test_a_list_keeps_to_key_and_period(sessions: Sessions, since: int, until: int, count: int) -> None:
    key_id, now = make_key(sessions, "Shop"), utcnow()
    receive(sessions)
    receive(sessions, sender=OTHER)
    hours = timedelta(hours=1)
    with sessions() as session:
        assert len(inbox.page(session, key_id=key_id, since=now + since * hours, until=now + until * hours)) == count

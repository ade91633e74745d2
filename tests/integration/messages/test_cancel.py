"""Taking texts back that still wait, and sending many again, on every database."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from dashboard.db import Sessions
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.messages import cancel, outbox, resend
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.messages.resend import Obstacle
from dashboard.gateway.webhooks import endpoints
from dashboard.gateway.webhooks.endpoints import NewEndpoint
from dashboard.models.messages import Message
from dashboard.models.webhooks import WebhookEvent
from dashboard.sms import encoding

PHONE = "+22238089336"


@pytest.fixture
def caller(sessions: Sessions) -> Caller:
    with sessions.begin() as session:
        key, _ = keys.create(session, NewKey("app", message_cap=3))
        session.flush()
        order = NewEndpoint(key.id, "https://shop.example.org/hooks", ("message.expired",))
        endpoints.create(session, Fernet(Fernet.generate_key()), order)
        return authentication.Caller.from_row(key)


def submit(sessions: Sessions, caller: Caller, kind: str = "message", **columns: object) -> Message:
    with sessions.begin() as session:
        draft = Draft(kind, "sms", PHONE, "Bonjour", encoding.shape("Bonjour"))
        row_id, _ = outbox.submit(session, caller, draft)
        if columns:
            session.execute(update(Message).where(Message.id == row_id).values(**columns))
        row = session.get_one(Message, row_id, populate_existing=True)
        session.expunge(row)
        return row


def test_what_waits_is_cancelled_with_an_event_and_what_left_or_is_a_code_is_not(
    sessions: Sessions, caller: Caller
) -> None:
    waiting = submit(sessions, caller)
    claimed = submit(sessions, caller, claim="token", status="sending")
    sent = submit(sessions, caller, due_at=None, status="sent")
    code = submit(sessions, caller, kind="otp")
    with sessions.begin() as session:
        cancelled = cancel.cancel(session, [row.uuid for row in (waiting, claimed, sent, code)])
    assert (cancelled.uuids, cancelled.has_events) == ([waiting.uuid], True)
    with sessions() as session:
        states = {row.id: row.status for row in session.scalars(select(Message))}
        assert states == {waiting.id: "expired", claimed.id: "sending", sent.id: "sent", code.id: "queued"}
        assert session.scalars(select(WebhookEvent.kind)).all() == ["message.expired"]


def test_many_are_sent_again_up_to_the_cap_and_only_once(sessions: Sessions, caller: Caller) -> None:
    old = [submit(sessions, caller, due_at=None, status="failed") for _ in range(4)]
    wanted = {row.id: 0 for row in old}
    with sessions.begin() as session:
        resent = resend.resend(session, wanted)
    assert list(resent.new) == [row.uuid for row in old[:3]] and resent.lanes == {"sms"}
    assert resent.refused == {old[3].uuid: Obstacle.CAP}
    with sessions.begin() as session:
        again = resend.resend(session, wanted)
    assert again.new == {} and list(again.refused.values()) == [Obstacle.DONE] * 3 + [Obstacle.CAP]
    with sessions.begin() as session:
        cancel.cancel(session, resent.new.values())
    with sessions.begin() as session:
        assert list(resend.resend(session, {old[3].id: 0}).new) == [old[3].uuid], "what was taken back is not counted"

"""The deletion of old messages, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.campaigns import progress
from dashboard.gateway.maintenance import retention
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.otp import send
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.site_settings import Preferences
from dashboard.gateway.statistics import rollup
from dashboard.models.campaigns import Campaign
from dashboard.models.delivery import FailedAttempt, MessagePart
from dashboard.models.messages import Message, Resend
from dashboard.models.otp import Otp

RING = Keyring({"kid": b"a secret of the tests"})
DAYS = 365


@pytest.fixture
def old(sessions: Sessions, caller: Caller) -> list[int]:
    """Five texts and a code, all that can hang on one of them, and a text of today at the end."""
    with sessions.begin() as session:
        site_settings.save(session, Preferences(messages_days=DAYS))
        ids = [outbox.submit(session, caller, Draft.text("+22236000001", "Bonjour"))[0] for _ in range(5)]
        send.send(session, RING, caller, send.Order("+22236000002"))
        ids.append(session.scalars(select(func.max(Message.id))).one())
        newest = outbox.submit(session, caller, Draft.text("+22236000001", "Bonjour"))[0]
        first, second = ids[:2]
        session.add(MessagePart(carrier="smsc", reference="1", message_id=first))
        attempt = {"carrier": "smsc", "outcome": "not_sent", "code": "timeout", "at": utcnow()}
        session.add(FailedAttempt(message_id=first, **attempt))
        session.add_all([Resend(new_id=second, old_id=first), Resend(new_id=newest, old_id=second)])
        ended = {"status": "delivered", "due_at": None, "created_at": utcnow() - timedelta(days=DAYS + 1)}
        session.execute(update(Message).where(Message.id.in_(ids)).values(ended))
    rollup.fold_for(sessions, 5)
    return [*ids, newest]


def test_old_messages_go_in_batches_with_all_that_hangs_on_them(
    monkeypatch: pytest.MonkeyPatch, sessions: Sessions, old: list[int]
) -> None:
    monkeypatch.setitem(retention.KINDS, "messages", replace(retention.KINDS["messages"], batch=2))
    more = []
    for _ in range(4):
        with sessions.begin() as session:
            more.append(retention.step(session, "messages"))
    assert more == [True, True, True, False]
    with sessions() as session:
        assert list(session.scalars(select(Message.id))) == old[-1:]
        for model in (Otp, MessagePart, FailedAttempt, Resend):
            assert session.scalars(select(model)).all() == [], model


def test_they_stay_while_the_roll_ups_have_not_counted_them(sessions: Sessions, old: list[int]) -> None:
    with sessions.begin() as session:
        session.execute(update(Message).where(Message.id == old[1]).values(tallied_status="sent"))
    with sessions.begin() as session:
        assert retention.step(session, "messages") is False
    with sessions() as session:
        assert list(session.scalars(select(Message.id).order_by(Message.id))) == old[1:]


def test_they_stay_while_a_campaign_from_before_them_has_not_kept_its_counts(
    sessions: Sessions, caller: Caller, old: list[int]
) -> None:
    begun = {"key_id": caller.id, "created_at": utcnow() - timedelta(days=DAYS + 2)}
    with sessions.begin() as session:
        session.add(Campaign(uuid="ended", state="done", ended_at=utcnow(), **begun))
        session.add(Campaign(uuid="never begun", state="draft", **begun))
    for stay in (old, old[-1:]):
        with sessions.begin() as session:
            assert retention.step(session, "messages") is False
        with sessions() as session:
            assert list(session.scalars(select(Message.id).order_by(Message.id))) == stay
        with sessions.begin() as session:
            assert progress.keep_counts(session) is (stay is old)

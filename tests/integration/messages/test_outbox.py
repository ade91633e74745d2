"""The outbox: claims, leases, and who may settle."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.delivery import settle
from dashboard.gateway.delivery.decisions import Decision, Expire, Fail, LetGo, MarkSent, RetryLater
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.claimed import ClaimedMessage
from dashboard.gateway.messages.outbox import Draft
from dashboard.models.messages import Message
from dashboard.providers.base import Outcome
from dashboard.sms import encoding

PHONE = "+22238089336"


def submit(sessions: Sessions, caller: Caller, kind: str = "message", channel: str = "sms") -> str:
    with sessions.begin() as session:
        return outbox.submit(session, caller, Draft(kind, channel, PHONE, "Bonjour", encoding.shape("Bonjour")))[1]


def claim(sessions: Sessions, lane: str = "sms", limit: int = 50) -> list[ClaimedMessage]:
    with sessions() as session:
        return outbox.claim(session, lane, limit)


def apply(sessions: Sessions, *decisions: Decision) -> None:
    with sessions.kw["bind"].begin() as connection:
        settle.apply(connection, decisions)


def move(sessions: Sessions, **columns: object) -> None:
    """Change all rows."""
    with sessions.begin() as session:
        session.execute(update(Message).values(**columns))


def only(session: Session) -> Message:
    return session.scalars(select(Message)).one()


def test_a_new_row_is_due_at_once(sessions: Sessions, caller: Caller) -> None:
    reference = submit(sessions, caller)
    claimed = claim(sessions)
    assert [row.uuid for row in claimed] == [reference]
    with sessions() as session:
        assert (only(session).status, claimed[0].attempts) == ("sending", 1)
    assert claimed[0].due_at - utcnow() > timedelta(seconds=25)


def test_codes_go_before_messages_and_the_oldest_first(sessions: Sessions, caller: Caller) -> None:
    messages = [submit(sessions, caller) for _ in range(3)]
    codes = [submit(sessions, caller, "otp") for _ in range(3)]
    assert [row.uuid for row in claim(sessions, limit=4)] == [*codes, messages[0]]
    assert [row.uuid for row in claim(sessions)] == messages[1:]


PLANS = ("hashjoin", "mergejoin", "hashagg", "material", "sort")


def test_no_more_than_asked_for_are_claimed_however_the_database_plans_it(sessions: Sessions, caller: Caller) -> None:
    for _ in range(5):
        submit(sessions, caller)
    with sessions() as session:
        if session.connection().dialect.name == "postgresql":  # a nested loop: its inner side may run for every row
            for name in PLANS:
                session.execute(text(f"SET LOCAL enable_{name} = off"))
        assert len(outbox.claim(session, "sms", 2)) == 2


def test_a_lane_sees_its_own_rows_alone(sessions: Sessions, caller: Caller) -> None:
    by_whatsapp = submit(sessions, caller, "otp", "whatsapp")
    assert claim(sessions, "sms") == []
    assert [row.uuid for row in claim(sessions, "whatsapp")] == [by_whatsapp]


def test_a_claimed_row_is_not_claimed_again_until_its_lease_ends(sessions: Sessions, caller: Caller) -> None:
    submit(sessions, caller)
    claim(sessions)
    assert claim(sessions) == []
    move(sessions, due_at=utcnow() - timedelta(seconds=1))
    assert [row.attempts for row in claim(sessions)] == [2]


def test_no_row_is_claimed_twice_by_workers_side_by_side(sessions: Sessions, caller: Caller) -> None:
    wanted = {submit(sessions, caller) for _ in range(60)}
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda _: claim(sessions, limit=9), range(8)))
    counted = Counter(row.uuid for batch in batches for row in batch)
    assert set(counted.values()) == {1}
    assert set(counted) <= wanted
    left = claim(sessions)
    assert set(counted) | {row.uuid for row in left} == wanted


def test_a_sent_row_is_final(sessions: Sessions, caller: Caller) -> None:
    submit(sessions, caller)
    row = claim(sessions)[0]
    apply(sessions, MarkSent(row, "sandbox", Outcome("ref", delivered=False)))
    apply(sessions, MarkSent(row, "sandbox", Outcome("other", delivered=True)))
    with sessions() as session:
        found = only(session)
        assert (found.status, found.carrier, found.carrier_ref, found.due_at) == ("sent", "sandbox", "ref", None)
    assert claim(sessions) == []


def settlements(message: ClaimedMessage) -> list[Decision]:
    return [
        MarkSent(message, "zombie", Outcome("zombie")),
        Fail(message, "zombie", "zombie"),
        Expire(message),
        RetryLater(message, timedelta(0), "zombie"),
        LetGo(message),
    ]


@pytest.mark.parametrize("way", range(5))
def test_a_zombie_settles_nothing(sessions: Sessions, caller: Caller, way: int) -> None:
    submit(sessions, caller)
    zombie = claim(sessions)[0]
    move(sessions, due_at=utcnow() - timedelta(seconds=1))
    heir = claim(sessions)[0]
    assert heir.claim != zombie.claim
    apply(sessions, settlements(zombie)[way])
    with sessions() as session:
        found = only(session)
        assert (found.claim, found.status, found.carrier, found.attempts) == (heir.claim, "sending", None, 2)
    apply(sessions, MarkSent(heir, "sandbox", Outcome("ref")))
    with sessions() as session:
        assert only(session).status == "sent"


@pytest.mark.parametrize("way", range(5))
def test_a_zombie_does_not_reopen_what_its_heir_settled(sessions: Sessions, caller: Caller, way: int) -> None:
    submit(sessions, caller)
    zombie = claim(sessions)[0]
    move(sessions, due_at=utcnow() - timedelta(seconds=1))
    heir = claim(sessions)[0]
    apply(sessions, MarkSent(heir, "sandbox", Outcome("ref", delivered=True)))
    apply(sessions, settlements(zombie)[way])
    with sessions() as session:
        assert (only(session).status, only(session).due_at) == ("delivered", None)


def test_a_row_put_back_waits(sessions: Sessions, caller: Caller) -> None:
    submit(sessions, caller)
    apply(sessions, RetryLater(claim(sessions)[0], timedelta(seconds=5), "busy"))
    assert claim(sessions) == []
    with sessions() as session:
        assert (only(session).error_code, only(session).claim) == ("busy", None)
    move(sessions, due_at=utcnow())
    assert len(claim(sessions)) == 1


def test_a_claim_given_up_costs_no_attempt(sessions: Sessions, caller: Caller) -> None:
    submit(sessions, caller)
    row = claim(sessions)[0]
    apply(sessions, LetGo(row))
    assert [row.attempts for row in claim(sessions)] == [1]


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1)])
def test_a_clock_set_back_holds_nothing_up(sessions: Sessions, caller: Caller, back: timedelta) -> None:
    submit(sessions, caller)
    move(sessions, due_at=utcnow() + back)  # written down before the clock was set back
    with sessions.begin() as session:
        assert outbox.mend_clock(session) == 1
    assert len(claim(sessions)) == 1


def test_the_longest_backoff_is_not_mistaken_for_a_clock_set_back(sessions: Sessions, caller: Caller) -> None:
    submit(sessions, caller)
    apply(sessions, RetryLater(claim(sessions)[0], max(outbox.backoff(60) for _ in range(200)), "busy"))
    with sessions.begin() as session:
        assert outbox.mend_clock(session) == 0
    assert claim(sessions) == []


def test_backoff_grows_and_ends() -> None:
    assert [round(outbox.backoff(attempts).total_seconds() / 1.1) for attempts in (1, 2, 3)] == [1, 2, 4]
    assert all(300 <= outbox.backoff(attempts).total_seconds() <= 360 for attempts in (10, 50, 1_000))


def test_what_is_past_its_validity_is_closed(sessions: Sessions, caller: Caller) -> None:
    submit(sessions, caller)
    with sessions.begin() as session:
        outbox.expire_stale(session)
        assert only(session).status == "queued"
    move(sessions, valid_until=utcnow() - timedelta(seconds=1))
    with sessions.begin() as session:
        outbox.expire_stale(session)
    with sessions() as session:
        assert (only(session).status, only(session).due_at) == ("expired", None)
        assert only(session).expired_at is not None
    assert claim(sessions) == []


def test_validity_is_ten_minutes_for_codes_and_a_day_for_messages(sessions: Sessions, caller: Caller) -> None:
    submit(sessions, caller)
    submit(sessions, caller, "otp")
    code, message = claim(sessions)
    assert code.valid_until - code.created_at == timedelta(seconds=600)
    assert message.valid_until - message.created_at == timedelta(hours=24)


def test_waiting_rows_are_counted_by_lane(sessions: Sessions, caller: Caller) -> None:
    submit(sessions, caller)
    submit(sessions, caller)
    submit(sessions, caller, "otp", "whatsapp")
    with sessions() as session:
        assert outbox.waiting(session) == {"sms": 2, "whatsapp": 1, "email": 0}
    claim(sessions)
    with sessions() as session:
        assert outbox.waiting(session) == {"sms": 0, "whatsapp": 1, "email": 0}

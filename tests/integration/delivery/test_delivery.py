"""Delivery, with the sandbox as carrier and carriers that fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.delivery import worker
from dashboard.gateway.delivery.connections import Connection
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.otp import send as otp
from dashboard.gateway.otp import verify
from dashboard.gateway.otp.codes import Keyring
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers.base import Outcome, Outgoing, Provider
from dashboard.settings import Settings
from tests.support.fixtures.databases import on_sqlite
from tests.support.present import present

PHONE = "+22238089336"


@dataclass
class Carrier(Provider):
    """Takes every text, unless told to do something else first."""

    name: str = "paper"
    act: Callable[[Outgoing], None] = lambda _outgoing: None
    taken: list[Outgoing] = field(default_factory=list)

    def send(self, outgoing: Outgoing) -> Outcome:
        self.act(outgoing)
        self.taken.append(outgoing)
        return Outcome(f"ref-{outgoing.id}")


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


@pytest.fixture
def desk(sessions: Sessions, settings: Settings, carrier: Carrier) -> WorkerContext:
    """Its carrier stands where the sandbox does: everything goes to it while no other is set up."""
    made = WorkerContext.open(sessions, settings)
    made.connections.open[outbox.SANDBOX_ID] = Connection(outbox.SANDBOX_ID, carrier.name, 0, carrier)
    return made


def submit(desk: WorkerContext, caller: Caller) -> str:
    with desk.sessions.begin() as session:
        return outbox.submit(session, caller, Draft.text(PHONE, "Bonjour"))[1]


def send_code(desk: WorkerContext, caller: Caller, channel: str = "sms") -> str:
    with desk.sessions.begin() as session:
        return otp.send(session, Keyring.of(desk.settings), caller, otp.Order(PHONE, channel)).message_id


def check_code(desk: WorkerContext, caller: Caller, code: str) -> None:
    """Raise when the code is wrong."""
    with desk.sessions.begin() as session:
        verdict = verify.verify(session, Keyring.of(desk.settings), caller, verify.Guess(PHONE, code))
    if verdict.refusal:
        raise verdict.refusal


def drain(desk: WorkerContext, lane: str = "sms") -> int:
    return worker.drain(desk, lane, lambda: True)


def status(desk: WorkerContext) -> tuple[str, str | None]:
    with desk.sessions() as session:
        row = session.scalars(select(Message)).one()
        return row.status, row.error_code


def due_now(desk: WorkerContext) -> None:
    with desk.sessions.begin() as session:
        session.execute(update(Message).where(Message.due_at.is_not(None)).values(due_at=utcnow()))


def waits(desk: WorkerContext) -> float:
    with desk.sessions() as session:
        return (present(session.scalars(select(Message.due_at)).one()) - utcnow()).total_seconds()


def raising(error: Exception) -> Callable[[Outgoing], None]:
    def act(_outgoing: Outgoing) -> None:
        raise error

    return act


def test_what_is_due_is_handed_over_once(desk: WorkerContext, caller: Caller, carrier: Carrier) -> None:
    wanted = [submit(desk, caller) for _ in range(120)]
    assert drain(desk) == 120
    assert [outgoing.id for outgoing in carrier.taken] == wanted
    assert drain(desk) == 0


@on_sqlite
def test_the_carrier_gets_the_code_and_the_text_with_it(desk: WorkerContext, caller: Caller, carrier: Carrier) -> None:
    send_code(desk, caller)
    drain(desk)
    outgoing = carrier.taken[0]
    assert present(outgoing.code) in outgoing.text
    assert present(outgoing.code) not in repr(outgoing)
    check_code(desk, caller, present(outgoing.code))


@on_sqlite
def test_no_database_session_is_open_while_the_carrier_is_asked(
    desk: WorkerContext, caller: Caller, carrier: Carrier
) -> None:
    pool = desk.sessions.kw["bind"].pool
    seen: list[int] = []
    carrier.act = lambda _outgoing: seen.append(pool.checkedout())
    submit(desk, caller)
    send_code(desk, caller)
    drain(desk)
    assert seen == [0, 0]


def test_a_refused_text_is_failed_and_never_tried_again(desk: WorkerContext, caller: Caller, carrier: Carrier) -> None:
    carrier.act = raising(Refused("unknown_subscriber"))
    submit(desk, caller)
    drain(desk)
    assert status(desk) == ("failed", "unknown_subscriber")
    due_now(desk)
    assert drain(desk) == 0


def test_what_was_surely_not_sent_is_tried_again(desk: WorkerContext, caller: Caller, carrier: Carrier) -> None:
    carrier.act = raising(NotSent("unreachable"))
    submit(desk, caller)
    drain(desk)
    assert 0 < waits(desk) <= 1.2
    due_now(desk)
    drain(desk)
    assert 1 < waits(desk) <= 2.4
    carrier.act = lambda _outgoing: None
    due_now(desk)
    drain(desk)
    assert status(desk) == ("sent", None)
    assert [outgoing.attempt for outgoing in carrier.taken] == [3]


@on_sqlite
def test_the_carriers_own_word_on_when_to_come_back_is_kept(
    desk: WorkerContext, caller: Caller, carrier: Carrier
) -> None:
    carrier.act = raising(NotSent("throttled", retry_after=77))
    submit(desk, caller)
    drain(desk)
    assert 75 < waits(desk) <= 77


def test_what_was_perhaps_sent_gets_one_more_try(desk: WorkerContext, caller: Caller, carrier: Carrier) -> None:
    carrier.act = raising(OutcomeUnknown("no_answer"))
    submit(desk, caller)
    drain(desk)
    assert 14 < waits(desk) <= 15
    due_now(desk)
    drain(desk)
    assert status(desk) == ("failed", "no_answer")


def test_what_is_past_its_validity_is_not_sent(desk: WorkerContext, caller: Caller, carrier: Carrier) -> None:
    submit(desk, caller)
    with desk.sessions.begin() as session:
        session.execute(update(Message).values(valid_until=utcnow() - timedelta(seconds=1)))
    drain(desk)
    assert carrier.taken == []
    assert status(desk) == ("expired", None)


def test_a_verified_code_that_waits_for_another_try_is_not_sent_again(
    desk: WorkerContext, caller: Caller, carrier: Carrier
) -> None:
    taken: list[str] = []

    def take_and_be_silent(outgoing: Outgoing) -> None:
        taken.append(present(outgoing.code))
        raise OutcomeUnknown("no_answer")

    carrier.act = take_and_be_silent
    send_code(desk, caller)
    drain(desk)
    check_code(desk, caller, taken[0])
    assert status(desk)[0] == "delivered"
    due_now(desk)
    drain(desk)
    assert len(taken) == 1


def test_a_code_refused_by_whatsapp_is_void_and_not_counted(
    desk: WorkerContext, caller: Caller, carrier: Carrier
) -> None:
    carrier.act = raising(Refused("not_on_whatsapp"))
    send_code(desk, caller, "whatsapp")
    drain(desk, "whatsapp")
    with desk.sessions() as session:
        row = session.scalars(select(Otp)).one()
        assert row.void_at is not None
        assert row.counted is False


def test_a_code_that_its_carrier_refused_by_sms_does_not_count(
    desk: WorkerContext, caller: Caller, carrier: Carrier
) -> None:
    carrier.act = raising(Refused("barred"))
    send_code(desk, caller)
    drain(desk)
    with desk.sessions() as session:
        row = session.scalars(select(Otp)).one()
        assert (row.counted, row.void_at is not None) == (False, True)


def test_a_code_in_doubt_counts_and_can_be_typed_in(desk: WorkerContext, caller: Caller, carrier: Carrier) -> None:
    carrier.act = raising(OutcomeUnknown("no_answer"))
    send_code(desk, caller)
    drain(desk)
    due_now(desk)
    drain(desk)
    assert status(desk)[0] == "failed"
    with desk.sessions() as session:
        row = session.scalars(select(Otp)).one()
        assert (row.counted, row.void_at) == (True, None)


def test_a_superseded_code_that_has_not_left_is_not_sent(desk: WorkerContext, caller: Caller, carrier: Carrier) -> None:
    old, new = send_code(desk, caller), send_code(desk, caller)
    drain(desk)
    assert [outgoing.id for outgoing in carrier.taken] == [new]
    with desk.sessions() as session:
        row = session.scalars(select(Message).where(Message.uuid == old)).one()
        assert (row.status, row.error_code) == ("expired", "superseded")


def test_a_code_whose_secret_is_not_known_here_waits_for_one_who_knows_it(
    desk: WorkerContext, caller: Caller, carrier: Carrier
) -> None:
    send_code(desk, caller)
    blind = WorkerContext(desk.sessions, replace(desk.settings, otp_secret="x" * 32, secret_paths=()), desk.connections)
    drain(blind)
    assert carrier.taken == []
    assert waits(desk) > 0
    due_now(desk)
    drain(desk)
    assert len(carrier.taken) == 1
    assert status(desk) == ("sent", None)


@on_sqlite
def test_a_stop_leaves_the_rest_for_others(desk: WorkerContext, caller: Caller, carrier: Carrier) -> None:
    wanted = [submit(desk, caller) for _ in range(10)]
    worker.drain(desk, "sms", lambda: len(carrier.taken) < 4)
    assert len(carrier.taken) == 4
    assert drain(desk) == 6  # at once, no lease to wait for
    assert [outgoing.id for outgoing in carrier.taken] == wanted
    assert {outgoing.attempt for outgoing in carrier.taken} == {1}

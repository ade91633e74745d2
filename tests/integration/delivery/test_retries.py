"""How often a text is tried, with which carrier, and what a failure says of the carrier. Their ledgers judge."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dashboard.db import utcnow
from dashboard.gateway.carriers import carriers
from dashboard.gateway.delivery import attempts
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import NewRouteTarget
from dashboard.outbound.errors import NotSent, Refused, SendError
from dashboard.providers.base import Outcome, Outgoing, Provider
from dashboard.vocabulary import Blame
from tests.support.fake_carrier import Carrier as HttpCarrier
from tests.support.fixtures.databases import on_sqlite
from tests.support.http_carriers import PHONE, Office

OTHER_PHONE = "+22233000001"
BARRED = NotSent("smpp_submit_failed", 5, blame=Blame.NUMBER, tries=3)
DISLIKED = Refused("smpp_invalid_parameter_length", configuration=True, blame=Blame.TEXT)
BROKEN = NotSent("smpp_system_error", blame=Blame.CARRIER)


@dataclass
class Ledger(Provider):
    """Takes every text, but for those that `fault` finds one for; notes what reached it."""

    name: str
    fault: Callable[[Outgoing], SendError | None] = lambda _outgoing: None
    capacity: int = 20
    rate: float = 10.0
    asked: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def send(self, outgoing: Outgoing) -> Outcome:
        self.asked.append(outgoing.phone)
        error = self.fault(outgoing)
        if error:
            raise error
        self.taken.append(outgoing.phone)
        return Outcome(outgoing.id)


@pytest.fixture
def setup(office: Office, first: HttpCarrier, second: HttpCarrier) -> Callable[..., WorkerContext]:
    """A worker for whom these are the carriers, in the order of the route."""

    def make(*ledgers: Ledger) -> WorkerContext:
        ids = [office.add(ledger.name, http) for ledger, http in zip(ledgers, (first, second), strict=False)]
        targets = [NewRouteTarget(ledger.name, place) for place, ledger in enumerate(ledgers)]
        office.write(lambda session: rules.set_rule(session, ("sms", None, None), targets))
        desk = office.desk()
        for carrier_id, ledger in zip(ids, ledgers, strict=True):
            desk.connections.open[carrier_id].provider = ledger
        return desk

    return make


def of_number(phone: str, error: SendError) -> Callable[[Outgoing], SendError | None]:
    return lambda outgoing: error if outgoing.phone == phone else None


def always(error: SendError) -> Callable[[Outgoing], SendError | None]:
    return lambda _outgoing: error


def waits(office: Office, uuid: str) -> float:
    due_at = office.message(uuid).due_at
    assert due_at is not None
    return (due_at - utcnow()).total_seconds()


def down_code(office: Office, name: str) -> str | None:
    row = office.write(lambda session: carriers.find(session, name))
    return row.down_code if row.down_since else None


def rounds(office: Office, desk: WorkerContext, times: int) -> None:
    for _ in range(times):
        office.drain(desk)
        office.due_now()
        for connection in desk.connections.real():
            connection.retry_tokens = 10.0  # the time in which they are earned, gone by


@on_sqlite
def test_the_wait_is_the_longer_of_the_carriers_and_a_growing_one(
    office: Office, setup: Callable[..., WorkerContext]
) -> None:
    desk = setup(Ledger("alpha", always(NotSent("smpp_throttled", 2, blame=Blame.NUMBER))))
    uuid = office.submit(office.caller())
    found = []
    for _ in range(5):
        rounds_before = office.message(uuid).attempts
        office.drain(desk)
        assert office.message(uuid).attempts == rounds_before + 1
        found.append(waits(office, uuid))
        office.due_now()
        desk.connections.real()[0].retry_tokens = 10.0
    assert found[0] == pytest.approx(2, abs=0.5)
    assert 15 < found[4] < 20, "not the carrier's two seconds for ever"


def test_after_its_tries_a_text_goes_to_the_next_carrier_and_never_back(
    office: Office, setup: Callable[..., WorkerContext]
) -> None:
    alpha, beta = Ledger("alpha", always(BARRED)), Ledger("beta", always(BARRED))
    desk = setup(alpha, beta)
    uuid = office.submit(office.caller())
    rounds(office, desk, 8)
    found = office.message(uuid)
    assert (found.status, found.error_code) == ("failed", "smpp_submit_failed")
    assert (len(alpha.asked), len(beta.asked)) == (3, 3)
    assert down_code(office, "alpha") is None


@on_sqlite
def test_a_code_goes_to_the_next_carrier_at_once(office: Office, setup: Callable[..., WorkerContext]) -> None:
    alpha, beta = Ledger("alpha", always(BARRED)), Ledger("beta")
    desk = setup(alpha, beta)
    uuid = office.send_code(office.caller())
    office.drain(desk)
    assert (office.message(uuid).carrier, len(alpha.asked), len(beta.taken)) == ("beta", 1, 1)


@on_sqlite
def test_a_fault_in_the_set_up_that_may_be_the_texts_goes_to_the_next_carrier(
    office: Office, setup: Callable[..., WorkerContext]
) -> None:
    alpha, beta = Ledger("alpha", always(DISLIKED)), Ledger("beta")
    desk = setup(alpha, beta)
    uuid = office.submit(office.caller())
    office.drain(desk)
    assert (office.message(uuid).carrier, down_code(office, "alpha")) == ("beta", None)
    rows = office.write(lambda session: attempts.failed_attempts(session, office.message(uuid).id))
    assert [(row.carrier, row.outcome, row.blame) for row in rows] == [("alpha", "refused", "text")]


@on_sqlite
def test_one_text_that_a_carrier_dislikes_takes_nothing_down(
    office: Office, setup: Callable[..., WorkerContext]
) -> None:
    alpha = Ledger("alpha", of_number(PHONE, NotSent("smpp_invalid_command", configuration=True, blame=Blame.TEXT)))
    desk = setup(alpha)
    caller = office.caller()
    for _ in range(8):
        office.submit(caller, PHONE)
        rounds(office, desk, 2)
        good = office.submit(caller, OTHER_PHONE)
        office.drain(desk)
        assert (office.message(good).status, down_code(office, "alpha")) == ("sent", None)


@on_sqlite
def test_different_texts_in_a_row_take_it_down_and_none_of_them_is_the_trial(
    office: Office, setup: Callable[..., WorkerContext]
) -> None:
    fault = NotSent("smpp_invalid_command", configuration=True, blame=Blame.TEXT)
    alpha = Ledger("alpha", always(fault))
    desk = setup(alpha)
    caller = office.caller()
    for _ in range(5):
        office.submit(caller)
    office.drain(desk)
    assert down_code(office, "alpha") == "smpp_invalid_command"
    asked = len(alpha.asked)
    alpha.fault = of_number(PHONE, fault)
    office.change(desk.connections.real()[0].id, down_until=utcnow())
    office.due_now()
    office.drain(desk)
    assert len(alpha.asked) == asked, "the texts that failed are no trial"
    good = office.submit(caller, OTHER_PHONE)
    office.drain(desk)
    assert (office.message(good).status, down_code(office, "alpha")) == ("sent", None)


@on_sqlite
def test_numbers_that_are_barred_never_count_against_a_carrier(
    office: Office, setup: Callable[..., WorkerContext]
) -> None:
    alpha = Ledger("alpha", always(BARRED))
    desk = setup(alpha)
    caller = office.caller()
    for _ in range(12):
        office.submit(caller)
    office.drain(desk)
    assert (len(alpha.asked), down_code(office, "alpha")) == (12, None)


@on_sqlite
def test_a_carrier_that_fails_by_itself_goes_down_and_is_tried_with_what_it_failed(
    office: Office, setup: Callable[..., WorkerContext]
) -> None:
    alpha = Ledger("alpha", always(BROKEN))
    desk = setup(alpha)
    uuid = office.submit(office.caller())
    rounds(office, desk, 5)
    assert down_code(office, "alpha") == "smpp_system_error"
    alpha.fault = lambda _outgoing: None
    office.change(desk.connections.real()[0].id, down_until=utcnow())
    office.drain(desk)
    assert (office.message(uuid).status, down_code(office, "alpha")) == ("sent", None)


def test_retries_take_a_small_share_and_go_behind_fresh_texts(
    office: Office, setup: Callable[..., WorkerContext]
) -> None:
    alpha = Ledger("alpha", of_number(PHONE, NotSent("smpp_submit_failed", blame=Blame.NUMBER)), rate=40)
    desk = setup(alpha)
    caller = office.caller()
    blamed = [office.submit(caller, PHONE) for _ in range(30)]
    office.drain(desk)
    began = time.monotonic()
    for connection in desk.connections.real():
        connection.retry_tokens = 0.0
    office.due_now()
    fresh = [office.submit(caller, OTHER_PHONE) for _ in range(10)]
    alpha.asked.clear()
    office.drain(desk)
    assert {office.message(uuid).status for uuid in fresh} == {"sent"}
    assert alpha.asked[:10] == [OTHER_PHONE] * 10, "fresh texts first"
    assert alpha.asked.count(PHONE) <= 1 + 4 * (time.monotonic() - began), "a tenth of the rate"
    assert {office.message(uuid).status for uuid in blamed} == {"sending"}, "the others wait"


@on_sqlite
def test_a_carriers_own_fault_never_fails_a_text(office: Office, setup: Callable[..., WorkerContext]) -> None:
    """An SMSC whose database is away answers ESME_RSYSERR for a while; it may say so a limited number of times."""
    alpha = Ledger("alpha", always(NotSent("smpp_system_error", 5, blame=Blame.CARRIER, tries=3)))
    desk = setup(alpha)
    uuid = office.submit(office.caller())
    rounds(office, desk, 5)
    assert (office.message(uuid).status, len(alpha.asked)) == ("sending", 5)
    alpha.fault = lambda _outgoing: None
    office.drain(desk)
    assert office.message(uuid).status == "sent"


@on_sqlite
def test_texts_that_another_carrier_may_take_mark_it_down_when_all_get_that(
    office: Office, setup: Callable[..., WorkerContext]
) -> None:
    fault = NotSent("smpp_invalid_esm_class", blame=Blame.TEXT, tries=1)
    alpha, beta = Ledger("alpha", always(fault)), Ledger("beta")
    desk = setup(alpha, beta)
    caller = office.caller()
    sent = [office.submit(caller) for _ in range(5)]
    office.drain(desk)
    assert {office.message(uuid).carrier for uuid in sent} == {"beta"}
    assert down_code(office, "alpha") == "smpp_invalid_esm_class"

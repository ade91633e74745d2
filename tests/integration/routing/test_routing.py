"""Which carrier takes a message, as its ledger tells."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from dashboard.db import utcnow
from dashboard.gateway.carriers import carriers, health
from dashboard.gateway.delivery import attempts, settle, worker
from dashboard.gateway.delivery.decisions import Defer
from dashboard.gateway.messages import outbox
from dashboard.gateway.routing import explain, rules
from dashboard.gateway.routing.rules import InvalidRoute, NewRouteTarget, RoutingRequest
from dashboard.gateway.sandbox.inbox import SandboxInbox
from dashboard.models.carriers import Carrier as CarrierRow
from dashboard.providers.settings import InvalidSettings
from tests.support.fake_carrier import Carrier, answers, late
from tests.support.fixtures.databases import on_sqlite
from tests.support.http_carriers import Office, fails, taken
from tests.support.stack import until

MATTEL, MAURITEL = "+22233000001", "+22244000001"


def rule(office: Office, *choices: NewRouteTarget, operator: str | None = None, key_id: str | None = None) -> None:
    office.write(lambda session: rules.set_rule(session, ("sms", operator, key_id), choices))


def test_without_a_carrier_everything_lands_on_the_sandbox_phone(office: Office) -> None:
    sent = office.submit(office.caller())
    office.drain(office.desk())
    assert office.message(sent).carrier == "sandbox"


def test_the_first_carrier_of_a_channel_becomes_its_route(office: Office, first: Carrier, second: Carrier) -> None:
    office.add("alpha", first)
    office.add("beta", second)
    sent = office.submit(office.caller())
    office.drain(office.desk())
    assert (taken(first), taken(second)) == ([sent], [])
    found = office.message(sent)
    assert (found.carrier, found.carrier_ref, found.status) == ("alpha", sent, "sent")


def test_a_test_key_never_reaches_a_carrier(office: Office, first: Carrier) -> None:
    office.add("alpha", first)
    sent = office.submit(office.caller("test"))
    office.drain(office.desk())
    assert taken(first) == []
    assert [text.message_uuid for text in SandboxInbox(office.sessions, office.settings).inbox("+22248089336")] == [
        sent
    ]


def test_the_most_specific_rule_counts(office: Office, first: Carrier, second: Carrier) -> None:
    office.add("alpha", first)
    office.add("beta", second)
    special, other = office.caller(), office.caller()
    rule(office, NewRouteTarget("beta", 0), operator="3")
    rule(office, NewRouteTarget("alpha", 0), operator="3", key_id=special.id)
    rule(office, NewRouteTarget("beta", 0), key_id=special.id)
    wanted = {
        office.submit(other, MAURITEL): first,
        office.submit(other, MATTEL): second,
        office.submit(special, MATTEL): first,
        office.submit(special, MAURITEL): second,
    }
    office.drain(office.desk())
    assert set(taken(first)) == {sent for sent, ledger in wanted.items() if ledger is first}
    assert set(taken(second)) == {sent for sent, ledger in wanted.items() if ledger is second}


@on_sqlite
def test_carriers_of_one_position_share_by_weight(office: Office, first: Carrier, second: Carrier) -> None:
    office.add("alpha", first)
    office.add("beta", second)
    rule(office, NewRouteTarget("alpha", 0, 3), NewRouteTarget("beta", 0, 1))
    caller = office.caller()
    for _ in range(200):
        office.submit(caller)
    office.drain(office.desk())
    assert len(taken(first)) + len(taken(second)) == 200
    assert 120 < len(taken(first)) < 180


@on_sqlite
def test_the_next_carrier_takes_over_and_the_first_comes_back_when_it_is_well(
    office: Office, first: Carrier, second: Carrier
) -> None:
    alpha = office.add("alpha", first)
    office.add("beta", second)
    rule(office, NewRouteTarget("alpha", 0), NewRouteTarget("beta", 1))
    first.plays(fails)
    caller, desk = office.caller(), office.desk()
    sent = [office.submit(caller) for _ in range(12)]
    office.drain(desk)
    office.due_now()
    office.drain(desk)
    assert sorted(taken(second)) == sorted(sent), "all of them went the other way"
    first.plays(answers(200, b'{"id": "x"}'))
    office.change(alpha, down_until=utcnow() - timedelta(seconds=1))
    more = [office.submit(caller) for _ in range(6)]
    office.drain(desk)
    later = [office.submit(caller) for _ in range(3)]
    office.drain(desk)
    assert set(taken(first)[-3:]) == set(later), "healed"
    assert set(taken(first)) & set(more), "a try was made with a message"


@on_sqlite
def test_a_fault_in_its_set_up_keeps_a_carrier_out_at_once(office: Office, first: Carrier, second: Carrier) -> None:
    office.add("alpha", first)
    office.add("beta", second)
    rule(office, NewRouteTarget("alpha", 0), NewRouteTarget("beta", 1))
    first.plays(answers(401))
    sent = office.submit(office.caller())
    desk = office.desk()
    office.drain(desk)
    office.due_now()
    office.drain(desk)
    assert (len(taken(first)), taken(second)) == (1, [sent])
    row = office.write(lambda session: carriers.find(session, "alpha"))
    assert row.down_code == "http_401"


@on_sqlite
def test_a_refused_text_goes_nowhere_else(office: Office, first: Carrier, second: Carrier) -> None:
    office.add("alpha", first)
    office.add("beta", second)
    rule(office, NewRouteTarget("alpha", 0), NewRouteTarget("beta", 1))
    first.plays(answers(422))
    sent = office.submit(office.caller())
    office.drain(office.desk())
    assert (office.message(sent).status, len(taken(first)), taken(second)) == ("failed", 1, [])
    noted = office.write(lambda session: attempts.failed_attempts(session, office.message(sent).id))
    assert [(one.carrier, one.outcome, one.code) for one in noted] == [("alpha", "refused", "http_422")]


@on_sqlite
def test_one_carrier_that_hangs_does_not_hold_another_up(office: Office, first: Carrier, second: Carrier) -> None:
    office.add("alpha", first, parallel="2")
    office.add("beta", second)
    rule(office, NewRouteTarget("beta", 0), operator="3")
    first.plays(late(2, answers(200, b'{"id": "late"}')))
    caller = office.caller()
    for _ in range(60):
        office.submit(caller, MAURITEL)
    quick = [office.submit(caller, MATTEL) for _ in range(10)]
    desk, hung = office.desk(), []

    def go_on() -> bool:
        hung.append(len(first.ledger))
        return len(second.ledger) < 10

    worker.drain(desk, "sms", go_on)
    assert sorted(taken(second)) == sorted(quick)
    assert max(hung) <= 2, "the other carrier was still at its first texts"


def test_what_waits_for_a_carrier_follows_a_new_rule(office: Office, first: Carrier, second: Carrier) -> None:
    alpha = office.add("alpha", first)
    office.add("beta", second)
    sent = office.submit(office.caller())
    with office.sessions() as session:
        row = outbox.claim(session, "sms", 1)[0]
    office.write(lambda session: settle.apply(session.connection(), [Defer(row, alpha, while_down=False)]))
    assert office.message(sent).carrier_id == alpha
    rule(office, NewRouteTarget("beta", 0))
    office.drain(office.desk())
    assert (taken(first), taken(second)) == ([], [sent])


def test_a_switched_off_carrier_gets_nothing_and_a_removed_one_loses_its_rows(office: Office, first: Carrier) -> None:
    office.add("alpha", first)
    office.write(lambda session: carriers.switch(session, carriers.find(session, "alpha"), on=False))
    sent = office.submit(office.caller())
    desk = office.desk()
    office.drain(desk)
    assert (taken(first), office.message(sent).status) == ([], "queued"), "it waits, and does not end on the sandbox"
    office.write(lambda session: carriers.switch(session, carriers.find(session, "alpha"), on=True))
    again = office.submit(office.caller())
    office.write(lambda session: carriers.remove(session, carriers.find(session, "alpha")))
    office.drain(desk)
    assert {office.message(one).carrier for one in (sent, again)} == {"sandbox"}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_carrier_can_be_removed_while_it_is_marked_down(office: Office, first: Carrier) -> None:
    """Both write of the carrier and of what waits for it. In two orders, PostgreSQL would end one of them."""
    office.add("alpha", first)
    office.submit(office.caller())
    with office.sessions.begin() as session:
        alpha = carriers.find(session, "alpha").id
        row = outbox.claim(session, "sms", 1)[0]
    office.write(lambda session: settle.apply(session.connection(), [Defer(row, alpha, while_down=False)]))
    with ThreadPoolExecutor(1) as pool:
        with office.sessions.begin() as judge:
            judge.execute(update(CarrierRow).where(CarrierRow.id == alpha).values(down_since=utcnow()))
            removal = pool.submit(
                office.write, lambda session: carriers.remove(session, carriers.find(session, "alpha"))
            )
            with office.sessions() as other:
                until(lambda: other.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")), 10)
            health.mark_down(judge, alpha, "timeout")
        removal.result(20)


@on_sqlite
def test_changed_settings_hold_without_a_restart(office: Office, first: Carrier, second: Carrier) -> None:
    office.add("alpha", first)
    desk = office.desk()
    box = carriers.cipher(office.settings)
    office.write(
        lambda session: carriers.revise(
            session,
            box,
            carriers.find(session, "alpha"),
            carriers.shown(box, carriers.find(session, "alpha")) | {"url": f"{second.url}/send", "callback_secret": ""},
        )
    )
    second.plays(answers(200, b'{"id": "new"}'))
    sent = office.submit(office.caller())
    office.drain(desk)
    assert (taken(first), taken(second)) == ([], [sent])


def test_a_channel_with_carriers_but_no_route_keeps_its_texts(office: Office, first: Carrier) -> None:
    office.add("alpha", first)
    rule(office)
    rule(office, NewRouteTarget("alpha", 0), operator="3")
    sent = office.submit(office.caller(), MAURITEL)
    office.drain(office.desk())
    found = office.message(sent)
    assert (found.status, found.error_code, taken(first)) == ("sending", "no_route", [])


@on_sqlite
@pytest.mark.parametrize("name", ["", "sandbox", "Mauritel", "a b", "é", "x" * 41, "-a"])
def test_a_carrier_needs_a_plain_name(office: Office, first: Carrier, name: str) -> None:
    with pytest.raises(InvalidSettings):
        office.add(name, first)


def test_credentials_lie_encrypted(office: Office, first: Carrier) -> None:
    office.add("alpha", first)
    box = carriers.cipher(office.settings)
    row = office.write(lambda session: carriers.find(session, "alpha"))
    assert b"a-secret-of-the-carrier" not in row.sealed
    assert carriers.decrypted(box, row)["callback_secret"] == "a-secret-of-the-carrier"
    assert carriers.shown(box, row)["callback_secret"] is True


@on_sqlite
@pytest.mark.parametrize(
    ("choices", "code"),
    [
        ([NewRouteTarget("nobody", 0)], "unknown_carrier"),
        ([NewRouteTarget("alpha", 0), NewRouteTarget("alpha", 1)], "twice"),
        ([NewRouteTarget("alpha", 0, 0)], "weight"),
        ([NewRouteTarget("alpha", 0, sender="douze lettres")], "sender"),
        ([NewRouteTarget("meta", 0)], "wrong_channel"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused(
    office: Office, first: Carrier, choices: list[NewRouteTarget], code: str
) -> None:
    office.add("alpha", first)
    office.add("meta", first, "whatsapp")
    with pytest.raises(InvalidRoute) as refused:
        rule(office, *choices)
    assert refused.value.code == code


@on_sqlite
def test_a_rule_explains_itself(office: Office, first: Carrier, second: Carrier) -> None:
    alpha = office.add("alpha", first)
    office.add("beta", second)
    rule(office, NewRouteTarget("alpha", 0), NewRouteTarget("beta", 1), operator="3")
    trip = RoutingRequest("sms", MATTEL, "")

    def fates() -> list[tuple[str, str]]:
        found = office.write(lambda session: explain.of(session, trip))
        assert found.subject == ("sms", "3", None)
        return [(way.carrier.name, way.state) for way in found.ways]

    assert fates() == [("alpha", "now"), ("beta", "next")]
    office.change(alpha, down_since=utcnow(), down_until=utcnow() + timedelta(minutes=1))
    assert fates() == [("alpha", "down"), ("beta", "now")]


@on_sqlite
def test_a_repeat_counts_only_what_is_in_doubt(office: Office, first: Carrier) -> None:
    """Two tries that surely failed and then one in doubt: it gets its one more."""
    office.add("alpha", first)
    first.plays(fails, fails, lambda wire: wire.reset(), lambda wire: wire.reset(), answers(200))
    sent = office.submit(office.caller())
    desk = office.desk()
    for _ in range(3):
        office.drain(desk)
        office.due_now()
    assert office.message(sent).status == "sending"
    office.drain(desk)
    assert (office.message(sent).status, office.message(sent).unknowns) == ("failed", 1)

"""How the last minutes of carriers and operators went."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.gateway.carriers import recent
from dashboard.models.carriers import CarrierMinute
from dashboard.models.messages import Message
from dashboard.vocabulary import Operator, Trend
from tests.support.fixtures.databases import on_sqlite
from tests.support.http_carriers import Office
from tests.support.statements import asked


def minute(office: Office, ago: timedelta, **counts: int) -> None:
    usual = {"taken": 0, "refused": 0, "again": 0, "unknown": 0}
    with office.sessions.begin() as session:
        session.add(CarrierMinute(carrier="smsc", at=utcnow() - ago, times=[0] * 11, **usual | counts))


def end(office: Office, uuid: str, status: str) -> None:
    with office.sessions.begin() as session:
        now = utcnow()
        values = {"status": status, "carrier": "smsc", "due_at": None, "sent_at": now if status == "sent" else None}
        session.execute(update(Message).where(Message.uuid == uuid).values(values))


def test_a_carrier_that_refuses_everything_is_cut_off_since_its_last_text(office: Office) -> None:
    minute(office, timedelta(hours=1), taken=400)
    minute(office, timedelta(minutes=2), refused=50)
    minute(office, timedelta(minutes=1), again=7)
    found = office.write(recent.of_carriers)["smsc"]
    assert (found.trend, found.tried, found.lost) == (Trend.CUT_OFF, 57, 57)
    assert found.since is not None
    assert timedelta(minutes=59) < utcnow() - found.since < timedelta(minutes=61)


def test_without_a_success_it_is_cut_off_since_its_first_try_or_for_a_day(office: Office) -> None:
    minute(office, timedelta(minutes=5), refused=50)
    since = office.write(recent.of_carriers)["smsc"].since
    assert since is not None and utcnow() - since < timedelta(minutes=6)
    minute(office, timedelta(hours=23, minutes=30), refused=1)
    assert office.write(recent.of_carriers)["smsc"].since is None


def test_a_carrier_is_judged_by_its_last_minutes(office: Office) -> None:
    minute(office, timedelta(hours=1), refused=400)
    minute(office, timedelta(minutes=1), taken=100, refused=2)
    assert office.write(recent.of_carriers)["smsc"].trend == Trend.AS_USUAL
    minute(office, timedelta(minutes=1), refused=60)
    assert office.write(recent.of_carriers)["smsc"].trend == Trend.WEAK


def test_an_operator_that_gets_no_code_is_cut_off_and_another_is_not(office: Office) -> None:
    caller = office.caller()
    for number in range(6):
        end(office, office.send_code(caller, phone=f"+2222200000{number}"), "failed")
        end(office, office.send_code(caller, phone=f"+2223300000{number}"), "sent")
    found = office.write(recent.of_operators)
    assert (found[Operator.CHINGUITEL].trend, found[Operator.CHINGUITEL].lost) == (Trend.CUT_OFF, 6)
    assert found[Operator.CHINGUITEL].since is not None, "it is cut off since its first code, not since a day"
    assert (found[Operator.MATTEL].trend, found[Operator.MATTEL].tried) == (Trend.AS_USUAL, 6)
    assert found[Operator.MATTEL].since is not None
    assert found[Operator.MAURITEL].trend == Trend.QUIET


@on_sqlite
def test_the_index_alone_answers_for_operators_and_walks_through_no_table(office: Office) -> None:
    """With a million messages the overview took two seconds."""
    caller = office.caller()
    end(office, office.send_code(caller, phone="+22222000000"), "failed")
    with asked(office.sessions) as statements:
        office.write(recent.of_operators)
    about_messages = [statement for statement in statements if "FROM messages" in statement]
    by_operator = [statement for statement in about_messages if "substr" in statement]
    assert len(by_operator) == 3 + 4, statements  # sums, and the first lost by status and channel
    with office.sessions() as session:
        for statement in about_messages:
            values = ("0",) * statement.count("?")
            plan = [row[3] for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert not [step for step in plan if step == "SCAN messages"], (statement, plan)
            if statement in by_operator:
                steps = [step for step in plan if step.startswith("SEARCH messages")]
                assert steps and all("ix_messages_facets" in step and "<expr>=?" in step for step in steps), plan

"""What claiming and settling cost: statements, and the way to the due rows."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.dialects import postgresql

from dashboard.db import utcnow
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.models.messages import Message
from dashboard.providers.base import Outcome, Outgoing, Provider
from tests.support.http_carriers import Office
from tests.support.statements import asked


class Many(Provider):
    """Takes many texts at once."""

    name = "many"
    capacity = 50

    def send(self, outgoing: Outgoing) -> Outcome:
        return Outcome(outgoing.id)


@pytest.mark.parametrize("carrier_id", [None, 7])
def test_the_index_alone_finds_the_oldest_due_rows(office: Office, carrier_id: int | None) -> None:
    """No sort, whatever waits: with 90,000 rows a sort made each claim take a second."""
    caller = office.caller()
    for _ in range(5):
        office.submit(caller)
    engine = office.sessions.kw["bind"]
    is_sqlite = engine.dialect.name == "sqlite"
    for_carrier = Message.carrier_id.is_(None) if carrier_id is None else Message.carrier_id == carrier_id
    due = (
        select(Message.id)
        .where(for_carrier, *outbox._IN_QUEUE)
        .order_by(Message.due_at)
        .limit(50)
        .params(in_lane="sms", at_priority=1, now=utcnow())
    )
    statement = str(due.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        if not is_sqlite:
            connection.execute(text("SET enable_seqscan = off"))
        prefix = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
        plan = "\n".join(str(row) for row in connection.exec_driver_sql(f"{prefix} {statement}"))
    assert ("ix_messages_due" if carrier_id is None else "ix_messages_deferred") in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("statement", [outbox.DUE, outbox.DUE_DEFERRED])
def test_no_look_reads_the_whole_table_where_most_rows_wait(office: Office, statement: Any) -> None:
    """PostgreSQL plans it once for all parameters, and where nearly all rows wait, expects to meet a due one at once.
    With 70,000 waiting, workers spent most of their time on that look.
    """
    engine = office.sessions.kw["bind"]
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite plans by the index alone; the test above holds that")
    caller = office.caller()
    with office.sessions.begin() as session:
        texts = [(caller, Draft.text("22000000", "Bonjour")) for _ in range(3_000)]
        outbox.submit_all(session, texts)
        if statement is outbox.DUE_DEFERRED:
            session.execute(update(Message).values(carrier_id=7))
    dialect = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
    generic = str(statement.compile(dialect=dialect))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE messages")
        driver: Any = connection.connection.driver_connection
        plan = "\n".join(row[0] for row in driver.execute(f"EXPLAIN (GENERIC_PLAN) {generic}"))
    assert "Seq Scan" not in plan, plan


def test_a_batch_costs_no_more_statements_than_one_text(office: Office) -> None:
    desk, caller = office.desk(), office.caller()
    desk.connections.open[outbox.SANDBOX_ID].provider = Many()
    costs = []
    for size in (1, 40):
        for _ in range(size):
            office.submit(caller)
        with asked(office.sessions) as ran:
            claimed = office.drain(desk)
        assert claimed == size
        costs.append(len(ran))
    assert costs[1] <= costs[0] <= 25, costs

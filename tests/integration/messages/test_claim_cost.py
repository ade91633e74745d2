"""What claiming and settling cost: statements, and the way to the due rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, select, text

from dashboard.db import Sessions, utcnow
from dashboard.gateway.messages import outbox
from dashboard.models.messages import Message
from dashboard.providers.base import Outcome, Outgoing, Provider
from tests.support.http_carriers import Office


class Many(Provider):
    """Takes many texts at once."""

    name = "many"
    capacity = 50

    def send(self, outgoing: Outgoing) -> Outcome:
        return Outcome(outgoing.id)


@contextmanager
def counted(sessions: Sessions) -> Iterator[list[str]]:
    """The statements that run meanwhile."""
    ran: list[str] = []
    engine = sessions.kw["bind"]

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        ran.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield ran
    event.remove(engine, "before_cursor_execute", note)


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


def test_a_batch_costs_no_more_statements_than_one_text(office: Office) -> None:
    desk, caller = office.desk(), office.caller()
    desk.connections.open[outbox.SANDBOX_ID].provider = Many()
    costs = []
    for size in (1, 40):
        for _ in range(size):
            office.submit(caller)
        with counted(office.sessions) as ran:
            claimed = office.drain(desk)
        assert claimed == size
        costs.append(len(ran))
    assert costs[1] <= costs[0] <= 25, costs

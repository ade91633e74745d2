"""Statements about lists give what SQLAlchemy's own execution of them gives."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import bindparam, insert, or_, select, update

from dashboard.db import Sessions, UtcDateTime, core_table, utcnow
from dashboard.driver import ListStatement
from dashboard.models.limits import LimitOverride

ROWS = core_table(LimitOverride)
PHONES = [f"+2222000000{number}" for number in range(7)]
NOW = utcnow()
OF_PHONES = (
    select(ROWS)
    .where(
        ROWS.c.phone.in_(bindparam("phones", expanding=True)),
        or_(ROWS.c.until.is_(None), ROWS.c.until > bindparam("now", type_=UtcDateTime)),
        ROWS.c.reason == "a reason",
    )
    .order_by(ROWS.c.id)
)


@pytest.fixture
def filled(sessions: Sessions) -> Sessions:
    with sessions.begin() as session:
        for number, phone in enumerate(PHONES):
            until = NOW + timedelta(hours=number - 3, microseconds=number) if number % 2 else None
            row = {"phone": phone, "minute": number, "reason": "a reason", "until": until, "created_at": NOW}
            session.execute(insert(ROWS).values(row))
    return sessions


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_a_select_finds_the_same_rows_with_the_same_values(filled: Sessions, count: int) -> None:
    params = {"phones": PHONES[:count], "now": NOW}
    with filled() as session:
        expected = session.connection().execute(OF_PHONES, params).all()
        found = ListStatement(OF_PHONES).run(session.connection(), params)
    assert expected
    assert [row._asdict() for row in found] == [row._asdict() for row in expected]


def test_a_longer_list_after_a_shorter_one_is_another_statement(filled: Sessions) -> None:
    statement = ListStatement(OF_PHONES)
    with filled() as session:
        first = statement.run(session.connection(), {"phones": PHONES[:2], "now": NOW})
        second = statement.run(session.connection(), {"phones": PHONES[2:7], "now": NOW})
    assert [row.minute for row in first] == [0]  # the other ended two hours ago
    assert [row.minute for row in second] == [2, 3, 4, 5, 6]


def test_an_update_changes_each_row_once_and_returns_it(filled: Sessions) -> None:
    raised = ListStatement(
        update(ROWS)
        .where(ROWS.c.phone.in_(bindparam("phones", expanding=True)))
        .values(minute=ROWS.c.minute + 1, until=bindparam("new_until", type_=UtcDateTime))
        .returning(ROWS.c.minute, ROWS.c.until)
    )
    with filled.begin() as session:
        rows = raised.run(session.connection(), {"phones": PHONES[:3], "new_until": NOW})
    assert sorted(row.minute for row in rows) == [1, 2, 3]
    assert {row.until for row in rows} == {NOW}


def test_a_list_may_not_be_empty(filled: Sessions) -> None:
    with filled() as session, pytest.raises(ValueError, match="empty"):
        ListStatement(OF_PHONES).run(session.connection(), {"phones": [], "now": NOW})

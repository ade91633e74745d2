"""Rows that are inserted together hold what each was given, whether they share it or not."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from dashboard.db import Sessions, core_table, utcnow
from dashboard.driver import BulkInsert
from dashboard.models.limits import LimitOverride

ROWS = core_table(LimitOverride)
INSERT = BulkInsert(ROWS, "phone", "minute", "reason", "until", "created_at")
NOW = utcnow()
ROW: dict[str, Any] = {"phone": "+22220000001", "minute": 1, "reason": "a reason", "until": NOW, "created_at": NOW}


@pytest.mark.parametrize(
    "rows",
    [
        [ROW],
        [ROW, ROW],
        [ROW, ROW | {"phone": "+22220000002", "until": None}],
        [ROW | {"minute": None, "reason": ""}, ROW],
        [ROW | {"phone": f"+2222000000{number}", "minute": number % 2, "reason": '{"a,\\b'} for number in range(5)],
    ],
    ids=["one", "the same twice", "a time and none", "a number and none", "five"],
)
def test_every_row_holds_what_it_was_given(sessions: Sessions, rows: list[dict[str, Any]]) -> None:
    with sessions.begin() as session:
        INSERT.run(session.connection(), rows)
    with sessions() as session:
        found = session.execute(select(*(ROWS.c[name] for name in INSERT.names)).order_by(ROWS.c.id)).mappings().all()
    assert [dict(row) for row in found] == rows

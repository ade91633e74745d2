"""Which statements a database is asked meanwhile. For tests of what something costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from dashboard.db import Sessions


@contextmanager
def asked(sessions: Sessions) -> Iterator[list[str]]:
    """The statements that run meanwhile, in their order."""
    statements: list[str] = []
    engine = sessions.kw["bind"]

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)

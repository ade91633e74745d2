"""Which statements a database is asked meanwhile. For tests of what something costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from dashboard.cache import TimedCache
from dashboard.db import Sessions


@contextmanager
def asked(sessions: Sessions) -> Iterator[list[str]]:
    """The statements that run meanwhile, in their order.

    What a process remembers it keeps for as long: a machine that stands still for a second would have it ask again.
    """
    statements: list[str] = []
    engine = sessions.kw["bind"]

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    def get(cache: TimedCache[Any, Any], key: Any) -> Any:
        return cache._kept.get(key, (0.0, None))[1] if cache.seconds else None

    event.listen(engine, "before_cursor_execute", note)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TimedCache, "get", get)
            yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)

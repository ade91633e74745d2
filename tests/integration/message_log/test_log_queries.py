"""What the live log asks the database for."""

from __future__ import annotations

from sqlalchemy import event

from dashboard.extensions import Services
from tests.support.dashboard_client import PARTIAL, Browser, World


def test_a_poll_of_the_log_loads_no_secrets(owner: Browser, world: World, services: Services) -> None:
    world.key("Shop")
    statements: list[str] = []
    event.listen(services.reader, "before_cursor_execute", lambda _c, _k, sql, *_rest: statements.append(sql))
    assert owner.get("/dashboard/messages/live?newest=0", headers={**PARTIAL, "X-Poll": "1"}).status_code == 204
    assert statements and not [sql for sql in statements if "key_secrets" in sql or "FROM api_keys" in sql]
    owner.get("/dashboard/messages/")
    assert [sql for sql in statements if "FROM api_keys" in sql]
    assert not [sql for sql in statements if "key_secrets" in sql]

"""A stolen cookie at every web process, on connections of its own."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.gateway.accounts import user_sessions, users
from dashboard.models.accounts import User
from tests.support.dashboard_client import PARTIAL, session_cookie
from tests.support.phones import new_phone
from tests.support.stack import Stack

PAGE = "/dashboard/account/password"
TRIES = 8  # connections, of which the kernel gives some to each process


def statuses(stack: Stack, cookie: str) -> set[int]:
    """What each of so many new connections is answered with."""
    headers = {**PARTIAL, "Cookie": f"chinqit_session={cookie}", "Connection": "close"}
    with httpx.Client(headers=headers, timeout=30, verify=False) as http:  # plain HTTP: no authorities need be read
        return {http.get(f"http://127.0.0.1:{stack.port}{PAGE}").status_code for _ in range(TRIES)}


@pytest.mark.parametrize("shut_out", [users.end_sessions, users.disable], ids=["all sessions end", "disabled"])
def test_it_dies_at_once_in_every_process(stack: Stack, shut_out: Callable[[Session, User], None]) -> None:
    with stack.sessions.begin() as session:
        email = f"{new_phone().strip('+')}@example.org"
        session.add(user := User(email=email, name="Nadia", role="viewer", password_hash="-"))
        session.flush()
        token, user_id = user_sessions.start_session(session, user, "127.0.0.1", "test"), user.id
    app = Flask("cookies")
    app.secret_key = stack.settings.secret_key
    stolen = session_cookie(app, token)
    assert statuses(stack, stolen) == {200}
    with stack.sessions.begin() as session:
        shut_out(session, session.get_one(User, user_id))
    assert statuses(stack, stolen) == {401}  # requests that begin after the commit: nothing is remembered for a second

"""A server whose own default is serializable breaks off no parallel calls: the level is the gateway's own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import text

from dashboard.db import Sessions, make_sessions
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.otp import send, verify
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.send import Order
from dashboard.gateway.otp.verify import Guess, WrongCode
from dashboard.models.registry import metadata
from tests.support.postgres import Server

RING = Keyring({"kid": b"a secret of the tests"})
PHONES = [f"+22238{number:03}089" for number in range(48)]  # one for each pair of calls


@pytest.fixture
def strict_sessions(postgres: Server) -> Iterator[Sessions]:
    """Sessions on a database whose default isolation is serializable."""
    address = postgres.create()
    with psycopg.connect(address, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    with psycopg.connect(address) as connection:
        assert connection.execute("SHOW transaction_isolation").fetchone() == ("serializable",)
    sessions = make_sessions(address)
    metadata.create_all(sessions.kw["bind"])
    yield sessions
    sessions.kw["bind"].dispose()


def test_parallel_codes_and_guesses_are_all_judged(strict_sessions: Sessions) -> None:
    with strict_sessions.begin() as session:
        assert session.scalar(text("SHOW transaction_isolation")) == "read committed"
        _, secret = keys.create(session, NewKey("shop"))
        session.flush()
        caller = authentication.authenticate(session, secret)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda phone: both(strict_sessions, caller, phone), PHONES))
    assert {type(result) for result in results} == {WrongCode}


def both(sessions: Sessions, caller: Caller, phone: str) -> object:
    """Send a code and guess wrong: what the guess comes to."""
    with sessions.begin() as session:
        send.send(session, RING, caller, Order(phone))
    with sessions.begin() as session:
        return verify.verify(session, RING, caller, Guess(phone, "no code")).refusal

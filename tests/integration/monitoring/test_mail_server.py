"""A mail server in trouble, a real one: what `chinqit doctor` and the attention list say of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from dashboard.cli.registry import main
from dashboard.extensions import Services
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.delivery.connections import MAX_FAILURES_IN_A_ROW
from dashboard.gateway.monitoring import judge
from dashboard.gateway.monitoring.alerts import AlertCode
from dashboard.outbound import client
from dashboard.vocabulary import Severity
from tests.support import mail_server
from tests.support.certificates import Authority, make_authority
from tests.support.dashboard_client import Browser
from tests.support.http_carriers import Office
from tests.support.mail_server import PASSWORD, USER
from tests.support.stack import free_port

WRONG = "a-password-that-is-wrong"


@pytest.fixture
def office(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Of the pages' own database, which is the command's, too."""
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))
    made = Office(services.sessions, services.settings)
    yield made
    for desk in made.desks:
        desk.connections.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


def set_up(office: Office, port: int, authority: Authority, password: str = WRONG) -> None:
    place = {"host": "127.0.0.1", "port": str(port), "security": "starttls", "ca_certificate": authority.pem}
    values = place | {"username": USER, "password": password, "sender": "codes@example.mr"}
    with office.sessions.begin() as session:
        carriers.add(session, carriers.cipher(office.settings), NewCarrier("email", "courrier", values))


def doctor() -> str:
    """What it says of carriers; a password in any of its words is a fault."""
    told = CliRunner().invoke(main, ["doctor"]).output
    assert WRONG not in told and PASSWORD not in told
    lines = told.splitlines()
    places = [place for place, line in enumerate(lines) if " carriers " in line]
    assert places, told
    return " ".join(line.strip() for place in places for line in lines[place : place + 2])


def attention(office: Office, owner: Browser, codes: int = 1) -> tuple[set[tuple[AlertCode, Severity]], str]:
    """What is wrong with carriers once codes were tried, and the overview."""
    caller = office.caller()
    for number in range(codes):
        office.send_code(caller, "email", f"mailto:client{number}@example.mr")
    office.drain(office.desk("email"), "email")
    with office.sessions() as session:
        found = judge.everything(session, office.settings, None)
    page = owner.get("/dashboard/").text
    assert WRONG not in page and PASSWORD not in page
    return {(one.code, one.severity) for one in found if one.subject == "courrier"}, page


def test_a_server_that_lets_us_in_is_well(office: Office, authority: Authority) -> None:
    with mail_server.running(authority.context, asks=True) as postbox:
        set_up(office, postbox.port, authority, PASSWORD)
        assert doctor().startswith("ok     carriers  courrier")
        assert postbox.connections and not postbox.messages


def test_a_refused_sign_in_is_told_before_and_after_a_code_was_tried(
    office: Office, authority: Authority, owner: Browser
) -> None:
    with mail_server.running(authority.context, asks=True) as postbox:
        set_up(office, postbox.port, authority)
        told = doctor()
        assert "WRONG  carriers  courrier: The mail server refuses the user name or the password." in told
        assert "-> Enter the right credentials." in told
        found, page = attention(office, owner)
    assert found == {(AlertCode.CARRIER_CREDENTIALS, Severity.GRAVE)}
    assert "courrier" in page and "The mail server refuses the user name or the password." in page


def test_a_server_that_is_not_there_is_told(office: Office, authority: Authority, owner: Browser) -> None:
    set_up(office, free_port(), authority)
    assert "WRONG  carriers  courrier: " in doctor()
    found, page = attention(office, owner, MAX_FAILURES_IN_A_ROW)
    assert found == {(AlertCode.CARRIER_DOWN, Severity.GRAVE)}
    assert "courrier" in page
    assert "WRONG  carriers  courrier: down" in doctor()


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_a_call_takes(
    office: Office, authority: Authority
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        set_up(office, silent.getsockname()[1], authority)
        began = time.monotonic()
        told = doctor()
        assert time.monotonic() - began < 3 * client.TIMEOUT
    assert "WRONG  carriers  courrier: " in told

"""What a carrier's page says of its last minutes, its answers and its receipts; the drawer and the command line too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from dashboard.cli.registry import main
from dashboard.db import iso, utcnow
from dashboard.extensions import Services
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.models.carriers import CarrierConnection, CarrierMinute
from dashboard.models.delivery import FailedAttempt, UnmatchedReceipt
from dashboard.models.messages import Message
from tests.support.dashboard_client import Browser, World
from tests.support.fake_carrier import Carrier as Ledger
from tests.support.fake_carrier import Wire
from tests.support.http_carriers import HTTP, Office

CARRIERS = "/dashboard/carriers/"
SMPP = {"host": "127.0.0.1", "port": "2775", "system_id": "gw"}
ERR = b'{"status":"ERR","error":"100","error_string":"authentication failed"}'


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
    """The command line finds the gateway of the pages."""
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))


@pytest.fixture
def desk(services: Services) -> Iterator[Office]:
    """A worker on the database of the pages."""
    office = Office(services.sessions, services.settings)
    yield office
    for made in office.desks:
        made.connections.close()


@pytest.fixture
def page(services: Services) -> str:
    """An SMSC to which a worker has a session; its address in the dashboard."""
    with services.sessions.begin() as session:
        made = carriers.add(session, carriers.cipher(services.settings), NewCarrier("smpp", "chinguitel", SMPP))
        lasting = utcnow() + timedelta(minutes=5)  # it gives no other sign of life, however long the test takes
        line = {"version": made.version, "under_way": 0, "beat_at": lasting, "code": None}
        session.add(CarrierConnection(process="host:1", carrier_id=made.id, state="ready", **line))
        return f"{CARRIERS}{made.id}"


def answered(services: Services, ago: timedelta, **counts: int) -> None:
    counts = {"taken": 0, "refused": 0, "again": 0, "unknown": 0, **counts}
    with services.sessions.begin() as session:
        session.add(CarrierMinute(carrier="chinguitel", at=utcnow() - ago, times=[0] * 11, **counts))


def failed(services: Services, message: Message, count: int, code: str, **more: Any) -> None:
    with services.sessions.begin() as session:
        for i in range(count):
            told = {"message_id": message.id, "at": utcnow() - timedelta(minutes=i), "carrier": "chinguitel"}
            session.add(FailedAttempt(code=code, **told | {"outcome": "again", "answer": None} | more))


def unread(services: Services, count: int, raw: str, message_id: int | None = None) -> None:
    told: dict[str, Any] = {
        "references": [],
        "phone": "",
        "state": "unknown",
        "code": "smpp_unknown_word",
        "message_id": message_id,
    }
    with services.sessions.begin() as session:
        for i in range(count):
            at = utcnow() - timedelta(minutes=count - i)
            session.add(UnmatchedReceipt(carrier="chinguitel", at=at, received_at=at, raw=f"{raw}{i}", **told))


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", text))


def listed() -> dict[str, Any]:
    result = CliRunner().invoke(main, ["providers", "list", "--json"])
    assert result.exit_code == 0, result.output
    [row] = json.loads(result.output)
    return dict(row)


def test_one_that_refuses_everything_is_told_alike_everywhere(
    viewer: Browser, page: str, services: Services, world: World, environment: None
) -> None:
    world.text(world.key())
    for address in (CARRIERS, page):
        assert "Operational" in viewer.get(address).text
    answered(services, timedelta(minutes=30), taken=400)
    answered(services, timedelta(minutes=1), refused=57)
    for address in (CARRIERS, page, "/dashboard/"):
        text = viewer.get(address).text
        assert re.search(r'class="status s-refusing">.*?Refuses everything\s*</span>', text, re.DOTALL), address
        assert "57 of 57 refused" in plain(text), address
        assert re.search(r"o message accepted since \d\d:\d\d", plain(text)), address
    assert (listed()["state"], listed()["error"][:8]) == ("refusing", "57 of 57")


def test_one_that_refuses_many_is_told_alike_and_is_no_alarm(
    viewer: Browser, page: str, services: Services, world: World, environment: None
) -> None:
    world.text(world.key())
    answered(services, timedelta(minutes=1), taken=10, refused=5)
    for address in (CARRIERS, page, "/dashboard/"):
        text = viewer.get(address).text
        assert re.search(r'class="status s-weak">.*?Refuses many\s*</span>', text, re.DOTALL), address
        assert "notice bad" not in text.split('id="standing"')[-1] or address == "/dashboard/"
    assert "5 of 15 messages not accepted" in plain(viewer.get(page).text)
    assert listed()["state"] == "weak"


def test_refusals_of_an_hour_ago_say_nothing_of_now(viewer: Browser, page: str, services: Services) -> None:
    answered(services, timedelta(minutes=30), refused=57)
    assert "Operational" in viewer.get(page).text


def test_failures_stand_by_reason_with_their_times(
    viewer: Browser, page: str, services: Services, world: World
) -> None:
    message = world.text(world.key())
    failed(services, message, 3, "smpp_submit_failed")
    failed(services, message, 1, "smpp_queue_full")
    failed(services, message, 1, "smpp_throttled", at=utcnow() - timedelta(days=2))
    text = viewer.get(page).text
    rows = re.findall(r'<tr id="failure-(\w+)">(.*?)</tr>', text, re.DOTALL)
    assert [code for code, _ in rows] == ["smpp_submit_failed", "smpp_queue_full"], "the most frequent first, of a day"
    assert re.search(r'data-label="Times">3</td>', rows[0][1])
    assert rows[0][1].count("<time ") == 2


def test_without_failures_and_answers_it_says_so(viewer: Browser, page: str) -> None:
    text = viewer.get(page).text
    assert 'id="failures"' not in text
    assert "None in the last 24 hours." in text


def test_its_last_answers_are_text_and_for_those_who_see_numbers(
    viewer: Browser, operator: Browser, page: str, services: Services, world: World
) -> None:
    message = world.text(world.key())
    failed(services, message, 1, "http_503", answer="503 <b>no route to 22238089336</b>")
    text = operator.get(page).text
    assert "503 &lt;b&gt;no route to 22238089336&lt;/b&gt;" in text
    assert "no route to" not in viewer.get(page).text
    drawer = f"/dashboard/messages/{message.uuid}"
    assert "503 &lt;b&gt;no route" in operator.get(drawer).text
    assert "no route to" not in viewer.get(drawer).text


def test_the_same_answer_stands_once_with_how_often_it_came(
    operator: Browser, page: str, services: Services, world: World
) -> None:
    message = world.text(world.key())
    failed(services, message, 10, "http_503", answer="503 later")
    failed(services, message, 1, "http_400", answer="400 no", at=utcnow() - timedelta(hours=1))
    answers = operator.get(page).text.split('id="answers"')[1].split("</section>")[0]
    groups = re.findall(r"<li>(.*?)</li>", answers, re.DOTALL)
    assert [re.findall(r"<samp[^>]*>([^<]+)<", one) for one in groups] == [["503 later"], ["400 no"]]
    assert "10 times" in groups[0] and groups[0].count("<time ") == 2
    assert "time" not in plain(groups[1]) and groups[1].count("<time ") == 1


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        ("http", {}, "No receipt from the carrier yet"),
        ("http", {"callback_format": "none"}, "This carrier sends no receipts: the message stays at “Sent”."),
        ("smpp", {}, "No receipt from the carrier yet"),
        ("smpp", {"receipts": "false"}, "This carrier sends no receipts: the message stays at “Sent”."),
    ],
)
def test_a_message_that_stays_sent_says_whether_a_receipt_can_come(
    viewer: Browser, services: Services, world: World, kind: str, changes: dict[str, str], told: str
) -> None:
    usual = {"http": {**HTTP, "url": "http://127.0.0.1/"}, "smpp": SMPP}[kind]
    with services.sessions.begin() as session:
        carriers.add(session, carriers.cipher(services.settings), NewCarrier(kind, "remote", {**usual, **changes}))
    message = world.text(world.key(), **world.sent(status="sent", delivered_at=None, carrier="remote"))
    assert told in viewer.get(f"/dashboard/messages/{message.uuid}").text


def test_receipts_that_could_not_be_read_are_counted_and_shown_with_the_setting_that_reads_them(
    owner: Browser, operator: Browser, viewer: Browser, page: str, services: Services
) -> None:
    assert 'id="unread"' not in owner.get(page).text
    unread(services, 25, "stat:ACKED err:")
    text = owner.get(page).text
    assert "25 receipts could not be read" in text
    shown = re.findall(r"stat:ACKED err:(\d+)<", text)
    assert shown == [str(i) for i in range(24, 4, -1)], "the newest 20"
    assert "“Words of receipts”" in text
    target = re.search(r'href="([^"]+/edit)#(f-v-\w+)"', text)
    assert target and f'id="{target[2]}"' in owner.get(target[1]).text
    assert "stat:ACKED" in operator.get(page).text and "/edit#" not in operator.get(page).text
    assert "stat:ACKED" not in viewer.get(page).text and "25 receipts" in viewer.get(page).text
    listing = viewer.get(CARRIERS).text
    assert "25 receipts could not be read" in listing and "without a message" not in listing, "each counts once"


def test_a_receipt_that_names_a_message_stands_in_its_drawer(
    operator: Browser, page: str, services: Services, world: World
) -> None:
    message = world.text(world.key(), status="sent", sent_at=utcnow() - timedelta(hours=1), due_at=None)
    unread(services, 1, "stat:ACKED err:", message.id)
    text = operator.get(f"/dashboard/messages/{message.uuid}").text
    assert "A receipt of chinguitel could not be read" in text and "stat:ACKED err:0" in text


def says_error(wire: Wire) -> None:
    wire.answer(200, ERR)


def test_a_test_that_counts_as_taken_and_speaks_of_an_error_is_shown_with_a_warning(
    operator: Browser, services: Services, desk: Office, first: Ledger
) -> None:
    carrier_id = desk.add("play", first, password="hush-hush")
    first.plays(says_error)
    here = str(operator.post(f"{CARRIERS}{carrier_id}/test", {"phone": "38089336"}).location)
    assert desk.drain(desk.desk()) == 1
    reference = here.rsplit("/", 1)[1]
    for address in (here, f"{CARRIERS}{carrier_id}", f"/dashboard/messages/{reference}"):
        text = operator.get(address).text
        assert "200 {&#34;status&#34;:&#34;ERR&#34;" in text, address
        assert "speaks of an error" in text and "write a rule for it" in text, address
    assert 'id="failure-carrier_taken_with_error"' in operator.get(f"{CARRIERS}{carrier_id}").text


def test_a_test_that_is_taken_is_shown_with_its_answer_and_no_warning(
    operator: Browser, services: Services, desk: Office, first: Ledger
) -> None:
    carrier_id = desk.add("play", first)
    here = str(operator.post(f"{CARRIERS}{carrier_id}/test", {"phone": "38089336"}).location)
    assert desk.drain(desk.desk()) == 1
    text = operator.get(here).text
    assert "200 {" in text and "speaks of an error" not in text
    assert 'id="failures"' not in text


def test_answers_of_messages_that_were_taken_are_not_kept_unless_doubtful(
    services: Services, desk: Office, first: Ledger
) -> None:
    desk.add("play", first)
    caller, worker = desk.caller(), desk.desk()
    desk.submit(caller)
    desk.drain(worker)
    with services.sessions() as session:
        assert session.query(FailedAttempt).count() == 0
    first.plays(says_error)
    desk.submit(caller)
    desk.drain(worker)
    with services.sessions() as session:
        [kept] = session.query(FailedAttempt).all()
        assert (kept.outcome, kept.code, kept.answer) == (
            "taken",
            "carrier_taken_with_error",
            f"200 {ERR.decode()}",
        )


def test_the_doctor_tells_it_with_the_time_of_the_last_success(
    page: str, services: Services, environment: None
) -> None:
    answered(services, timedelta(minutes=30), taken=400)
    answered(services, timedelta(minutes=1), refused=57)
    with services.sessions() as session:
        last = session.query(CarrierMinute.at).filter(CarrierMinute.taken > 0).scalar()
    findings = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).output)
    [found] = [finding for finding in findings if finding["subject"] == "carriers"]
    assert not found["ok"]
    assert found["message"].startswith("chinguitel: refusing, 57 of 57 messages not accepted")
    assert iso(last) in found["message"]

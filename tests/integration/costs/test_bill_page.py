"""A bill is handed in on its page; the answer shows what differs, as a file and as letters in two languages."""

from __future__ import annotations

import base64
import csv
import io
import re
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result

from dashboard.app import LARGEST_FORM
from dashboard.cli.registry import main
from dashboard.db import core_table
from dashboard.extensions import Services
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.models.costs import Charge
from tests.support.dashboard_client import Browser, World
from tests.support.http_carriers import HTTP

PAGE = "/dashboard/usage/bill/"


@pytest.fixture(autouse=True)
def carrier(services: Services, world: World) -> None:
    """One text of two parts for 0.64 MRU on 5 October."""
    sent = world.text(world.key("Boutique"))
    told = {"key_id": sent.key_id, "carrier": "mauritel", "operator": "3", "channel": "sms", "segments": 2}
    marks = {"is_ucs2": False, "wasted": 0, "is_refunded": False, "cost": 6_400}
    with services.sessions.begin() as session:
        wanted = NewCarrier("http", "mauritel", HTTP | {"url": "http://127.0.0.1:9/"})
        carriers.add(session, carriers.cipher(services.settings), wanted)
        at = datetime(2026, 10, 5, 12, tzinfo=UTC)
        session.execute(core_table(Charge).insert().values(message_id=sent.id, taken_at=at, **told, **marks))


def hand_in(browser: Browser, bill: bytes, carrier: str = "mauritel") -> tuple[int, str]:
    answer = browser.post(PAGE, {"carrier": carrier, "bill": (io.BytesIO(bill), "facture.csv")})
    return answer.status_code, answer.text


def test_what_differs_is_shown_and_taken_away(operator: Browser) -> None:
    bill = b"Date;Numero;Segments;Montant\n05/10/2026;38089336;3;0,96\n05/10/2026;44000001;1;0,32\nx;y;z;t\n"
    status, page = hand_in(operator, bill)
    assert status == 200
    for told in ("Other number of segments", "nothing was sent to the number", "1 line could not be read", "0.64"):
        assert told in page, told
    assert 'lang="fr" dir="ltr"' in page and 'lang="ar" dir="rtl"' in page
    assert "Objet" in page and "الموضوع" in page and "0,64" in page
    (file,) = re.findall(r'href="data:text/csv;charset=utf-8;base64,([^"]+)"', page)
    lines = base64.b64decode(file).decode("utf-8-sig").splitlines()
    assert lines[1:] == [
        "not_sent,3,2026-10-05,22244000001,1,,0.32,,0.32",
        "parts,2,2026-10-05,22238089336,3,2,0.96,0.64,0.32",
    ]


def test_a_bill_that_agrees_says_so(operator: Browser) -> None:
    status, page = hand_in(operator, b"Date;Numero;Segments\n2026-10-05;38089336;2\n")
    assert status == 200 and "The bill agrees with what was sent." in page and "data:text/csv" not in page


@pytest.mark.parametrize(
    ("bill", "chosen", "fault"),
    [
        (b"", "mauritel", "The file is empty."),
        (b"PK\x03\x04", "mauritel", "The file cannot be read."),
        (b"a;b\n1;2\n", "mauritel", "No column of phone numbers"),
        (b"38089336;x\n", "mauritel", "No column of days"),
        (b"38089336;2026-10-05\n", "nobody", "Choose a carrier of the list."),
    ],
)
def test_what_is_no_bill_is_refused_in_words(operator: Browser, bill: bytes, chosen: str, fault: str) -> None:
    status, page = hand_in(operator, bill, chosen)
    assert status == 422 and fault in page
    assert operator.post(PAGE, {"carrier": "mauritel"}).status_code == 422


def check(monkeypatch: pytest.MonkeyPatch, world: World, bill: bytes, *options: str) -> Result:
    for name in ("database_url", "chinqit_home", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(world.services.settings, name)))
    return CliRunner().invoke(main, ["bills", "check", "-", "--carrier", "mauritel", *options], input=bill)


def test_the_command_finds_what_the_page_finds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bill = b"Date;Numero;Segments;Montant\n05/10/2026;38089336;3;0,96\n06/11/2026;44000001;1;0,32\nx;y;z;t\n"
    done = check(monkeypatch, world, bill)
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(done.stdout.lstrip("\ufeff"))))
    assert [(row["reason"], row["line"], row["disputed"]) for row in rows] == [
        ("not_sent", "3", "0.32"),
        ("parts", "2", "0.32"),
    ]
    assert "Lines that could not be read: 1; the first stand at 4." in done.stderr
    assert "2 lines of 2026-10-05 to 2026-11-06: 0 agree, 0.64 MRU too much." in done.stderr
    assert "other number of segments (0.32 MRU)" in done.stderr


def test_a_month_of_a_bill_is_held_against_all_that_was_sent_in_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = b"Date;Numero\n06/11/2026;44000001\n20/10/2026;44000001\n"
    done = check(monkeypatch, world, bill, "--month", "2026-10")
    assert [line.split(",")[0] for line in done.stdout.splitlines()[1:]] == ["not_sent", "not_billed"]
    assert "Lines of other months, left out: 1." in done.stderr and "2026-10-01 to 2026-10-31" in done.stderr
    assert check(monkeypatch, world, bill, "--month", "2026-09").exit_code == 1


@pytest.mark.parametrize(
    ("bill", "fault"), [(b"", "The file is empty."), (b"Jour\n05/10/2026\n", "No column of phone numbers")]
)
def test_the_command_says_what_is_no_bill(
    world: World, monkeypatch: pytest.MonkeyPatch, bill: bytes, fault: str
) -> None:
    done = check(monkeypatch, world, bill)
    assert done.exit_code == 1 and fault in done.stderr


def test_only_this_form_takes_a_large_file_and_only_of_who_is_signed_in(operator: Browser, stranger: Browser) -> None:
    large = b"Date;Numero;Segments\n2026-10-05;38089336;2\n" + b";;\n" * (LARGEST_FORM // 2)
    assert len(large) > LARGEST_FORM and hand_in(operator, large)[0] == 200
    told = {"phones": (io.BytesIO(large), "numbers.csv")}
    assert operator.post("/dashboard/opt-outs/new", told).status_code == 413
    assert stranger.client.post(PAGE, data={"bill": (io.BytesIO(large), "a.csv")}).status_code in (302, 303, 413)

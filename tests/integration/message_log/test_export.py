"""The message log as CSV, sending a text again, and the newer filters."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.gateway import spreadsheets
from dashboard.gateway.message_log import csv_export
from dashboard.models.messages import Message
from tests.support.dashboard_client import Browser, World

LIST = "/dashboard/messages/"
FILE = f"{LIST}export.csv"


def rows_of(browser: Browser, query: str = "") -> list[dict[str, str]]:
    answer = browser.get(FILE + query)
    assert answer.mimetype == "text/csv" and answer.data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\0"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(start: str) -> None:
    assert spreadsheets.safe(f"{start}1+1") == f"'{start}1+1"
    assert spreadsheets.safe(f"a{start}") == f"a{start}"


def test_the_file_holds_just_what_is_filtered_and_never_a_code(operator: Browser, world: World) -> None:
    key = world.key()
    world.text(key, body='=HYPERLINK("http://x"), déjà\nvu')
    world.text(key, "+22246112233", **world.sent())
    world.code(key, "+22226112233", language="ar")
    rows = rows_of(operator)
    assert [row["phone"] for row in rows] == ["22226112233", "22246112233", "22238089336"]
    assert rows[0]["text"].startswith("رمز التحقق: ••••••") and rows[2]["text"].startswith("'=HYPERLINK")
    assert [row["phone"] for row in rows_of(operator, "?status=delivered")] == ["22246112233"]
    assert [row["operator"] for row in rows_of(operator, "?operator=chinguitel")] == ["Chinguitel"]
    assert rows_of(operator, "?q=nonsense!") == []


def test_the_file_says_beforehand_how_many_rows_it_has_to_a_page_that_asks(operator: Browser, world: World) -> None:
    key = world.key()
    for _ in range(3):
        world.text(key)
    world.text(key, **world.sent())
    asked = operator.get(f"{FILE}?status=queued", headers={"X-Progress": "1"})
    assert asked.headers["X-Rows"] == "3" == str(len(asked.text.splitlines()) - 1)
    assert operator.get(f"{FILE}?q=nonsense!", headers={"X-Progress": "1"}).headers["X-Rows"] == "0"
    assert "X-Rows" not in operator.get(FILE).headers


def test_exports_are_for_operators(viewer: Browser, operator: Browser, world: World) -> None:
    world.text(world.key())
    assert (viewer.get(FILE).status_code, operator.get(FILE).status_code) == (403, 200)
    assert "export.csv" in operator.get(LIST).text and "export.csv" not in viewer.get(LIST).text


def test_the_file_is_written_in_pieces(monkeypatch: pytest.MonkeyPatch, operator: Browser, world: World) -> None:
    monkeypatch.setattr(csv_export, "PIECE", 2)
    key = world.key()
    for number in range(5):
        world.text(key, body=str(number))
    assert [row["text"] for row in rows_of(operator)] == ["4", "3", "2", "1", "0"]


def test_the_period_filters_by_time(operator: Browser, world: World) -> None:
    key = world.key()
    old = world.text(key, "+22246112233")
    with world.services.sessions.begin() as session:
        session.execute(update(Message).where(Message.id == old.id).values(created_at=utcnow() - timedelta(hours=2)))
    assert rows_of(operator, "?period=1h") == []
    world.text(key)
    assert len(rows_of(operator, "?period=1h")) == 1
    assert len(rows_of(operator, "?period=24h")) == 2

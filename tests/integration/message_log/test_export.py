"""The message log as CSV, sending a text again, and the newer filters."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.gateway import spreadsheets
from dashboard.gateway.message_log import csv_export
from dashboard.models.messages import Message, Resend
from tests.support.dashboard_client import PARTIAL, Browser, World

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


def test_a_text_is_sent_again_once_and_both_know_of_each_other(operator: Browser, world: World) -> None:
    old = world.text(world.key(), **world.sent())
    url = f"{LIST}{old.uuid}/resend"
    asked = operator.partial(url, "div#dialog-body").text
    assert "Send this text again?" in asked and "Bonjour" in asked and "there twice" in asked
    answer = operator.post(url, {"times": "0"})
    assert answer.status_code == 303
    assert operator.post(url, {"times": "0"}, headers=PARTIAL).status_code == 409, "the same form twice"
    with world.services.sessions() as session:
        first, second = session.scalars(select(Message).order_by(Message.id)).all()
        (link,) = session.scalars(select(Resend)).all()
        assert (link.old_id, link.new_id, link.created_by) == (first.id, second.id, "operator@example.org")
        assert (second.body, second.phone, second.key_id, second.status) == ("Bonjour", old.phone, old.key_id, "queued")
        new = second.uuid
    assert new in operator.get(LIST + old.uuid).text and old.uuid in operator.get(LIST + new).text


def test_codes_and_texts_on_their_way_or_gone_are_not_sent_again(operator: Browser, world: World) -> None:
    key = world.key()
    code, waiting = world.code(key, **world.sent()), world.text(key)
    gone = world.text(key, **world.sent())
    world.settle(gone.id, body=None)
    for message in (code, waiting, gone):
        url = f"{LIST}{message.uuid}/resend"
        assert operator.partial(url, "div#dialog-body").status_code == 409
        assert operator.post(url, {"times": "0"}, headers=PARTIAL).status_code == 409
        assert "/resend" not in operator.get(LIST + message.uuid).text
    with world.services.sessions() as session:
        assert len(session.scalars(select(Message)).all()) == 3

"""GET /messages, /messages/{messageId} and /me: what they refuse."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from dashboard.gateway.maintenance import retention
from dashboard.models.messages import Message
from tests.support.api_client import Api, ApiClient
from tests.support.error_shape import failure, invalid
from tests.support.phones import new_phone


@pytest.mark.parametrize(
    ("asked", "name", "code"),
    [
        ("limit=0", "limit", "out_of_range"),
        ("limit=101", "limit", "out_of_range"),
        ("limit=1e1", "limit", "out_of_range"),
        ("limit=-1", "limit", "out_of_range"),
        ("limit=%D9%A1", "limit", "out_of_range"),
        ("after=1", "after", "unknown_cursor"),
        ("after=c1faed86-1216-4a88-9784-9e3ad774d0d7", "after", "unknown_cursor"),
        ("status=gone", "status", "invalid_choice"),
        ("channel=fax", "channel", "invalid_choice"),
        ("kind=code", "kind", "invalid_choice"),
        ("phoneNumber=12345678", "phoneNumber", "phone_prefix"),
        ("phoneNumber=%00", "phoneNumber", "phone_format"),
        ("from=yesterday", "from", "time_format"),
        ("from=2026-11-22", "from", "time_format"),
        ("to=2026-11-22T00:00:00", "to", "time_format"),
        ("to=2026-13-22T00:00:00Z", "to", "time_format"),
        ("to=0001-01-01T00:00:00%2B23:59", "to", "time_format"),
        ("limit=1&limit=2", "limit", "duplicate_key"),
    ],
)
def test_a_filter_that_breaks_a_rule_is_named(client: ApiClient, asked: str, name: str, code: str) -> None:
    invalid(client.get(f"/messages?{asked}"), [name], code)


def test_a_cursor_whose_message_was_deleted_is_unknown_and_the_answer_says_what_to_do(
    api: Api, client: ApiClient
) -> None:
    kept, deleted = (client.send(new_phone()).json()["messageId"] for _ in range(2))
    with api.sessions.begin() as session:
        row_id = session.scalars(select(Message.id).where(Message.uuid == deleted)).one()
        retention.KINDS["messages"].erase(session, row_id, row_id)
    answer = client.get(f"/messages?after={deleted}")
    invalid(answer, ["after"], "unknown_cursor")
    sentence = answer.json()["errors"][0]["message"]
    assert "may have been deleted" in sentence and "begin again without `after`" in sentence
    assert [each["messageId"] for each in client.get("/messages?after=").json()["messages"]] == [kept]


@pytest.mark.parametrize("name", ["limit", "after", "status", "channel", "kind", "phoneNumber", "from", "to"])
def test_an_empty_filter_is_as_absent(client: ApiClient, name: str) -> None:
    assert client.get(f"/messages?{name}=").status_code == 200


def test_an_unknown_filter_is_named(client: ApiClient) -> None:
    invalid(client.get("/messages?colour=%00%FF"), ["colour"], "unknown_parameter")


@pytest.mark.parametrize("path", ["/messages", "/messages/x", "/me", "/openapi.json", "/healthz", "/readyz"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_reading_is_for_get(client: ApiClient, method: str, path: str) -> None:
    answer = client.api.call(method, path, key=client.key, json={})
    failure(answer, 405, "Method not allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}

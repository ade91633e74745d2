"""The shape of errors."""

from __future__ import annotations

import re
from typing import Any

import httpx

CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def failure(answer: httpx.Response, status: int, message: str | None = None, **more: Any) -> list[dict[str, Any]]:
    """The `errors` of an answer that has this status and the shape of all errors; `more` are further keys."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:500]}"
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"success", "message", "errors", *more}
    assert body["success"] is False
    assert isinstance(body["message"], str)
    assert body["message"]
    assert message is None or body["message"] == message
    assert {name: body[name] for name in more} == more
    for item in body["errors"]:
        assert {"path", "message", "code"} <= set(item)
        assert CODE.fullmatch(item["code"])
        assert all(isinstance(step, str) for step in item["path"])
        assert isinstance(item["message"], str)
        assert item["message"]
    errors: list[dict[str, Any]] = body["errors"]
    return errors


def invalid(answer: httpx.Response, path: list[str], code: str | None = None) -> None:
    """A validation error with exactly one item, for this path."""
    errors = failure(answer, 400, "Validation failed")
    assert [item["path"] for item in errors] == [path], errors
    assert code is None or errors[0]["code"] == code, errors


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """An error with exactly one item, of this code; return it."""
    errors = failure(answer, status)
    assert [item["code"] for item in errors] == [code], errors
    return errors[0]

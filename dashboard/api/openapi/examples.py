"""Every error of an endpoint, by breaking its rules: the documentation shows what the code answers.

This is for the command that writes the document; no request comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from werkzeug.datastructures import MultiDict

from dashboard.api import contract, error_kinds, errors, request_body
from dashboard.api.contract import Contract
from dashboard.api.error_kinds import ERRORS
from dashboard.api.errors import ApiError, Invalid
from dashboard.api.schemas.base import Breaks

BROKEN_BODIES = (b"[]", b'{"message": "a", "message": "b"}', b'{"message": "\\ud800"}')


@dataclass(frozen=True)
class ErrorExample:
    """An answer that refuses. `name` is the code where there is one."""

    name: str
    status: int
    answer: dict[str, Any]

    @property
    def codes(self) -> list[str]:
        return [item["code"] for item in self.answer.get("errors", [])]


def error_examples(declared: Contract) -> list[ErrorExample]:
    """All errors of an endpoint, in the order in which it checks; one for each code."""
    if declared.scope is None:
        return []
    invalid = [_invalid(item) for item in _broken_rules(declared)]
    codes = ["request_body_too_large"] if declared.body else []
    codes += [*declared.errors, "database_unavailable", "internal_server_error"]
    before = ["api_key_is_required", "invalid_api_key", "address_not_allowed", "scope_missing"]
    examples = [_example(code, declared) for code in before] + invalid + [_example(code, declared) for code in codes]
    return list({(each.status, each.name): each for each in reversed(examples)}.values())[::-1]


def bears_retry_after(code: str) -> bool:
    """Whether the answer to this error says how long to wait."""
    return code in ERRORS and "retryAfter" in ERRORS[code].example


def _example(code: str, declared: Contract) -> ErrorExample:
    kind = ERRORS[code]
    params = {"scope": declared.scope} if code == "scope_missing" else kind.example
    return ErrorExample(code, kind.status, errors.body(ApiError(code, **params)))


def _invalid(item: dict[str, Any]) -> ErrorExample:
    return ErrorExample(item["code"], 400, {"success": False, "message": error_kinds.INVALID, "errors": [item]})


def _broken_rules(declared: Contract) -> Iterator[dict[str, Any]]:
    if declared.body:
        for raw in BROKEN_BODIES:
            yield from _faults(lambda raw=raw: request_body.parse(raw))  # type: ignore[misc]
        yield from _broken_fields(declared.body)
    if declared.idempotent:
        yield contract.bad_idempotency_key()
    if declared.query:
        schema = declared.query
        yield from _broken_fields(schema)
        for params in (MultiDict([("limit", "1"), ("limit", "2")]), MultiDict([("page", "2")])):
            yield from _faults(lambda params=params: contract.parse_query(schema, params))  # type: ignore[misc]


def _broken_fields(schema: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """What comes of a good example with one field spoilt, for each field and each way to spoil it."""
    fields = {field.alias or name: field for name, field in schema.model_fields.items()}
    good = {name: field.examples[0] for name, field in fields.items() if field.examples and field.exclude_if is None}
    if not any(field.is_required() for field in fields.values()):
        yield from _faults(lambda: contract.parse(schema, {}), must=False)
    for name, field in fields.items():
        rest = {other: value for other, value in good.items() if other != name} | _beside(field)
        if field.is_required():
            yield from _faults(lambda values=rest: contract.parse(schema, values))  # type: ignore[misc]
        for bad in _bad_values(field):
            yield from _faults(lambda values=rest | {name: bad}: contract.parse(schema, values))  # type: ignore[misc]


def _beside(field: FieldInfo) -> dict[str, Any]:
    """What other fields must be for the rules of this one to hold."""
    return {name: value for rule in field.metadata if isinstance(rule, Breaks) for name, value in rule.beside.items()}


def _bad_values(field: FieldInfo) -> Iterator[Any]:
    for rule in field.metadata:
        if isinstance(rule, Breaks):
            yield from rule.values.values()
    if field.annotation is str:
        yield 1
    if any(get_origin(kind) is Literal for kind in (field.annotation, *get_args(field.annotation))):
        yield "?"


def _faults(check: Callable[[], object], *, must: bool = True) -> list[dict[str, Any]]:
    try:
        check()
    except Invalid as error:
        return error.errors
    if not must:
        return []
    raise AssertionError("a value that should break a rule was taken")

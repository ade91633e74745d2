"""A route declares what it takes, gives and refuses; the same declaration checks requests and makes the docs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from flask import Response, g, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

from dashboard.api import request_body
from dashboard.api.auth import caller, look_again, scope_missing
from dashboard.api.errors import Forbidden, Invalid, problem
from dashboard.extensions import services
from dashboard.gateway.messages import idempotency

T = TypeVar("T", bound=BaseModel)
MESSAGES = {
    "missing": ("required", "This field is required"),
    "string_type": ("invalid_type", "Must be a string"),
    "list_type": ("invalid_type", "Must be a list"),
    "bool_type": ("invalid_type", "Must be true or false"),
    "model_type": ("invalid_type", "Must be an object"),
    "string_unicode": ("invalid_characters", "Holds characters that are not Unicode text"),
}


@dataclass(frozen=True)
class Contract:
    """What a route does, for whoever calls it. Its description is the route's docstring.

    `takes` is its body, `asks` what comes behind the question mark; `refuses` are exceptions that the API's error
    handlers know, beside those that follow from the other fields. Without a scope it is open to all.
    """

    gives: type[BaseModel]
    summary: str
    tag: str
    scope: str | None = None
    takes: type[BaseModel] | None = None
    asks: type[BaseModel] | None = None
    refuses: tuple[type[Exception], ...] = ()
    idempotent: bool = False
    limited: bool = False  # its answers bear the limits as they stand
    confirms: bool = False  # its work sees for itself that the key is live: one remembered from before will do
    largest: int = request_body.LIMIT  # bytes
    also: dict[int, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """Further statuses that bear `gives`: their meaning, and where their example differs."""


def contract(declared: Contract) -> Callable[[Callable[..., BaseModel | Response]], Callable[..., Response]]:
    """Check the key's scope, then the body or the query, then call the route with what it takes."""

    def decorate(view: Callable[..., BaseModel | Response]) -> Callable[..., Response]:
        @wraps(view)
        def guarded(**path: str) -> Response:
            try:
                arguments = _arguments(declared)
            except (Invalid, Forbidden, HTTPException):
                look_again()  # before anything else is said: the key may have ended meanwhile
                raise
            answer = view(*arguments, **path)
            return answer if isinstance(answer, Response) else reply(written(answer))

        guarded.contract = declared  # type: ignore[attr-defined]
        return guarded

    return decorate


def written(answer: BaseModel) -> str:
    """The body of an answer."""
    return json.dumps(answer.model_dump(), separators=(",", ":")) + "\n"


def reply(text: str, status: int = 200) -> Response:
    return Response(text, status, mimetype="application/json")


def parse(schema: type[T], values: Any) -> T:
    """The values as the schema's type; raise Invalid with one item for each broken rule."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise Invalid([_item(dict(fault)) for fault in error.errors(include_url=False, include_input=False)]) from None


def query() -> dict[str, str]:
    """What comes behind the question mark; raise Invalid when a name comes twice."""
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise Invalid([problem([name], "duplicate_key", "The same parameter is given twice") for name in twice])
    return request.args.to_dict()


def _arguments(declared: Contract) -> list[BaseModel]:
    if declared.scope and not caller().allows(declared.scope):
        raise scope_missing(declared.scope)
    if declared.asks is not None:
        return [parse(declared.asks, query())]
    if declared.takes is None:
        return []
    values = request_body.json_object(declared.largest)
    if declared.idempotent:
        _note_call(values)
    return [parse(declared.takes, values)]


def _note_call(values: dict[str, Any]) -> None:
    """Remember which call this is, if the caller named it."""
    name = request.headers.get("Idempotency-Key")
    if name is None:
        return
    try:
        g.call = idempotency.call(services().settings, caller(), request.path, name, values)
    except idempotency.InvalidName:
        raise Invalid([bad_idempotency_key()]) from None


def bad_idempotency_key() -> dict[str, Any]:
    return problem(["Idempotency-Key"], "idempotency_key", "Must be 1 to 255 printable ASCII characters")


def _item(fault: dict[str, Any]) -> dict[str, Any]:
    path = [str(step) for step in fault["loc"]]
    if fault["type"] == "literal_error":
        return problem(path, "invalid_choice", f"Must be one of {fault['ctx']['expected'].replace(chr(39), '')}")
    code, message = MESSAGES.get(fault["type"], (fault["type"], fault["msg"]))
    return problem(path, code, message)

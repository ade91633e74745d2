"""An endpoint declares its body, its response and its errors; the declaration checks requests and makes the docs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response, g, request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from dashboard.api import auth, request_body
from dashboard.api.errors import ApiError, Invalid, problem
from dashboard.extensions import services
from dashboard.gateway.messages import idempotency
from dashboard.gateway.messages.idempotency import IdempotentCall

T = TypeVar("T", bound=BaseModel)
FAULTS = {  # of pydantic: our code and message
    "missing": ("required", "This field is required"),
    "string_type": ("invalid_type", "Must be a string"),
    "int_type": ("invalid_type", "Must be a whole number"),
    "list_type": ("invalid_type", "Must be a list"),
    "bool_type": ("invalid_type", "Must be true or false"),
    "model_type": ("invalid_type", "Must be an object"),
    "string_unicode": ("invalid_characters", "Holds characters that are not Unicode text"),
}


@dataclass(frozen=True)
class Contract:
    """What an endpoint does, for whoever calls it. Its description is the view's docstring.

    `errors` are codes of the table of errors, beside those that follow from the other fields. Without a scope the
    endpoint is open to all. An idempotent one rechecks the key in the transaction that does its work.
    """

    response: type[BaseModel]
    summary: str
    tag: str
    scope: str | None = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    errors: tuple[str, ...] = ()
    idempotent: bool = False
    is_brief: bool = False  # it waits for nothing but a commit; what else may block, it does aside (main_thread)
    shows_limits: bool = False  # its answers bear the limits on codes as they stand
    max_bytes: int = request_body.LIMIT
    is_streamed: bool = False  # the view reads the body by itself, as it is too long to be held as it came
    status: int = 200  # of the answer when all is well
    extra_responses: dict[int, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """Further statuses that bear `response`: their meaning, and where their example differs."""


@dataclass(frozen=True)
class DoorRefusal:
    """How a door refuses, in the words of the service that its calls were written for."""

    status: int
    about: str
    example: dict[str, Any]
    is_timed: bool = False  # it says when to come back


@dataclass(frozen=True)
class DoorContract(Contract):
    """What a door does. It checks its callers and their bodies by itself: this only describes it."""

    scheme: str = ""  # how its callers show who they are; one of `openapi.document.SCHEMES`
    refused: type[BaseModel] = BaseModel
    refusals: tuple[DoorRefusal, ...] = ()
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)  # answers with `status`, by name


def described(declared: DoorContract) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Declare what a view does, which checks all by itself."""

    def decorate(view: Callable[..., Response]) -> Callable[..., Response]:
        view.contract = declared  # type: ignore[attr-defined]
        return view

    return decorate


def contract(declared: Contract) -> Callable[[Callable[..., BaseModel | Response]], Callable[..., Response]]:
    """Check the key, its scope, then the body or the query, then call the view with what they hold."""

    def decorate(view: Callable[..., BaseModel | Response]) -> Callable[..., Response]:
        @wraps(view)
        def checked(**path: str) -> Response:
            arguments: list[BaseModel] = []
            if declared.scope is not None:
                auth.check_key(fresh=not declared.idempotent)
                try:
                    arguments = _arguments(declared, declared.scope)
                except (Invalid, ApiError, HTTPException):
                    if declared.idempotent:  # before anything else is said: the key may have ended meanwhile
                        auth.check_key(fresh=True)
                    raise
            response = view(*arguments, **path)
            return response if isinstance(response, Response) else reply(response, declared.status)

        checked.contract = declared  # type: ignore[attr-defined]
        return checked

    return decorate


def reply(response: BaseModel, status: int = 200) -> Response:
    """A response with this body."""
    text = response.model_dump_json(ensure_ascii=True) + "\n"
    return Response(text.encode(), status, content_type="application/json")


def parse(schema: type[T], values: Any) -> T:
    """The values as the schema's type; raise Invalid with one item for each broken rule."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise Invalid([_item(schema, dict(fault)) for fault in faults]) from None


def parse_query(schema: type[T], params: MultiDict[str, str]) -> T:
    """What comes behind the question mark; raise Invalid, also when a name comes twice."""
    twice = [name for name, values in params.lists() if len(values) > 1]
    if twice:
        raise Invalid([problem([name], "duplicate_key", "The same parameter is given twice") for name in twice])
    return parse(schema, params.to_dict())


def idempotent_call() -> IdempotentCall | None:
    """Which call this is, if the caller named it."""
    return cast("IdempotentCall | None", g.get("call"))


def name_call(values: dict[str, Any]) -> None:
    """Take note of the call's name, if it has one, and of what it asks for; raise Invalid."""
    name = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if name is None:
        return
    try:
        g.call = idempotency.call(services().settings, auth.caller(), request.path.rstrip("/"), name, values)
    except idempotency.InvalidName:
        raise Invalid([bad_idempotency_key()]) from None


def bad_idempotency_key() -> dict[str, Any]:
    return problem(["Idempotency-Key"], "idempotency_key", "Must be 1 to 255 printable ASCII characters")


def _arguments(declared: Contract, scope: str) -> list[BaseModel]:
    if not auth.caller().allows(scope):
        raise ApiError("scope_missing", scope=scope)
    if declared.query is not None:
        return [parse_query(declared.query, request.args)]
    if declared.body is None or declared.is_streamed:
        return []
    values = request_body.json_object(declared.max_bytes)
    if declared.idempotent:
        name_call(values)
    return [parse(declared.body, values)]


def _item(schema: type[BaseModel], fault: dict[str, Any]) -> dict[str, Any]:
    path = [str(step) for step in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        known = ", ".join(each.alias or name for name, each in schema.model_fields.items())
        return problem(path, "unknown_parameter", f"There is no such parameter; there are {known}")
    if fault["type"] == "literal_error":
        return problem(path, "invalid_choice", f"Must be one of {fault['ctx']['expected'].replace(chr(39), '')}")
    code, message = FAULTS.get(fault["type"], (fault["type"], fault["msg"]))
    return problem(path, code, message)

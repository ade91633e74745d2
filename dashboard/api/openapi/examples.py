"""Every refusal, had by breaking the rule: the documentation shows what the code answers, not what somebody wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from flask import Response, current_app, g
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from werkzeug.exceptions import InternalServerError, RequestEntityTooLarge

from dashboard.api import auth, contract, request_body
from dashboard.api import errors as api
from dashboard.api.blueprint import bp
from dashboard.api.contract import Contract
from dashboard.api.errors import Invalid
from dashboard.api.schemas.requests import Breaks
from dashboard.api.views.webhooks import URL_FAULTS, BadUrl
from dashboard.gateway.api_keys.authentication import UnknownKey
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.limits.rate_limit import RateLimited, WindowState
from dashboard.gateway.messages.idempotency import Mismatch
from dashboard.gateway.otp.verify import NoLiveOtp, TooManyAttempts, WrongCode
from dashboard.gateway.webhooks.endpoints import EndpointNotFound, EndpointOff, EventNotFound, TooManyEndpoints

STANDINGS = [WindowState("minute", 3, 2, 60), WindowState("hour", 10, 9, 3_600), WindowState("day", 20, 19, 86_400)]
FULL = WindowState("minute", 3, 0, 41)
SAMPLES: dict[type[Exception], list[Exception]] = {
    CapReached: [CapReached(1_000, 21_600)],
    RateLimited: [RateLimited(FULL, [FULL, *STANDINGS[1:]])],
    WrongCode: [WrongCode(2)],
    TooManyAttempts: [TooManyAttempts()],
    NoLiveOtp: [NoLiveOtp(code) for code in ("otp_not_found", "otp_used", "otp_expired")],
    api.ProviderFailed: [api.provider_refused(), api.provider_silent()],
    api.UnknownMessage: [api.UnknownMessage()],
    Mismatch: [Mismatch()],
    BadUrl: [BadUrl(code) for code in URL_FAULTS],
    TooManyEndpoints: [TooManyEndpoints()],
    EndpointNotFound: [EndpointNotFound()],
    EndpointOff: [EndpointOff()],
    EventNotFound: [EventNotFound()],
}
BROKEN_BODIES = (b"[]", b'{"message": "a", "message": "b"}', b'{"message": "\\ud800"}')
STRANGE = "?"


@dataclass(frozen=True)
class ErrorExample:
    """An answer that refuses. `name` is the code where there is one."""

    name: str
    status: int
    answer: dict[str, Any]
    headers: dict[str, str]

    @property
    def codes(self) -> list[str]:
        return [item["code"] for item in self.answer.get("errors", [])]


@contextmanager
def aside(**request: Any) -> Iterator[None]:
    """A request of its own, that leaves no trace in the one that is being answered."""
    with current_app.app_context(), current_app.test_request_context(**request):
        yield


def refusals(declared: Contract) -> list[ErrorExample]:
    """All that a route refuses, in the order in which it checks; one for each code."""
    found = [_refusal(answer) for answer in _answers(declared)]
    return list({(refusal.status, refusal.name): refusal for refusal in reversed(found)}.values())[::-1]


def _answers(declared: Contract) -> Iterator[Callable[[], Response]]:
    if declared.scope is None:
        return
    errors = [api.KeyMissing(), UnknownKey(), auth.address_not_allowed(), auth.scope_missing(declared.scope)]
    errors += [Invalid([item]) for item in _broken_rules(declared)]
    errors += [RequestEntityTooLarge()] if declared.takes else []
    errors += [sample for refused in declared.refuses for sample in SAMPLES[refused]]
    yield from (lambda error=error: _handled(error) for error in errors)
    yield api.database_down
    yield lambda: api.http_error(InternalServerError())


def _handled(error: Exception) -> Response:
    """The answer of the API's error handler."""
    handlers = bp.error_handler_spec[None][None]
    handler: Any = next((handlers[kind] for kind in type(error).__mro__ if kind in handlers), api.http_error)
    return current_app.make_response(handler(error))


def _refusal(answer: Callable[[], Response]) -> ErrorExample:
    with aside():
        g.request_id = "order-42"
        response = api.finish(answer())
        shown: dict[str, Any] = response.get_json()
        headers = {name: response.headers[name] for name in ("Retry-After", "RateLimit") if name in response.headers}
    codes = [item["code"] for item in shown.get("errors", [])]
    slug = "_".join(shown["message"].lower().split())
    return ErrorExample(codes[0] if codes else slug, response.status_code, shown, headers)


def _broken_rules(declared: Contract) -> Iterator[dict[str, Any]]:
    if declared.takes:
        for raw in BROKEN_BODIES:
            with aside(method="POST", data=raw):
                yield from _faults(request_body.json_object)
        yield from _broken_fields(declared.takes)
    if declared.idempotent:
        yield contract.bad_idempotency_key()
    if declared.asks:
        yield from _broken_fields(declared.asks)
        with aside(query_string="limit=1&limit=2"):
            yield from _faults(contract.query)


def _broken_fields(schema: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """What comes of a good example with one field spoilt, for each field and each way to spoil it."""
    fields = {field.alias or name: field for name, field in schema.model_fields.items()}
    good = {name: field.examples[0] for name, field in fields.items() if field.examples}
    if not any(field.is_required() for field in fields.values()):
        yield from _faults(lambda: contract.parse(schema, {}), must=False)
    for name, field in fields.items():
        rest = {other: value for other, value in good.items() if other != name}
        if field.is_required():
            yield from _faults(lambda values=rest: contract.parse(schema, values))  # type: ignore[misc]
        for bad in _bad_values(field):
            yield from _faults(lambda values=rest | {name: bad}: contract.parse(schema, values))  # type: ignore[misc]


def _bad_values(field: FieldInfo) -> Iterator[Any]:
    for told in field.metadata:
        if isinstance(told, Breaks):
            yield from told.values.values()
    if field.annotation is str:
        yield 1
    if any(get_origin(kind) is Literal for kind in (field.annotation, *get_args(field.annotation))):
        yield STRANGE


def _faults(check: Callable[[], object], *, must: bool = True) -> list[dict[str, Any]]:
    try:
        check()
    except Invalid as error:
        return error.errors
    if not must:
        return []
    raise AssertionError("a value that should break a rule was taken")

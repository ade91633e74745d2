"""The description of this API, made from the contracts that its endpoints declare.

`chinqit openapi` writes it to the file that GET /openapi.json serves; no request comes here.
"""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, get_args, get_origin

from flask import Flask
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from dashboard.api.contract import Contract, DoorContract
from dashboard.api.openapi import examples, shapes
from dashboard.api.openapi.examples import ErrorExample
from dashboard.api.openapi.shapes import REFERENCE
from dashboard.api.schemas.base import Problem
from dashboard.api.schemas.bulk import BulkRecipient
from dashboard.api.schemas.messages import NotQueued, SendMessage

Json = dict[str, Any]
ABOUT = """Send texts and one-time codes to Mauritanian phones, and follow them.

Every call but `/healthz`, `/readyz`, `/openapi.json` and doors needs an API key in the header `X-API-Key`. Bodies are
JSON; fields that are not described here are ignored. Branch on the status and on `errors[].code`; the `message` texts
are for people. Answers may get new fields. `/api/v2/notify`, `/api/v2/code` and `/api/v2/check` do what
`/messages/send`, `/otp/send` and `/otp/verify` do, and say what it costs. `Authorization: Bearer` is taken as
`X-API-Key` is.
"""
TAGS = {
    "Messages": "Send texts and see what became of them.",
    "Campaigns": "Send a text each to as many as 50,000 numbers in one call.",
    "Codes": "Send one-time codes and check them. A code is bound to the API key, the number and the channel.",
    "Webhooks": "Have events told to an address of yours, signed after Standard Webhooks.",
    "Sandbox": "What test keys sent, for tests that read their own codes.",
    "Account": "The API key itself.",
    "Health": "For load balancers and alarms; open to all.",
    "Doors": "Calls that were written for another service. Each door is closed until it is opened for a key.",
}
STATUSES = {
    400: "The call breaks a rule.",
    401: "No API key was given.",
    402: "A budget has no room left for it.",
    403: "The API key is unknown, revoked or expired, or it is not for this.",
    404: "Not found.",
    413: "The body is too large.",
    429: "Too many: wait for as many seconds as `Retry-After` says.",
    500: "Something broke on our side: try again after `Retry-After`.",
    502: "WhatsApp refused, or did not answer in time.",
}
HEADERS: dict[str, tuple[str, Json, Any]] = {
    "X-Request-Id": ("Names this call; the caller's own, if it sent a fitting one.", {"type": "string"}, "order-42"),
    "RateLimit-Policy": (
        "The limits on codes for this number.",
        {"type": "string"},
        '"minute";q=3;w=60, "hour";q=10;w=3600, "day";q=20;w=86400',
    ),
    "RateLimit": (
        "The limit that will be reached first: how many codes are left, and seconds until there is one more.",
        {"type": "string"},
        '"minute";r=2;t=60',
    ),
    "Retry-After": ("Seconds to wait.", {"type": "integer", "minimum": 1}, 41),
    "Idempotent-Replayed": (
        "This call came before: the answer is the one of then, and nothing was done.",
        {"type": "string", "const": "true"},
        "true",
    ),
}
IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A name of your choice for this call, new for each thing to be done. For 24 hours the same call "
    "with the same name gets the same answer and does nothing more; with another body it is refused. Refusals are not "
    "kept, but for a WhatsApp timeout: after another refusal the call may be made again under the same name.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]{1,255}$"},
    "example": "order-42-ready",
}
PLACES = {  # in a path
    "messageId": ("As the call that sent it gave it.", "c1faed86-1216-4a88-9784-9e3ad774d0d7"),
    "batchId": ("As the call that sent it gave it.", "0f8e5a1c-3c52-4d7b-9a49-6a1c6d3c2b10"),
    "reference": (
        "Names the door; it stands in the address that opening it gives.",
        "5d0c1e8a-2b7f-4c3e-9a61-7f2b8c4d9e10",
    ),
    "webhookId": ("As the call that made it gave it.", "6f0c3c7e-0d9e-4d3b-8b42-5f1e3f1a9a77"),
}

SCHEMES: Json = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "`cq_live_…`, or `cq_test_…` for the sandbox phone. Made in the dashboard.",
    },
    "HookSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Of Standard Webhooks, beside `webhook-id` and `webhook-timestamp`, by the secret that opening "
        "the door shows once.",
    },
    "ValidationToken": {
        "type": "apiKey",
        "in": "header",
        "name": "Validation-token",
        "description": "The secret of the API key whose door the address names.",
    },
}


def text(app: Flask) -> str:
    """The document as the file holds it."""
    return json.dumps(document(app), ensure_ascii=False, indent=1) + "\n"


def document(app: Flask) -> Json:
    """OpenAPI 3.1 of all routes that declare a contract."""
    routes = list(_routes(app))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Chinqit Gateway",
            "version": version("chinqit"),
            "description": ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this document is served"}],
        "security": [{"ApiKey": []}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": _paths(routes),
        "components": {
            "schemas": _schemas([declared for _, declared, _ in routes]),
            "headers": {name: _header(*header) for name, header in HEADERS.items()},
            "securitySchemes": SCHEMES,
        },
    }


def _routes(app: Flask) -> Iterator[tuple[Rule, Contract, str]]:
    for rule in sorted(app.url_map.iter_rules(), key=_place):
        view = app.view_functions.get(rule.endpoint)  # none where another application serves the address
        declared = getattr(view, "contract", None)
        if declared is not None:
            yield rule, declared, inspect.getdoc(view) or ""


def _place(rule: Rule) -> tuple[bool, str]:
    """The current names of the hosted service come last, but for doors."""
    return rule.rule.startswith("/api/v2/"), rule.rule


def _paths(routes: list[tuple[Rule, Contract, str]]) -> Json:
    paths: Json = {}
    named = Counter(rule.endpoint for rule, _, _ in routes)
    for rule, declared, about in routes:
        path = shown_path(rule.rule)
        method = next(iter(set(rule.methods or ()) - {"HEAD", "OPTIONS"})).lower()
        name = to_camel(rule.endpoint.rpartition(".")[2])
        name += "V2" if path.startswith("/api/v2/") and named[rule.endpoint] > 1 else ""  # another name of a call
        paths.setdefault(path, {})[method] = _operation(path, declared, name, " ".join(about.split()))
    return paths


def shown_path(rule: str) -> str:
    """`/messages/<message:message_id>` → `/messages/{messageId}`."""
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: "{" + to_camel(match[1]) + "}", rule)


def _operation(path: str, declared: Contract, name: str, about: str) -> Json:
    operation: Json = {
        "operationId": name,
        "tags": [declared.tag],
        "summary": declared.summary,
        "description": about,
        "parameters": _parameters(path, declared),
        "responses": _responses(declared),
    }
    if declared.body:
        operation["requestBody"] = {"required": True, "content": {"application/json": _content(declared.body)}}
    if isinstance(declared, DoorContract):
        operation["security"] = [{declared.scheme: []}]
    elif declared.scope is None:
        operation["security"] = []
    else:
        operation["x-scope"] = str(declared.scope)  # OpenAPI gives scopes to OAuth alone; API keys have none there
    return operation


def _parameters(path: str, declared: Contract) -> list[Json]:
    parameters = [_place_in_path(name) for name in re.findall(r"{(\w+)}", path)]
    if declared.idempotent:
        parameters.append(IDEMPOTENCY_KEY)
    if declared.query is None:
        return parameters
    schema = declared.query.model_json_schema()
    required = schema.get("required", [])
    return parameters + [_query_parameter(name, part, name in required) for name, part in schema["properties"].items()]


def _place_in_path(name: str) -> Json:
    about, shown = PLACES[name]
    parameter = {"name": name, "in": "path", "required": True, "description": about}
    return {**parameter, "schema": {"type": "string", "format": "uuid"}, "example": shown}


def _query_parameter(name: str, schema: Json, required: bool) -> Json:
    """A parameter may be left out; it cannot be null."""
    kept = next((choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"), schema)
    bare = {key: value for key, value in kept.items() if key not in ("title", "description", "examples")}
    if schema.get("default") is not None:
        bare["default"] = schema["default"]
    parameter: Json = {"name": name, "in": "query", "description": schema["description"]}
    if required:
        parameter["required"] = True
    return {**parameter, "schema": bare, "example": schema["examples"][0]}


def _responses(declared: Contract) -> Json:
    if isinstance(declared, DoorContract):
        return _door_responses(declared)
    limits = ["RateLimit-Policy", "RateLimit"] if declared.shows_limits else []
    again = ["Idempotent-Replayed"] if declared.idempotent else []
    header_names = {429: limits, 502: [*limits, *again]}
    about = {declared.status: (inspect.getdoc(declared.response) or "", {}), **declared.extra_responses}
    headers = ["X-Request-Id", *limits, *again]
    responses = {
        str(status): _response(text, _content(declared.response, odd), headers) for status, (text, odd) in about.items()
    }
    by_status: dict[int, list[ErrorExample]] = {}
    for refusal in examples.error_examples(declared):
        by_status.setdefault(refusal.status, []).append(refusal)
    for status, refusals in sorted(by_status.items()):
        responses[str(status)] = _refused(status, refusals, header_names.get(status, []))
    return responses


def _door_responses(declared: DoorContract) -> Json:
    about = inspect.getdoc(declared.response) or ""
    content = _content(declared.response)
    if declared.shown:
        content["examples"] = {name: {"value": value} for name, value in declared.shown.items()}
    responses = {str(declared.status): _response(about, content, ["X-Request-Id"])}
    schema = {"$ref": REFERENCE.format(model=declared.refused.__name__)}
    for one in declared.refusals:
        headers = ["X-Request-Id", *(["Retry-After"] if one.is_timed else [])]
        refusal = {"schema": schema, "examples": {"example": {"value": one.example}}}
        responses[str(one.status)] = _response(one.about, refusal, headers)
    return responses


def _content(model: type[BaseModel], differs: Json | None = None) -> Json:
    shown = example(model) | (differs or {})
    return {"schema": {"$ref": REFERENCE.format(model=model.__name__)}, "examples": {"example": {"value": shown}}}


def _refused(status: int, refusals: list[ErrorExample], more: list[str]) -> Json:
    shown = {refusal.name: {"summary": _summary(refusal), "value": refusal.answer} for refusal in refusals}
    waits = ["Retry-After"] if any(examples.bears_retry_after(each.name) for each in refusals) else []
    return _response(
        STATUSES[status], {"schema": _any_of(refusals), "examples": shown}, ["X-Request-Id", *waits, *more]
    )


def _summary(refusal: ErrorExample) -> str:
    errors = refusal.answer.get("errors")
    return str(errors[0]["message"] if errors else refusal.answer["message"])


def _response(about: str, content: Json, headers: list[str]) -> Json:
    shown = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return {"description": about, "headers": shown, "content": {"application/json": content}}


def _any_of(refusals: list[ErrorExample]) -> Json:
    """The shapes that refusals of one status have, each with the codes that it bears."""
    codes: dict[str, list[str]] = {}
    for refusal in refusals:
        codes.setdefault(shapes.name_of(refusal.answer), []).extend(refusal.codes)
    choices = [_with_codes(shape, list(dict.fromkeys(names))) for shape, names in codes.items()]
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _with_codes(shape: str, codes: list[str]) -> Json:
    schema: Json = {"$ref": REFERENCE.format(model=shape)}
    if codes:
        schema["properties"] = {"errors": {"items": {"properties": {"code": {"enum": codes}}}}}
    return schema


def _schemas(contracts: list[Contract]) -> Json:
    taken: set[type[BaseModel]] = {each.body for each in contracts if each.body} | {SendMessage, BulkRecipient}
    returned: set[type[BaseModel]] = {each.response for each in contracts} | {NotQueued, Problem}
    returned |= {each.refused for each in contracts if isinstance(each, DoorContract)}
    ordered = [(model, "validation") for model in sorted(taken, key=_name)]
    ordered += [(model, "serialization") for model in sorted(returned, key=_name)]
    made = models_json_schema(ordered, ref_template=REFERENCE)[1]["$defs"]  # type: ignore[arg-type]
    made = {name: schema for name, schema in made.items() if "properties" in schema}  # enums stand where they are used
    return {name: _tidied(schema) for name, schema in sorted((made | shapes.schemas()).items())}


def _tidied(schema: Any) -> Any:
    """Without the titles that pydantic makes from names, and with an example for each constant."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _tidied(value) for name, value in schema.items() if not (name == "title" and isinstance(value, str))}
    if isinstance(kept.get("properties"), dict):
        kept["required"] = _required(kept)
    if kept.get("default", 0) in ("", None):  # stands for: left out
        del kept["default"]
    if "const" in kept:
        kept.setdefault("examples", [kept["const"]])
    return kept


def _required(schema: Json) -> list[str]:
    """In the order of the fields. A constant is always there."""
    required = schema.get("required", [])
    return [name for name, part in schema["properties"].items() if name in required or "const" in part]


def example(model: type[BaseModel]) -> Json:
    """One good value of a model, from the examples of its fields."""
    return {
        field.serialization_alias or field.alias or name: _shown(field)
        for name, field in model.model_fields.items()
        if field.exclude_if is None  # those are left out of most responses
    }


def _shown(field: FieldInfo) -> Any:
    kinds = [kind for kind in _kinds(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    own = field.examples[0] if field.examples else None
    if get_origin(field.annotation) is list and kinds and not own:
        return [example(kind) for kind in kinds]
    if kinds and not own:
        return example(kinds[0])
    return field.examples[0] if field.examples else field.default


def _kinds(annotation: Any) -> list[Any]:
    """The types of an annotation, out of lists and unions."""
    inner = get_args(annotation)
    return [kind for part in inner for kind in _kinds(part)] if inner else [annotation]


def _header(about: str, schema: Json, shown: Any) -> Json:
    return {"description": about, "schema": schema, "example": shown}


def _name(model: type[BaseModel]) -> str:
    return model.__name__

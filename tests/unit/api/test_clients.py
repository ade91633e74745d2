"""How client libraries are made of a description of the API."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from dashboard.dev.clients import generate, languages
from dashboard.dev.clients.description import Description, Field, NotUnderstood, Type
from dashboard.resources import resource

ADDRESS = {"name": "orderId", "in": "path", "schema": {"type": "string"}}


def document(**call: Any) -> dict[str, Any]:
    """A description with one call; its answer is an Order, which is a Parcel or a Letter to one of `people`."""
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}
    text = {"type": "string"}
    schemas = {
        "Order": {
            "type": "object",
            "properties": {
                "sent": {"anyOf": [{"$ref": "#/components/schemas/Parcel"}, {"$ref": "#/components/schemas/Letter"}]},
                "people": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Letter"}},
                "anything": {},
                "class": {"anyOf": [{"enum": ["first", "second"], "type": "string"}, {"type": "null"}]},
            },
            "required": ["sent", "people", "anything"],
        },
        "Parcel": {"type": "object", "properties": {"weight": {"type": "number"}}, "required": ["weight"]},
        "Letter": {"type": "object", "properties": {"words": text}, "required": ["words"]},
        "Problem": {"type": "object", "properties": {"code": text}, "required": ["code"]},
    }
    operation = {"operationId": "showOrder", "summary": "Look", "responses": {"200": answer}, "parameters": [ADDRESS]}
    return {
        "info": {"version": "1.2.3"},
        "security": [{"ApiKey": []}],
        "paths": {"/orders/{orderId}": {"get": operation | call}},
        "components": {"schemas": schemas},
    }


def test_the_clients_are_what_is_made_of_the_description() -> None:
    described = json.loads(resource("openapi.json").read_text(encoding="utf-8"))
    kept = {path.name: path.read_text(encoding="utf-8") for path in generate.folder().iterdir() if path.is_file()}
    assert kept == generate.made(described), "run make openapi"


def test_every_client_has_every_call() -> None:
    described = Description(json.loads(resource("openapi.json").read_text(encoding="utf-8")))
    names = {call.name for call in described.calls}
    assert {"sendMessage", "sendBulk", "verifyOtpV2", "rotateSecret", "me"} <= names
    for file in generate.FILES:
        text = (generate.folder() / file).read_text(encoding="utf-8")
        for name in names:
            assert f" {languages.snake(name) if file.endswith('.py') else name}(" in text, (file, name)


def test_doors_are_in_no_client() -> None:
    """They are for programs that were written for another service; their keys are of other kinds."""
    described = json.loads(resource("openapi.json").read_text(encoding="utf-8"))
    every = [told for methods in described["paths"].values() for told in methods.values()]
    doors = {told["operationId"] for told in every if told["tags"] == ["Doors"]}
    assert doors == {"sendSms", "sendValidation"}
    made = Description(described)
    assert doors & {call.name for call in made.calls} == set()
    assert {"Validated", "ValidationRequest", "HookAnswered"} & {model.name for model in made.models} == set()
    for text in generate.made(described).values():
        assert not re.search("validat(?:ion|ed)_?(?:request|token)|doors/|send_?sms", text, re.IGNORECASE)


def test_objects_are_told_apart_and_read_as_deep_as_they_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parcels_client.py").write_text(generate.made(document())["chinqit.py"])
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module("parcels_client")
    order = made.Order.of({"sent": {"weight": 2}, "people": {"a": {"words": "b"}}, "anything": [1], "new": 1})
    assert (type(order.sent), order.sent.weight) == (made.Parcel, 2)
    assert (order.people["a"].words, order.anything, order.class_) == ("b", [1], None)
    assert type(made.Order.of({"sent": {"words": ""}, "people": {}, "anything": 1}).sent) is made.Letter


def test_calls_with_keys_of_other_kinds_are_left_out() -> None:
    for security, calls in (([{"Token": []}], 0), ([{"Token": []}, {"ApiKey": []}], 1), ([], 1), ([{}], 1)):
        assert len(Description(document(security=security)).calls) == calls
    assert len(Description(document(responses={"200": {"content": {"text/plain": {}}}})).calls) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"parameters": [{"name": "X-Shop", "in": "header", "schema": {"type": "string"}}]}, "the header X-Shop"),
        ({"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Text"}}}}}, "Text"),
    ],
)
def test_what_no_client_can_be_made_of_is_named(call: dict[str, Any], words: str) -> None:
    told = document(**call)
    told["components"]["schemas"]["Text"] = {"type": "string"}
    with pytest.raises(NotUnderstood, match=words):
        generate.made(told)


def test_objects_that_nothing_tells_apart_are_named() -> None:
    told = document()
    told["components"]["schemas"]["Letter"] = told["components"]["schemas"]["Parcel"]
    with pytest.raises(NotUnderstood, match="nothing tells Parcel from Letter"):
        generate.made(told)


def test_names_and_types_are_those_of_the_language() -> None:
    assert [languages.snake(name) for name in ("sendOtpV2", "from", "durationMs")] == [
        "send_otp_v2",
        "from_",
        "duration_ms",
    ]
    item = Type("string", choices=("a", "b"))
    listed = Type("array", item=item, nullable=True)
    assert languages.PYTHON.written(listed) == 'list[Literal["a", "b"]] | None'
    assert languages.TYPESCRIPT.written(listed) == 'Array<"a" | "b"> | null'
    assert languages.PHP.written(listed) == "array|null"
    assert languages.PHP_COMMENT.written(listed) == "list<'a'|'b'>|null"
    assert languages.DART.written(listed, optional=True) == "List<String>?"
    assert languages.told(Field("kind", item, True, "What it is.")) == "What it is. One of `a`, `b`."

"""The description of the API, as the reference shows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast
from urllib.parse import urlencode

from dashboard.pages.docs.code_samples import SampleCall
from dashboard.pages.web.locale import CATALOGUES
from dashboard.resources import resource

Json = dict[str, Any]
LATER_NAMES = "V2"  # ends the name of an operation that is another's namesake
API_KEY = "ApiKey"  # the scheme of all calls but doors
SIGNED = {  # a call of Standard Webhooks, as samples show it
    "webhook-id": "msg_1",
    "webhook-timestamp": "1795000000",
    "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
}
USUAL = ("limit",)  # parameters that samples give, beside those that are required
IN_SAMPLES = {"readInbox": ("phoneNumber", *USUAL)}  # where others are usual: it asks for a number or an address


@dataclass(frozen=True)
class FieldDoc:
    """A field of a body, a parameter or a header. Those of objects inside stand as `outer.inner`."""

    name: str
    type: str
    required: bool
    about: str
    choices: tuple[str, ...] = ()
    default: Any = None


@dataclass(frozen=True)
class Example:
    """One answer."""

    name: str
    code: str  # of the error; empty where there is none
    body: str


@dataclass(frozen=True)
class ResponseDoc:
    """All answers of one status."""

    status: str
    about: str
    headers: tuple[str, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Operation:
    """A method at a path. `namesake` is the operation that does the same under its first name.

    A door's callers show who they are by a header of their own: `proof` is its name and what stands in it.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    about: str
    scope: str  # that the key needs; empty when any will do
    parameters: tuple[FieldDoc, ...]
    takes: tuple[FieldDoc, ...]
    gives: tuple[FieldDoc, ...]
    answers: tuple[ResponseDoc, ...]
    call: SampleCall
    namesake: str | None
    is_open: bool  # to all
    proof: tuple[str, str] | None


@dataclass(frozen=True)
class Reference:
    """The whole API."""

    address: str
    operations: tuple[Operation, ...]
    tags: dict[str, str]  # name → what it is about
    headers: tuple[FieldDoc, ...]  # of answers
    codes: dict[str, tuple[int, str]]  # code of an error → its status, and what the API says

    def find(self, name: str) -> Operation | None:
        """An operation by its id."""
        return next((operation for operation in self.operations if operation.id == name), None)

    def call(self, name: str, body: Any = None, **headers: str) -> SampleCall:
        """An operation's sample, with another body or further headers (`Idempotency_Key` for `Idempotency-Key`)."""
        operation = self.find(name)
        if operation is None:
            raise LookupError(name)
        all_headers = operation.call.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(operation.call, body=operation.call.body if body is None else body, headers=all_headers)


@dataclass(frozen=True)
class Translation:
    """A text of the description in another language, and the English that it was made from."""

    english: str
    text: str


def translations(language: str) -> dict[str, Translation]:
    """Those of a language, each under a place where its text stands; none for English, in which they are written.

    A sentence that stands in several places is translated once, under one of them.
    """
    path = CATALOGUES / language / "reference.json"
    entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {place: Translation(entry["en"], entry[language]) for place, entry in entries.items()}


def translated(document: Json, language: str) -> dict[str, str]:
    """By what the description says now, what it is in a language.

    Text that was reworded keeps the translation of its place, which a test tells to be older, until somebody looks.
    """
    said = places(document)
    return {said[place]: one.text for place, one in translations(language).items() if place in said}


def places(document: Json) -> dict[str, str]:
    """Each text of the description, by where it stands: `sendOtp.summary`, `sendOtp.responses.502`, `Me.scopes`."""
    by_place = {f"tags.{tag['name']}": tag["description"] for tag in document["tags"]}
    for operation in (one for methods in document["paths"].values() for one in methods.values()):
        name = operation["operationId"]
        by_place |= {f"{name}.{part}": operation[part] for part in ("summary", "description")}
        by_place |= {f"{name}.parameters.{one['name']}": one["description"] for one in operation["parameters"]}
        by_place |= {f"{name}.responses.{code}": one["description"] for code, one in operation["responses"].items()}
    components = document["components"]
    schemes = components["securitySchemes"].items()
    by_place |= {f"schemes.{name}": one["description"] for name, one in schemes if name != API_KEY}
    by_place |= {f"headers.{name}": header["description"] for name, header in components["headers"].items()}
    for name, schema in components["schemas"].items():
        by_place |= {name: schema["description"]} if "description" in schema else {}
        fields = schema.get("properties", {}).items()
        by_place |= {f"{name}.{field}": one["description"] for field, one in fields if "description" in one}
    return by_place


def document() -> Json:
    """The description of the API, as GET /openapi.json serves it."""
    return cast(Json, json.loads(resource("openapi.json").read_text(encoding="utf-8")))


@cache
def version() -> str:
    """That of the gateway, as the description names it."""
    return str(document()["info"]["version"])


def read(document: Json, language: str, address: str) -> Reference:
    """An OpenAPI document of our making, in a language, for the installation at this address."""
    return DocumentReader(document, translated(document, language), address).read()


@dataclass(frozen=True)
class DocumentReader:
    """Follows the references of one document."""

    document: Json
    words: dict[str, str]
    address: str = ""

    def read(self) -> Reference:
        operations = tuple(self._operations())
        headers = self.document["components"]["headers"]
        return Reference(
            address=self.address,
            operations=operations,
            tags={tag["name"]: self.say(tag["description"]) for tag in self.document["tags"]},
            headers=tuple(
                self._field(name, header["schema"], header["description"]) for name, header in headers.items()
            ),
            codes=self._codes(),
        )

    def say(self, text: str) -> str:
        """A text in the reader's language."""
        return self.words.get(text, text)

    def _operations(self) -> Iterator[Operation]:
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield self._operation(path, method.upper(), operation)

    def _operation(self, path: str, method: str, operation: Json) -> Operation:
        request = operation.get("requestBody", {}).get("content", {}).get("application/json")
        good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        response = good["content"]["application/json"]
        name = operation["operationId"]
        return Operation(
            id=name,
            method=method,
            path=path,
            tag=operation["tags"][0],
            summary=self.say(operation["summary"]),
            about=self.say(operation["description"]),
            scope=operation.get("x-scope", ""),
            parameters=tuple(self._parameter(one) for one in operation["parameters"]),
            takes=tuple(self._fields(request["schema"])) if request else (),
            gives=tuple(self._fields(response["schema"])),
            answers=tuple(self._answer(status, answer) for status, answer in operation["responses"].items()),
            call=self._call(path, method, operation, request),
            namesake=name.removesuffix(LATER_NAMES) if name.endswith(LATER_NAMES) else None,
            is_open=operation.get("security") == [],
            proof=self._proof(operation),
        )

    def _proof(self, operation: Json) -> tuple[str, str] | None:
        schemes = self.document["components"]["securitySchemes"]
        named = [schemes[name] for one in operation.get("security", []) for name in one]
        return next(((one["name"], self.say(one["description"])) for one in named), None)

    def _call(self, path: str, method: str, operation: Json, request: Json | None) -> SampleCall:
        query = {}
        for one in operation["parameters"]:
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", str(one["example"]))
            elif one["in"] == "query" and (
                one.get("required") or one["name"] in IN_SAMPLES.get(operation["operationId"], USUAL)
            ):
                query[one["name"]] = one["example"]
        url = self.address + path + (f"?{urlencode(query)}" if query else "")
        body = _given(request["examples"]["example"]["value"]) if request else None
        proof = self._proof(operation)
        if proof is None:
            return SampleCall(method, url, body, needs_key=operation.get("security") != [])
        if proof[0] in SIGNED:
            return SampleCall(method, url, body, SIGNED, needs_key=False)
        return SampleCall(method, url, body, key_header=proof[0])

    def _parameter(self, one: Json) -> FieldDoc:
        return replace(self._field(one["name"], one["schema"], one["description"]), required=bool(one.get("required")))

    def _answer(self, status: str, response: Json) -> ResponseDoc:
        content = response["content"]["application/json"]
        named = content.get("examples", {})
        examples = (Example(name, _code(one["value"]), _pretty(one["value"])) for name, one in named.items())
        return ResponseDoc(
            status, self.say(response["description"]), tuple(response.get("headers", {})), tuple(examples)
        )

    def _codes(self) -> dict[str, tuple[int, str]]:
        codes: dict[str, tuple[int, str]] = {}
        for operation in self._operations():
            for answer in operation.answers:
                for example in answer.examples:
                    if example.code:
                        message = json.loads(example.body)["errors"][0]["message"]
                        codes.setdefault(example.code, (int(answer.status), message))
        return codes

    def _fields(self, schema: Json, before: str = "", depth: int = 0) -> Iterator[FieldDoc]:
        whole = self._resolved(schema)
        required = whole.get("required", [])
        for name, field in whole.get("properties", {}).items():
            yield replace(self._field(before + name, field, ""), required=name in required)
            inner, mark = self._inside(field)
            if inner and depth < 3:
                yield from self._fields(inner, f"{before}{name}{mark}.", depth + 1)

    def _inside(self, schema: Json) -> tuple[Json | None, str]:
        """The object that a field holds, once or in a list."""
        for choice in self._choices(schema):
            if choice.get("type") == "array":
                parts = [self._resolved(part) for part in self._choices(choice["items"])]
                return next((part for part in parts if "properties" in part), None), "[]"
            if "properties" in choice:
                return choice, ""
        return None, ""

    def _field(self, name: str, schema: Json, about: str) -> FieldDoc:
        choices = [choice for choice in self._choices(schema) if choice.get("type") != "null"]
        text = (
            about
            or schema.get("description")
            or next((one["description"] for one in choices if "description" in one), "")
        )
        offered = tuple(str(value) for one in choices for value in one.get("enum", []))
        default = None if "const" in schema else schema.get("default")
        return FieldDoc(name, self._type(schema), False, self.say(text), offered, default)

    def _type(self, schema: Json) -> str:
        names = []
        for choice in self._choices(schema):
            kind = choice.get("type") or ("object" if "properties" in choice else type_of(choice.get("const")))
            if kind == "array":
                kind = f"array of {self._type(choice['items'])}"
            names.append(kind)
        return " or ".join(dict.fromkeys(names))

    def _choices(self, schema: Json) -> list[Json]:
        choices = schema.get("anyOf") or schema.get("oneOf") or [schema]
        return [self._resolved(one) for one in choices]

    def _resolved(self, schema: Json) -> Json:
        if "$ref" not in schema:
            return schema
        target = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def texts(document: Json) -> Iterator[str]:
    """Every text that the reference shows and that is to be translated."""
    seen: list[str] = []
    recording = DocumentReader(document, _Recorder(seen.append))
    recording.read()
    yield from dict.fromkeys(text for text in seen if text)


class _Recorder(dict[str, str]):
    """Words that are what they are, and note that they were asked for."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self.note = note

    def get(self, text: str, default: Any = None) -> Any:
        self.note(text)
        return default


def type_of(value: Any) -> str:
    """The JSON name of a value's type."""
    names = {bool: "boolean", int: "integer", str: "string", type(None): "null"}
    return names.get(type(value), "object")


def _code(answer: Json) -> str:
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return str(errors[0].get("code", "")) if isinstance(errors, list) and errors and "message" in answer else ""


def _given(body: Json) -> Json:
    """Without the fields that are left out."""
    return {name: value for name, value in body.items() if value is not None}


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)

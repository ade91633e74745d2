"""What openapi.json says, as client libraries need it: calls, and the objects that they take and answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

JSON = "application/json"
IDEMPOTENCY_KEY = "Idempotency-Key"
SIMPLE = {"string", "integer", "number", "boolean"}
METHODS = ("get", "post", "put", "patch", "delete")


class NotUnderstood(ValueError):
    """The description holds something that no client can be made of yet."""


@dataclass(frozen=True)
class Type:
    """A type of JSON. `name` is one of SIMPLE, any, array or map (of `item`), model or union (of `models`)."""

    name: str
    item: Type | None = None
    models: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    nullable: bool = False


@dataclass(frozen=True)
class Field:
    """A field of an object, or a parameter of a call. `name` is the one in JSON or in the address."""

    name: str
    type: Type
    required: bool
    about: str

    @property
    def is_optional(self) -> bool:
        """Whether it may be left out or be null."""
        return not self.required or self.type.nullable


@dataclass(frozen=True)
class Model:
    """An object."""

    name: str
    about: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class ApiCall:
    """A call. `body` are the fields of what it takes; `answers` are the statuses that bear a `model`."""

    name: str
    method: str
    path: str
    about: str
    path_fields: tuple[Field, ...]
    query: tuple[Field, ...]
    body: tuple[Field, ...]
    has_body: bool
    is_idempotent: bool  # it takes an Idempotency-Key
    is_open: bool  # it needs no API key
    model: str
    answers: tuple[int, ...]

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent again when nobody knows what became of it."""
        return self.method == "GET" or self.is_idempotent

    @property
    def inputs(self) -> list[Field]:
        """What its caller gives, what is required first."""
        given = [*self.path_fields, *self.query, *self.body]
        return sorted(given, key=lambda field: not field.required)


class Description:
    """The document, read."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._schemas: dict[str, Any] = document["components"]["schemas"]
        self.version: str = document["info"]["version"]

    @cached_property
    def calls(self) -> list[ApiCall]:
        """The calls that an API key or nobody's key is enough for, as the document orders them."""
        found = [
            self._call(path, method, told)
            for path, methods in self._document["paths"].items()
            for method, told in methods.items()
            if method in METHODS and self._is_ours(told)
        ]
        return [call for call in found if call is not None]

    @cached_property
    def models(self) -> list[Model]:
        """All objects that calls take or answer, and the items of `errors`, by name."""
        return [self.model(name) for name in sorted(self.taken | self.answered)]

    @cached_property
    def answered(self) -> set[str]:
        """The names of objects that stand in answers."""
        return self._reached({"Problem", *(call.model for call in self.calls)})

    @cached_property
    def taken(self) -> set[str]:
        """The names of objects that stand in what calls take; their bodies themselves are parameters."""
        given = (field.type for call in self.calls for field in call.inputs)
        return self._reached({name for one in given for name in named(one)})

    @cached_property
    def codes(self) -> dict[int, str]:
        """The codes of errors that bear no `errors`, by status: their examples have them as names."""
        return {
            int(status): code
            for methods in self._document["paths"].values()
            for told in methods.values()
            for status, answer in told["responses"].items()
            for code, example in answer.get("content", {}).get(JSON, {}).get("examples", {}).items()
            if example["value"].get("success") is False and not example["value"].get("errors")
        }

    def model(self, name: str) -> Model:
        """An object by name; raise NotUnderstood."""
        schema = self._schemas[name]
        if schema.get("type") != "object":
            raise NotUnderstood(f"{name} is no object")
        return Model(name, schema.get("description", ""), tuple(self._fields(schema)))

    def distinction(self, name: str, others: tuple[str, ...]) -> str:
        """A field that tells an object from others: they never have it, and it always has; raise NotUnderstood."""
        known = {field.name for other in others for field in self.model(other).fields}
        for field in self.model(name).fields:
            if field.required and field.name not in known:
                return field.name
        raise NotUnderstood(f"nothing tells {name} from {', '.join(others)}")

    def _reached(self, names: set[str]) -> set[str]:
        reached: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += [inner for field in self.model(name).fields for inner in named(field.type)]
        return reached

    def _is_ours(self, told: dict[str, Any]) -> bool:
        security = told.get("security", self._document.get("security", []))
        return not security or any("ApiKey" in scheme or not scheme for scheme in security)

    def _call(self, path: str, method: str, told: dict[str, Any]) -> ApiCall | None:
        answers = {int(status): _schema_name(answer) for status, answer in told["responses"].items()}
        model = next((name for status, name in sorted(answers.items()) if 200 <= status < 300), None)
        if model is None:
            return None  # what is no JSON is for others than programs of callers
        parameters = [(one["in"], self._parameter(one)) for one in told.get("parameters", [])]
        strange = [field.name for place, field in parameters if place == "header" and field.name != IDEMPOTENCY_KEY]
        if strange:
            raise NotUnderstood(f"{told['operationId']} takes the header {strange[0]}")
        body = _schema_name(told.get("requestBody", {}))
        return ApiCall(
            name=told["operationId"],
            method=method.upper(),
            path=path,
            about=told.get("summary", ""),
            path_fields=tuple(field for place, field in parameters if place == "path"),
            query=tuple(field for place, field in parameters if place == "query"),
            body=self.model(body).fields if body else (),
            has_body=body is not None,
            is_idempotent=any(field.name == IDEMPOTENCY_KEY for _, field in parameters),
            is_open=told.get("security") == [],
            model=model,
            answers=tuple(status for status, name in sorted(answers.items()) if name == model),
        )

    def _parameter(self, told: dict[str, Any]) -> Field:
        required = told["in"] == "path" or told.get("required", False)
        return Field(told["name"], self._type(told["schema"]), required, told.get("description", ""))

    def _fields(self, schema: dict[str, Any]) -> Iterator[Field]:
        for name, told in schema.get("properties", {}).items():
            yield Field(name, self._type(told), name in schema.get("required", ()), told.get("description", ""))

    def _type(self, told: dict[str, Any]) -> Type:
        if "$ref" in told:
            return Type("model", models=(told["$ref"].rsplit("/", 1)[1],))
        if "anyOf" in told:
            return self._any_of([self._type(one) for one in told["anyOf"] if one.get("type") != "null"], told)
        if told.get("type") == "array":
            return Type("array", item=self._type(told["items"]))
        if told.get("type") == "object":
            values = told.get("additionalProperties")
            return Type("map", item=self._type(values if isinstance(values, dict) else {}))
        if told.get("type") in SIMPLE:
            return Type(told["type"], choices=tuple(map(str, told.get("enum", ()))))
        return Type("any")

    def _any_of(self, types: list[Type], told: dict[str, Any]) -> Type:
        nullable = len(types) < len(told["anyOf"])
        if len(types) == 1:
            only = types[0]
            return Type(only.name, only.item, only.models, only.choices, nullable)
        if all(one.name == "model" for one in types):
            return Type("union", models=tuple(name for one in types for name in one.models), nullable=nullable)
        return Type("any", nullable=nullable)


def named(one: Type) -> Iterator[str]:
    """The names of the objects in a type."""
    yield from one.models
    if one.item:
        yield from named(one.item)


def _schema_name(told: dict[str, Any]) -> str | None:
    """The object that a body or an answer is; None where it has no name of its own."""
    reference = told.get("content", {}).get(JSON, {}).get("schema", {})
    if set(reference) - {"$ref"}:
        return None
    return reference["$ref"].rsplit("/", 1)[1] if reference else None

"""GET /openapi.json: the whole API, and nothing that it does not do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from dashboard.api.contract import FAULTS
from dashboard.api.error_kinds import ERRORS
from dashboard.api.openapi.document import shown_path
from dashboard.app import create_app
from dashboard.resources import ROOT
from dashboard.settings import Settings, prepare_home
from tests.fuzz.generated import fuzz
from tests.support.stack import Client, Stack

DOORS = ("supabase.", "chinguisoft.")
# What refuses, and which of its arguments is the code.
REFUSING = {
    "problem": 1,
    "PydanticCustomError": 0,
    "InvalidPhone": 0,
    "InvalidEmail": 0,
    "_Broken": 0,
}


@pytest.fixture(scope="module")
def settings_of_docs(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("docs")
    prepare_home(home)
    return Settings.from_env({"CHINQIT_HOME": str(home), "PUBLIC_URL": "https://sms.example.mr/"})


@pytest.fixture(scope="module")
def described(settings_of_docs: Settings) -> dict[str, Any]:
    answer = create_app(settings_of_docs).test_client().get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    document: dict[str, Any] = answer.get_json()
    return document


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def answers(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each answer's content, by call and status."""
    for name, operation in operations(described):
        for status, response in operation["responses"].items():
            yield f"{name} {status}", response["content"]["application/json"]


def shown_codes(described: dict[str, Any]) -> set[str]:
    return {
        error["code"]
        for _, content in answers(described)
        for example in content["examples"].values()
        for error in example["value"].get("errors", [])
        if isinstance(error, dict)  # a door's are told by field, in words
    }


def codes_in_code() -> set[str]:
    """The codes of all errors that the API and what it calls can make."""
    files = [*(ROOT / "dashboard" / "api").rglob("*.py"), *(ROOT / "dashboard" / "sms").glob("*.py")]
    raised = {code for file in files for code in raised_in(ast.parse(file.read_text()))}
    of_table = {kind.code or code for code, kind in ERRORS.items() if kind.text}
    return raised | {code for code, _ in FAULTS.values()} | of_table


def raised_in(tree: ast.Module) -> Iterator[str]:
    """Of items of `errors` that are made by hand, and of errors in fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = REFUSING.get(name)
            if place is not None and len(node.args) > place and isinstance(node.args[place], ast.Constant):
                yield ast.literal_eval(node.args[place])


def test_it_is_valid_openapi(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []


def test_every_route_is_described(described: dict[str, Any], settings_of_docs: Settings) -> None:
    app = create_app(settings_of_docs)
    served = {
        f"{method} {shown_path(rule.rule)}"
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(("api.", "health.", *DOORS))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {name for name, _ in operations(described)} == served
    assert len(served) >= 21


def test_every_code_that_the_code_can_answer_is_described_and_no_other(described: dict[str, Any]) -> None:
    known = codes_in_code()
    assert len(known) > 25
    assert shown_codes(described) == known


def test_every_field_and_parameter_has_an_example_and_a_description(described: dict[str, Any]) -> None:
    fields = {
        f"{name}.{field}": told
        for name, schema in described["components"]["schemas"].items()
        for field, told in schema["properties"].items()
    }
    assert [name for name, told in fields.items() if "examples" not in told or "description" not in told] == []
    parameters = [told for _, operation in operations(described) for told in operation["parameters"]]
    assert [told["name"] for told in parameters if "example" not in told or "description" not in told] == []


def test_a_constant_of_an_answer_is_always_there(described: dict[str, Any]) -> None:
    constants = {
        (name, field)
        for name, schema in described["components"]["schemas"].items()
        for field, told in schema["properties"].items()
        if "const" in told
    }
    assert len(constants) > 15
    schemas = described["components"]["schemas"]
    assert [(name, field) for name, field in constants if field not in schemas[name]["required"]] == []


def test_every_example_fits_its_schema(described: dict[str, Any]) -> None:
    whole = {"$id": "urn:api", "components": described["components"]}
    checked = 0
    for name, content in [*answers(described), *bodies(described)]:
        schema = whole | content["schema"]
        assert content["examples"], name
        for example in content["examples"].values():
            jsonschema.Draft202012Validator(schema).validate(example["value"])
            checked += 1
    assert checked > 100


def test_examples_show_what_can_be(described: dict[str, Any]) -> None:
    """A message that arrived has not failed, an endpoint that works was not disabled, a call that was taken has no
    error; what is said of a state is of that state.
    """
    shown = [example["value"] for _, content in answers(described) for example in content["examples"].values()]
    values = [each for value in shown for each in within(value)]
    messages = [value for value in values if "statusHistory" in value]
    for message in messages:
        history = [(step["status"], step["at"]) for step in message["statusHistory"]]
        assert history[0] == ("queued", message["createdAt"])
        assert history[-1] == (message["status"], message[f"{message['status']}At"])
        assert history == sorted(history, key=lambda step: step[1])
        ends = {status for status in ("delivered", "failed", "expired") if message[f"{status}At"]}
        assert ends == {message["status"]}
        assert (message["errorCode"] is None) is (message["status"] == "delivered")
    endpoints = [value for value in values if "webhookId" in value]
    for endpoint in endpoints:
        assert endpoint["state"] == "active"
        trouble = ("disabledReason", "disabledAt", "failingSince", "lastError")
        assert [name for name in trouble if endpoint[name] is not None] == []
    calls = [value for value in values if "durationMs" in value]
    assert [call["error"] for call in calls if call["status"] == 200] == [None] * len(calls)
    assert messages and endpoints and calls


def within(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a value."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from within(part)


def bodies(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, operation in operations(described):
        if "requestBody" in operation:
            yield name, operation["requestBody"]["content"]["application/json"]


def test_all_but_health_needs_the_key(described: dict[str, Any]) -> None:
    assert described["security"] == [{"ApiKey": []}]
    scheme = described["components"]["securitySchemes"]["ApiKey"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")
    without = {name for name, operation in operations(described) if operation.get("security") == []}
    assert without == {"GET /alarm", "GET /healthz", "GET /readyz"}
    doors = {name for name, operation in operations(described) if operation["tags"] == ["Doors"]}
    for name, operation in operations(described):
        assert ({"401", "403", "500"} <= set(operation["responses"])) == (name not in without | doors)


def test_each_door_has_its_own_authentication(described: dict[str, Any]) -> None:
    doors = {name: operation for name, operation in operations(described) if operation["tags"] == ["Doors"]}
    assert {name: operation["security"] for name, operation in doors.items()} == {
        "POST /doors/supabase/{reference}": [{"HookSignature": []}],
        "POST /api/sms/validation/{reference}": [{"ValidationToken": []}],
    }
    schemes = described["components"]["securitySchemes"]
    assert (schemes["HookSignature"]["name"], schemes["ValidationToken"]["name"]) == (
        "webhook-signature",
        "Validation-token",
    )
    for operation in doors.values():
        assert {"200", "401", "503"} <= operation["responses"].keys()


def test_its_server_is_the_one_that_serves_it(described: dict[str, Any]) -> None:
    assert described["servers"][0]["url"] == "/"


def test_headers_stand_where_they_are_sent(described: dict[str, Any]) -> None:
    responses = dict(operations(described))["POST /otp/send"]["responses"]
    assert {"RateLimit", "RateLimit-Policy", "Idempotent-Replayed"} <= set(responses["200"]["headers"])
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(responses["429"]["headers"])
    for name, operation in operations(described):
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"], (name, status)
        named = [told["name"] for told in operation["parameters"] if told["in"] == "header"]
        good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        assert named == (["Idempotency-Key"] if "Idempotent-Replayed" in good["headers"] else [])


def test_making_it_leaves_no_trace_in_the_request(client: Client) -> None:
    answer = client.stack.call("GET", "/openapi.json")
    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers
    assert answer.content == client.stack.call("GET", "/openapi.json").content


@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # the one that refuses more, such as NUL
def test_generated_requests_get_documented_answers(stack: Stack, tmp_path: Path) -> None:
    ran = fuzz(stack, 4, tmp_path, seed=1, without="^/api/v2/")  # other names of the same views; `make fuzz` has them
    assert ran.returncode == 0, ran.stdout[-8_000:] + ran.stderr[-2_000:]
    found = re.search(r"(\d+) generated, (\d+) passed", ran.stdout)
    assert found and int(found[1]) > 100, ran.stdout[-2_000:]

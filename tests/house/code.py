"""Laws of the code that neither ruff, mypy nor import-linter knows."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from tests.house.source import CODE, TESTS

SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST_FILE = 400
NAMES_A_CODE = {  # function or class → place of the code among its arguments
    "Refused": 0,
    "NotSent": 0,
    "OutcomeUnknown": 0,
    "problem": 1,
    "ApiError": 0,
    "PydanticCustomError": 0,
    "NoLiveOtp": 0,
    "InvalidPhone": 0,
}
READS_THE_ENVIRONMENT = re.compile(r"os\.(environ|getenv)")
# A constant may be set for a test, and what lies beside us (a socket, a connection, the clock) may be played.
MOCKS = re.compile(
    r"unittest[.]mock|from mock|import mock|mocker|"
    r'monkeypatch[.]setattr\((?!socket,|connection,|time,|\w+, "[A-Z_]+",)'
)
IMPORTS_A_TEST = re.compile(
    r"^from tests\.\S*(conftest|\btest_\w+) import|^from tests\S* import (conftest|test_)", re.M
)


def files_are_short() -> Iterator[str]:
    for source in CODE:
        length = source.text.count("\n")
        if length > LONGEST_FILE:
            yield f"{source.name} has {length} lines; {LONGEST_FILE} at most"


def error_codes_are_snake_case() -> Iterator[str]:
    called = set()
    for source in CODE:
        for name, call in source.calls():
            called.add(name)
            place = NAMES_A_CODE.get(name)
            if place is None or len(call.args) <= place:
                continue
            code = call.args[place]
            if isinstance(code, ast.Constant) and not SNAKE.fullmatch(str(code.value)):
                yield f"{source.name}:{call.lineno} names the code {code.value!r}, which is not snake_case"
    for name in sorted(set(NAMES_A_CODE) - called):
        yield f"nothing calls {name} any more: tests/house/code.py looks for its codes"


def settings_alone_read_the_environment() -> Iterator[str]:
    for source in CODE:
        if source.name != "dashboard/settings.py" and READS_THE_ENVIRONMENT.search(source.text):
            yield f"{source.name} reads the environment; dashboard/settings.py alone does"


def services_that_commit_say_so() -> Iterator[str]:
    for source in CODE:
        if not source.name.startswith("dashboard/gateway/"):
            continue
        for function in source.functions():
            commits = any(isinstance(node, ast.Attribute) and node.attr == "commit" for node in ast.walk(function))
            if commits and "ommit" not in (ast.get_docstring(function) or ""):
                yield f"{source.name}:{function.lineno} {function.name} commits, and its docstring does not say so"


def hooks_are_registered_at_import() -> Iterator[str]:
    for source in CODE:
        for function in source.functions():
            inside = (node for child in function.body for node in ast.walk(child))
            for inner in inside:
                if isinstance(inner, ast.FunctionDef) and any(
                    "listens_for" in ast.dump(decorator) for decorator in inner.decorator_list
                ):
                    yield f"{source.name}:{inner.lineno} {inner.name} is registered inside of a function"


def no_class_is_defined_twice() -> Iterator[str]:
    places: dict[str, list[str]] = defaultdict(list)
    for source in CODE:
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{source.name}:{node.lineno}")
    for name, found in sorted(places.items()):
        if len(found) > 1:
            yield f"class {name} is defined {len(found)} times: {', '.join(found)}"


def no_code_of_ours_is_mocked() -> Iterator[str]:
    for source in TESTS:
        if not source.name.startswith("tests/house/") and MOCKS.search(source.text):
            yield f"{source.name} mocks code of ours"


def no_test_module_imports_another() -> Iterator[str]:
    for source in TESTS:
        if IMPORTS_A_TEST.search(source.text):
            yield f"{source.name} imports from a test module or a conftest; what is shared stands in tests/support/"

"""The client libraries in their languages, each called in the same way: `Library.call("sendOtp", phoneNumber=…)`."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import chinqit
import pytest

from dashboard.dev.clients import languages

RUNNERS = Path(__file__).parent / "clients"
LANGUAGES = ("python", "javascript", "php")
TOOLS = {"javascript": ["node", "library.mjs"], "php": ["php", "library.php"]}
ITEMS = {"messages": chinqit.SendMessage, "recipients": chinqit.BulkRecipient}


class Failed(Exception):
    """The library's error, with its parts under the names that JSON has."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(f"{told['code']}: {told['text']}")
        self.told = told
        self.code: str = told["code"]


class Library(Protocol):
    """A client library. `client` are the fields of its Chinqit."""

    def call(self, client: Mapping[str, Any], name: str, /, *path: str, **given: Any) -> Any:
        """What a call answers, as JSON; raise Failed. `idempotencyKey` goes beside the fields of the call."""

    def verify(self, secrets: str | Sequence[str], headers: Mapping[str, str], body: str) -> Any:
        """The event of a call to a webhook; raise Failed."""


class InProcess:
    """Python's."""

    def call(self, client: Mapping[str, Any], name: str, /, *path: str, **given: Any) -> Any:
        method = getattr(chinqit.Chinqit(**_snaked(client)), languages.snake(name))
        for field, model in ITEMS.items():
            if field in given:
                given[field] = [model(**_snaked(item)) for item in given[field]]
        with _failing():
            return _plain(method(*path, **_snaked(given)))

    def verify(self, secrets: str | Sequence[str], headers: Mapping[str, str], body: str) -> Any:
        with _failing():
            return chinqit.verify_webhook(secrets, headers, body)


class Process:
    """Another language's, in one process that is asked line by line."""

    def __init__(self, language: str) -> None:
        tool, script = TOOLS[language]
        if shutil.which(tool) is None:
            pytest.skip(f"NO {tool.upper()}: its client library is not run")
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.process = subprocess.Popen(
            [tool, str(RUNNERS / script)], env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def call(self, client: Mapping[str, Any], name: str, /, *path: str, **given: Any) -> Any:
        once = given.pop("idempotencyKey", None)
        return self._ask(client=client, name=name, path=path, given=given, idempotencyKey=once)

    def verify(self, secrets: str | Sequence[str], headers: Mapping[str, str], body: str) -> Any:
        return self._ask(secrets=secrets, headers=headers, body=body)

    def _ask(self, **order: Any) -> Any:
        assert self.process.stdin and self.process.stdout
        print(json.dumps(order), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer["done"]

    def close(self) -> None:
        self.process.communicate(timeout=10)


@contextmanager
def opened(language: str) -> Iterator[Library]:
    if language == "python":
        yield InProcess()
        return
    process = Process(language)
    try:
        yield process
    finally:
        process.close()


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except chinqit.ChinqitError as error:
        told = {_camel(name): value for name, value in vars(error).items()} | {
            "errors": _plain(error.errors),
            "retriesLeft": error.retries_left,
            "text": str(error),
        }
        raise Failed(told) from error


def _snaked(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {languages.snake(name): value for name, value in fields.items()}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {_camel(field.name): _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _camel(name: str) -> str:
    first, *more = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in more)

"""The exercise of CONTRIBUTING.md, done as it stands there: a new kind of carrier is a folder and its line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.resources import ROOT
from tests.support.fake_carrier import Carrier, answers

TRIAL = """
import json, sys
from datetime import UTC, datetime, timedelta
from dashboard.outbound.errors import SendError
from dashboard.providers import registry
from dashboard.providers.base import Outgoing

values = {"url": sys.argv[1], "key": "key-of-the-account", "allow_http": "on", "allow_private": "on"}
carrier = registry.build("postbox", values, "box")
said = []
for attempt in range(3):
    until = datetime.now(UTC) + timedelta(minutes=5)
    result = carrier.result_of(Outgoing(str(attempt), "+22238089336", "sms", "Bonjour", 1, until))
    if isinstance(result, SendError):
        words = registry.code_sentence(result.code)[0], registry.code_advice(result.code)
        said.append([type(result).__name__, result.code, result.blame, result.configuration, result.answer, *words])
    else:
        said.append([type(result).__name__, result.answer])
print(json.dumps({"said": said, "fields": [field.name for field in registry.describe("postbox")]}))
carrier.close()
"""


def block(name: str) -> str:
    """A block of code of the guide."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.search(rf"^```python {name}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found, name
    return found[1]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the house with the exercise done."""
    shutil.copytree(ROOT / "dashboard", tmp_path / "dashboard", ignore=shutil.ignore_patterns("__pycache__", "*.po"))
    folder = tmp_path / "dashboard/providers/postbox"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "provider.py").write_text(block("postbox"))
    register = tmp_path / "dashboard/providers/registry.py"
    line, kinds = block("registry").strip().split("\n\n")
    text = register.read_text()
    assert len(re.findall(r"^KINDS.*$", text, re.MULTILINE)) == 1
    register.write_text(re.sub(r"^KINDS.*$", lambda _: f"{line}\n\n{kinds}", text, flags=re.MULTILINE))
    return tmp_path


def test_a_kind_made_from_the_guide_sends_refuses_and_is_worded(house: Path, carrier: Carrier) -> None:
    carrier.plays(answers(200, b"queued"), answers(402, b"no credit for key-of-the-account"), answers(422))
    done = subprocess.run(
        [sys.executable, "-c", TRIAL, f"{carrier.url}/sms"], cwd=house, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["fields"][-2:] == ["url", "key"]
    assert told["said"] == [
        ["Outcome", "200 queued"],
        [
            *("Refused", "postbox_empty", "carrier", True, "402 no credit for ••••"),
            *("The account at Postbox is empty.", "Pay in, then press “Try again”."),
        ],
        ["Refused", "postbox_not_served", "number", False, "422 {}", "Postbox does not serve this number.", ""],
    ]
    assert [json.loads(request.body)["text"] for request in carrier.ledger] == ["Bonjour"] * 3

"""Servers of callers in their languages: from a code to its webhook, with what each language brings along."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dashboard.vocabulary import Scope
from tests.support.stack import Stack, until
from tests.support.webhook_endpoints import Shop
from tests.support.webhook_receiver import Got, Receiver

CLIENTS = Path(__file__).parents[2] / "support" / "clients"
GENERATOR = "openapi-python-client==0.29.1"  # not in the lock: it would hold back what the gateway itself needs
LANGUAGES = {"py": sys.executable, "mjs": "node", "php": "php"}


@pytest.fixture(params=LANGUAGES)
def script(request: pytest.FixtureRequest) -> list[str]:
    """How to run a client; skipped where its language is not installed."""
    tool = shutil.which(LANGUAGES[request.param])
    if tool is None:
        pytest.skip(f"NO {LANGUAGES[request.param].upper()}: its client does not run")
    return [tool, str(CLIENTS / f"client.{request.param}")]


def ask(script: list[str], order: str, **environ: str) -> Any:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run([*script, order], env=kept | environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def test_shop(sqlite_stack: Stack) -> Shop:
    return Shop(sqlite_stack.client("test", scopes=tuple(Scope)))


def test_a_client_verifies_a_code_and_believes_its_webhook(
    script: list[str], test_shop: Shop, receiver: Receiver, path: str, phone: str
) -> None:
    secret = test_shop.listen(receiver.url(path), events=["otp.verified"])["secret"]
    base = f"http://127.0.0.1:{test_shop.client.stack.port}"
    assert ask(script, "verify", BASE=base, KEY=test_shop.client.key, PHONE=phone) is True

    def event() -> Got | None:
        return next(iter(receiver.got(path)), None)

    got = until(event, 20, lambda: f"{receiver.got(path)}")
    call = {"SECRET": secret, "HEADERS": json.dumps(got.headers), "BODY": got.body.decode()}
    assert ask(script, "judge", **call) is True
    assert ask(script, "judge", **{**call, "BODY": got.body.decode().replace("verified", "Verified")}) is False


def test_a_client_that_is_generated_from_the_description_gets_typed_answers(
    test_shop: Shop, tmp_path: Path, phone: str
) -> None:
    gateway = test_shop.client.stack
    described = tmp_path / "openapi.json"
    described.write_text(gateway.call("GET", "/openapi.json").text)
    made = tmp_path / "shop_client"
    command = [sys.executable, "-m", "uv", "tool", "run", "--quiet", "--from", GENERATOR]
    if subprocess.run([*command, "python", "-c", ""], capture_output=True, timeout=120, check=False).returncode:
        pytest.skip(f"NO {GENERATOR}: no client is generated")
    told = [GENERATOR.partition("=")[0], "generate", "--path", str(described), "--meta", "none"]
    told += ["--output-path", str(made)]
    done = subprocess.run([*command, *told], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "unsupported" not in done.stdout.lower(), done.stdout + done.stderr
    base, key = f"http://127.0.0.1:{gateway.port}", test_shop.client.key
    environ = {"BASE": base, "KEY": key, "PHONE": phone, "PYTHONPATH": str(tmp_path)}
    assert ask([sys.executable, str(CLIENTS / "generated.py")], "", **environ) == ["WrongCode", 2, True]

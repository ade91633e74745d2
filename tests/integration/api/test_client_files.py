"""The client libraries, and the samples that use them, held by tools of their languages. They are not in the lock."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.dev.clients import generate
from dashboard.resources import resource

PARSER = ("tree-sitter==0.26.1", "tree-sitter-dart-orchard==0.7.0")
TYPESCRIPT = "typescript@5.9.3"
FAULTS = """
print("It runs", flush=True)
import pathlib, sys, tree_sitter, tree_sitter_dart_orchard
parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_dart_orchard.language()))
def faults(node):
    if node.type == "ERROR" or node.is_missing:
        yield node.start_point.row + 1
    for child in node.children:
        yield from faults(child)
for name in sys.argv[1:]:
    for line in faults(parser.parse(pathlib.Path(name).read_bytes()).root_node):
        print(f"{name}:{line}")
"""
SHOP = """
import { Chinqit, ChinqitError, verifyWebhook } from "./chinqit.mjs";
const gateway = new Chinqit("https://sms.example.mr", "cq_test_key", { retries: 1 });
const sent: { messageId: string } = await gateway.sendOtp({ phoneNumber: "38089336", language: "fr" });
const page = await gateway.listMessages({ limit: 5 });
const left: number | null = new ChinqitError("a", "b").retriesLeft;
const event: Record<string, unknown> = await verifyWebhook(["a"], new Headers(), new Uint8Array());
for (const one of page.messages) if ("kind" in one) one.statusHistory.at(0);
await gateway.changeWebhook(sent.messageId, { enabled: false });
// @ts-expect-error: a code is a string
await gateway.verifyOtp({ phoneNumber: "38089336", otp: 123456 });
// @ts-expect-error: there is no such language
await gateway.sendOtp({ phoneNumber: "38089336", language: "de" });
console.log(left, event);
"""


@pytest.fixture
def dart(tmp_path: Path) -> list[str]:
    """The files in Dart, side by side."""
    files = [generate.folder() / "chinqit.dart", *sorted(resource("templates/docs/code").glob("client*.dart"))]
    assert len(files) == 3
    return [str(shutil.copy(file, tmp_path)) for file in files]


def test_what_is_in_dart_is_read_by_a_parser_of_dart(dart: list[str], tmp_path: Path) -> None:
    wanted = [word for package in PARSER for word in ("--with", package)]
    python = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", *wanted, "python", "-c"]
    broken = tmp_path / "broken.dart"
    broken.write_text("void main() { final one = ; }\n")
    done = subprocess.run(
        [*python, FAULTS, *dart, str(broken)], capture_output=True, text=True, timeout=100, check=False
    )
    if not done.stdout.startswith("It runs"):
        pytest.skip(f"NO {PARSER[1]}: what is in Dart is not read")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.splitlines()[1:]) == {f"{broken}:1"}


def test_what_is_in_dart_is_analysed(dart: list[str]) -> None:
    if shutil.which("dart") is None:
        pytest.skip("NO DART: what is in Dart is not analysed")
    done = subprocess.run(["dart", "analyze", *dart], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout


def test_the_types_for_typescript_fit_what_a_caller_writes(tmp_path: Path) -> None:
    find = ["npx", "--yes", "--package", TYPESCRIPT, "-c", "command -v tsc"]
    if shutil.which("npx") is None:
        pytest.skip("NO NPX: the types are not looked at")
    found = subprocess.run(find, capture_output=True, text=True, timeout=100, check=False)
    if found.returncode:
        pytest.skip(f"NO {TYPESCRIPT}: the types are not looked at")
    for name in ("chinqit.mjs", "chinqit.d.mts"):
        shutil.copy(generate.folder() / name, tmp_path)
    (tmp_path / "shop.mts").write_text(SHOP)
    options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom"]
    options.append("--skipDefaultLibCheck")  # TypeScript's own files, which take longer than ours
    done = subprocess.run(
        [found.stdout.strip(), *options, "shop.mts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout

"""SECURITY.md: each promise names tests that there are, and people find the page."""

from __future__ import annotations

import ast
import re

from dashboard.resources import ROOT

PAGE = (ROOT / "SECURITY.md").read_text()
ROWS = [line for line in PAGE.partition("| Promise | Held by |")[2].splitlines() if line.startswith("| ")]
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_each_promise_is_held_by_tests_that_there_are() -> None:
    assert len(ROWS) > 20
    known: dict[str, set[str]] = {}
    for row in ROWS:
        held_by = NAMED.findall(row)
        assert held_by, row
        for path, name in held_by:
            tree = known.setdefault(path, _tests_of(path))
            assert name in tree, f"{path} has no {name}"


def test_people_find_it() -> None:
    assert "](SECURITY.md)" in (ROOT / "README.md").read_text()
    for language in ("fr", "ar"):
        page = ROOT / "deploy" / "readme" / f"README.{language}.md"
        assert "](../../SECURITY.md)" in page.read_text(), page


def _tests_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

"""Imports among our modules, with the faces of packages counted: whoever imports `a.b` runs `a/__init__.py` too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from tests.house.source import CODE, Source

NO_WEB = ("dashboard.gateway", "dashboard.models", "dashboard.providers", "dashboard.db", "jobs")
WEB = {"flask", "werkzeug", "flask_login", "flask_sqlalchemy", "flask_wtf", "flask_babel", "wtforms"}
OURS = {source.module for source in CODE}


def no_import_circle() -> Iterator[str]:
    for circle in _circles({module: names & OURS for module, names in _graph().items()}):
        yield f"{len(circle)} modules import each other: {', '.join(sorted(circle))}"


def the_domain_and_the_jobs_load_no_web() -> Iterator[str]:
    graph = _graph()
    for module in sorted(graph):
        if not module.startswith(NO_WEB):
            continue
        found = _way(graph, module)
        if found:
            yield f"{module} loads {found[-1]}: {' → '.join(found)}"


@cache
def _graph() -> dict[str, set[str]]:
    return {source.module: _imported(source) for source in CODE}


def _imported(source: Source) -> set[str]:
    """What is loaded when the module is: ours as dotted names, everything else as the name of its package."""
    names: set[str] = set()
    for node in _run_at_import(source.tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    names.add(source.module)
    loaded = {prefix for name in names for prefix in _prefixes(name)}
    return {name for name in loaded if name in OURS or "." not in name} - {source.module}


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes outside of functions, and of what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _run_at_import(child)


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[: end + 1]) for end in range(len(parts)))


def _way(graph: dict[str, set[str]], start: str) -> list[str] | None:
    """The shortest way from a module to the web's libraries."""
    ways, seen = [[start]], {start}
    for way in ways:
        for name in sorted(graph.get(way[-1], ())):
            if name in WEB:
                return [*way, name]
            if name in graph and name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return None


def _circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules that reach each other (Kosaraju's algorithm)."""
    order: list[str] = []
    seen: set[str] = set()
    backwards: dict[str, set[str]] = {name: set() for name in graph}
    for name, others in graph.items():
        for other in others:
            backwards[other].add(name)

    def walk(name: str, edges: dict[str, set[str]], out: list[str]) -> None:
        seen.add(name)
        for other in sorted(edges[name] - seen):
            if other not in seen:
                walk(other, edges, out)
        out.append(name)

    for name in sorted(graph):
        if name not in seen:
            walk(name, graph, order)
    seen.clear()
    found: list[set[str]] = []
    for name in reversed(order):
        if name not in seen:
            group: list[str] = []
            walk(name, backwards, group)
            found.append(set(group))
    return [group for group in found if len(group) > 1]

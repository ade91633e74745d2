"""Every address of the pages."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Rule

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def doors(app: Flask) -> list[tuple[str, str, str]]:
    """Every endpoint of the pages with a method and an address."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("pages.")]
    return [(rule.endpoint, method, address(app, rule)) for rule in rules for method in methods(rule)]


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def address(app: Flask, rule: Rule) -> str:
    values: dict[str, Any] = dict.fromkeys(rule.arguments, UNKNOWN)
    values |= {name: 999_999 for name in rule.arguments if isinstance(rule._converters[name], IntegerConverter)}
    return app.url_map.bind("localhost").build(rule.endpoint, values)

"""Client libraries in four languages, made from openapi.json: templates/ holds one template a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dashboard.dev.clients import languages
from dashboard.dev.clients.description import Description
from dashboard.resources import PACKAGE, resource

TEMPLATES = PACKAGE / "dev" / "clients" / "templates"
FILES = ("chinqit.py", "chinqit.mjs", "chinqit.d.mts", "chinqit.php", "chinqit.dart")


def folder() -> Path:
    """Where the clients lie, to be downloaded."""
    return resource("static") / "clients"


def made(document: dict[str, Any]) -> dict[str, str]:
    """The text of each of FILES for a description of the API; raise NotUnderstood."""
    description = Description(document)
    # Their texts are programs and no HTML.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    known = {
        "api": description,
        "write": languages,
        "read": languages.Reading(description),
    }
    return {name: environment.get_template(f"{name}.j2").render(known) for name in FILES}


def write() -> list[Path]:
    """Write the clients for openapi.json as it is; return their paths."""
    document = json.loads(resource("openapi.json").read_text(encoding="utf-8"))
    paths = []
    for name, text in made(document).items():
        paths.append(folder() / name)
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_text(text, encoding="utf-8")
    return paths

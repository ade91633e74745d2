"""The step of the build that pyproject.toml cannot state: translations are compiled where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TranslationsHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs for a wheel and for an editable installation alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        for source in sorted(Path(self.root).glob("dashboard/translations/*/LC_MESSAGES/messages.po")):
            compile_catalogue(source)


def compile_catalogue(source: Path) -> None:
    """Write messages.mo beside a messages.po, whole or not at all: a gateway may be reading it."""
    with source.open("rb") as file:
        catalogue = read_po(file, locale=source.parts[-3])
    draft = source.with_suffix(".mo.new")
    with draft.open("wb") as file:
        write_mo(file, catalogue)
    draft.replace(source.with_suffix(".mo"))

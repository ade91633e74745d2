"""Settings of well-known carriers, filled in but for what only the administrator knows: `presets/NAME.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.providers.settings import InvalidSettings, SettingProblem

FOLDER = Path(__file__).with_name("presets")
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@dataclass(frozen=True)
class Preset:
    """Settings of a kind. In their texts, `<NAME>` stands for one of `variables`, which says what it is."""

    title: str
    source: str  # the carrier's own documentation
    kind: str
    variables: Mapping[str, str]
    settings: Mapping[str, Any]

    def filled(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings, with what is given over them; raise InvalidSettings when a variable is missing."""
        missing = [SettingProblem(name, "missing") for name in self.variables if not given.get(name)]
        if missing:
            raise InvalidSettings(missing)
        values = {name: self._filled(value, given) for name, value in self.settings.items()}
        return values | {name: value for name, value in given.items() if name not in self.variables}

    def _filled(self, value: Any, given: Mapping[str, Any]) -> Any:
        if isinstance(value, str):
            for name in self.variables:
                value = value.replace(f"<{name}>", str(given[name]).rstrip("/"))
        return value


def load(name: str) -> Preset:
    """One of NAMES."""
    return Preset(**json.loads((FOLDER / f"{name}.json").read_text("utf-8")))

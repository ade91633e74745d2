"""Samples of the documentation, taken from its pages and run."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest


def tool(name: str) -> str:
    found = sys.executable if name == "python3" else shutil.which(name)
    if found is None:
        optional = name in ("php", "sha256sum", "basenc")
        (pytest.fail if os.environ.get("CI") == "true" and not optional else pytest.skip)(
            f"NO {name.upper()}: its samples do not run"
        )
    return found


RUNNERS: dict[str, Callable[[], list[str]]] = {
    "curl": lambda: [tool("bash"), "-c"],
    "python": lambda: [tool("python3"), "-W", "error", "-c"],
    "javascript": lambda: [tool("node"), "--input-type=module", "--eval"],
    "php": lambda: [tool("php"), "-r"],
}


def run(language: str, text: str, folder: Path, **environment: str) -> str:
    if language == "curl":
        tool("curl")
    text = text.removeprefix("<?php\n")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [*RUNNERS[language](), text],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stderr}"
    return done.stdout


MARK = "-" * 40
EACH = {
    "curl": f"{{}}\necho {MARK}\n",
    "python": f"{{}}\nprint('{MARK}')\n",
    "javascript": f"{{{{\n{{}}\n}}}}\nconsole.log('{MARK}');\n",
    "php": f"{{}}\necho '{MARK}';\n",
}


def run_all(language: str, texts: Iterable[str], folder: Path, **environment: str) -> list[str]:
    """What each of these samples prints, one after another in one process."""
    whole = "".join(EACH[language].format(text.removeprefix("<?php\n")) for text in texts)
    return run(language, whole, folder, **environment).split(MARK)[:-1]


def shown(page: str, name: str, language: str) -> str:
    """A sample as it stands on a page."""
    block = page[page.index(f'id="sample-{name}"') :]
    block = block[block.index(f'data-lang="{language}"') :]
    return html.unescape(block[block.index("<code>") + 6 : block.index("</code>")])

"""The shell that the documents and deploy/ hold, read by bash."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dashboard.resources import ROOT

FENCE = re.compile(r"^```bash(?: [\w-]+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCRIPTS = sorted((ROOT / "templates" / "docs" / "code").glob("*.sh"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "deploy").rglob("*.md"))]
TEXTS = [*PAGES, ROOT / "deploy" / "systemd" / "chinqit", *SCRIPTS]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_it_parses(path: Path) -> None:
    bash = shutil.which("bash")
    assert bash, "no bash"
    text = path.read_text()
    for script in FENCE.findall(text) if path.suffix == ".md" else [text]:
        ran = subprocess.run([bash, "-n"], input=script, capture_output=True, text=True, timeout=10, check=False)
        assert (ran.returncode, ran.stderr) == (0, ""), script

"""What may lie at the top of the repository."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from tests.house.source import ROOT

FIXED = {"dashboard", "templates", "static", "jobs", "tests", "deploy", "wsgi.py", "pyproject.toml", "README.md"}
# Whatever a tool has no other place for: make, git, pip, and what people look for there.
FOR_TOOLS = {
    *(".ci", ".env.example", ".gitignore", "Makefile"),
    *("requirements.txt", "requirements-tracing.txt", "requirements-dev.txt"),
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md"),
}


def nothing_else_lies_at_the_top() -> Iterator[str]:
    if not (ROOT / ".git").exists():
        return  # the archive of a release: what belongs to it and what was put beside it look alike
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = {name.partition("/")[0] for name in listed.stdout.split("\0") if name}
    for name in sorted(found - FIXED - FOR_TOOLS):
        yield f"{name} lies at the top of the repository; tests/house/top_level.py names what may"
    for name in sorted((FIXED | FOR_TOOLS) - found):
        yield f"{name} is gone, and tests/house/top_level.py still names it"

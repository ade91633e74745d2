"""Where the user that runs PostgreSQL cannot look, as below a folder of root's alone, the tests run a copy of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support import postgres


def test_a_copy_of_postgresql_finds_its_libraries(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        programs = postgres.copy_of(postgres.find_programs(), tmp_path / "server")
    finally:
        os.umask(mask)
    for program in ("initdb", "postgres"):
        said = subprocess.run([programs / program, "--version"], capture_output=True, text=True, check=False)
        assert "PostgreSQL" in said.stdout, said.stderr
    ways = [folder for folder in (programs, *programs.parents) if folder.is_relative_to(tmp_path / "server")]
    assert all(folder.stat().st_mode & 0o055 == 0o055 for folder in ways), "not for another user"

"""The wheel has everything in it: installed outside the checkout, it serves, sends a code and verifies it.

It is built from the source archive, so that nothing helps that lies in this checkout and not in a clone. The packages
that it needs are those of this environment, found by their path; the checkout is not on it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from dashboard.resources import ROOT
from tests.support.stack import KEPT, free_port, until

pytestmark = pytest.mark.timeout(240)
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
FOREIGN = ("dashboard/__init__.py", "jobs/__init__.py", "wsgi.py")  # in a folder that the command is called in
START_SECONDS = 60
PHONE = "38089336"
PASSWORD = {"fr": "Mot de passe", "ar": "كلمة المرور", "en": "Password"}


@dataclass(frozen=True)
class Installed:
    """A virtual environment that holds the wheel, and a folder to call it in."""

    wheel: Path
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        home = {"CHINQIT_HOME": str(self.folder / "home")}
        return {name: os.environ[name] for name in KEPT if name in os.environ} | home

    def call(self, command: str, *words: str) -> str:
        argv = [str(self.folder / "venv" / "bin" / command), *words]
        done = subprocess.run(argv, env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass(frozen=True)
class Serving:
    """`chinqit run` of the wheel, and a client of it."""

    installed: Installed
    http: httpx.Client
    printed: Path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "hatchling", "build", "-t", "sdist", "-d", str(folder), cwd=ROOT)
    (source,) = folder.glob("*.tar.gz")
    python("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(source))
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("i")
    venv.create(folder / "venv", symlinks=True)
    own = folder / "venv" / "bin" / "python"
    python("-m", "pip", "--python", str(own), "install", "--no-deps", "--no-index", "--no-compile", str(wheel))
    packages = folder / "venv" / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib"))  # by its path: .pth files in it do not count
    for name in FOREIGN:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("raise SystemExit('this is not the gateway')\n")
    return Installed(wheel, folder)


@pytest.fixture(scope="module")
def serving(installed: Installed) -> Iterator[Serving]:
    port, printed = free_port(), installed.folder / "printed"
    argv = [str(installed.folder / "venv" / "bin" / "chinqit"), "run"]
    with printed.open("wb") as out:
        process = subprocess.Popen(
            argv, env=installed.environ | {"PORT": str(port)}, cwd=installed.folder, stdout=out, stderr=out
        )
    try:
        until(lambda: "Ctrl-C" in printed.read_text() or process.poll() is not None, START_SECONDS, printed.read_text)
        assert process.poll() is None, printed.read_text()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            yield Serving(installed, http, printed)
        process.terminate()
        assert process.wait(15) == 0, printed.read_text()
    finally:
        process.kill()  # its parts end with it


def python(*words: str, cwd: Path | None = None) -> None:
    done = subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_holds_every_file_of_the_product(wheel: Path) -> None:
    folders: Mapping[str, str] = {
        "dashboard": "dashboard",
        "jobs": "jobs",
        "templates": "dashboard/templates",
        "static": "dashboard/static",
    }
    expected = {"wsgi.py", "dashboard/deploy/gunicorn.conf.py"} | {
        str(Path(inside) / path.relative_to(ROOT / folder))
        for folder, inside in folders.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == expected
    assert len([name for name in held if name.endswith("/messages.mo")]) == 2


def test_nothing_of_the_checkout_can_be_imported(installed: Installed) -> None:
    program = (
        "from importlib.util import find_spec as f;"
        "print([bool(f(name)) for name in ('tests', 'hatch_build')],"
        " *(f(name).origin for name in ('dashboard.app', 'jobs.worker', 'wsgi')))"
    )
    first, *origins = installed.call("python", "-P", "-c", program).rsplit(maxsplit=3)
    assert first == "[False, False]"
    assert [Path(origin).is_relative_to(installed.folder / "venv") for origin in origins] == [True] * 3


def test_the_version_is_told_from_one_place(serving: Serving) -> None:
    assert serving.installed.call("chinqit", "--version") == f"chinqit, version {VERSION}\n"
    assert serving.http.get("/openapi.json").json()["info"]["version"] == VERSION
    assert serving.installed.wheel.name.split("-")[1] == VERSION


def test_a_code_is_sent_and_verified(serving: Serving) -> None:
    made = serving.installed.call("chinqit", "keys", "create", "wheel", "--test")
    key, http = {"X-API-Key": made.strip()}, serving.http
    sent = http.post("/otp/send", json={"phoneNumber": PHONE, "language": "fr"}, headers=key)
    assert sent.status_code == 200, sent.text
    inbox = until(lambda: http.get(f"/sandbox/inbox?phoneNumber={PHONE}", headers=key).json()["messages"], 10)
    code = re.search(r"\b\d{6}\b", inbox[0]["text"])
    assert code, inbox
    verified = http.post("/otp/verify", json={"phoneNumber": PHONE, "otp": code[0]}, headers=key)
    assert (verified.status_code, verified.json()["verified"]) == (200, True)
    assert serving.http.get("/readyz").status_code == 200


@pytest.mark.parametrize("language", PASSWORD)
def test_its_pages_come_translated_with_their_files(serving: Serving, language: str) -> None:
    link = re.search(r"/dashboard/setup/\S+", serving.printed.read_text())
    assert link
    page = serving.http.get(link[0], headers={"Accept-Language": language})
    assert page.status_code == 200
    assert PASSWORD[language] in page.text
    files = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text))
    assert {name.partition("?")[0].rpartition(".")[2] for name in files} >= {"css", "js", "svg"}
    assert {serving.http.get(name).status_code for name in files} == {200}
    guide = serving.http.get(f"/docs/{language}/webhooks")
    assert (guide.status_code, "hmac" in guide.text) == (200, True)


def test_the_doctor_is_content(serving: Serving) -> None:
    assert "WRONG" not in serving.installed.call("chinqit", "doctor")

"""The documents, .env.example and the files of deploy/ say what the code does."""

from __future__ import annotations

import dataclasses
import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
import yaml

from dashboard.api.openapi.document import shown_path
from dashboard.app import create_app
from dashboard.cli.registry import main
from dashboard.providers.registry import describe
from dashboard.providers.sandbox import ENDINGS
from dashboard.resources import ROOT
from dashboard.settings import SECRETS, Settings, prepare_home
from dashboard.vocabulary import Lane

README = (ROOT / "README.md").read_text()
HANDBOOK = (ROOT / "deploy" / "README.md").read_text()
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "deploy").rglob("*.md"))]
SCRIPTS = sorted((ROOT / "templates" / "docs" / "code").glob("*.sh"))
SCREENSHOTS = ROOT / "deploy" / "screenshots"
PICTURE = re.compile(r"/screenshots/([\w-]+\.webp)")
PICTURES = set(PICTURE.findall(README))
TRANSLATIONS = {language: ROOT / "deploy" / "readme" / f"README.{language}.md" for language in ("fr", "ar")}
FENCE = re.compile(r"^```(\w+)(?: ([\w-]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r'(?:\]\(|src=")([^)"\s]+)')
FIRST = {"run", "first-key", "first-sms", "first-inbox", "first-code", "first-verify"}


def table(first_heading: str, page: str = HANDBOOK) -> list[list[str]]:
    """The rows of the page's table whose first column is headed so."""
    lines = iter(page.splitlines())
    for line in lines:
        if line.startswith(f"| {first_heading} |"):
            next(lines)
            return [cells(row) for row in iter(lambda: next(lines, ""), "") if row.startswith("|")]
    raise AssertionError(f"there is no table headed {first_heading!r}")


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split(" | ")]


def commands(group: click.Group, path: str) -> Iterator[tuple[str, str]]:
    """Each command with the first paragraph of its help."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            first = inspect.cleandoc(command.help or "").split("\n\n")[0]
            yield f"`{path} {name}`", " ".join(first.split())


def defaults(home: Path) -> dict[str, str]:
    """What each setting is when nothing is set, as the documents write it."""
    prepare_home(home)
    settings = Settings.from_env({"CHINQIT_HOME": str(home)})
    return {
        field.name.upper(): written(settings, field.name) for field in dataclasses.fields(Settings) if field.metadata
    }


def written(settings: Settings, name: str) -> str:
    if name == "chinqit_home":
        return "instance"
    if name.upper() in SECRETS:
        made = settings.chinqit_home / "secrets" / name
        assert made.read_text() == getattr(settings, name)
        return f"$CHINQIT_HOME/secrets/{name}"
    value = getattr(settings, name)
    return str(int(value) if isinstance(value, bool) else value).replace(str(settings.chinqit_home), "$CHINQIT_HOME")


def about() -> dict[str, str]:
    return {field.name.upper(): field.metadata["about"] for field in dataclasses.fields(Settings) if field.metadata}


def test_the_settings_table_is_what_settings_holds(tmp_path: Path) -> None:
    shown = {}
    for name, default, text in table("Name"):
        shown[name.strip("`")] = (default.removeprefix("content of ").strip("`").replace("empty", ""), text)
    values = defaults(tmp_path / "home")
    assert shown == {name: (values[name], text) for name, text in about().items()}


def test_the_example_file_is_what_settings_holds(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text()
    shown = {name: (value, words) for words, name, value in re.findall(r"^# (.+)\n#([A-Z_]+)=(.*)$", text, re.M)}
    values = defaults(tmp_path / "home") | dict.fromkeys(SECRETS, "")
    assert shown == {name: (values[name], words) for name, words in about().items()}
    assert not re.search(r"^[^#\n]", text, re.M), "the example sets something"


def test_the_units_and_containers_set_only_what_settings_knows() -> None:
    known = {*about(), *(f"{name}_FILE" for name in SECRETS)}
    told = (ROOT / "deploy" / "systemd" / "chinqit.env").read_text()
    assert set(re.findall(r"^([A-Z_]+)=", told, re.M)) <= known
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    ours = {name: service for name, service in services.items() if service["image"] == "chinqit"}
    assert {"init", "web", *Lane, "relay"} == set(ours)
    for name, service in ours.items():
        assert service["env_file"] == ".env", f"{name} does not get the settings of deploy/.env"
        assert set(service["environment"]) == {"DATABASE_URL", "REDIS_URL", "PORT"} <= known, name


def test_what_runs_the_web_server_elsewhere_asks_it_alone_and_can_reach_it() -> None:
    """A container whose Valkey is away still takes messages, which /healthz says and /readyz does not."""
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    (asked,) = (word for word in compose["services"]["web"]["healthcheck"]["test"] if "http://" in word)
    assert "/healthz'" in asked
    assert "--bind ${HOST:-0.0.0.0}:${PORT:-8000}" in (ROOT / "deploy" / "Procfile").read_text()
    unit = (ROOT / "deploy" / "systemd" / "chinqit-web.service").read_text()
    assert all(f"${{{name}}}" in unit for name in ("HOST", "PORT", "WEB_WORKERS", "WEB_THREADS"))


def test_every_lane_has_a_worker_in_deploy() -> None:
    deploy = ROOT / "deploy"
    for lane in Lane:
        assert f"chinqit-worker@{lane}-1.service" in (deploy / "systemd" / "chinqit.target").read_text()
        assert f"command: [chinqit, worker, {lane}]" in (deploy / "compose.yaml").read_text()
        assert f"{lane}: chinqit worker {lane}\n" in (deploy / "Procfile").read_text()


def test_the_commands_table_is_what_the_command_offers() -> None:
    assert [tuple(row) for row in table("Command")] == list(commands(main, "chinqit"))


def test_commands_in_the_text_exist() -> None:
    known = tuple(f"{command.strip('`')} " for command, _ in commands(main, "chinqit"))
    pages = "".join(path.read_text() for path in sorted((ROOT / "templates" / "docs").rglob("*.html")))
    text = README + HANDBOOK
    inline = re.findall(r"`(?:\.venv/bin/)?(chinqit [a-z][^`\n]*)`", text)
    calls = re.compile(r"(?:^|\.venv/bin/|exec web )(chinqit [a-z][^\n)]*)", re.MULTILINE)
    scripts = [body for _, body in snippets(text)] + [path.read_text() for path in SCRIPTS]
    told = inline + [call for script in scripts for call in calls.findall(script)]
    told += re.findall(r"<code>(chinqit\s[a-z][^<]*)</code>", pages)
    told = [" ".join(call.split()) for call in told]
    assert len(told) > 80
    assert [call for call in told if not f"{call} ".startswith(known)] == []


def test_the_api_table_is_what_the_api_serves(tmp_path: Path) -> None:
    prepare_home(tmp_path / "home")
    app = create_app(Settings.from_env({"CHINQIT_HOME": str(tmp_path / "home")}))
    served = {
        f"`{method} {shown_path(rule.rule)}`"
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(("api.", "health.", "openapi."))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {row[0] for row in table("Call")} == served


def test_the_errors_table_names_codes_that_exist() -> None:
    sources = [*(ROOT / "dashboard").rglob("*.py"), ROOT / "deploy" / "nginx.conf"]
    text = "".join(source.read_text() for source in sources)
    told = [code for _, codes, _ in table("Status") for code in re.findall(r"`([a-z]+_?[a-z_]*)`", codes)]
    assert len(told) > 20
    assert [code for code in told if f'"{code}"' not in text] == []


def test_the_picture_of_the_house_is_what_is_held() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    picture = (ROOT / "CONTRIBUTING.md").read_text().split("```text\n")[1].split("```")[0]
    drawn = [
        [path.removesuffix("/").removesuffix(".py") for path in re.findall(r"(?:dashboard|jobs)[\w/.]*", line)]
        for line in picture.splitlines()
        if not line.startswith(" ")
    ]
    assert drawn == [layer.replace(".", "/").split(" | ") for layer in contracts[0]["layers"]]
    packages = [line.strip().split(", ") for line in picture.splitlines() if line.startswith(" ")]
    assert packages == [layer.split(" | ") for layer in contracts[1]["layers"]]


def test_the_guide_names_files_that_are_there() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    rows = table("…", guide)
    assert len(rows) >= 20
    named = re.findall(r"`((?:dashboard|jobs|templates|static|tests|deploy)/[^`*]*)`", guide)
    made = ("tests/artefacts/", "dashboard/providers/postbox")  # by tests and by the exercise
    named = [path for path in named if not path.startswith(made) and not re.search(r"[A-Z]{4}", path)]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_endings_table_is_what_the_sandbox_does() -> None:
    assert table("Number ends in") == [[f"`{ending}`", text] for ending, text in ENDINGS.items()]


def test_the_smpp_table_names_what_an_smsc_is_told() -> None:
    named = [name for row in table("SMPP setting") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted(item.name for item in describe("smpp"))


def test_the_readme_and_the_handbook_have_their_named_snippets() -> None:
    assert {name for name, _ in snippets(README)} == FIRST | {"test"}
    assert {name for name, _ in snippets(HANDBOOK)} >= {"contract", "wheel"}


@pytest.mark.parametrize("page", TRANSLATIONS.values(), ids=TRANSLATIONS)
def test_the_readme_says_the_same_in_every_language(page: Path) -> None:
    """The same commands, pictures and pages, and none of its sentences left in English."""
    text = page.read_text()
    plain = [(name, re.sub(r'"language": "\w\w"', "", body)) for name, body in snippets(text)]
    first = [(name, re.sub(r'"language": "\w\w"', "", body)) for name, body in snippets(README) if name in FIRST]
    assert plain == first
    assert set(PICTURE.findall(text)) == PICTURES
    prose = {line for line in FENCE.sub("", README).splitlines() if len(line.split()) > 6}
    assert prose & set(text.splitlines()) == set()


def test_every_picture_is_there_small_and_shown() -> None:
    kept = {path.name: path.stat().st_size for path in SCREENSHOTS.iterdir()}
    assert kept.keys() >= PICTURES
    assert max(kept.values()) < 100_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = page.parent / parts.path if parts.path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not parts.fragment or parts.fragment in anchors(target.read_text()), f"{page.name}: {link}"


def snippets(text: str) -> list[tuple[str, str]]:
    """Shell snippets with their names."""
    return [(name, body) for language, name, body in FENCE.findall(text) if language == "bash"]


def anchors(text: str) -> set[str]:
    """Of headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

"""The page of opt-outs, its command, and what the API answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dashboard.cli.registry import main
from dashboard.extensions import Services
from dashboard.gateway.opt_outs import opt_outs
from tests.support.dashboard_client import PARTIAL, Browser, World

PAGE = "/dashboard/opt-outs/"
PHONE, OTHER = "+22238089336", "+22247000000"


def put(services: Services, *phones: str, key_id: str | None = None, word: str | None = None) -> None:
    with services.sessions.begin() as session:
        opt_outs.add(session, phones, key_id, word=word)


def listed(services: Services) -> set[tuple[str, str | None]]:
    with services.sessions() as session:
        return {(row.phone, row.key_id) for row in opt_outs.page(session)}


def test_the_page_tells_who_wants_no_texts_and_by_which_word(operator: Browser, services: Services) -> None:
    assert "Nobody has opted out" in operator.get(PAGE).text
    put(services, PHONE, word="Arrêt")
    page = operator.get(PAGE).text
    assert "+222 38 08 93 36" in page and "Arrêt" in page and "All keys" in page
    assert "This number is not on the list" in operator.get(f"{PAGE}?phone=47000000").text


def test_numbers_are_added_as_a_list(operator: Browser, services: Services, world: World) -> None:
    key = world.key()
    sent = {"phones": "38089336\r\n+222 47 00 00 00", "key": key.id}
    answer = operator.post(f"{PAGE}new", sent, headers=PARTIAL)
    assert answer.status_code == 200 and "2 numbers added" in answer.text
    assert listed(services) == {(PHONE, key.id), (OTHER, key.id)}
    assert "0 numbers added" in operator.post(f"{PAGE}new", sent, headers=PARTIAL).text


@pytest.mark.parametrize(
    ("typed", "fault"), [("38089336\n12345678", "Line 2 is no number"), (" ", "at least one number"), ("x", "Line 1")]
)
def test_a_bad_line_is_named_and_nothing_is_added(
    operator: Browser, services: Services, typed: str, fault: str
) -> None:
    answer = operator.post(f"{PAGE}new", {"phones": typed, "key": ""}, headers=PARTIAL)
    assert answer.status_code == 422 and fault in answer.text
    assert listed(services) == set()


def test_a_number_is_taken_off_the_list(operator: Browser, services: Services) -> None:
    put(services, PHONE, OTHER)
    with services.sessions() as session:
        row_id = next(row.id for row in opt_outs.page(session) if row.phone == PHONE)
    assert "again?" in operator.get(f"{PAGE}{row_id}/remove", headers=PARTIAL).text
    assert operator.post(f"{PAGE}{row_id}/remove", headers=PARTIAL).status_code == 200
    assert listed(services) == {(OTHER, None)}
    assert operator.post(f"{PAGE}{row_id}/remove", headers=PARTIAL).status_code == 404


def test_viewers_see_no_numbers_and_find_none(viewer: Browser, services: Services) -> None:
    put(services, PHONE)
    page = viewer.get(f"{PAGE}?phone=47000000").text
    assert "+222 38 •• •• 36" in page and "38 08 93 36" not in page and "/remove" not in page
    assert viewer.get(f"{PAGE}export.csv").status_code == 403


def test_the_list_is_had_as_a_file(operator: Browser, services: Services) -> None:
    put(services, PHONE, word="STOP")
    answer = operator.get(f"{PAGE}export.csv")
    assert answer.mimetype == "text/csv" and "22238089336,,STOP," in answer.data.decode("utf-8-sig")


@pytest.fixture
def command(services: Services, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))
    return CliRunner()


def test_the_command_does_the_same(command: CliRunner, services: Services, world: World, tmp_path: Path) -> None:
    def run(*words: str) -> Result:
        return command.invoke(main, ["opt-outs", *words])

    key = world.key()
    assert run("add", "38089336").exit_code == 0 and run("add", "38089336", "--key", "Shop").exit_code == 0
    assert listed(services) == {(PHONE, None), (PHONE, key.id)}
    assert run("remove", "38089336").exit_code == 0
    assert run("remove", "38089336").exit_code == 1
    assert "+22238••••36" in run("list").stdout and PHONE not in run("list").stdout
    file = tmp_path / "list.csv"
    file.write_text("phone\n47000000\n26112233;x\n")
    assert "Added: 2" in run("import", str(file)).stdout
    file.write_text("26112244\nnobody\n")
    refused = run("import", str(file))
    assert refused.exit_code == 1 and "Line 2" in refused.output and len(listed(services)) == 3
    file.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in run("import", str(file)).output
    assert "22247000000,," in run("export").stdout

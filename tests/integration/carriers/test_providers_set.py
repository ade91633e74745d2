"""`chinqit providers set`: a change from a shell that keeps all the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dashboard.cli.carriers import providers_group
from dashboard.db import Sessions
from dashboard.gateway.carriers import carriers
from dashboard.settings import Settings
from tests.support.fake_carrier import Carrier
from tests.support.http_carriers import Office

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _mauritel(office: Office, first: Carrier, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(settings, name)))
    office.add("mauritel", first, sender="Chinqit", password="first-password")


def change(*arguments: str) -> Result:
    return CliRunner().invoke(providers_group, ["set", "mauritel", *arguments])


def look(sessions: Sessions, settings: Settings) -> tuple[dict[str, object], str, int, str | None]:
    """Settings, callback address, number of routes and label."""
    with sessions() as session:
        carrier = carriers.find(session, "mauritel")
        values: dict[str, object] = dict(carriers.decrypted(carriers.cipher(settings), carrier))
        return values, carrier.hook, len(carrier.routes), carrier.label


def test_a_change_keeps_all_other_settings_the_routes_and_the_callback_address(
    sessions: Sessions, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("second-password\n")
    before, hook, routes, _ = look(sessions, settings)
    result = change("sender=", f"password=@{tmp_path / 'password'}", "parallel=3", "--label", "Mauritel, ligne 1")
    assert (result.exit_code, result.output) == (0, "mauritel is changed.\n")
    after = look(sessions, settings)
    assert after == (
        before | {"sender": "", "password": "second-password", "parallel": 3},
        hook,
        routes,
        "Mauritel, ligne 1",
    )
    assert routes == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["colour=red"], "There is no such setting"),
        (["parallel=90"], "Use 32 or less"),
        (["url="], "Required field"),
        ([], "Give at least one FIELD=VALUE"),
        (["nonsense"], "Write FIELD=VALUE"),
        (["--label", "x" * 61], "at most 60"),
        (["sender=\udcff"], "not UTF-8"),
    ],
)
def test_a_wrong_change_says_why_and_changes_nothing(
    sessions: Sessions, settings: Settings, arguments: list[str], sentence: str
) -> None:
    before = look(sessions, settings)
    result = change(*arguments)
    assert result.exit_code != 0
    assert sentence in result.output
    assert look(sessions, settings) == before

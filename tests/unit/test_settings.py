"""Settings."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from dashboard.db import engine_options
from dashboard.resources import ROOT
from dashboard.settings import SECRETS, Settings, SettingsError, open_to_others, prepare_home

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    prepare_home(tmp_path / "home")
    return tmp_path / "home"


def read(home: Path, **environ: str) -> Settings:
    return Settings.from_env({"CHINQIT_HOME": str(home), **environ})


def test_a_prepared_home_is_enough(home: Path) -> None:
    found = read(home)
    assert found.database_url == f"sqlite:///{home / 'chinqit.db'}"
    assert found.redis_url == f"unix://{home / 'valkey.sock'}"
    assert found.embedded_valkey


def test_a_caller_of_whatsapp_waits_as_long_as_the_documents_say(home: Path) -> None:
    assert read(home).whatsapp_wait == 8
    assert "up to 8 seconds" in (ROOT / "templates" / "docs" / "en" / "whatsapp.html").read_text()
    assert read(home, WHATSAPP_WAIT="20").whatsapp_wait == 20


def test_secrets_are_made_once_long_different_and_private(home: Path) -> None:
    before = [getattr(read(home), name.lower()) for name in SECRETS]
    prepare_home(home)
    assert [getattr(read(home), name.lower()) for name in SECRETS] == before
    assert len(set(before)) == len(SECRETS)
    assert min(map(len, before)) >= 32
    for name in SECRETS:
        assert (home / "secrets" / name.lower()).stat().st_mode & 0o077 == 0
    assert (home / "secrets").stat().st_mode & 0o077 == 0
    assert home.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", SECRETS)
def test_a_missing_secret_stops_the_start_and_says_what_to_do(home: Path, name: str) -> None:
    (home / "secrets" / name.lower()).unlink()
    with pytest.raises(SettingsError, match=f"{name} is not set.*chinqit init"):
        read(home)


@pytest.mark.parametrize("name", SECRETS)
def test_a_short_secret_stops_the_start_and_is_not_repeated(home: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="too short") as caught:
        read(home, **{name: "hunter2-hunter2-hunter2-hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("weak", ["a" * 32, "0123456" * 6])
def test_a_secret_of_few_characters_stops_the_start(home: Path, weak: str) -> None:
    with pytest.raises(SettingsError, match=r"DATA_SECRET is too easy to guess.*openssl"):
        read(home, DATA_SECRET=weak)


def test_two_equal_secrets_stop_the_start(home: Path) -> None:
    with pytest.raises(SettingsError, match="OTP_SECRET and DATA_SECRET are the same"):
        read(home, OTP_SECRET=SECRET, DATA_SECRET=SECRET)


def test_what_was_open_to_others_before_is_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "secrets").mkdir(parents=True)
    files = [home / name for name in ("chinqit.db", "chinqit.db-wal", "chinqit.db-shm", "secrets/data_secret")]
    for path in files:
        path.write_text(SECRET)
        path.chmod(0o644)
    home.chmod(0o755)
    (home / "secrets").chmod(0o755)
    assert set(open_to_others(home)) == {home, home / "secrets", *files}
    prepare_home(home)
    assert open_to_others(home) == []


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_from_the_environment_before_a_file_before_the_home(
    home: Path, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}-of-the-file\n")
    assert getattr(read(home, **{f"{name}_FILE": str(file)}), name.lower()) == f"{SECRET}-of-the-file"
    assert getattr(read(home, **{name: SECRET, f"{name}_FILE": str(file)}), name.lower()) == SECRET


def test_secrets_are_not_shown_by_repr(home: Path) -> None:
    found = read(home, OTP_SECRET_PREVIOUS=SECRET)
    for name in (*SECRETS, "OTP_SECRET_PREVIOUS"):
        assert getattr(found, name.lower()) not in repr(found)


@pytest.mark.parametrize("name", ["PORT", "WEB_WORKERS", "WEB_THREADS", "SMS_WORKERS", "PROXY_HOPS"])
@pytest.mark.parametrize("value", ["x", "1.5", "-1", "٨٠٠٠", "8000 x", "0x50", "²"])
def test_a_number_must_be_one(home: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read(home, **{name: value})


def test_numbers_and_blanks_are_read(home: Path) -> None:
    found = read(home, PORT=" 9000 ", PROXY_HOPS="", WEB_THREADS=" ")
    assert (found.port, found.proxy_hops, found.web_threads) == (9000, 0, 64)


@pytest.mark.parametrize(
    ("rest", "address"),
    [
        ("u:p@a:5432,b:5433/n?x=1", "u:p@/n?host=a:5432&host=b:5433&x=1"),
        ("a,b/n", "/n?host=a&host=b"),
        ("u:p/w+,:x@a,b", "u:p/w+,:x@/?host=a&host=b"),
        ("u:p/w+,:x@a:5432/n", "u:p/w+,:x@a:5432/n"),
        ("u@[::1]:5432/n", "u@[::1]:5432/n"),
        ("u@[::1]/n", "u@[::1]/n"),
        ("u@/n?host=/run/postgresql,x", "u@/n?host=/run/postgresql,x"),
        ("", ""),
    ],
)
def test_libpq_s_form_for_several_hosts_is_understood(home: Path, rest: str, address: str) -> None:
    assert read(home, DATABASE_URL=f"postgresql://{rest}").database_url == f"postgresql+psycopg://{address}"


@pytest.mark.parametrize("rest", ["u@a:x/n", "u@a:5432,b:99999/n", "a:0/n", "a:٣/n", "a:" + "9" * 5000 + "/n"])
def test_a_port_that_is_none_is_told(home: Path, rest: str) -> None:
    with pytest.raises(SettingsError, match="a port must be a number"):
        read(home, DATABASE_URL=f"postgresql://{rest}")


def test_a_database_that_vanishes_is_given_up_in_seconds() -> None:
    assert engine_options("postgresql+psycopg://a/n")["connect_args"]["tcp_user_timeout"] == 5_000
    own = engine_options("postgresql+psycopg://a/n?tcp_user_timeout=9")["connect_args"]
    assert "tcp_user_timeout" not in own and own["keepalives_count"] == 3


@pytest.mark.parametrize("name", SECRETS)
def test_a_named_file_that_cannot_be_read_stops_the_start(home: Path, tmp_path: Path, name: str) -> None:
    """The one of the home folder is not taken in its place."""
    with pytest.raises(SettingsError, match=rf"{name}_FILE: cannot read /nowhere/x: No such file"):
        read(home, **{f"{name}_FILE": "/nowhere/x"})
    with pytest.raises(SettingsError, match=rf"{name}_FILE: cannot read .*: Is a directory"):
        read(home, **{f"{name}_FILE": str(tmp_path)})
    (tmp_path / "empty").touch()
    with pytest.raises(SettingsError, match=rf"{name}_FILE: .*empty: it is empty"):
        read(home, **{f"{name}_FILE": str(tmp_path / "empty")})
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=rf"{name}_FILE: cannot read .*: it is not text"):
        read(home, **{f"{name}_FILE": str(tmp_path / "binary")})


@pytest.mark.parametrize("scheme", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_any_postgresql_address_names_the_installed_driver(home: Path, scheme: str) -> None:
    assert read(home, DATABASE_URL=f"{scheme}u@h/db").database_url == "postgresql+psycopg://u@h/db"


def test_a_redis_of_ones_own_is_not_embedded(home: Path) -> None:
    assert not read(home, REDIS_URL="redis://127.0.0.1:6379/0").embedded_valkey


def test_no_proxy_is_trusted_unless_told(home: Path) -> None:
    assert read(home).proxy_hops == 0


@pytest.mark.parametrize(
    ("url", "secure"), [("https://sms.example.mr/", True), ("http://10.0.0.1", False), ("", False)]
)
def test_the_address_decides_on_secure_cookies(home: Path, url: str, secure: bool) -> None:
    assert read(home, PUBLIC_URL=url).secure is secure
    assert not read(home, PUBLIC_URL=url).address.endswith("/")


def test_settings_are_frozen(home: Path) -> None:
    with pytest.raises(FrozenInstanceError):
        read(home).port = 1  # type: ignore[misc]


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="CHINQIT_HOME"):
        prepare_home(tmp_path / "file" / "home")


PROVIDER = {"OIDC_ISSUER": "https://id.example.mr", "OIDC_CLIENT_ID": "gateway"}


def test_a_provider_to_sign_in_with_gives_roles_and_has_its_secret_in_a_file(home: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    told = {"OIDC_ROLE_CLAIM": "groups", "OIDC_ROLES": " sms admins = owner,team=viewer, "}
    found = read(home, **PROVIDER, **told, OIDC_CLIENT_SECRET_FILE=str(tmp_path / "secret"))
    assert found.oidc_role_pairs == (("sms admins", "owner"), ("team", "viewer"))
    assert found.oidc_client_secret == "hush" and "hush" not in repr(found)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"OIDC_ISSUER": "http://id.example.mr", "OIDC_CLIENT_ID": "x"}, "must begin with https://"),
        (
            {"OIDC_ISSUER": "id.example.mr", "OIDC_CLIENT_ID": "x", "OIDC_ALLOW_PRIVATE": "1"},
            "must begin with https://",
        ),
        ({"OIDC_ISSUER": "https://id.example.mr"}, "without OIDC_CLIENT_ID"),
        ({"OIDC_ONLY": "1"}, "lets nobody in without OIDC_ISSUER"),
        ({**PROVIDER, "OIDC_ROLE_CLAIM": "groups", "OIDC_ROLES": "a=admin"}, "not 'admin'"),
        ({**PROVIDER, "OIDC_ROLE_CLAIM": "groups", "OIDC_ROLES": "a"}, "not ''"),
        ({**PROVIDER, "OIDC_DEFAULT_ROLE": "root"}, "not 'root'"),
        ({**PROVIDER, "OIDC_ROLE_CLAIM": "groups"}, "belong together"),
        ({**PROVIDER, "OIDC_ROLES": "a=owner"}, "belong together"),
    ],
)
def test_a_provider_that_is_told_of_by_half_stops_the_start(home: Path, told: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read(home, **told)

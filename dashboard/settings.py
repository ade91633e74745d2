"""Settings: read once from the environment, then frozen. The only reader of `os.environ`."""

from __future__ import annotations

import itertools
import os
import secrets
import socket
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dashboard import addresses, listener, secret_files
from dashboard.secret_files import Secret
from dashboard.vocabulary import Role

SECRETS = {  # how long what was made with one is worth something after the next one is in force
    "SECRET_KEY": timedelta(hours=12),  # the longest session
    "OTP_SECRET": timedelta(minutes=11),  # a code, and a minute for clocks that differ
    "DATA_SECRET": timedelta(hours=24),  # an Idempotency-Key; what is encrypted is encrypted anew
}
SHORTEST_SECRET = 32
FEWEST_CHARACTERS = 8  # different ones in a secret; 32 random hexadecimal digits have fewer once in 28 million times
OTHERS = stat.S_IRWXG | stat.S_IRWXO
LONGEST_SOCKET_PATH = 103  # sun_path holds 104 bytes on macOS, 108 on Linux, the closing NUL included


class SettingsError(Exception):
    """A setting is missing or wrong; the message says which, and what to do."""


@dataclass(frozen=True)
class Settings:
    """What the gateway was told. Field names are the environment's names in lower case."""

    chinqit_home: Path = field(metadata={"about": "Folder that holds everything the gateway writes"})
    database_url: str = field(metadata={"about": "SQLAlchemy address; PostgreSQL for several machines"})
    redis_url: str = field(metadata={"about": "Redis or Valkey; unset, `chinqit run` starts its own Valkey"})
    secret_key: str = field(repr=False, metadata={"about": "Signs form tokens; at least 32 characters"})
    otp_secret: str = field(repr=False, metadata={"about": "Codes are derived from it; at least 32 characters"})
    data_secret: str = field(
        repr=False, metadata={"about": "Encrypts sandbox texts and webhook secrets; at least 32 characters"}
    )
    secret_key_previous: str = field(
        default="", repr=False, metadata={"about": "The form secret before a rotation; keep it for twelve hours"}
    )
    otp_secret_previous: str = field(
        default="", repr=False, metadata={"about": "The code secret before a rotation; keep it for ten minutes"}
    )
    data_secret_previous: str = field(
        default="",
        repr=False,
        metadata={"about": "The data secret before a rotation; keep it for a day, and till all is encrypted anew"},
    )
    host: str = field(default="127.0.0.1", metadata={"about": "Address that the web server listens on"})
    port: int = field(default=8000, metadata={"about": "Port that the web server listens on"})
    web_workers: int = field(default=2, metadata={"about": "Web processes of `chinqit run`"})
    web_threads: int = field(default=64, metadata={"about": "Threads of each web process"})
    sms_workers: int = field(default=2, metadata={"about": "Workers of the `sms` lane under `chinqit run`"})
    whatsapp_workers: int = field(default=1, metadata={"about": "Workers of the `whatsapp` lane under `chinqit run`"})
    email_workers: int = field(default=1, metadata={"about": "Workers of the `email` lane under `chinqit run`"})
    webhook_workers: int = field(default=1, metadata={"about": "Workers of the `webhooks` lane under `chinqit run`"})
    webhooks_parallel: int = field(default=8, metadata={"about": "Calls at the same time to one webhook"})
    webhooks_allow_http: bool = field(
        default=False, metadata={"about": "1 lets webhooks go to plain `http://` addresses"}
    )
    webhooks_allow_private: bool = field(
        default=False, metadata={"about": "1 lets webhooks go to private and loopback addresses"}
    )
    whatsapp_wait: int = field(
        default=8, metadata={"about": "Seconds that a call waits for what WhatsApp says of its code"}
    )
    public_url: str = field(default="", metadata={"about": "Address that people open; shown in links and samples"})
    proxy_hops: int = field(default=0, metadata={"about": "Trusted reverse proxies in front (X-Forwarded-* hops)"})
    timezone: str = field(default="Africa/Nouakchott", metadata={"about": "Time zone of the dashboard"})
    backup_folder: str = field(
        default="", metadata={"about": "Folder in which the relay keeps a backup of each day; empty: none"}
    )
    backup_keep: int = field(default=14, metadata={"about": "How many backups stay in it"})
    log_format: str = field(default="text", metadata={"about": "How lines of the log are written: `text` or `json`"})
    smtp_url: str = field(
        default="",
        repr=False,
        metadata={"about": "Mail server for alerts: `smtp://user:password@mail.example.org:587`, or `smtps://`"},
    )
    metrics_token: str = field(
        default="", repr=False, metadata={"about": "Opens `/metrics` to others than this machine, as a Bearer token"}
    )
    otel_exporter_otlp_endpoint: str = field(
        default="", metadata={"about": "Collector that is told of each message's way (OpenTelemetry); empty: none"}
    )
    mail_from: str = field(default="", metadata={"about": "Address that alerts come from"})
    report_to: str = field(
        default="", metadata={"about": "E-mail address that a report of the week goes to on Mondays; empty: none"}
    )
    oidc_issuer: str = field(default="", metadata={"about": "OpenID Connect provider to sign in with; empty: none"})
    oidc_client_id: str = field(default="", metadata={"about": "By which name the provider knows the gateway"})
    oidc_client_secret: str = field(
        default="", repr=False, metadata={"about": "What the gateway shows the provider; empty: a public client"}
    )
    oidc_label: str = field(default="", metadata={"about": "What the provider is called on the sign-in page"})
    oidc_scopes: str = field(default="openid email profile", metadata={"about": "What the provider is asked to tell"})
    oidc_role_claim: str = field(default="", metadata={"about": "Claim with a person's roles or groups; empty: none"})
    oidc_roles: str = field(default="", metadata={"about": "Which of its values give which role; the highest holds"})
    oidc_default_role: str = field(default="", metadata={"about": "Role of who has none of these; empty: refused"})
    oidc_acr: str = field(default="", metadata={"about": "Value of the claim `acr` that stands for a second factor"})
    oidc_only: bool = field(default=False, metadata={"about": "1 ends signing in with passwords and passkeys"})
    oidc_allow_private: bool = field(
        default=False, metadata={"about": "1 lets the provider be at a private address, over plain `http://` too"}
    )
    secret_paths: tuple[tuple[str, Path], ...] = ()  # by name; a secret that the environment holds has none

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment, `NAME_FILE` files and `$CHINQIT_HOME/secrets/`; raise SettingsError."""
        env = os.environ if environ is None else environ
        home = home_from_env(env)
        values: dict[str, Any] = {
            "chinqit_home": home,
            "database_url": _address(addresses.database, env.get("DATABASE_URL") or f"sqlite:///{home / 'chinqit.db'}"),
            "redis_url": _address(addresses.redis, env.get("REDIS_URL") or _socket_url(home)),
        }
        paths = {name: path for name in SECRETS if (path := _secret_path(env, home, name))}
        values |= {name.lower(): _secret(env, name, paths.get(name)) for name in SECRETS}
        _refuse_equal(values)
        values["secret_paths"] = tuple(paths.items())
        for name in (f"{name}_PREVIOUS" for name in SECRETS):
            values[name.lower()] = env.get(name) or _read(f"{name}_FILE", env)
        values["log_format"] = log_format(env)
        values["metrics_token"] = env.get("METRICS_TOKEN") or _read("METRICS_TOKEN_FILE", env)
        values["oidc_client_secret"] = env.get("OIDC_CLIENT_SECRET") or _read("OIDC_CLIENT_SECRET_FILE", env)
        values["smtp_url"] = _address(addresses.smtp, env.get("SMTP_URL") or _read("SMTP_URL_FILE", env))
        values["otel_exporter_otlp_endpoint"] = _address(
            addresses.collector, env.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        )
        for item in fields(cls):
            raw = env.get(item.name.upper(), "").strip()
            if raw and item.name not in values:
                values[item.name] = READ[item.type](item.name, raw)
        settings = cls(**values)
        is_private, is_named = settings.oidc_allow_private, bool(settings.oidc_client_id)
        _address(partial(addresses.issuer, is_private, is_named, settings.oidc_only), settings.oidc_issuer)
        _check_roles(settings)
        return settings

    def secrets(self, name: str) -> tuple[Secret, ...]:
        """The values of a secret, the newest first, as its file has them by now; those to come and retired ones too."""
        path = dict(self.secret_paths).get(name)
        before = getattr(self, f"{name.lower()}_previous")
        newest = secret_files.follow(path) if path else (Secret(getattr(self, name.lower())),)
        return (*newest, Secret(before)) if before else newest

    def usable_secrets(self, name: str) -> tuple[str, ...]:
        """The value of a secret that is in force by now, then those that something may have been made with."""
        found = secret_files.usable(self.secrets(name), SECRETS[name], datetime.now(UTC))
        return tuple(secret.value for secret in found)

    @property
    def embedded_valkey(self) -> bool:
        """Whether Redis is the Valkey that `chinqit run` starts in the home folder."""
        return self.redis_url == _socket_url(self.chinqit_home)

    def environ(self) -> dict[str, str]:
        """The environment for a process that is to run with these settings."""
        own = {"CHINQIT_HOME": str(self.chinqit_home), "DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}
        return {**os.environ, **own, "HOST": self.host, "PORT": str(self.port)}

    @property
    def oidc_role_pairs(self) -> tuple[tuple[str, str], ...]:
        """Values of the claim with the role that each gives."""
        pairs = (pair.partition("=") for pair in self.oidc_roles.split(",") if pair.strip())
        return tuple((value.strip(), role.strip()) for value, _, role in pairs)

    @property
    def valkey_socket(self) -> Path:
        return self.chinqit_home / "valkey.sock"

    @property
    def address(self) -> str:
        """The address that people open, without a closing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def mail_sender(self) -> str:
        """The address that mail comes from."""
        return self.mail_from or f"chinqit@{urlsplit(self.address).hostname}"

    @property
    def secure(self) -> bool:
        """Whether people reach the dashboard over TLS."""
        return self.address.startswith("https://")


def prepare_home(home: Path) -> None:
    """Make the home folder and the secrets it lacks, readable by this user alone; raise SettingsError."""
    folder = prepare_folder(home)
    try:
        for name in SECRETS:
            if not (folder / name.lower()).exists():
                secret_files.write(folder / name.lower(), secrets.token_urlsafe(48))
        _prove_writable(home)
    except OSError as error:
        raise _cannot_write(home, error) from error


def prepare_folder(home: Path) -> Path:
    """Make the home folder; return its folder for secrets. Raise SettingsError."""
    folder = home / "secrets"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        _close_to_others(home)
    except OSError as error:
        raise _cannot_write(home, error) from error
    return folder


def _cannot_write(home: Path, error: OSError) -> SettingsError:
    reason = error.strerror or type(error).__name__
    return SettingsError(f"Cannot write in {home}: {reason}. Set CHINQIT_HOME to a folder you own.")


def open_to_others(home: Path) -> list[Path]:
    """What other users of this machine may read or write of the folder, its secrets and its database."""
    ours = (home, home / "secrets", *home.glob("secrets/*"), *home.glob("chinqit.db*"))
    return [path for path in ours if path.exists() and path.stat().st_mode & OTHERS]


def _close_to_others(home: Path) -> None:
    """A folder or database that was there before may be open. What belongs to another user stays as it is."""
    for path in open_to_others(home):
        with suppress(PermissionError):
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)


def secrets_from_env() -> list[str]:
    """The names of secrets that the environment sets, by value or by file."""
    return [name for name in SECRETS if os.environ.get(name) or os.environ.get(f"{name}_FILE")]


def inherited_listener() -> socket.socket | None:
    """The socket that this process was given to listen on, once."""
    given = {name: os.environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS")}
    return listener.inherited(given)


def replace_environ(environ: Mapping[str, str]) -> None:
    """Give this process another environment, as a program gets one when it is started."""
    os.environ.clear()
    os.environ.update(environ)


def given_settings() -> dict[str, str]:
    """What the environment of this process sets, by value or by file."""
    return {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") in NAMES}


def environ_with(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process with these settings instead of its own."""
    return {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in NAMES} | dict(given)


def log_format(environ: Mapping[str, str] | None = None) -> str:
    """How lines of the log are written; raise SettingsError. Asked for before there are settings."""
    env = os.environ if environ is None else environ
    form = env.get("LOG_FORMAT", "").strip() or "text"
    if form not in ("text", "json"):
        raise SettingsError(f"LOG_FORMAT must be text or json, not {form!r}.")
    return form


def home_from_env(environ: Mapping[str, str] | None = None) -> Path:
    """Where the gateway writes: $CHINQIT_HOME, or `instance` in the current folder."""
    env = os.environ if environ is None else environ
    return Path(env.get("CHINQIT_HOME") or "instance").expanduser().absolute()


def _prove_writable(home: Path) -> None:
    probe = home / f".probe-{os.getpid()}"
    probe.touch()
    probe.unlink()


def _secret_path(env: Mapping[str, str], home: Path, name: str) -> Path | None:
    """The file that a secret is read from; None when the environment itself holds it."""
    if env.get(name):
        return None
    return Path(env.get(f"{name}_FILE") or home / "secrets" / name.lower())


def _secret(env: Mapping[str, str], name: str, path: Path | None) -> str:
    """The value in force; raise SettingsError for one that is missing or weak."""
    found = _read_secret(env, name, path) if path else (Secret(env[name]),)
    for secret in found:
        if len(secret.value) < SHORTEST_SECRET:
            raise SettingsError(f"{name} is too short: it needs at least {SHORTEST_SECRET} random characters.")
        if len(set(secret.value)) < FEWEST_CHARACTERS:
            raise SettingsError(f"{name} is too easy to guess: make one with `openssl rand -base64 36`.")
    return secret_files.usable(found, SECRETS[name], datetime.now(UTC))[0].value


def _read_secret(env: Mapping[str, str], name: str, path: Path) -> tuple[Secret, ...]:
    """The values of a file. Raise SettingsError when it cannot be read: another secret in its place would make every
    code and every text of before worthless."""
    is_own = not env.get(f"{name}_FILE")
    try:
        return secret_files.read(path)
    except (OSError, ValueError) as error:
        if is_own and (isinstance(error, FileNotFoundError) or str(error) == "it is empty"):
            advice = f"Set {name} or {name}_FILE, or run `chinqit init` to make one in {path.parent.parent}."
            raise SettingsError(f"{name} is not set. {advice}") from None
        where = "Cannot" if is_own else f"{name}_FILE: cannot"
        raise SettingsError(f"{where} read {path}: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    """What kept a file from being read, in words."""
    words = getattr(error, "strerror", None)
    return words or ("it is not text" if isinstance(error, UnicodeDecodeError) else str(error))


def _refuse_equal(values: Mapping[str, str]) -> None:
    """Raise SettingsError when two secrets are the same: whoever learns one would have the other."""
    for one, other in itertools.combinations(SECRETS, 2):
        if values[one.lower()] == values[other.lower()]:
            raise SettingsError(f"{one} and {other} are the same: make each with `openssl rand -base64 36`.")


def _check_roles(settings: Settings) -> None:
    """Raise SettingsError unless what is said of the provider's roles fits together."""
    given = [role for _, role in settings.oidc_role_pairs] + [settings.oidc_default_role or Role.VIEWER]
    unknown = next((role for role in given if role not in tuple(Role)), None)
    if unknown is not None:
        raise SettingsError(f"OIDC_ROLES and OIDC_DEFAULT_ROLE know {', '.join(reversed(Role))}, not {unknown!r}.")
    if bool(settings.oidc_role_claim) != bool(settings.oidc_roles):
        raise SettingsError("OIDC_ROLE_CLAIM and OIDC_ROLES belong together: set both or neither.")


def _read(name: str, env: Mapping[str, str]) -> str:
    """The content of the file that a variable names, if it names one; raise SettingsError when it cannot be read."""
    path = env.get(name)
    if not path:
        return ""
    try:
        value = Path(path).read_text().strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{name}: cannot read {path}: {_reason(error)}.") from None
    if not value:
        raise SettingsError(f"{name}: {path} is empty.")
    return value


def _address(check: Callable[[str], str], url: str) -> str:
    try:
        return check(url)
    except addresses.InvalidAddress as error:
        raise SettingsError(str(error)) from None


def _socket_url(home: Path) -> str:
    return f"unix://{home / 'valkey.sock'}"


def _whole(name: str, raw: str) -> int:
    if not (raw.isascii() and raw.isdigit()):
        raise SettingsError(f"{name.upper()} must be a whole number, not {raw!r}.")
    return int(raw)


def _yes_or_no(name: str, raw: str) -> bool:
    if raw not in ("0", "1"):
        raise SettingsError(f"{name.upper()} must be 0 or 1, not {raw!r}.")
    return raw == "1"


def _text(_name: str, raw: str) -> str:
    return raw


READ: Mapping[Any, Callable[[str, str], object]] = {"int": _whole, "bool": _yes_or_no, "str": _text}  # by annotation
NAMES = frozenset(item.name.upper() for item in fields(Settings) if "about" in item.metadata)

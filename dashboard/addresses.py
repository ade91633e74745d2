"""The addresses of what the gateway talks to, as settings give them: checked, and made what its driver takes."""

from __future__ import annotations

import re
from importlib.util import find_spec
from urllib.parse import urlsplit

OTLP = "opentelemetry.exporter.otlp.proto.http"
AUTHORITY = re.compile(r"((?:[^:/@]*(?::[^@]*)?@)?)([^/?]*)(.*)", re.DOTALL)  # user and password, hosts, the rest
PORT = re.compile(r":([^:\]]*)$")  # of a host; an IPv6 address stands in brackets
POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
WAKEUP_SCHEMES = ("redis", "rediss", "unix")
SENTINELS = re.compile(  # user and password of the servers, the sentinels, the name of the master, the database
    r"redis\+sentinel://(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?"
    r"(?P<hosts>[\w.-]+(?::\d{1,5})?(?:,[\w.-]+(?::\d{1,5})?)*)/(?P<master>[\w.-]+)(?:/(?P<number>\d+))?"
)


class InvalidAddress(ValueError):
    """A setting holds no such address; the message says which, and what to do."""


def database(url: str) -> str:
    """Name the driver that is installed, whatever form the address was given in; raise InvalidAddress."""
    if url.startswith("sqlite:///"):
        return url
    scheme, mark, rest = url.partition("://")
    if scheme not in POSTGRESQL or not mark:
        raise InvalidAddress("DATABASE_URL must begin with sqlite:/// or postgresql://.")
    return "postgresql+psycopg://" + _hosts_as_query(rest)


def _hosts_as_query(rest: str) -> str:
    """libpq's form for several hosts, `user@a:5432,b:5432/name`, in SQLAlchemy's: `user@/name?host=a:5432&host=b:5432`.

    Raise InvalidAddress when a port is no number: the driver would end in a traceback.
    """
    found = AUTHORITY.fullmatch(rest)
    user, hosts, tail = found.groups("") if found else ("", "", rest)
    for host in hosts.split(","):
        port = PORT.search(host)
        if port and not (port[1].isascii() and port[1].isdigit() and 0 < int(port[1][:6]) < 65_536):
            raise InvalidAddress("DATABASE_URL: a port must be a number from 1 to 65535.")
    if "," not in hosts:
        return rest
    path, _, query = tail.partition("?")
    params = [f"host={host}" for host in hosts.split(",")] + ([query] if query else [])
    return f"{user}{path or '/'}?{'&'.join(params)}"


def redis(url: str) -> str:
    """Raise InvalidAddress unless it is one; its password may be in it, so it is not repeated."""
    if url.startswith("redis+sentinel:"):
        if SENTINELS.fullmatch(url):
            return url
        raise InvalidAddress("REDIS_URL must be as in redis+sentinel://:password@host:26379,other:26379/mymaster/0.")
    try:
        fits = urlsplit(url).scheme in WAKEUP_SCHEMES and urlsplit(url).port != 0
    except ValueError:  # the port is no number
        fits = False
    if not fits:
        raise InvalidAddress("REDIS_URL must be as in redis://127.0.0.1:6379, rediss://… or unix:///run/valkey.sock.")
    return url


def smtp(url: str) -> str:
    """Raise InvalidAddress unless it is one, or empty; its password may be in it, so it is not repeated."""
    try:
        parts = urlsplit(url)
        fits = not url or (parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0)
    except ValueError:  # the port is no number
        fits = False
    if not fits:
        raise InvalidAddress("SMTP_URL must be as in smtp://user:password@mail.example.org:587 or smtps://….")
    return url


def issuer(is_private: bool, has_client: bool, is_only: bool, url: str) -> str:
    """Raise InvalidAddress unless it is a provider to sign in with, or empty where none is needed.

    `is_private`: it may be at a private address; `has_client`: it knows us; `is_only`: nobody comes in another way.
    """
    if not url and is_only:
        raise InvalidAddress("OIDC_ONLY lets nobody in without OIDC_ISSUER: set both or neither.")
    if url and not url.startswith(("https://", "http://") if is_private else "https://"):
        raise InvalidAddress("OIDC_ISSUER must begin with https://, or http:// where OIDC_ALLOW_PRIVATE is 1.")
    if url and not has_client:
        raise InvalidAddress("OIDC_ISSUER is set without OIDC_CLIENT_ID: the provider has one for the gateway.")
    return url


def collector(url: str) -> str:
    """Raise InvalidAddress unless it is an address, or empty, and what tells it is installed."""
    if not url:
        return ""
    if not url.startswith(("http://", "https://")):
        raise InvalidAddress("OTEL_EXPORTER_OTLP_ENDPOINT must be as in http://127.0.0.1:4318.")
    if find_spec("opentelemetry") is None or find_spec(OTLP) is None:
        raise InvalidAddress(
            "OTEL_EXPORTER_OTLP_ENDPOINT needs what requirements-tracing.txt names: "
            "pip install --require-hashes -r requirements-tracing.txt"
        )
    return url

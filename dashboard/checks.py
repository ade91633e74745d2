"""Is everything as it should be? What `chinqit doctor` says, and the migrations that `chinqit run` needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard import wakeup
from dashboard.db import make_sessions, read_session, utcnow
from dashboard.gateway import workers
from dashboard.gateway.carriers import carriers
from dashboard.gateway.messages import outbox
from dashboard.gateway.monitoring import alerts, carrier_status
from dashboard.gateway.monitoring.alerts import Alert
from dashboard.gateway.monitoring.carrier_status import CarrierStatus
from dashboard.gateway.webhooks import endpoints
from dashboard.models.messages import Message
from dashboard.resources import resource
from dashboard.settings import Settings, SettingsError

VERSIONS = resource("migrations/versions")
MOST_SKEW = timedelta(seconds=5)
LONG_WAIT = timedelta(minutes=1)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    ok: bool
    message: str
    advice: str = ""


def newest_version() -> str:
    """The number of the newest migration: the files are numbered."""
    return max(path.name.split("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


def database_version(session: Session) -> str | None:
    """The number of the last migration that was run, or None on an empty database."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    version: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def migrate_if_needed(settings: Settings, tell: Callable[[str], None]) -> None:
    """Run the migrations that are missing; raise SettingsError when the database does not answer."""
    try:
        with make_sessions(settings.database_url)() as session:
            found = database_version(session)
    except SQLAlchemyError as error:
        raise SettingsError(_no_database(settings, error)) from None
    if found is not None and found > newest_version():
        raise SettingsError(f"The database is newer ({found}) than this version of the gateway ({newest_version()}).")
    if found != newest_version():
        tell("Preparing the database ...")
        migrate(settings)


def migrate(settings: Settings) -> None:
    """Bring the database to the newest version."""
    from flask_migrate import upgrade  # Flask is slow to import and most commands do without it

    from dashboard.app import create_app

    with create_app(settings).app_context():
        upgrade()


def examine() -> list[Finding]:
    """Look at everything, in the order in which things depend on each other."""
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        return [Finding("settings", False, str(error))]
    findings = [Finding("settings", True, f"home {settings.chinqit_home}, web {settings.address}")]
    findings += [_timezone(settings), _valkey(settings)]
    try:
        with read_session(make_sessions(settings.database_url)) as session:
            findings += [
                _version(session),
                _clock(session),
                *_processes(session),
                _backlog(session),
                _webhooks(session),
                *_carriers(session, settings),
            ]
    except SQLAlchemyError as error:
        findings.append(Finding("database", False, _no_database(settings, error), "Check DATABASE_URL and its server."))
    return findings


def _no_database(settings: Settings, error: SQLAlchemyError) -> str:
    reason = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
    kind = "SQLite" if settings.database_url.startswith("sqlite") else "PostgreSQL"
    return f"{kind} does not answer: {reason}"


def _version(session: Session) -> Finding:
    found, newest = database_version(session), newest_version()
    if found == newest:
        return Finding("database", True, f"{session.get_bind().dialect.name}, version {found}")
    newer = found is not None and found > newest
    advice = "Update the gateway, or restore the backup." if newer else "Run: chinqit migrate"
    return Finding("database", False, f"version {found or 'none'}, this gateway needs {newest}", advice)


def _timezone(settings: Settings) -> Finding:
    try:
        ZoneInfo(settings.timezone)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        advice = "Set TIMEZONE to one that there is, as Africa/Nouakchott."
        return Finding("timezone", False, f"there is no {settings.timezone!r}", advice)
    return Finding("timezone", True, settings.timezone)


def _valkey(settings: Settings) -> Finding:
    if wakeup.Wakeup(settings.redis_url).is_reachable():
        return Finding("valkey", True, "answers")
    advice = "It comes with `chinqit run`." if settings.embedded_valkey else "Check REDIS_URL and its server."
    return Finding("valkey", False, "does not answer; messages go on, up to a second later each", advice)


def _clock(session: Session) -> Finding:
    """Against PostgreSQL's clock, and against the newest message, which cannot be of tomorrow."""
    now = utcnow()
    if session.get_bind().dialect.name == "postgresql":
        skew = session.scalar(select(func.now())) - now  # type: ignore[operator]
        if abs(skew) > MOST_SKEW:
            return Finding(
                "clock", False, f"{skew.total_seconds():+.0f} s from the database's", "Run an NTP client on both."
            )
    newest = session.scalar(select(Message.created_at).order_by(Message.id.desc()).limit(1))
    if newest is not None and newest > now + MOST_SKEW:
        return Finding("clock", False, "messages are dated in the future: it was set back", "Run an NTP client.")
    return Finding("clock", True, now.isoformat(timespec="seconds"))


def _processes(session: Session) -> list[Finding]:
    alive = workers.alive(session)
    return [
        Finding("workers", bool(alive.get(role)), f"{role}: {alive.get(role, 0)} running", _start(role, alive))
        for role in (*workers.LANES, "relay")
    ]


def _start(role: str, alive: dict[str, int]) -> str:
    if alive.get(role):
        return ""
    return "Start it: chinqit relay" if role == "relay" else f"Start one: chinqit worker {role}"


def _backlog(session: Session) -> Finding:
    oldest = session.scalar(select(func.min(Message.due_at)).where(Message.due_at.is_not(None)))
    late = utcnow() - oldest if oldest else timedelta(0)
    if late > LONG_WAIT:
        advice = "See that workers run and that the carrier answers."
        return Finding("outbox", False, f"the oldest message waits for {late.total_seconds():.0f} s", advice)
    return Finding("outbox", True, f"{sum(outbox.waiting(session).values())} waiting")


def _webhooks(session: Session) -> Finding:
    """Not a fault of the gateway's own, unless all of a key's events are lost on someone."""
    trouble = endpoints.needing_attention(session)
    off = [endpoint for endpoint in trouble if endpoint.disabled_at is not None]
    if off:
        advice = "Mend the endpoint, enable it under Webhooks, then replay what it missed."
        return Finding("webhooks", False, f"{len(off)} disabled because it failed", advice)
    return Finding("webhooks", True, f"{len(trouble)} failing")


def _carriers(session: Session, settings: Settings) -> list[Finding]:
    """Each carrier as it stands, then what is wrong with receipts and routes."""
    found = carrier_status.all_of(session, carriers.cipher(settings))
    if not found:
        return [Finding("carriers", True, "none: messages land on the sandbox phone")]
    troubles = alerts.carrier_alerts(session, found)
    return [_standing(one) for one in found] + [_trouble(one) for one in troubles if one.code in ("strays", "no_route")]


def _standing(one: CarrierStatus) -> Finding:
    told = f"{one.carrier.name}: {one.state}" + (f" ({one.code})" if one.code else "")
    if one.since:
        told += f" since {one.since.isoformat(timespec='seconds')}"
    advice = "Look at it under Carriers, or try it: chinqit providers test " + one.carrier.name
    return Finding("carriers", not one.is_faulty, told, CURES.get(one.state, advice) if one.is_faulty else "")


CURES = {
    "credentials": "Enter the right credentials under Carriers.",
    "unreadable": "DATA_SECRET has changed: restore it, or enter the settings again under Carriers.",
}


def _trouble(one: Alert) -> Finding:
    if one.code == "strays":
        advice = "Its references are read wrongly, or another system uses the same account."
        return Finding("receipts", False, f"{one.subject}: {one.count} in the last hour fit no message", advice)
    advice = f"Make a rule: chinqit routes set {one.subject} CARRIER"
    return Finding("routes", False, f"{one.count} {one.subject} messages wait, no route leads to a carrier", advice)

"""chinqit doctor: what `monitoring.alerts` judges, in words, with what to do."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard import wakeup
from dashboard.cli import alert_words, migrate
from dashboard.cli.core import JSON, example
from dashboard.db import Sessions, error_reason, iso, make_sessions, read_session, utcnow
from dashboard.gateway import workers
from dashboard.gateway.accounts import identities, oidc
from dashboard.gateway.accounts.oidc import ProviderFault
from dashboard.gateway.carriers import carriers, recent
from dashboard.gateway.maintenance import rotation
from dashboard.gateway.messages import outbox
from dashboard.gateway.monitoring import alerts, carrier_status, judge
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.gateway.monitoring.carrier_status import CarrierStatus
from dashboard.outbound.errors import SendError
from dashboard.providers import registry
from dashboard.providers.base import Alone
from dashboard.providers.settings import InvalidSettings
from dashboard.settings import SECRETS, Settings, SettingsError, open_to_others
from dashboard.vocabulary import CarrierState, Lane

BACK = "/dashboard/sign-in/provider/back"  # where a provider sends browsers back to
BESIDE_STATES = (
    AlertCode.CARRIER_NOTICE,
    AlertCode.BALANCE_LOW,
    AlertCode.BALANCE_UNKNOWN,
    AlertCode.UNMATCHED_RECEIPTS,
    AlertCode.NO_ROUTE,
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    ok: bool
    message: str
    advice: str = ""


@click.command(epilog=example("chinqit doctor"))
@JSON
def doctor(as_json: bool) -> None:
    """Say what is wrong with settings, database, Valkey, workers and clock, and what to do; exit 1 if anything is."""
    findings = examine()
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in findings]))
    else:
        for finding in findings:
            click.echo(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.subject:<9} {finding.message}")
            if finding.advice:
                click.echo(f"       {'':<9} -> {finding.advice}")
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


def examine() -> list[Finding]:
    """Look at everything, in the order in which things depend on each other."""
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        return [Finding("settings", False, str(error))]
    findings = [
        Finding("settings", True, f"home {settings.chinqit_home}, web {settings.address}"),
        _timezone(settings),
        _files(settings),
        _disk(settings),
        _valkey(settings),
        *_provider(settings),
    ]
    sessions = make_sessions(settings.database_url)
    database = _database(sessions, settings)
    findings.append(database)
    if database.ok:
        for subject, look in LOOKS.items():
            findings += _try(subject, look, sessions, settings)
    sessions.kw["bind"].dispose()
    return findings


Look = Callable[[Session, Settings], Iterable[Finding]]


def _files(settings: Settings) -> Finding:
    paths = open_to_others(settings.chinqit_home)
    if not paths:
        return Finding("files", True, "nobody but this user can read them")
    names = ", ".join(str(path) for path in paths[:3]) + (" …" if paths[3:] else "")
    return Finding("files", False, f"other users can read {names}", f"chmod -R go= {settings.chinqit_home}")


def _disk(settings: Settings) -> Finding:
    usage = shutil.disk_usage(settings.chinqit_home)
    message = f"{usage.free / 2**30:.1f} GB of {usage.total / 2**30:.1f} GB are free"
    if judge.disk_alerts(settings.chinqit_home):
        return Finding("disk", False, message, f"Make room on the disk of {settings.chinqit_home}.")
    return Finding("disk", True, message)


def _try(subject: str, look: Look, sessions: Sessions, settings: Settings) -> list[Finding]:
    """What one look finds; where the database fails it, that alone is lost."""
    try:
        with read_session(sessions) as session:
            return list(look(session, settings))
    except SQLAlchemyError as error:
        return [Finding(subject, False, f"cannot be looked at: {error_reason(error)}", "Repair the database first.")]


def _timezone(settings: Settings) -> Finding:
    try:
        ZoneInfo(settings.timezone)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        advice = "Set TIMEZONE to one that there is, as Africa/Nouakchott."
        return Finding("timezone", False, f"there is no {settings.timezone!r}", advice)
    return Finding("timezone", True, settings.timezone)


def _valkey(settings: Settings) -> Finding:
    reason = wakeup.Wakeup(settings.redis_url).fault()
    if reason is None:
        return Finding("valkey", True, "answers")
    advice = "`chinqit run` starts Valkey." if settings.embedded_valkey else "Check REDIS_URL and its server."
    return Finding("valkey", False, f"does not answer ({reason}); messages go on, up to a second later each", advice)


def _provider(settings: Settings) -> Iterable[Finding]:
    """Whether the provider that people sign in with answers, and tells the truth of itself."""
    provider = oidc.of(settings)
    if provider is None:
        return
    try:
        provider.examine()
    except ProviderFault as error:
        wrong = f"{provider.issuer}: {error.code} ({error.detail})"
        if error.code == "misconfigured":
            yield Finding(
                "sign-in", False, wrong, "Set OIDC_ISSUER to what its discovery document says, or correct the document."
            )
        else:
            yield Finding("sign-in", False, wrong, "Check OIDC_ISSUER and its server; passwords let in meanwhile.")
        return
    yield Finding("sign-in", True, f"{provider.issuer} answers; it has to know {settings.address}{BACK}")


def _only_provider(session: Session, settings: Settings) -> Iterable[Finding]:
    """Without a password, an owner has to be known to the provider."""
    if settings.oidc_only and not identities.any_owner_linked(session, settings.oidc_issuer):
        advice = (
            "Unset OIDC_ONLY, sign in with the password, connect the provider under Your account, and set it again."
        )
        yield Finding("sign-in", False, "OIDC_ONLY is set, and no owner can sign in by the provider", advice)


def _database(sessions: Sessions, settings: Settings) -> Finding:
    """Whether it answers, has this version's tables, and can be written to."""
    name = migrate.database_name(settings)
    try:
        with read_session(sessions) as session:
            version, newest = migrate.database_version(session), migrate.newest_version()
    except SQLAlchemyError as error:
        message = f"{name} does not answer: {error_reason(error)}"
        return Finding("database", False, message, "Check DATABASE_URL and its server.")
    if version != newest:
        is_newer = version is not None and version > newest
        advice = "Update the gateway, or restore the backup." if is_newer else "Run: chinqit migrate"
        return Finding("database", False, f"version {version or 'none'}, this gateway needs {newest}", advice)
    try:
        with sessions.begin() as session:
            workers.prove_writable(session)
    except SQLAlchemyError as error:
        advice = (
            "Make room on its disk, or end the process that holds its lock."
            if name == "SQLite"
            else "Look at its server."
        )
        return Finding("database", False, f"{name} cannot be written to: {error_reason(error)}", advice)
    return Finding("database", True, f"{sessions.kw['bind'].dialect.name}, version {version}")


def _clock(session: Session, _settings: Settings) -> Iterable[Finding]:
    wrong = alerts.clock_alerts(session)
    return map(_wrong, wrong) if wrong else [Finding("clock", True, utcnow().isoformat(timespec="seconds"))]


def _workers(session: Session, _settings: Settings) -> Iterable[Finding]:
    """One finding a role, well or not."""
    alive = workers.alive(session)
    found = alerts.worker_alerts(alive, workers.needed_lanes(session))
    wrong = {alert.subject or workers.RELAY: _wrong(alert) for alert in found}
    for role in (*Lane, workers.RELAY):
        if role in wrong or role in alive:  # one that is not needed need not be there
            yield wrong.get(role) or Finding("workers", True, f"{role}: {alive[role]} running")


def _outbox(session: Session, _settings: Settings) -> Iterable[Finding]:
    depths = alerts.lanes(session)
    late = alerts.backlog_alerts(depths)
    if late:
        return map(_wrong, late)
    return [Finding("outbox", True, f"{sum(outbox.waiting(session).values())} waiting")]


def _guesses(session: Session, _settings: Settings) -> Iterable[Finding]:
    suspicious = alerts.guess_alerts(session)
    return map(_wrong, suspicious) if suspicious else [Finding("guesses", True, "no key has too many wrong codes")]


def _pumping(session: Session, _settings: Settings) -> Iterable[Finding]:
    suspected = alerts.pumping_alerts(session)
    return map(_wrong, suspected) if suspected else [Finding("pumping", True, "no SMS pumping suspected")]


def _webhooks(session: Session, _settings: Settings) -> Iterable[Finding]:
    """One that fails for the moment is not the gateway's fault; one that was disabled loses all its events."""
    failing = alerts.webhook_alerts(session)
    off = [alert for alert in failing if alert.code is AlertCode.WEBHOOK_OFF]
    if off:
        return map(_wrong, off)
    return [Finding("webhooks", True, f"{len(failing)} failing")]


def _carriers(session: Session, settings: Settings) -> Iterable[Finding]:
    """Each carrier as it stands, then what is wrong with receipts and routes."""
    statuses = carrier_status.all_of(session, carriers.cipher(settings))
    if not statuses:
        return [Finding("carriers", True, "none: messages land on the sandbox phone")]
    wrong = alerts.carrier_alerts(statuses) + alerts.route_alerts(session)
    return [
        *(_examined(status, settings) or _carrier(status) for status in statuses),
        *(_wrong(alert) for alert in wrong if alert.code in BESIDE_STATES),
    ]


def _operators(session: Session, _settings: Settings) -> Iterable[Finding]:
    lately = recent.of_operators(session)
    wrong = alerts.operator_alerts(lately) + judge.conversion_alerts(session, lately)
    return map(_wrong, wrong) if wrong else [Finding("operators", True, "none is cut off or weak")]


def _secrets(session: Session, settings: Settings) -> Iterable[Finding]:
    wrong = judge.secret_alerts(session, settings)
    ages = ", ".join(f"{name} {_age(settings, name)}" for name in SECRETS)
    if rotation.is_unfinished(settings):
        advice = "Run: chinqit secrets rotate data-secret"
        yield Finding("secrets", False, "DATA_SECRET: its rotation is not finished", advice)
    yield from map(_wrong, wrong)
    if not wrong:
        yield Finding("secrets", True, f"fit the database: {ages}")


def _age(settings: Settings, name: str) -> str:
    """The id of the newest value, how old it is, and how many before it are still good."""
    newest, path = settings.secrets(name)[0], dict(settings.secret_paths).get(name)
    if newest.since:
        since = newest.since
    elif path:
        since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    else:
        return f"{newest.id} of unknown age"
    when = f"{(utcnow() - since).days} days old" if since <= utcnow() else f"in force from {iso(since)}"
    others = len(settings.usable_secrets(name)) - 1
    return f"{newest.id} {when}" + (f" and {others} before it" if others else "")


def _backup(session: Session, _settings: Settings) -> Iterable[Finding]:
    wrong = judge.backup_alerts(session)
    return map(_wrong, wrong) if wrong else [Finding("backup", True, "the newest one is not too old")]


LOOKS: Mapping[str, Look] = {
    "sign-in": _only_provider,
    "secrets": _secrets,
    "clock": _clock,
    "workers": _workers,
    "outbox": _outbox,
    "guesses": _guesses,
    "pumping": _pumping,
    "webhooks": _webhooks,
    "carriers": _carriers,
    "operators": _operators,
    "backup": _backup,
}


def _examined(status: CarrierStatus, settings: Settings) -> Finding | None:
    """What is wrong with one that seems well and can be tried without sending anything."""
    if status.is_faulty or not status.carrier.enabled:
        return None
    try:
        provider = carriers.build(carriers.cipher(settings), status.carrier, Alone())
        try:
            provider.examine()
        finally:
            provider.close()
    except SendError as error:
        sentence, detail = registry.code_sentence(error.code) or (error.code, "")
        told = (sentence % {"detail": detail}) if detail else sentence
        answer = f" It answered: {error.answer}" if error.answer else ""
        advice = registry.code_advice(error.code) or "Compare its settings under Carriers with its documentation."
        return Finding("carriers", False, f"{status.carrier.name}: {told}{answer}", advice)
    except (carriers.UnreadableSettings, InvalidSettings):
        return None  # its state says so
    return None


def _carrier(status: CarrierStatus) -> Finding:
    message = f"{status.carrier.name}: {status.state}"
    if status.code:
        message += f" ({status.code})"
    if status.state in (CarrierState.WEAK, CarrierState.REFUSING):
        message += f", {status.recent.lost} of {status.recent.tried} messages not accepted in the last ten minutes"
    if status.state == CarrierState.REFUSING:
        message += f", none accepted {_since(status.since)}"
    elif status.since:
        message += f" since {iso(status.since)}"
    advice = ""
    if status.is_faulty:
        usual = f"Look at the carrier under Carriers, or test it: chinqit providers test {status.carrier.name}"
        advice = CARRIER_ADVICE.get(status.state, usual)
    return Finding("carriers", not status.is_faulty, message, advice)


CARRIER_ADVICE = {
    CarrierState.CREDENTIALS: "Enter the right credentials under Carriers.",
    CarrierState.UNREADABLE: "DATA_SECRET has changed: restore it, or enter the settings again under Carriers.",
}


def _wrong(alert: Alert) -> Finding:
    return Finding(alert_words.WORDS[alert.code].subject, False, alert_words.message(alert), alert_words.advice(alert))


def _since(at: datetime | None) -> str:
    """When the last one got through."""
    return f"since {iso(at)}" if at else "for a day"

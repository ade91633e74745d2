"""chinqit status: how the gateway does at this moment, on one screen."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import click
from sqlalchemy.orm import Session

from dashboard.cli import alert_words, balance_words
from dashboard.cli.core import JSON, example
from dashboard.db import iso, make_sessions, read_session, utcnow
from dashboard.gateway import pauses, workers
from dashboard.gateway.carriers import carriers
from dashboard.gateway.monitoring import alerts, carrier_status, judge, outages
from dashboard.gateway.statistics import queries
from dashboard.gateway.statistics.queries import Narrow, Period, total
from dashboard.gateway.webhooks import queue
from dashboard.models.statistics import SEND
from dashboard.settings import Settings
from dashboard.vocabulary import Lane
from dashboard.wakeup import Wakeup

MINUTES = 10
OUTAGE_SHOWN = timedelta(days=7)
RATES = ("requested", "sent", "delivered", "failed", "expired", "verified")


@click.command(epilog=example("chinqit status", "watch chinqit status"))
@JSON
def status(as_json: bool) -> None:
    """Show what waits, what was sent in the last minutes, carriers, workers and what is wrong, on one screen."""
    settings = Settings.from_env()
    fault = Wakeup(settings.redis_url).fault()
    sessions = make_sessions(settings.database_url)
    try:
        with read_session(sessions) as session:
            found = _look(session, settings, fault)
    finally:
        sessions.kw["bind"].dispose()
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for heading, lines in _screen(found):
        click.echo(click.style(heading, bold=True))
        for line in lines:
            click.echo(f"  {line}")


def _look(session: Session, settings: Settings, valkey_fault: str | None) -> dict[str, Any]:
    depths, alive = alerts.lanes(session), workers.alive(session)
    period = Period.last("minute", MINUTES, utcnow())
    figures = total(queries.over_time(session, period, Narrow(), (*RATES, *SEND)))
    return {
        "waiting": {depth.name: {"count": depth.count, "oldest": _seconds(depth.waits)} for depth in depths}
        | {Lane.WEBHOOKS.value: {"count": queue.waiting(session), "oldest": None}},
        "lastMinutes": {name: figures[name] for name in RATES},
        "secondsToCarrier": {"p50": figures.send_time(0.5), "p95": figures.send_time(0.95)},
        "carriers": [
            {
                "name": one.carrier.name,
                "state": one.state,
                "code": one.code,
                "accepted": one.work.taken,
                "notAccepted": one.work.lost,
                "p95": one.work.p95,
                "balance": balance_words.as_json(one.balance),
            }
            for one in carrier_status.all_of(session, carriers.cipher(settings))
        ],
        "paused": list(pauses.paused(session)),
        "outage": _outage(session),
        "running": {role: alive.get(role, 0) for role in (*Lane, workers.RELAY)},
        "wrong": [
            {"severity": alert.severity, "message": alert_words.message(alert)}
            for alert in judge.everything(session, settings, valkey_fault)
        ],
    }


def _screen(found: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Headings with their lines."""
    waiting = [f"{lane:<9} {one['count']:>6}{_age(one['oldest'])}" for lane, one in found["waiting"].items()]
    rates = "  ".join(f"{name} {count}" for name, count in found["lastMinutes"].items())
    p50, p95 = found["secondsToCarrier"]["p50"], found["secondsToCarrier"]["p95"]
    speed = f"to the carrier: half within {p50:.2f} s, 95 of 100 within {p95:.2f} s" if p50 is not None else ""
    known = [
        f"{one['name']:<16} {one['state']}{' (' + one['code'] + ')' if one['code'] else ''}, last hour"
        f" {one['accepted']} accepted, {one['notAccepted']} not{_balance(one['balance'])}"
        for one in found["carriers"]
    ]
    paused = [f"paused: {', '.join(found['paused'])}"] if found["paused"] else []
    running = "  ".join(f"{role} {count}" for role, count in found["running"].items())
    wrong = [f"{one['severity']:<8} {one['message']}" for one in found["wrong"]]
    return [
        ("Waiting", waiting + paused),
        (f"Last {MINUTES} minutes", [rates, *([speed] if speed else [])]),
        ("Carriers", known or ["none: messages land on the sandbox phone"]),
        ("Running", [running]),
        *([("Last outage", [_outage_line(found["outage"])])] if found["outage"] else []),
        ("Wrong", wrong or ["nothing"]),
    ]


def _outage(session: Session) -> dict[str, Any] | None:
    """The last one, for as long as people may ask what became of it."""
    found = outages.latest(session)
    if found is None or abs(utcnow() - found.ended_at) > OUTAGE_SHOWN:
        return None
    return {
        "from": iso(found.began_at),
        "to": iso(found.ended_at),
        "lost": found.lost,
        "codesExpired": outages.count_expired(session, found),
        "maybeDoubled": found.in_hand_count,
        "clockOff": found.clock_off,
        "database": (found.fault or "ok") if found.checked_at else None,
    }


def _outage_line(one: dict[str, Any]) -> str:
    checked = f"lost {one['lost']}, database {one['database']}" if one["database"] else "the database is being checked"
    clock = f", the clock was {one['clockOff']} s off" if one["clockOff"] else ""
    doubled = f"codes expired unsent {one['codesExpired']}, texts maybe sent twice {one['maybeDoubled']}"
    return f"off {one['from']} to {one['to']}: {checked}, {doubled}{clock}"


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else round(length.total_seconds(), 1)


def _balance(found: dict[str, Any] | None) -> str:
    words = balance_words.in_words(found)
    return f", balance {words}" if words else ""


def _age(seconds: float | None) -> str:
    return "" if seconds is None else f", the oldest for {seconds:.0f} s"

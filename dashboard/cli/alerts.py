"""chinqit alerts: what is or was wrong, who takes care of it, and who is told."""

from __future__ import annotations

import getpass
import time
from dataclasses import replace
from typing import Any

import click

from dashboard.cli import alert_words
from dashboard.cli.core import (
    JSON,
    choice_of,
    database,
    echo_error,
    example,
    fail,
    print_rows,
    record,
)
from dashboard.db import iso, utcnow
from dashboard.gateway.alerts import channels, incidents
from dashboard.gateway.alerts.channels import NewChannel
from dashboard.models.alerts import AlertChannel, AlertIncident
from dashboard.settings import Settings
from dashboard.vocabulary import AlertChannelKind, Language, Severity

MOST_SHOWN = 50
TEST_SECONDS = 60.0
FAULTS = {
    "email": "That is no e-mail address.",
    "phone": "That is no number of a mobile phone.",
    "no_mail_server": "Set SMTP_URL first, for all processes.",
    "service": f"Use an address of Apprise for {', '.join(sorted(channels.SERVICES))}, without a query.",
    "url_format": "That is no address.",
    "url_scheme": "Use https, or allow http: WEBHOOKS_ALLOW_HTTP=1.",
    "url_private": "The address is private; allow it: WEBHOOKS_ALLOW_PRIVATE=1.",
}


@click.group("alerts")
def alerts_group() -> None:
    """Who is told when something is wrong, and what is."""


@alerts_group.command("list", epilog=example("chinqit alerts list --all"))
@click.option("--all", "with_past", is_flag=True, help=f"Also the {MOST_SHOWN} newest that are over.")
@JSON
def list_incidents(with_past: bool, as_json: bool) -> None:
    """What is wrong, with who takes care of it."""
    with database() as session:
        found = incidents.open_now(session) + (incidents.past(session, MOST_SHOWN) if with_past else [])
        rows = [_incident(incident) for incident in found]
    print_rows(rows, as_json, "Nothing is wrong, as far as the relay has looked.")


@alerts_group.command(epilog=example("chinqit alerts acknowledge 17 --name Mariem"))
@click.argument("incident_id", metavar="ID", type=int)
@click.option("--name", default=getpass.getuser, help="Who takes care of the incident; you, when left out.")
def acknowledge(incident_id: int, name: str) -> None:
    """Say that somebody takes care of an incident: nobody is told again until it is over."""
    with database() as session:
        if not incidents.acknowledge(session, incident_id, name[:254], utcnow()):
            fail(f"There is no open incident {incident_id} that nobody takes care of. See: chinqit alerts list")
        record(session, "alerts.acknowledge", str(incident_id))


@alerts_group.command("channels", epilog=example("chinqit alerts channels"))
@JSON
def list_channels(as_json: bool) -> None:
    """Who is told."""
    with database() as session:
        rows = [_channel(channel) for channel in channels.listed(session)]
    print_rows(rows, as_json, "Nobody is told. Add somebody: chinqit alerts add email me@example.org")


@alerts_group.command(
    epilog=example(
        "chinqit alerts add email me@example.org --language fr --quiet 22:00-06:30",
        "chinqit alerts add webhook https://example.org/alerts --severity grave --repeat 30",
        "chinqit alerts add service tgram://BOT_TOKEN/CHAT_ID",
        "chinqit alerts add sms 38089336 --severity grave",
    )
)
@click.argument("kind", type=choice_of(AlertChannelKind))
@click.argument("address", required=False)
@click.option("--severity", type=choice_of(Severity), default=Severity.WARNING.value, help="The least that is told.")
@click.option("--language", type=choice_of(Language), default=Language.FRENCH.value)
@click.option("--quiet", metavar="FROM-UNTIL", help="Hours in which only what is grave is told, as in 22:00-06:30.")
@click.option("--repeat", type=click.IntRange(0, 10_080), default=0, help="Minutes until it is told again; 0: never.")
def add(kind: str, address: str | None, severity: str, language: str, quiet: str | None, repeat: int) -> None:
    """Add a channel. An address that holds a token is better typed when asked: leave it out."""
    typed = address or click.prompt("Address", hide_input=kind != AlertChannelKind.EMAIL)
    settings = Settings.from_env()
    code = channels.fault(kind, typed, settings)
    if code:
        fail(FAULTS[code])
    wanted = NewChannel(AlertChannelKind(kind), typed, Language(language), Severity(severity), repeat_minutes=repeat)
    if quiet:
        begin, _, end = quiet.partition("-")
        if not (channels.is_time(begin) and channels.is_time(end)):
            fail("Write the quiet hours as 22:00-06:30.")
        wanted = replace(wanted, quiet_from=begin, quiet_until=end)
    with database() as session:
        try:
            channel, secret = channels.create(session, channels.cipher(settings), wanted, getpass.getuser())
        except channels.TooManyChannels:
            fail(f"There are {channels.MOST_CHANNELS} channels already. Remove one first.")
        record(session, "alerts.create", channel.label)
        click.echo(channel.id)
    if secret:
        echo_error("Calls are signed (Standard Webhooks) with this secret, which is shown once:")
        click.echo(secret)


@alerts_group.command(epilog=example("chinqit alerts remove 1"))
@click.argument("channel_id", metavar="CHANNEL", type=int)
def remove(channel_id: int) -> None:
    """Remove a channel: nobody is told by it any more."""
    with database() as session:
        channel = session.get(AlertChannel, channel_id)
        if channel is None:
            fail(f"There is no channel {channel_id}. See: chinqit alerts channels")
        session.delete(channel)
        record(session, "alerts.remove", channel.label)


@alerts_group.command(epilog=example("chinqit alerts test 1"))
@click.argument("channel_id", metavar="CHANNEL", type=int)
@click.option("--wait", type=click.FloatRange(0), default=TEST_SECONDS, help="Seconds to wait for the relay.")
def test(channel_id: int, wait: float) -> None:
    """Have the relay send a test message, and say whether it was sent."""
    with database() as session:
        channel = session.get(AlertChannel, channel_id)
        if channel is None:
            fail(f"There is no channel {channel_id}. See: chinqit alerts channels")
        channels.ask_test(session, channel)
        record(session, "alerts.test", channel.label)
    end = time.monotonic() + wait
    while True:
        with database() as session:
            channel = session.get_one(AlertChannel, channel_id)
            is_sent, fault = channel.test_asked_at is None, channel.last_error
        if is_sent or time.monotonic() >= end:
            break
        time.sleep(0.5)
    if not is_sent:
        fail("The relay has sent nothing yet. Look whether it runs: chinqit doctor")
    if fault:
        fail(f"The test was not sent: {fault}")
    click.echo("Sent.")


def _incident(incident: AlertIncident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "severity": incident.severity,
        "message": alert_words.message(incidents.alert_of(incident)),
        "since": iso(incident.opened_at),
        "over": iso(incident.cleared_at),
        "acknowledged": incident.acknowledged_by,
    }


def _channel(channel: AlertChannel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "kind": channel.kind,
        "address": channel.label,
        "severity": channel.severity,
        "language": channel.language,
        "quiet": f"{channel.quiet_from}-{channel.quiet_until}" if channel.quiet_from else None,
        "repeat": channel.repeat_minutes or None,
        "last": iso(channel.last_at),
        "error": channel.last_error,
    }

"""chinqit providers."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from dashboard.cli import balance_words
from dashboard.cli.core import JSON, database, echo_error, example, fail, print_rows, recipient_type, record
from dashboard.db import make_sessions, read_session
from dashboard.gateway.carriers import carriers, health
from dashboard.gateway.delivery import attempts
from dashboard.gateway.delivery.wait import FINAL
from dashboard.gateway.limits.rate_limit import RateLimited
from dashboard.gateway.messages import status
from dashboard.gateway.monitoring import carrier_status
from dashboard.gateway.monitoring.carrier_status import CarrierStatus
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.routing import test_message
from dashboard.models.carriers import Carrier
from dashboard.providers import presets, registry
from dashboard.providers.presets import Preset
from dashboard.providers.settings import InvalidSettings, SettingField
from dashboard.settings import Settings
from dashboard.sms import emails
from dashboard.vocabulary import COMMAND_LINE, AttemptOutcome, CarrierState, Channel, Status
from dashboard.wakeup import Wakeup

TRIAL_SECONDS = 20.0


@click.group("providers")
def providers_group() -> None:
    """Set up carriers: SMPP, WhatsApp, an Android phone, HTTP, e-mail."""


@providers_group.command("kinds", epilog=example("chinqit providers kinds", "chinqit providers kinds whatsapp"))
@click.argument("kind", required=False, type=click.Choice(list(registry.KINDS)))
@JSON
def providers_kinds(kind: str | None, as_json: bool) -> None:
    """List the kinds of carriers, or the fields of KIND."""
    if kind is None:
        kinds = registry.KINDS.values()
        rows = [
            {"kind": kind.name, "channels": list(kind.channels), "about": f"{kind.title}: {kind.about}"}
            for kind in kinds
        ]
        print_rows(rows, as_json, "")
    elif as_json:
        click.echo(json.dumps([vars(field) for field in registry.describe(kind)], ensure_ascii=False))
    else:
        for field in registry.describe(kind):
            _print_field(field)


def label_type(_ctx: click.Context, _param: click.Parameter, raw: str | None) -> str | None:
    """A line of at most 60 characters."""
    if raw is not None and (len(raw.strip()) > 60 or not raw.isprintable()):
        raise click.BadParameter("use at most 60 printable characters")
    return None if raw is None else raw.strip()


@providers_group.command(
    "add",
    epilog=example(
        "chinqit providers add smpp mauritel host=127.0.0.1 port=2775 system_id=gw password=@/run/secrets/smpp",
        "chinqit providers add http jasmin --preset jasmin server=http://10.0.0.5:1401 username=gw",
        "chinqit providers kinds smpp",
    ),
)
@click.argument("kind", type=click.Choice(list(registry.KINDS)))
@click.argument("name")
@click.argument("fields", metavar="FIELD=VALUE...", nargs=-1)
@click.option("--label", callback=label_type, help="The carrier's name for people.")
@click.option("--preset", type=click.Choice(presets.NAMES), help="Begin with the settings of a well-known carrier.")
@JSON
def providers_add(
    kind: str, name: str, fields: Sequence[str], label: str | None, preset: str | None, as_json: bool
) -> None:
    """Add the carrier NAME. The first of a channel becomes its default route; workers use it within seconds.

    FIELD=@FILE reads the value from a file, which keeps a password out of the list of processes.
    """
    settings = Settings.from_env()
    values = dict(map(_field, fields))
    with database() as session:
        try:
            if preset:
                values = _preset(kind, preset).filled(values)
            wanted = carriers.NewCarrier(kind, name, values, label=label or None)
            carriers.add(session, carriers.cipher(settings), wanted, created_by=COMMAND_LINE)
            record(session, "carriers.create", name)
        except InvalidSettings as error:
            fail(_wrong_fields(kind, error))
        row = next(row for row in _carrier_rows(session, settings) if row["name"] == name)
    if as_json:
        click.echo(json.dumps(row, ensure_ascii=False))
        return
    click.echo(f"{name} is set up" + (f", the route of {', '.join(row['routes'])}." if row["routes"] else "."))
    echo_error(f"Test it: chinqit providers test {name} PHONE")
    if row["callback"]:
        echo_error(f"Its callbacks go to {row['callback']}")


@providers_group.command(
    "set",
    epilog=example(
        "chinqit providers set mauritel rate=20 password=@/run/secrets/smpp",
        'chinqit providers set mauritel sender= --label "Mauritel, main line"',
    ),
)
@click.argument("name")
@click.argument("fields", metavar="FIELD=VALUE...", nargs=-1)
@click.option("--label", callback=label_type, help="The carrier's name for people; empty for none.")
@JSON
def providers_set(name: str, fields: Sequence[str], label: str | None, as_json: bool) -> None:
    """Change settings of the carrier NAME; all others stay, its routes and its callback address too.

    FIELD= empties a field, FIELD=@FILE reads its value from a file. Workers use the new settings within seconds.
    """
    if not fields and label is None:
        raise click.UsageError("Give at least one FIELD=VALUE, or --label.")
    settings = Settings.from_env()
    with database() as session:
        carrier = _find(session, name)
        try:
            if fields:
                carriers.change(session, carriers.cipher(settings), carrier, dict(map(_field, fields)))
        except InvalidSettings as error:
            fail(_wrong_fields(carrier.kind, error, "Nothing was changed."))
        except carriers.UnreadableSettings:
            fail("DATA_SECRET has changed since its settings were entered: restore it, or enter all of them again.")
        if label is not None:
            carrier.label = label or None
        record(session, "carriers.change", name)
        row = next(row for row in _carrier_rows(session, settings) if row["name"] == name)
    click.echo(json.dumps(row, ensure_ascii=False) if as_json else f"{name} is changed.")


@providers_group.command("list", epilog=example("chinqit providers list --json"))
@JSON
def providers_list(as_json: bool) -> None:
    """List carriers and their state. Credentials are never shown."""
    settings = Settings.from_env()
    with database() as session:
        rows = _carrier_rows(session, settings)
    if not as_json:
        for row in rows:
            del row["callback"], row["settings"]
            row["balance"] = balance_words.in_words(row["balance"])
    print_rows(
        rows, as_json, "No carrier yet: messages land on the sandbox phone. Add one: chinqit providers add --help"
    )


@providers_group.command("test", epilog=example("chinqit providers test mauritel 38089336"))
@click.argument("name")
@click.argument("phone_number", metavar="PHONE", callback=recipient_type)
@JSON
def providers_test(name: str, phone_number: str, as_json: bool) -> None:
    """Send a real message to PHONE by the carrier NAME alone, and say how it ended. By e-mail PHONE is an address."""
    settings = Settings.from_env()
    with database() as session:
        carrier = _find(session, name)
        channels = registry.KINDS[carrier.kind].channels
        if emails.is_email(phone_number) != (Channel.EMAIL in channels):
            raise click.UsageError(f"{name} sends by {channels[0]}: give a recipient for that.")
        try:
            reference, channel = test_message.submit(session, Keyring.of(settings), carrier, phone_number)
        except RateLimited as refusal:
            fail(f"This recipient was sent enough test codes; try again in {refusal.standing.reset} s.")
        record(session, "carriers.test", name, message=(None, reference))
    Wakeup(settings.redis_url).notify_again(channel, 1)
    row = _outcome(settings, name, reference)
    if as_json:
        click.echo(json.dumps(row))
    else:
        click.echo(f"{row['status']}" + (f": {row['error']}" if row["error"] else ""))
        if row["answer"]:
            click.echo(f"The carrier answered: {row['answer']}")
        if row["warning"]:
            sentence, _ = registry.code_sentence(row["warning"]) or (row["warning"], "")
            echo_error(f"{sentence} {registry.code_advice(row['warning'])}".strip())
    if row["status"] not in (Status.SENT, Status.DELIVERED):
        raise click.exceptions.Exit(1)


@providers_group.command("remove", epilog=example("chinqit providers remove mauritel"))
@click.argument("name")
@click.confirmation_option(
    prompt="Delete the carrier with its credentials and routes? Messages that wait for it are routed again."
)
def providers_remove(name: str) -> None:
    """Remove the carrier NAME, with its credentials and routes."""
    with database() as session:
        carriers.remove(session, _find(session, name))
        record(session, "carriers.remove", name)
    click.echo(f"{name} is removed.")


def _switch(name: str, on: bool) -> None:
    with database() as session:
        carriers.switch(session, _find(session, name), on=on)
        record(session, "carriers.enable" if on else "carriers.disable", name, enabled=(not on, on))


@providers_group.command("disable", epilog=example("chinqit providers disable mauritel"))
@click.argument("name")
def providers_disable(name: str) -> None:
    """Send nothing by the carrier NAME; it keeps its credentials and its place in the routes."""
    _switch(name, on=False)
    click.echo(f"{name} is disabled: it gets no more messages.")


@providers_group.command("enable", epilog=example("chinqit providers enable mauritel"))
@click.argument("name")
def providers_enable(name: str) -> None:
    """Send by the carrier NAME again."""
    _switch(name, on=True)
    click.echo(f"{name} is enabled: it gets messages again.")


def _print_field(field: SettingField) -> None:
    default = f", usually {field.default!r}" if field.default not in (None, "", False) else ""
    needed = ", needed" if field.required else default
    named = [f"{one}: {field.names[one]}" if one in field.names else one for one in field.choices]
    choices = f" ({'; '.join(named)})" if named else ""
    click.echo(f"{field.name}: {field.type}{choices}{needed}")
    click.echo(f"    {field.title}. {field.help}".rstrip())


def _field(raw: str) -> tuple[str, str]:
    name, separator, value = raw.partition("=")
    if not separator or not name:
        raise click.UsageError(f"Write FIELD=VALUE, not {name!r}.")
    if not value.startswith("@"):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise click.UsageError(f"{name}: the value is not UTF-8.") from None
        return name, value
    try:
        return name, Path(value[1:]).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{name}: {value[1:]} cannot be read ({type(error).__name__}).") from None


def _wrong_fields(kind: str, error: InvalidSettings, outcome: str = "Nothing was set up.") -> str:
    sentences = [(problem.field, registry.problem_sentence(kind, problem)) for problem in error.errors]
    lines = [f"  {name}: {sentence}" if name else f"  {sentence}" for name, sentence in sentences]
    return f"{outcome}\n" + "\n".join(lines)


def _preset(kind: str, name: str) -> Preset:
    preset = presets.load(name)
    if preset.kind != kind:
        raise click.UsageError(f"The preset {name} is of the kind {preset.kind}, not {kind}.")
    return preset


def _find(session: Session, name: str) -> Carrier:
    try:
        return carriers.find(session, name)
    except carriers.CarrierNotFound:
        fail(f"There is no carrier {name!r}; `chinqit providers list` shows them.")


def _carrier_rows(session: Session, settings: Settings) -> list[dict[str, Any]]:
    statuses = carrier_status.all_of(session, carriers.cipher(settings))
    return [_carrier_row(settings, status) for status in statuses]


def _carrier_row(settings: Settings, status: CarrierStatus) -> dict[str, Any]:
    carrier = status.carrier
    kind = registry.KINDS[carrier.kind]
    states = [line.state for line in status.lines]
    return {
        "name": carrier.name,
        "label": carrier.label,
        "kind": carrier.kind,
        "channels": list(kind.channels),
        "state": status.state,
        "error": status.code or _refusals(status),
        "workers": [f"{states.count(state)} {state}" for state in sorted(set(states))],
        "routes": [route.channel for route in carrier.routes if route.operator is None and route.key_id is None],
        "balance": balance_words.as_json(status.balance),
        "callback": f"{settings.address}/callbacks/{carrier.hook}" if kind.calls_back else None,
        "settings": carriers.shown(carriers.cipher(settings), carrier),
    }


def _refusals(status: CarrierStatus) -> str | None:
    """How many of the last minutes' messages it did not accept, where that is why it stands as it does."""
    if status.state not in (CarrierState.WEAK, CarrierState.REFUSING):
        return None
    return f"{status.recent.lost} of {status.recent.tried} messages not accepted in the last ten minutes"


def _outcome(settings: Settings, name: str, reference: str) -> dict[str, Any]:
    """Wait until the carrier has had its say."""
    sessions, end = make_sessions(settings.database_url), time.monotonic() + TRIAL_SECONDS
    while True:
        with read_session(sessions) as session:
            message = status.find(session, reference)
            assert message is not None  # noqa: S101  it was committed
            row = {
                "messageId": reference,
                "status": message.status,
                "error": message.error_code or _why(session, name),
                **_answer(session, message.id),
            }
            if message.status in FINAL or time.monotonic() > end:
                return row | ({"error": message.error_code} if message.status in FINAL else {})
        time.sleep(0.2)


def _answer(session: Session, message_id: int) -> dict[str, str | None]:
    """The carrier's own last answer, and the code of what is wrong with it although it counts as taken."""
    answered = [attempt for attempt in attempts.failed_attempts(session, message_id) if attempt.answer]
    if not answered:
        return {"answer": None, "warning": None}
    last = answered[-1]
    return {"answer": last.answer, "warning": last.code or None if last.outcome == AttemptOutcome.TAKEN else None}


def _why(session: Session, name: str) -> str:
    """Why nothing has come of it yet."""
    carrier = _find(session, name)
    lines = [line for line in health.connections(session) if line.carrier_id == carrier.id]
    if not lines:
        return "no worker has opened it; `chinqit doctor` looks closer"
    return ", ".join(f"{line.state} {line.code or ''}".strip() for line in lines)

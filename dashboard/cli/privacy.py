"""chinqit privacy: what is kept of a number, and its erasure."""

from __future__ import annotations

import json

import click

from dashboard.cli.core import database, echo_error, example, recipient_type, record
from dashboard.gateway import encryption
from dashboard.gateway.maintenance import privacy
from dashboard.settings import Settings
from dashboard.vocabulary import Lane
from dashboard.wakeup import Wakeup

PHONE = click.argument("phone", callback=recipient_type)


@click.group("privacy")
def privacy_group() -> None:
    """Answer people who ask what is kept of their number or e-mail address, or want it erased."""


@privacy_group.command("export", epilog=example("chinqit privacy export 38089336 > copy.json"))
@PHONE
def export(phone: str) -> None:
    """Print all that is kept of PHONE, a number or an e-mail address, as JSON."""
    settings = Settings.from_env()
    with database() as session:
        found = privacy.export(session, phone)
        record(session, "privacy.export", encryption.fingerprint(settings, phone))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))


@privacy_group.command("erase", epilog=example("chinqit privacy erase 38089336"))
@PHONE
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(phone: str, yes: bool) -> None:
    """Erase PHONE, a number or an e-mail address, and the texts that were sent to it. Statistics stay."""
    if not yes:
        click.confirm("This cannot be undone. Erase the number?", abort=True)
    settings = Settings.from_env()
    with database() as session:
        erased = privacy.erase(session, phone)
        record(session, "privacy.erase", encryption.fingerprint(settings, phone), rows=(erased.rows, 0))
    if erased.has_events:
        Wakeup(settings.redis_url).notify(Lane.WEBHOOKS)
    click.echo(f"Erased: {erased.rows} rows.")
    if erased.on_their_way:
        echo_error(f"{erased.on_their_way} messages are on their way; erase the number again in a few minutes.")

"""chinqit email: mail that comes back."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

import click
from sqlalchemy.exc import SQLAlchemyError

from dashboard.cli.core import echo_error, example
from dashboard.db import error_reason, make_sessions
from dashboard.gateway.delivery import bounces
from dashboard.gateway.delivery.bounces import Bounce
from dashboard.providers.email.bounces import LARGEST
from dashboard.settings import Settings
from dashboard.wakeup import Wakeup

TOLD = {
    Bounce.TAKEN: "Noted with its message.",
    Bounce.UNKNOWN: "It names no message that was sent by e-mail from here.",
    Bounce.NO_REPORT: "It is no report of a mail that failed or arrived: nothing to note.",
}


@click.group("email")
def email_group() -> None:
    """Codes by e-mail: take in what mail servers report of them."""


@email_group.command("bounce", epilog=example("chinqit email bounce < bounce.eml", "chinqit email bounce bounce.eml"))
@click.argument("file", type=click.File("rb"), default="-")
def bounce(file: BinaryIO) -> None:
    """Read one mail from FILE or standard input; a report of a mail that failed (RFC 3464) is noted with its message.

    For an alias of the mail server, to which bounces go. Ends with 75 while the database is away, so that the server
    brings the mail again; with 66 where nothing came; with 0 for any mail, also for one that is no report.
    """
    settings = Settings.from_env()
    raw = file.read(LARGEST)
    while file.read(LARGEST):  # the server writes all of it, or takes it for refused
        pass
    if not raw.strip():
        echo_error("No mail came in: FILE or standard input is empty.")
        sys.exit(os.EX_NOINPUT)
    sessions = make_sessions(settings.database_url)
    try:
        found, lanes = bounces.take(sessions, raw)
    except SQLAlchemyError as error:
        echo_error(f"The database does not answer: {error_reason(error)}")
        sys.exit(os.EX_TEMPFAIL)
    finally:
        sessions.kw["bind"].dispose()
    wakeup = Wakeup(settings.redis_url)
    for lane in lanes:
        wakeup.notify_again(lane, 1)
    click.echo(TOLD[found])

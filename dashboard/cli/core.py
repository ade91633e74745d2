"""What all commands share: the group, the database, options, and how answers are printed."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, NoReturn

import click
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard import supervisor
from dashboard.db import Sessions, error_reason, make_sessions
from dashboard.gateway.audit import trail
from dashboard.gateway.audit.trail import Actor
from dashboard.settings import Settings, SettingsError
from dashboard.sms import emails, numbers

SECRETS_ADVICE = "Put the old one back, or accept the loss: chinqit secrets accept"
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class CommandGroup(click.Group):
    """Turns the refusals that a person can mend into one line on stderr."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (SettingsError, supervisor.StartFailed) as error:
            raise click.ClickException(str(error)) from None
        except SQLAlchemyError as error:
            raise click.ClickException(_database_advice(error)) from None


def example(*lines: str) -> str:
    """The closing words of a help page."""
    return "\b\nExample" + ("s" if len(lines) > 1 else "") + ":\n" + "\n".join(f"  {line}" for line in lines)


def echo_error(message: object) -> None:
    """Say something to the person; stdout is for the answer."""
    click.echo(message, err=True)


def fail(message: str) -> NoReturn:
    """End the command with this message and exit code 1."""
    raise click.ClickException(message)


@contextmanager
def session_maker() -> Iterator[Sessions]:
    """For what has transactions of its own; no connection is left open."""
    sessions = make_sessions(Settings.from_env().database_url)
    try:
        yield sessions
    finally:
        sessions.kw["bind"].dispose()


@contextmanager
def database() -> Iterator[Session]:
    """A session that commits at the end; no connection is left open."""
    with session_maker() as sessions, sessions.begin() as session:
        yield session


def command_actor() -> Actor:
    """Who runs this command, for the audit log: the user of the machine."""
    return Actor(f"command {getpass.getuser()}", Settings.from_env().chinqit_home)


def record(session: Session, act: str, subject: str = "", **facts: tuple[Any, Any]) -> None:
    """Note in the audit log what a command does, in its transaction. `facts`: before and after."""
    trail.record(session, command_actor(), act, subject, **facts)


def choice_of(words: Iterable[StrEnum]) -> click.Choice[str]:
    """A choice by the values of an enum; click itself would offer the names of its members."""
    return click.Choice([word.value for word in words])


def phone_type(_ctx: click.Context, _param: click.Parameter, raw: str | None) -> str | None:
    """Any accepted form of a number, as +222XXXXXXXX."""
    try:
        return None if raw is None else numbers.parse(raw)
    except numbers.InvalidPhone as error:
        raise click.BadParameter(str(error)) from None


def recipient_type(_ctx: click.Context, _param: click.Parameter, raw: str | None) -> str | None:
    """Any accepted form of a number, or an e-mail address, as they are kept."""
    try:
        return emails.parse(raw) if raw and "@" in raw else phone_type(_ctx, _param, raw)
    except emails.InvalidEmail as error:
        raise click.BadParameter(str(error)) from None


def _database_advice(error: SQLAlchemyError) -> str:
    reason = error_reason(error)
    if "no such table" in reason or "does not exist" in reason:
        return f"The database has no tables yet ({reason}). Make them: chinqit init"
    return f"The database does not answer: {reason}. `chinqit doctor` looks closer."


def print_rows(rows: list[dict[str, Any]], as_json: bool, empty: str) -> None:
    """Print a table, or JSON; without rows, say `empty` to the person."""
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
    elif not rows:
        echo_error(empty)
    else:
        cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        for row in cells:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return "-" if value in (None, "") else str(value)

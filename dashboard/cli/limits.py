"""chinqit limits."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import click
from sqlalchemy.orm import Session

from dashboard import db
from dashboard.cli import api_keys
from dashboard.cli.core import JSON, database, example, fail, phone_type, print_rows, recipient_type, record
from dashboard.db import utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.limits import overrides, pumping, rate_limit, wrong_codes
from dashboard.models.limits import UNLIMITED, LimitOverride, PumpedRange
from dashboard.vocabulary import COMMAND_LINE, PumpingStep, Window

LIMIT = click.IntRange(1, rate_limit.LARGEST)


@click.group("limits")
def limits_group() -> None:
    """How many codes a number may be sent: the usual limits, and overrides of them."""


def window(_ctx: click.Context, _param: click.Parameter, raw: str | None) -> int | None:
    """A number, `unlimited`, or `inherit`."""
    if raw is None or raw == "inherit":
        return None
    if raw == "unlimited":
        return UNLIMITED
    if raw.isascii() and raw.isdigit() and int(raw) <= rate_limit.LARGEST:
        return int(raw)
    raise click.BadParameter(f"give a whole number up to {rate_limit.LARGEST}, 'unlimited' or 'inherit'")


def subject_options(command: Callable[..., None]) -> Callable[..., None]:
    """--phone and --key, at least one of them; hands over the key's id."""

    @click.option(
        "--phone",
        "phone_number",
        callback=recipient_type,
        help="The number or e-mail address that it is for.",
    )
    @click.option("--key", "key", help="The key that it is for, by id or name.")
    @functools.wraps(command)
    def wrapped(phone_number: str | None, key: str | None, **options: Any) -> None:
        if phone_number is None and key is None:
            raise click.UsageError("Give --phone, --key or both.")
        with database() as session:
            key_id = api_keys.find_key(session, key).id if key else None
            command(session, key_id, phone_number, **options)

    return wrapped


@limits_group.command(
    "set", epilog=example("chinqit limits set --phone 38089336 --minute 10 --reason 'support call' --for 1h")
)
@subject_options
@click.option("--minute", callback=window, help="Codes in 60 s: a number, unlimited or inherit.")
@click.option("--hour", callback=window, help="Codes in 3,600 s.")
@click.option("--day", callback=window, help="Codes in 86,400 s.")
@click.option("--reason", default="", help="The reason; shown in the dashboard.")
@click.option("--for", "lasting", help="How long the override is in force: 30m, 1h, 7d. Without an end when left out.")
def limits_set(
    session: Session,
    key_id: str | None,
    phone_number: str | None,
    lasting: str | None,
    reason: str,
    **windows: int | None,
) -> None:
    """Set the override of a number, a key, or a number on a key; in force at once."""
    if all(value is None for value in windows.values()):
        raise click.UsageError("Give at least one of --minute, --hour and --day.")
    until = utcnow() + _lasting(lasting) if lasting else None
    wanted = overrides.NewOverride(key_id, phone_number, reason=reason[:200], until=until, **windows)
    overrides.save(session, wanted, created_by=COMMAND_LINE)
    record(session, "limits.create", overrides.told(phone_number, key_id))
    click.echo("The override is in force.")


@limits_group.command("list", epilog=example("chinqit limits list --json"))
@JSON
def limits_list(as_json: bool) -> None:
    """List all overrides."""
    with database() as session:
        rows, told = [_override_row(row) for row in overrides.listed(session)], _told(rate_limit.usual(session))
    print_rows(rows, as_json, f"No override. The usual limits are {told}.")


@limits_group.command("usual", epilog=example("chinqit limits usual --minute 5"))
@click.option("--minute", type=LIMIT, help="Codes in 60 s.")
@click.option("--hour", type=LIMIT, help="Codes in 3,600 s.")
@click.option("--day", type=LIMIT, help="Codes in 86,400 s.")
@JSON
def limits_usual(as_json: bool, **windows: int | None) -> None:
    """Show the limits of every number and key without an override, or set those that are given."""
    wanted = {Window(name): most for name, most in windows.items() if most is not None}
    with database() as session:
        if wanted:
            rate_limit.set_usual(session, wanted, COMMAND_LINE)
            record(session, "limits.usual")
        usual = rate_limit.usual_of(site_settings.read(session))
    click.echo(json.dumps(usual) if as_json else f"The usual limits are {_told(usual)}.")


@limits_group.command("clear", epilog=example("chinqit limits clear --phone 38089336"))
@subject_options
def limits_clear(session: Session, key_id: str | None, phone_number: str | None) -> None:
    """Remove the override of exactly this number, key, or number on a key."""
    if overrides.clear(session, key_id, phone_number) == 0:
        fail("There is no such override; `chinqit limits list` shows them.")
    record(session, "limits.remove", overrides.told(phone_number, key_id))
    click.echo("The override is removed.")


@limits_group.command("unlock", epilog=example("chinqit limits unlock 38089336"))
@click.argument("phone", callback=recipient_type)
def limits_unlock(phone: str) -> None:
    """Count the wrong codes of PHONE no longer: codes for it are checked again."""
    with database() as session:
        count = len(wrong_codes.lift(session, phone))
        if count:
            record(session, "limits.unlock", overrides.told(phone, None), wrong_codes=(count, 0))
    click.echo(f"{count} wrong codes no longer count." if count else "No wrong code counts for this number.")


@limits_group.command("pumping", epilog=example("chinqit limits pumping --numbers 50"))
@click.option("--numbers", type=click.IntRange(0, pumping.MOST_NUMBERS), help="Of a range in an hour; 0: any number.")
@click.option("--stop/--only-tell", "stops", default=None, help="Whether codes are held back, or people only told.")
@JSON
def limits_pumping(numbers: int | None, stops: bool | None, as_json: bool) -> None:
    """List ranges of numbers where SMS pumping is suspected, or set how many numbers of one are allowed."""
    changed = {"pumping_numbers": numbers, "pumping_stops": stops}
    wanted: dict[str, Any] = {name: value for name, value in changed.items() if value is not None}
    if numbers and numbers < pumping.LEAST_NUMBERS:
        raise click.BadParameter(f"give 0, or at least {pumping.LEAST_NUMBERS}", param_hint="--numbers")
    with database() as session:
        if wanted:
            site_settings.save(session, replace(site_settings.read(session), **wanted), "command line")
            record(session, "pumping.settings")
        set_now = site_settings.read(session)
        rows = [_range_row(row) for row in pumping.suspected(session)]
    does = "is stopped" if set_now.pumping_stops else "is told of"
    most = set_now.pumping_numbers
    allowed = f"A range {does} with {most} numbers in an hour." if most else "The protection is off."
    print_rows(rows, as_json, f"No SMS pumping is suspected. {allowed}")


@limits_group.command("release", epilog=example("chinqit limits release 38089336 --key my-app"))
@click.argument("phone", callback=phone_type)
@click.option("--key", required=True, help="The key, by id or name.")
def limits_release(phone: str, key: str) -> None:
    """Let codes of a key through for a day to the range of PHONE, where SMS pumping is suspected."""
    with database() as session:
        row = pumping.current(session, api_keys.find_key(session, key).id, phone)
        if row is None or row.step == PumpingStep.RELEASED:
            fail("Nothing is held back there; `chinqit limits pumping` shows where it is.")
        before = row.step
        pumping.release(session, row)
        record(session, "pumping.release", pumping.told(row), step=(before, row.step))
    click.echo("The range is let through for a day.")


def _range_row(row: PumpedRange) -> dict[str, Any]:
    names = ("digits", "step", "sent", "numbers", "verified")
    return {"key": row.key.name, **{name: getattr(row, name) for name in names}, "until": db.iso(row.until)}


def _told(usual: rate_limit.Quotas) -> str:
    return f"{usual[Window.MINUTE]} a minute, {usual[Window.HOUR]} an hour and {usual[Window.DAY]} a day"


def _override_row(row: LimitOverride) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in Window}
    return {
        "phone": row.phone,
        "key": row.key.name if row.key else None,
        **{name: "unlimited" if value == UNLIMITED else value for name, value in shown.items()},
        "reason": row.reason,
        "until": db.iso(row.until),
        "lastHitAt": db.iso(row.last_hit_at),
    }


def _lasting(raw: str) -> timedelta:
    units = {"m": "minutes", "h": "hours", "d": "days"}
    number, unit = raw[:-1], raw[-1:]
    if unit not in units or not (number.isascii() and number.isdigit()) or not 0 < int(number) <= 3650:
        raise click.BadParameter("give a number and m, h or d, as in 30m, 1h or 7d", param_hint="--for")
    return timedelta(**{units[unit]: int(number)})

"""chinqit keys."""

from __future__ import annotations

import functools
import ipaddress
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import click
from sqlalchemy.orm import Session

from dashboard import db
from dashboard.cli.core import JSON, choice_of, database, echo_error, example, fail, phone_type, print_rows, record
from dashboard.db import utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import keys
from dashboard.gateway.otp import channel_order, review_numbers, template_rules, templates
from dashboard.gateway.otp.channel_order import InvalidOrder
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.review_numbers import BadReviewNumber, NewReviewNumber
from dashboard.models.api_keys import ApiKey
from dashboard.models.otp import ReviewNumber
from dashboard.settings import Settings
from dashboard.sms import numbers, senders
from dashboard.vocabulary import COMMAND_LINE, KeyMode, KeyState, Scope

USUAL_CAP = "Default for a live key: 20,000, or what the settings say."
ORDER_HELP = "In which order channels carry codes that ask for auto, such as whatsapp:30,sms:60,email."
ORDER_FAULTS = {
    "steps": "name two or three channels",
    "channel": "channels are sms, whatsapp and email, as in whatsapp:30,sms:60,email",
    "twice": "name each channel once",
    "seconds": "every channel but the last one has 10 to 300 seconds, as in whatsapp:30,sms",
    "latest": "the last channel must begin within 540 seconds: the code is valid for 600",
}
REVIEW_FAULTS = {
    "live_keys_only": "Only a live key has review numbers: the sandbox shows the codes of a test key.",
    "six_digits": "A code is six digits.",
    "guessable": "Anybody would try this code first. Choose another.",
    "out_of_range": "A review number is valid for a year at most.",
    "there_already": "This number is a review number of the key already. Remove that one first.",
    "too_many": "The key has five review numbers. Remove one first.",
}


@click.group("keys")
def keys_group() -> None:
    """Create, list, rotate and revoke API keys."""


def find_key(session: Session, key: str) -> ApiKey:
    """The live key with this id or name; end the command when there is none."""
    try:
        return keys.find(session, key)
    except keys.KeyNotFound:
        fail(f"No live key is called {key!r}, or several are; `chinqit keys list` shows ids.")


def key_argument(command: Callable[..., None]) -> Callable[..., None]:
    """Take KEY, an id or a name, and hand over the row."""

    @click.argument("key")
    @functools.wraps(command)
    def wrapped(key: str, **options: Any) -> None:
        with database() as session:
            command(session, find_key(session, key), **options)

    return wrapped


def networks_type(_ctx: click.Context, _param: click.Parameter, raw: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses and CIDRs, in their normal form."""
    try:
        return tuple(str(ipaddress.ip_network(network)) for network in raw)
    except ValueError as error:
        raise click.BadParameter(f"{error}, as in 192.0.2.0/24") from None


def sender_type(_ctx: click.Context, _param: click.Parameter, raw: str | None) -> str | None:
    """A sender that a phone could show."""
    if raw is not None and not senders.is_sender(raw):
        raise click.BadParameter("use up to 11 letters and digits, or a number")
    return raw


def order_type(_ctx: click.Context, _param: click.Parameter, raw: str | None) -> str | None:
    """An order of channels, as a key keeps it."""
    try:
        return None if raw is None else channel_order.written(channel_order.parse(raw))
    except InvalidOrder as fault:
        raise click.BadParameter(ORDER_FAULTS[fault.code]) from None


@keys_group.command("create", epilog=example("chinqit keys create my-app", "chinqit keys create ci --test --json"))
@click.argument("name")
@click.option("--test", is_flag=True, help="A test key: its messages go to the sandbox phone only.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=choice_of(Scope),
    help="What the key may do; all but webhooks by default.",
)
@click.option("--expires-in", type=click.IntRange(1, 3650), metavar="DAYS", help="When the key expires.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    callback=networks_type,
    help="From where the key may be used: an address or CIDR.",
)
@click.option("--brand", metavar="NAME", help="The brand that {brand} in the text of codes for all keys stands for.")
@click.option("--sender", callback=sender_type, help="The sender that phones show, where the carrier allows one.")
@click.option("--message-cap", type=click.IntRange(0), help=f"Messages a day (UTC); 0: any number. {USUAL_CAP}")
@click.option("--otp-cap", type=click.IntRange(0), help=f"Codes a day (UTC); 0: any number. {USUAL_CAP}")
@click.option("--sms-fallback", is_flag=True, help="Send a code by SMS when WhatsApp does not accept it.")
@click.option("--channels", "channel_order", callback=order_type, metavar="ORDER", help=ORDER_HELP)
@JSON
def keys_create(
    name: str, test: bool, scopes: tuple[str, ...], expires_in: int | None, as_json: bool, **bounds: Any
) -> None:
    """Create a key called NAME. Its secret is shown once."""
    if not 1 <= len(name.strip()) <= 80 or not name.isprintable():
        raise click.UsageError("NAME must have 1 to 80 printable characters.")
    brand = (bounds["brand"] or "").strip()
    if len(brand) > template_rules.LONGEST_BRAND or not brand.isprintable() or set("{}") & set(brand):
        raise click.UsageError(
            f"A brand has at most {template_rules.LONGEST_BRAND} printable characters, and no braces."
        )
    bounds["brand"] = brand or None
    expires_at = utcnow() + timedelta(days=expires_in) if expires_in else None
    mode = KeyMode.TEST if test else KeyMode.LIVE
    with database() as session:
        usual = site_settings.read(session)
        for cap, offered in {"message_cap": usual.new_key_messages, "otp_cap": usual.new_key_codes}.items():
            bounds[cap] = (None if test else offered) if bounds[cap] is None else bounds[cap] or None
        new = keys.NewKey(name.strip(), scopes or keys.USUAL_SCOPES, expires_at=expires_at, mode=mode, **bounds)
        if brand and templates.broken_by(session, brand):
            fail("With this brand a text of codes no longer fits one SMS; `Texts of codes` in the dashboard shows it.")
        key, secret = keys.create(session, new, created_by=COMMAND_LINE)
        record(session, "api_keys.create", key.name)
        _show_secret(key, secret, as_json)


@keys_group.command("list", epilog=example("chinqit keys list --json"))
@JSON
def keys_list(as_json: bool) -> None:
    """List all keys."""
    with database() as session:
        rows = [_key_row(key) for key in keys.listed(session, with_secrets=True)]
    print_rows(rows, as_json, "No key yet. Create one: chinqit keys create my-app")


@keys_group.command("channels", epilog=example("chinqit keys channels my-app whatsapp:30,sms:60,email"))
@key_argument
@click.argument("order", required=False, callback=order_type)
@click.option("--none", "is_none", is_flag=True, help="Take the order away: a call with auto goes by SMS.")
def keys_channels(session: Session, key: ApiKey, order: str | None, is_none: bool) -> None:
    """Tell or set the ORDER in which channels carry the codes of KEY (id or name) for calls with auto."""
    if order is not None and is_none:
        raise click.UsageError("Give an order or --none, not both.")
    if order is not None or is_none:
        key.channel_order = order
        session.flush()
        record(session, "api_keys.change", key.name)
    click.echo(key.channel_order or "sms")


@keys_group.command("rotate", epilog=example("chinqit keys rotate my-app --grace 1h"))
@key_argument
@click.option(
    "--grace",
    type=click.Choice(list(keys.GRACES)),
    default="24h",
    show_default=True,
    help="How long the old secret still works.",
)
@JSON
def keys_rotate(session: Session, key: ApiKey, grace: str, as_json: bool) -> None:
    """Give KEY (id or name) a new secret; the old one still works for the grace period."""
    if keys.state(key) is not KeyState.ACTIVE:
        fail(f"{key.name} is {keys.state(key)}; create a new key instead.")
    secret = keys.rotate(session, key, grace)
    record(session, "api_keys.rotate", key.name, grace=(None, grace))
    _show_secret(key, secret, as_json)


@keys_group.command("revoke", epilog=example("chinqit keys revoke my-app"))
@key_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def keys_revoke(session: Session, key: ApiKey, yes: bool) -> None:
    """Revoke KEY (id or name), from the next request on."""
    if not yes:
        click.confirm(f"Revoke {key.name}? Apps that use it stop working at once.", abort=True, err=True)
    keys.revoke(session, key)
    record(session, "api_keys.revoke", key.name)
    click.echo(f"{key.name} is revoked.")


@keys_group.group("review")
def review_group() -> None:
    """Numbers with a fixed code, for people who review an app for a store."""


@review_group.command("add", epilog=example("chinqit keys review add my-app 22000001 --days 30"))
@key_argument
@click.argument("phone", callback=phone_type)
@click.option(
    "--days",
    type=click.IntRange(1, review_numbers.LONGEST.days),
    required=True,
    help="How long the fixed code is valid.",
)
@click.password_option("--code", prompt="Code (six digits)", help="Asked for when it is not given.")
def review_add(session: Session, key: ApiKey, phone: str, days: int, code: str) -> None:
    """Give KEY the number PHONE with a fixed code; nothing is sent to it."""
    ends_at = utcnow() + timedelta(days=days)
    keyring = Keyring.of(Settings.from_env())
    try:
        review_numbers.add(session, keyring, key, NewReviewNumber(phone, code, ends_at), COMMAND_LINE)
    except BadReviewNumber as fault:
        fail(REVIEW_FAULTS[fault.code])
    facts = {"number": (None, numbers.masked(phone)), "ends_at": (None, ends_at)}
    record(session, "api_keys.add_review_number", key.name, **facts)
    click.echo(f"{phone} has a fixed code until {db.iso(ends_at)}.")


@review_group.command("list", epilog=example("chinqit keys review list my-app --json"))
@key_argument
@JSON
def review_list(session: Session, key: ApiKey, as_json: bool) -> None:
    """List the numbers of KEY that have or had a fixed code."""
    rows = [_review_row(row) for row in review_numbers.listed(session, key)]
    print_rows(rows, as_json, "No review number. Add one: chinqit keys review add KEY PHONE --days 30")


@review_group.command("remove", epilog=example("chinqit keys review remove my-app 22000001"))
@key_argument
@click.argument("phone", callback=phone_type)
def review_remove(session: Session, key: ApiKey, phone: str) -> None:
    """End the fixed code of PHONE now."""
    if not review_numbers.remove(session, key, phone, COMMAND_LINE):
        fail(f"{key.name} has no review number {phone}; `chinqit keys review list` shows them.")
    record(session, "api_keys.remove_review_number", key.name, number=(numbers.masked(phone), None))
    click.echo(f"{phone} has no fixed code now.")


def _show_secret(key: ApiKey, secret: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"id": key.id, "name": key.name, "mode": key.mode, "key": secret}))
    else:
        click.echo(secret)
        echo_error(f"{key.name} ({key.mode}). Keep this secret: it is not shown again.")


def _review_row(row: ReviewNumber) -> dict[str, Any]:
    return {
        "phone": row.phone,
        "inForce": review_numbers.is_in_force(row),
        "endsAt": db.iso(row.ends_at),
        "createdAt": db.iso(row.created_at),
        "createdBy": row.created_by,
        "removedAt": db.iso(row.removed_at),
        "removedBy": row.removed_by,
    }


def _key_row(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "mode": key.mode,
        "state": keys.state(key),
        "hints": [secret.hint for secret in keys.live_secrets(key)],
        "scopes": key.scopes,
        "sender": key.sender,
        "smsFallback": key.sms_fallback,
        "channels": key.channel_order,
        "createdAt": db.iso(key.created_at),
        "expiresAt": db.iso(key.expires_at),
        "lastUsedAt": db.iso(key.last_used_at),
    }

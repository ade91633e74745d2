"""chinqit routes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
from sqlalchemy.orm import Session

from dashboard.cli import api_keys
from dashboard.cli.core import JSON, choice_of, database, echo_error, example, fail, phone_type, print_rows, record
from dashboard.gateway.api_keys import keys
from dashboard.gateway.costs import prices
from dashboard.gateway.routing import explain, rules
from dashboard.gateway.routing.rules import InvalidRoute, NewRouteTarget, RoutingRequest, Subject
from dashboard.sms import numbers
from dashboard.vocabulary import CandidateState, Channel

FAULTS = {
    "unknown_carrier": "There is no carrier {name!r}; `chinqit providers list` shows them.",
    "wrong_channel": "{name} does not serve this channel.",
    "twice": "A rule can name a carrier only once.",
    "too_many": f"A rule names at most {rules.MOST_CHOICES} carriers.",
    "sender": "The sender of {name} may have up to 11 letters and digits, or be a number.",
    "weight": f"The weight of {{name}} must be from 1 to {rules.HEAVIEST}.",
}
OPERATORS = {name.lower(): digit for digit, name in numbers.OPERATORS.items()}


@click.group("routes")
def routes_group() -> None:
    """Say which carriers get which messages."""


@routes_group.command(
    "set",
    epilog=example(
        "chinqit routes set sms mauritel aggregator",
        "chinqit routes set sms --operator mattel mattel:70,aggregator:30 mauritel",
        "chinqit routes set sms --operator mattel mattel=Boutique aggregator",
        "chinqit routes set sms --operator mattel --none",
    ),
)
@click.argument("channel", type=choice_of(Channel))
@click.argument("choices", metavar="CARRIER...", nargs=-1)
@click.option("--operator", type=click.Choice(list(OPERATORS)), help="For numbers of this operator only.")
@click.option("--key", help="For messages of this API key only, by id or name.")
@click.option("--none", "clear", is_flag=True, help="Remove the rule.")
def routes_set(channel: str, choices: Sequence[str], operator: str | None, key: str | None, clear: bool) -> None:
    """Route a channel by carriers, first to last: the next one is used when the first is down.

    Carriers joined by a comma share the traffic; a weight stands behind a colon, a sender behind an equals sign: what
    phones show where the key names none, if the carrier allows it.
    """
    if bool(choices) == clear:
        raise click.UsageError("Give carriers in order, or --none.")
    with database() as session:
        subject = (channel, OPERATORS.get(operator or ""), api_keys.find_key(session, key).id if key else None)
        before = rules.told(session, subject)
        try:
            rules.set_rule(session, subject, _choices(choices))
        except InvalidRoute as error:
            fail(FAULTS[error.code].format(name=error.name))
        name = " ".join(part for part in subject if part)
        record(session, "routing.save", name, carriers=(before, rules.told(session, subject)))
    click.echo("The rule is removed." if clear else "The rule is saved.")


@routes_group.command("list", epilog=example("chinqit routes list --json"))
@JSON
def routes_list(as_json: bool) -> None:
    """List the rules. For a message the most specific one counts: operator and key, key, operator, all."""
    with database() as session:
        rows = [
            {**_subject_row(session, subject), "carriers": [_leg(route) for route in routes]}
            for subject, routes in rules.rules(session)
        ]
    print_rows(rows, as_json, "No route: without a carrier, messages land on the sandbox phone.")


@routes_group.command(
    "explain", epilog=example("chinqit routes explain 38089336", "chinqit routes explain 38089336 --key my-app")
)
@click.argument("phone_number", metavar="PHONE", callback=phone_type)
@click.option("--channel", type=choice_of(Channel), default=Channel.SMS.value, show_default=True)
@click.option("--key", help="As sent by this API key.")
@JSON
def routes_explain(phone_number: str, channel: str, key: str | None, as_json: bool) -> None:
    """Say by which carrier a message to PHONE would go now, and why."""
    with database() as session:
        key_id = api_keys.find_key(session, key).id if key else ""
        explanation = explain.of(session, RoutingRequest(channel, phone_number, key_id))
        rows = [{"carrier": way.carrier.name, "fate": way.state, "why": _why(way)} for way in explanation.ways]
        rule = _subject_row(session, explanation.subject) if explanation.subject else None
    price = None if explanation.price is None else prices.plain(explanation.price)
    if as_json:
        click.echo(json.dumps({"rule": rule, "carriers": rows, "price": price}))
        return
    echo_error(f"price: {price} MRU a segment" if price else "price: none is known")
    echo_error("rule: " + (" ".join(f"{name} {value}" for name, value in rule.items() if value) if rule else "none"))
    print_rows(rows, False, "No rule covers this message.")


def _why(way: explain.Candidate) -> str:
    """Why a carrier is down; empty when it is not."""
    return (way.carrier.down_code or "") if way.state is CandidateState.DOWN else ""


def _choices(raw: Sequence[str]) -> list[NewRouteTarget]:
    targets = []
    for position, group in enumerate(raw):
        for part in group.split(","):
            name, _, sender = part.partition("=")
            name, _, weight = name.partition(":")
            if weight and not (weight.isascii() and weight.isdigit() and len(weight) < 4):
                raise click.UsageError(f"The weight of {name} must be a whole number.")
            targets.append(NewRouteTarget(name, position, int(weight or 1), sender or None))
    return targets


def _subject_row(session: Session, subject: Subject) -> dict[str, Any]:
    channel, operator, key_id = subject
    return {
        "channel": channel,
        "operator": numbers.OPERATORS[operator] if operator else None,
        "key": keys.find(session, key_id).name if key_id else None,
    }


def _leg(route: Any) -> str:
    weight = f" ({route.weight})" if route.weight != 1 else ""
    return f"{route.position + 1}. {route.carrier.name}{weight}" + (f" = {route.sender}" if route.sender else "")

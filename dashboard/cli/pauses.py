"""chinqit pause and resume: stop handing over by a lane or to a carrier, and go on."""

from __future__ import annotations

import click

from dashboard.cli.core import command_actor, database, example, fail, record
from dashboard.gateway import pauses
from dashboard.gateway.carriers import carriers
from dashboard.vocabulary import Lane

NAME = click.argument("name", metavar="LANE|CARRIER")


@click.command(epilog=example("chinqit pause sms", "chinqit pause mauritel"))
@NAME
def pause(name: str) -> None:
    """Send nothing by this lane or to this carrier. What is being sent is finished; messages are accepted and wait.

    Codes that wait for longer than ten minutes expire. A carrier's messages go by the next one of their route.
    """
    _switch(name, on=False)


@click.command(epilog=example("chinqit resume sms"))
@NAME
def resume(name: str) -> None:
    """Send by this lane or carrier again; what waits is sent within a second or two."""
    _switch(name, on=True)


def _switch(name: str, *, on: bool) -> None:
    with database() as session:
        if name in tuple(Lane):
            act = pauses.resume if on else pauses.pause
            if not act(session, Lane(name), command_actor().name):
                fail(f"The lane {name} is {'not ' if on else ''}paused.")
            record(session, "delivery.resume" if on else "delivery.pause", name)
            return
        found = {carrier.name: carrier for carrier in carriers.listed(session)}
        if name not in found:
            fail(f"There is no lane and no carrier {name!r}. Lanes: {', '.join(Lane)}.")
        carriers.switch(session, found[name], on=on)
        record(session, "carriers.enable" if on else "carriers.disable", name, enabled=(not on, on))

"""Doors of a key in the reader's words, and what opening one means."""

from __future__ import annotations

from typing import NamedTuple

from flask_babel import lazy_gettext as _l

from dashboard.extensions import services, session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.doors import doors
from dashboard.models.api_keys import ApiKey
from dashboard.models.doors import Door
from dashboard.pages.ui.labels import Labels
from dashboard.vocabulary import Dialect, KeyState, Scope

NAMES: Labels = {Dialect.SUPABASE: _l("Supabase, Send SMS hook"), Dialect.CHINGUISOFT: _l("Clients of Chinguisoft")}
MEANINGS: Labels = {
    Dialect.SUPABASE: _l(
        "Supabase makes the codes and checks them; this key sends them. Limits, caps and budgets hold. Codes are never "
        "seen verified here."
    ),
    Dialect.CHINGUISOFT: _l(
        "The answer tells the code to who calls: whoever has this key and the address reads every code. Keep both on a "
        "server, never in an app. Limits, caps and budgets hold. Codes are never seen verified here."
    ),
}
STEPS: Labels = {
    Dialect.SUPABASE: _l("Enter address and secret in Supabase: Authentication, Hooks, Send SMS."),
    Dialect.CHINGUISOFT: _l("Calls go to this address, with the secret of the API key in the header Validation-token."),
}


class ShownDoor(NamedTuple):
    """A dialect, with its door where the key takes it."""

    dialect: Dialect
    name: str
    meaning: str
    door: Door | None
    address: str


def may_open(key: ApiKey) -> bool:
    """Whether a door of this key would send anything."""
    return keys.state(key) is KeyState.ACTIVE and Scope.OTP in key.scopes


def listed(key: ApiKey) -> list[ShownDoor]:
    """All dialects, in one order."""
    known = {door.dialect: door for door in doors.of_key(session, key)}
    return [shown(dialect, known.get(dialect)) for dialect in Dialect]


def shown(dialect: Dialect, door: Door | None) -> ShownDoor:
    address = f"{services().settings.address}{doors.address(door)}" if door else ""
    return ShownDoor(dialect, str(NAMES[dialect]), str(MEANINGS[dialect]), door, address)

"""The form of a rule: what it covers, and its carriers in order. Buttons of the form itself move them about, so that
it works without JavaScript; nothing is kept until it is saved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice, zip_longest

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from dashboard.gateway.messages import outbox
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import InvalidRoute, NewRouteTarget, Subject
from dashboard.models.api_keys import ApiKey
from dashboard.models.carriers import Route
from dashboard.pages.ui import versions
from dashboard.pages.ui.versions import Difference
from dashboard.sms import numbers, senders

SAVE, ADD, UP, DOWN, DROP = "save", "add", "up", "down", "drop"
LONGEST_WEIGHT = 3  # digits


@dataclass(frozen=True)
class Row:
    """A carrier in the form; `shares`: it stands in the same place as the one above it."""

    name: str
    weight: str = "1"
    shares: bool = False
    sender: str = ""


class RuleForm:
    """What was typed, after the button that was pressed did its work. `said` tells what that was."""

    def __init__(self, form: MultiDict[str, str], known: list[ApiKey]) -> None:
        self.errors: dict[str, str] = {}
        self.said = ""
        self.version = form.get(versions.FIELD, "")  # of the rule that it was drawn from
        self.conflicts: list[Difference] = []
        self.channel = _one_of(form.get("channel", ""), outbox.LANES) or outbox.LANES[0]
        self.operator = _one_of(form.get("operator", ""), tuple(numbers.OPERATORS))
        self.key_id = _one_of(form.get("key", ""), tuple(key.id for key in known))
        self.rows = _rows(form)
        self.act, _colon, self.name = form.get("act", SAVE).partition(":")
        self._do(form.get("more", ""))

    @property
    def subject(self) -> Subject:
        return self.channel, self.operator, self.key_id

    @property
    def choices(self) -> list[NewRouteTarget]:
        """As rules hold them; raise InvalidRoute."""
        if not self.rows:
            raise InvalidRoute("no_choice")
        found: list[NewRouteTarget] = []
        for row in self.rows:
            place = found[-1].position + (not row.shares) if found else 0
            found.append(NewRouteTarget(row.name, place, _weight(row), row.sender or None))
        return found

    @property
    def told(self) -> list[str]:
        """The carriers that were typed, as `rules.told` tells those of a rule; what is wrong with them stands too."""
        found, place = [], -1
        for row in self.rows:
            place += not row.shares or place < 0
            found.append(rules.target_told(place, row.name, row.weight, row.sender))
        return found

    def compare(self, saved: list[str], version: str) -> None:
        """Note what somebody else saved meanwhile beside what was typed, when the form was drawn from another rule."""
        if versions.is_outdated(version) and saved != self.told:
            self.conflicts = [Difference(_("Carriers, in order"), "\n".join(saved), "\n".join(self.told))]
        self.version = version

    def _do(self, more: str) -> None:
        if more and self.act in (ADD, SAVE) and all(row.name != more for row in self.rows):
            self.rows.append(Row(more))
            self.said = _("%(name)s was added as the last one.", name=more)
        place = next((i for i, row in enumerate(self.rows) if row.name == self.name), None)
        if place is None:
            return
        if self.act == DROP:
            del self.rows[place]
            self.said = _("%(name)s was removed from the rule.", name=self.name)
        elif self.act in (UP, DOWN):
            self._move(place, place + (1 if self.act == DOWN else -1))

    def _move(self, place: int, other: int) -> None:
        if 0 <= other < len(self.rows):
            rows = self.rows
            rows[place], rows[other] = rows[other], rows[place]
            facts = {"name": self.name, "place": other + 1, "count": len(rows)}
            self.said = _("%(name)s is now number %(place)d of %(count)d.", **facts)


def rows_of(routes: list[Route]) -> list[Row]:
    """A rule as its form shows it."""
    found = [Row(route.carrier.name, str(route.weight), sender=route.sender or "") for route in routes]
    same = [i for i in range(1, len(routes)) if routes[i].position == routes[i - 1].position]
    return [replace(row, shares=i in same) for i, row in enumerate(found)]


def _rows(form: MultiDict[str, str]) -> list[Row]:
    names, sharing = form.getlist("carrier"), form.getlist("share")
    found = zip_longest(names[:50], form.getlist("weight"), form.getlist("sender"), fillvalue="")
    return [
        Row(name, weight.strip()[:10] or "1", name in sharing, sender.strip()[: senders.LONGEST + 1])
        for name, weight, sender in islice(found, len(names[:50]))
    ]


def _weight(row: Row) -> int:
    plain = row.weight or "1"
    if not (plain.isascii() and plain.isdigit() and len(plain) <= LONGEST_WEIGHT):
        raise InvalidRoute("weight", row.name)
    return int(plain)


def _one_of(value: str, known: tuple[str, ...]) -> str | None:
    return value if value in known else None

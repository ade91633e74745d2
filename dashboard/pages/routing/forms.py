"""The form of a rule: what it covers, and its carriers in order. Buttons of the form itself move them about, so that
it works without JavaScript; nothing is kept until it is saved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import Field
from wtforms.utils import unset_value

from dashboard.gateway.messages import outbox
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import InvalidRoute, NewRouteTarget, Subject
from dashboard.models.api_keys import ApiKey
from dashboard.models.carriers import Route
from dashboard.pages.ui import forms, versions
from dashboard.pages.ui.forms import BoundField, ChoiceField, Form
from dashboard.pages.ui.labels import CHANNELS
from dashboard.sms import numbers, senders

SAVE, ADD, UP, DOWN, DROP = "save", "add", "up", "down", "drop"
LONGEST_WEIGHT = 3  # digits
MOST_ROWS = 50  # that are read of what is sent; a rule has fewer


@dataclass(frozen=True)
class Row:
    """A carrier in the form; `shares`: it stands in the same place as the one above it."""

    name: str
    weight: str = "1"
    shares: bool = False
    sender: str = ""


class TargetsField(Field):  # type: ignore[misc]
    """The carriers of a rule, in order: a list of rows, as they were typed."""

    def process(self, formdata: MultiDict[str, str] | None, data: Any = unset_value, extra_filters: Any = None) -> None:
        super().process(None, data, extra_filters)
        if formdata is not None:
            self.data = _rows(formdata)

    @staticmethod
    def show(rows: list[Row] | None) -> str:
        """A line a carrier, as `rules.told` says them; what is wrong with one stands too."""
        lines, place = [], -1
        for row in rows or []:
            place += not row.shares or place < 0
            lines.append(rules.target_told(place, row.name, row.weight, row.sender))
        return "\n".join(lines)


class RuleForm(Form):
    """The carriers of a rule, after the button that was pressed did its work. `said` tells what that was.

    Which messages a rule covers stays; NewRuleForm chooses that, too.
    """

    targets = TargetsField(_l("Carriers, in order"))
    more = ChoiceField(_l("Carrier"), validate_choice=False)  # one that is gone is refused by name, with the others

    def __init__(self, saved: list[Row], **more: Any) -> None:
        super().__init__(data={"targets": saved}, **more)
        self.rows: list[Row] = list(self.targets.data)
        self.said = ""
        self.act, _colon, self.moved = request.form.get("act", SAVE).partition(":")
        self._do(self.more.data or "")
        self.targets.data = self.rows
        if self.rows:
            self.more.label.text = _("Another carrier")

    @property
    def version(self) -> str:
        """Of what the form was drawn from. Moving carriers about compares nothing: the version stays what it was."""
        given = request.form.get(versions.FIELD, "")
        return given if given and self.act != SAVE else super().version

    @property
    def choices(self) -> list[NewRouteTarget]:
        """As rules hold them; raise InvalidRoute."""
        if not self.rows:
            raise InvalidRoute("no_choice")
        targets: list[NewRouteTarget] = []
        for row in self.rows:
            place = targets[-1].position + (not row.shares) if targets else 0
            targets.append(NewRouteTarget(row.name, place, _weight(row), row.sender or None))
        return targets

    def offer(self, carriers: dict[str, str]) -> None:
        """Let one of these be added, unless it is in the rule; a label by each name."""
        taken = {row.name for row in self.rows}
        free = {name: label for name, label in carriers.items() if name not in taken}
        self.more.choices = forms.choices({"": "…", **free})

    def _compared(self) -> list[BoundField]:
        return [self.targets]

    def _do(self, more: str) -> None:
        if more and self.act in (ADD, SAVE) and all(row.name != more for row in self.rows):
            self.rows.append(Row(more))
            self.said = _("%(name)s was added as the last one.", name=more)
        place = next((i for i, row in enumerate(self.rows) if row.name == self.moved), None)
        if place is None:
            return
        if self.act == DROP:
            del self.rows[place]
            self.said = _("%(name)s was removed from the rule.", name=self.moved)
        elif self.act in (UP, DOWN):
            self._move(place, place + (1 if self.act == DOWN else -1))

    def _move(self, place: int, other: int) -> None:
        if 0 <= other < len(self.rows):
            rows = self.rows
            rows[place], rows[other] = rows[other], rows[place]
            facts = {"name": self.moved, "place": other + 1, "count": len(rows)}
            self.said = _("%(name)s is now number %(place)d of %(count)d.", **facts)


def _chosen(value: str | None) -> str | None:
    """Nothing for the choice that stands for all."""
    return value or None


class NewRuleForm(RuleForm):
    """Chooses which messages the rule covers: those of a channel, to an operator or to all, of a key or of all."""

    channel = ChoiceField(
        _l("Channel"), _l("Choose one of the list"), choices=forms.choices(CHANNELS), default=outbox.LANES[0]
    )
    operator = ChoiceField(
        _l("Mobile operator"),
        _l("Choose one of the list"),
        coerce=_chosen,
        choices=forms.choices({"": _l("All operators"), **numbers.OPERATORS}),
    )
    key = ChoiceField(_l("API key"), _l("Choose a key."), coerce=_chosen)

    def __init__(self, known: list[ApiKey], **more: Any) -> None:
        super().__init__([], **more)
        self.key.choices = forms.choices({"": _("All keys"), **{key.id: key.name for key in known}})

    @property
    def subject(self) -> Subject:
        return self.channel.data, self.operator.data, self.key.data


def rows_of(routes: list[Route]) -> list[Row]:
    """A rule as its form shows it."""
    rows = [Row(route.carrier.name, str(route.weight), sender=route.sender or "") for route in routes]
    same = [i for i in range(1, len(routes)) if routes[i].position == routes[i - 1].position]
    return [replace(row, shares=i in same) for i, row in enumerate(rows)]


def _rows(form: MultiDict[str, str]) -> list[Row]:
    names, sharing = form.getlist("carrier")[:MOST_ROWS], form.getlist("share")
    typed = zip_longest(names, form.getlist("weight"), form.getlist("sender"), fillvalue="")
    return [
        Row(name, weight.strip()[:10] or "1", name in sharing, sender.strip()[: senders.LONGEST + 1])
        for name, weight, sender in islice(typed, len(names))
    ]


def _weight(row: Row) -> int:
    """Raise InvalidRoute for what is no whole number of at most three digits."""
    if not (row.weight.isascii() and row.weight.isdigit() and len(row.weight) <= LONGEST_WEIGHT):
        raise InvalidRoute("weight", row.name)
    return int(row.weight)

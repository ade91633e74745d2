"""The order of a key's channels in its form: three rows, each a channel and how long it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Field

from dashboard.gateway.otp import channel_order
from dashboard.gateway.otp.channel_order import InvalidOrder, OrderStep
from dashboard.pages.ui import fields, formats, labels
from dashboard.vocabulary import Channel

FAULTS = {
    "steps": _l("Choose two or three channels, or none."),
    "channel": _l("Choose two or three channels, or none."),
    "twice": _l("Choose each channel once."),
    "seconds": _l("Enter 10 to 300 seconds for every channel but the last one."),
    "latest": _l("The last channel must begin within 540 seconds: the code is valid for 600."),
}


class OrderRow(NamedTuple):
    """As it was typed, or is stored."""

    channel: str = ""
    seconds: str = ""


class ChannelOrderField(Field):  # type: ignore[misc]
    """Its data is the order as a key keeps it, or None. The controls share its name, row by row."""

    @property
    def rows(self) -> list[OrderRow]:
        """The three rows, as the page draws them."""
        if self.raw_data:
            rows = _paired(self.raw_data)
        else:
            steps = channel_order.parse(self.data) if self.data else ()
            rows = [OrderRow(step.channel, str(step.seconds or "")) for step in steps]
        return [*rows, *[OrderRow()] * channel_order.MOST_STEPS][: channel_order.MOST_STEPS]

    def process_formdata(self, valuelist: list[str]) -> None:
        """Raise Fault, which WTForms keeps as the field's error."""
        chosen = [row for row in _paired(valuelist) if row.channel]
        steps = [
            OrderStep(_channel(row.channel), None if row is chosen[-1] else fields.whole(row.seconds)) for row in chosen
        ]
        try:
            self.data = channel_order.written(channel_order.checked(steps)) if steps else None
        except InvalidOrder as fault:
            raise fields.Fault(str(FAULTS[fault.code])) from None

    def show(self, order: str | None) -> str:
        """An order in a reader's words."""
        return ", ".join(in_words(order))


def in_words(order: str | None) -> list[str]:
    """The steps of an order, one sentence each."""
    return [
        str(labels.CHANNELS[step.channel])
        if step.seconds is None
        else _(
            "%(channel)s, for %(seconds)s s",
            channel=labels.CHANNELS[step.channel],
            seconds=formats.number(step.seconds),
        )
        for step in (channel_order.parse(order) if order else ())
    ]


def _paired(values: Sequence[str]) -> list[OrderRow]:
    """Rows out of the values of the controls; the last row has no seconds."""
    cells = [value.strip() for value in values]
    return [OrderRow(*cells[place : place + 2]) for place in range(0, len(cells), 2)]


def _channel(name: str) -> Channel:
    if name not in tuple(Channel):
        raise fields.Fault(str(FAULTS["channel"]))
    return Channel(name)

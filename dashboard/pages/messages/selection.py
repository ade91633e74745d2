"""Rows of the log that somebody selected, to be sent again together."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from dashboard.extensions import session
from dashboard.gateway.messages import resend, status
from dashboard.gateway.messages.resend import Obstacle, Resent
from dashboard.models.messages import Message
from dashboard.pages.ui import formats
from dashboard.pages.ui.labels import Labels
from dashboard.vocabulary import Status

ROW_ID = re.compile(r"[0-9]{1,18}")
WANTED = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})")
OBSTACLES: Labels = {
    Obstacle.CODE: _l("A code is never sent again. The app asks for a new one."),
    Obstacle.TRIAL: _l("A test of a carrier: test it again on the carrier’s page."),
    Obstacle.ON_ITS_WAY: _l("Still on its way."),
    Obstacle.TEXT_GONE: _l("The text is no longer kept."),
    Obstacle.KEY_ENDED: _l("The key has expired or was revoked. Make a new one, then send from the app again."),
    Obstacle.DONE: _l("Sent again already."),
    Obstacle.OPTED_OUT: _l("The person wants no texts any more."),
    Obstacle.CAP: _l("The key has sent what it may send in a day."),
    Obstacle.BUDGET: _l("It would cost more than a budget has left."),
}


@dataclass(frozen=True)
class Selection:
    """What was selected: the texts that can be sent again, oldest first, and why the others cannot."""

    messages: list[Message]
    obstacles: list[tuple[Obstacle, int]]  # each with how many, in the order of Obstacle
    times: Counter[int]  # how often each was sent again before, by row id

    @property
    def segments(self) -> int:
        return sum(message.segments for message in self.messages)

    @property
    def arrived(self) -> int:
        """How many are on their phones already."""
        return sum(message.status == Status.DELIVERED for message in self.messages)

    @property
    def repeated(self) -> int:
        """How many were sent again before."""
        return sum(self.times[message.id] > 0 for message in self.messages)

    @property
    def keys(self) -> list[tuple[str, str, int, int]]:
        """Name and mode of each key, its texts and their segments."""
        texts, segments = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
        for message in self.messages:
            key = (message.key.name, message.key.mode, message.key_id)
            texts[key] += 1
            segments[key] += message.segments
        return [(name, mode, texts[name, mode, key_id], segments[name, mode, key_id]) for name, mode, key_id in texts]


def picked() -> set[int]:
    """The row ids that the address names; others are ignored."""
    return {int(text) for text in request.args.getlist("pick") if ROW_ID.fullmatch(text)}


def wanted() -> dict[int, int]:
    """The row ids that the form confirms, each with how often it had been sent again when it was asked."""
    found = (WANTED.fullmatch(text) for text in request.form.getlist("message"))
    return {int(one[1]): int(one[2]) for one in found if one}


def of(ids: set[int]) -> Selection:
    rows = sorted(status.by_ids(session, ids), key=lambda row: row.id)
    why_not = {row.id: resend.obstacle(row) for row in rows}
    counted = Counter(why_not.values())
    return Selection(
        [row for row in rows if why_not[row.id] is None],
        [(obstacle, counted[obstacle]) for obstacle in Obstacle if counted[obstacle]],
        resend.times(session, ids),
    )


def told(resent: Resent) -> str:
    """What became of a selection, in words: how many were sent, and how many not, by reason."""
    parts = [formats.ngettext("%(num)s text sent again.", "%(num)s texts sent again.", len(resent.new))]
    for obstacle, count in Counter(resent.refused.values()).items():
        parts.append(_("%(num)s not sent: %(why)s", num=count, why=OBSTACLES[obstacle]))
    return " ".join(parts)

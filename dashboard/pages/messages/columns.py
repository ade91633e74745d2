"""The columns of the message log, as each person chooses them."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l
from flask_login import current_user

from dashboard.pages.ui.labels import Labels
from dashboard.vocabulary import LogColumn

COLUMNS: Labels = {
    LogColumn.TEXT: _l("Message"),
    LogColumn.CHANNEL: _l("Channel"),
    LogColumn.CARRIER: _l("Carrier"),
    LogColumn.SEGMENTS: _l("Segments"),
    LogColumn.KEY: _l("API key"),
    LogColumn.REASON: _l("Reason"),
}
USUAL = (LogColumn.TEXT, LogColumn.CHANNEL, LogColumn.SEGMENTS, LogColumn.KEY)


def shown() -> tuple[str, ...]:
    """Those of the visitor, in the order of the table."""
    chosen = current_user.log_columns.split(",")
    return tuple(column for column in COLUMNS if column in chosen) or USUAL


def stored(chosen: Sequence[str]) -> str:
    """A choice as a person's row keeps it; empty for the usual one, which may change one day."""
    return "" if tuple(chosen) == USUAL else ",".join(chosen)

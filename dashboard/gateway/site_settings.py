"""Settings that owners make in the dashboard, typed, with their defaults. Those of the machine are in the environment.

Reading them costs nothing: a process keeps them for a second.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard import db
from dashboard.cache import TimedCache
from dashboard.db import Sessions, core_table, read_session, utcnow
from dashboard.models.site_settings import Setting
from dashboard.vocabulary import Language

LOOK_EVERY = 1.0  # seconds


@dataclass(frozen=True)
class Preferences:
    """Days are counted from when a message was accepted."""

    organisation: str = ""  # shown in the dashboard; offered as the brand of a wording
    timezone: str = ""  # empty: the one of the environment
    otp_language: str = Language.FRENCH  # of codes that are asked for without one
    texts_days: int = 7  # then the texts of messages are deleted
    numbers_days: int = 90  # then phone numbers are cut to their first two digits
    sandbox_days: int = 7  # then texts leave the sandbox phone
    messages_days: int = 0  # then messages are deleted; 0: never
    second_factor_required: bool = False  # of everyone who signs in
    codes_per_minute: int = 3  # to one number by one key, where no override says otherwise
    codes_per_hour: int = 10
    codes_per_day: int = 20
    pumping_numbers: int = 30  # of a range of 1,000, sent codes in an hour that few type in; 0: any number
    pumping_stops: bool = True  # False: people are told, and nothing else is done
    new_key_codes: int | None = 20_000  # a day: the caps that a new live key is offered
    new_key_messages: int | None = 20_000
    quiet_from: str = "20:00"  # campaigns rest from here …
    quiet_until: str = "08:00"  # … to here, by the gateway's time zone; empty: at no time of the day
    rests_on_friday: bool = True  # around the noon prayer
    holidays: str = ""  # days on which campaigns rest, as 2026-11-28, with blanks between
    approval_from: int = 1_000  # a campaign to more numbers is approved by a second person
    consent_required: bool = True  # of contacts, where a campaign writes to groups


class MessagesGoFirst(ValueError):
    """Messages would be deleted before their numbers are cut."""


# Texts may wait a day; a week is rehearsed.
LEAST_DAYS = {"texts_days": 2, "numbers_days": 8, "sandbox_days": 1, "messages_days": 30}
MOST_DAYS = 3_650
_SETTINGS = core_table(Setting)
ALL = select(_SETTINGS.c.name, _SETTINGS.c.value)
REMEMBERED = TimedCache[Any, Preferences](LOOK_EVERY, weak_keys=True)  # by connection pool


def current(session: Session) -> Preferences:
    """As they are, or were a second ago."""
    return REMEMBERED.find(db.pool_of(session), lambda: read(session))


def current_of(sessions: Sessions) -> Preferences:
    """The same, for whoever asks often: a session is opened only to look."""
    return REMEMBERED.find(sessions.kw["bind"].pool, lambda: _look(sessions))


def _look(sessions: Sessions) -> Preferences:
    with read_session(sessions) as session:
        return read(session)


def read(session: Session) -> Preferences:
    """As they are."""
    made = {row.name: row.value for row in session.connection().execute(ALL)}
    return Preferences(**{field.name: made[field.name] for field in fields(Preferences) if field.name in made})


def save(session: Session, wanted: Preferences, by: str | None = None) -> None:
    """Keep what differs from before; in force within a second everywhere. The caller commits.

    Raise MessagesGoFirst, whoever asks for it.
    """
    if 0 < wanted.messages_days < wanted.numbers_days:
        raise MessagesGoFirst
    before = asdict(read(session))
    for name, value in asdict(wanted).items():
        if value != before[name]:
            session.merge(Setting(name=name, value=value, changed_at=utcnow(), changed_by=by))
    session.flush()
    REMEMBERED.forget(db.pool_of(session))

"""The report that REPORT_TO asks for: on Monday mornings a thread of the relay sends what the week was like by e-mail.

Of several relays one sends it: whoever notes the week first. One that was not taken is tried again after ten minutes.
"""

from __future__ import annotations

import gettext
import logging
import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.cli import report_words
from dashboard.cli.alert_words import Translate
from dashboard.db import Sessions, core_table, error_reason, insert, read_session, utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.monitoring import outages
from dashboard.gateway.statistics import queries
from dashboard.gateway.statistics.queries import Figures, Narrow, Period, total
from dashboard.gateway.statistics.rollup import start_of
from dashboard.models.alerts import AlertIncident
from dashboard.models.site_settings import Setting
from dashboard.models.statistics import SEND
from dashboard.outbound.mail import MailNotSent, MailServer
from dashboard.resources import resource
from dashboard.settings import Settings
from dashboard.sms import numbers
from dashboard.vocabulary import Kind

log = logging.getLogger(__name__)

MONDAY, HOUR = 0, 7
LOOK_SECONDS = 60.0
AFTER_FAILURE_SECONDS = 600.0
MEASURES = ("requested", "sent", "delivered", "failed", "expired", "verified")
ROW = "weekly_report:"  # of table settings, with the day of the Monday: who wrote it sends
_SETTINGS = core_table(Setting)


def run(sessions: Sessions, settings: Settings, stopping: threading.Event) -> None:
    """Send the report of each week until `stopping` is set."""
    wait = LOOK_SECONDS
    while not stopping.wait(wait):
        try:
            wait = LOOK_SECONDS if send_if_due(sessions, settings, utcnow()) else AFTER_FAILURE_SECONDS
        except SQLAlchemyError as error:
            log.warning("no weekly report: %s", error_reason(error))


def send_if_due(sessions: Sessions, settings: Settings, now: datetime) -> bool:
    """Send it when it is Monday morning and nobody has; False when it was not taken."""
    with read_session(sessions) as session:
        preferences = site_settings.current(session)
    local = now.astimezone(ZoneInfo(preferences.timezone or settings.timezone))
    if local.weekday() != MONDAY or local.hour < HOUR:
        return True
    row = f"{ROW}{local.date().isoformat()}"
    with sessions.begin() as session:
        if not _claim(session, row, now):
            return True
        title, text = written(session, settings, now)
    try:
        MailServer(settings.smtp_url, settings.mail_sender).send(settings.report_to, title, text)
    except MailNotSent as error:
        log.warning("the weekly report was not sent: %s", error)
        with sessions.begin() as session:
            session.execute(delete(Setting).where(Setting.name == row))
        return False
    return True


def _claim(session: Session, row: str, now: datetime) -> bool:
    """Whether this relay is the first to note the week; forgets those before it."""
    values = {"name": row, "value": True, "changed_at": now}
    noted = insert(session, _SETTINGS).values(values).on_conflict_do_nothing().returning(_SETTINGS.c.name)
    if session.scalar(noted) is None:
        return False
    session.execute(delete(Setting).where(Setting.name.startswith(ROW), Setting.name < row))
    return True


def written(session: Session, settings: Settings, now: datetime) -> tuple[str, str]:
    """Title and text about the seven days that ended with yesterday."""
    preferences = site_settings.current(session)
    _ = gettext.translation("messages", resource("translations"), [preferences.otp_language], fallback=True).gettext
    today = start_of("day", now)
    week = Period("day", today - timedelta(days=7), today)
    figures = queries.summed(session, week, Narrow(), (*MEASURES, *SEND))
    before = queries.summed(session, week.before, Narrow(), MEASURES)
    title = _(report_words.TITLE) % {"day": f"{week.since:%Y-%m-%d}", "count": figures["requested"]}
    lines = [
        _(report_words.ASKED) % {"count": figures["requested"], "before": before["requested"]},
        _(report_words.OUTCOME) % {name: figures[name] for name in MEASURES},
        *_codes(session, week, _),
        *_speed(figures, _),
        *_operators(session, week, _),
        *_reasons(session, week, _),
        _(report_words.TROUBLES) % _troubles(session, week),
        "",
        _(report_words.ADDRESS) % {"address": f"{settings.address}/dashboard/"},
    ]
    return f"[{preferences.organisation or 'Chinqit'}] {title}", "\n".join(lines)


def _codes(session: Session, week: Period, _: Translate) -> list[str]:
    codes = queries.summed(session, week, Narrow(kind=Kind.OTP), MEASURES)
    before = queries.summed(session, week.before, Narrow(kind=Kind.OTP), MEASURES)
    shown = {"count": codes["requested"], "share": _percent(codes), "before": _percent(before)}
    return [_(report_words.CODES) % shown] if codes["requested"] else []


def _percent(figures: Figures) -> str:
    share = figures.share("verified")
    return "–" if share is None else f"{100 * share:.0f} %"


def _speed(figures: Figures, _: Translate) -> list[str]:
    seconds = figures.send_time(0.95)
    return [] if seconds is None else [_(report_words.SPEED) % {"seconds": f"{seconds:.1f}"}]


def _operators(session: Session, week: Period, _: Translate) -> list[str]:
    """A line each, the one with most messages first."""
    found = queries.over_time_by(session, "operator", week, Narrow(), MEASURES)
    sums = sorted(((name, total(days)) for name, days in found.items()), key=lambda pair: -pair[1]["requested"])
    return [
        "- "
        + _(report_words.OPERATOR)
        % {"name": numbers.OPERATORS[name], "count": one["requested"], "failed": one["failed"]}
        for name, one in sums
        if name in numbers.OPERATORS
    ]


def _reasons(session: Session, week: Period, _: Translate) -> list[str]:
    found = queries.reasons(session, week, Narrow())[:5]
    return (
        [_(report_words.REASONS) % {"reasons": ", ".join(f"{code} {count}" for code, count in found)}] if found else []
    )


def _troubles(session: Session, week: Period) -> dict[str, int]:
    opened = select(func.count()).select_from(AlertIncident).where(AlertIncident.opened_at >= week.since)
    lately = [one for one in outages.listed(session, 100) if one.ended_at >= week.since]
    return {"count": session.scalar(opened) or 0, "outages": len(lately)}

"""The first page: how things go at this moment, what to act on, and the first steps on a new gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.extensions import services, session
from dashboard.gateway import workers
from dashboard.gateway.accounts import users
from dashboard.gateway.alerts import incidents
from dashboard.gateway.api_keys import keys
from dashboard.gateway.carriers import carriers, recent
from dashboard.gateway.carriers.recent import Recent
from dashboard.gateway.message_log import search
from dashboard.gateway.message_log.search import Filters
from dashboard.gateway.monitoring import alerts, carrier_status, judge
from dashboard.gateway.monitoring.alerts import AlertCode
from dashboard.gateway.statistics import queries
from dashboard.gateway.statistics.queries import Figures, Narrow, Period, total
from dashboard.models.messages import Message
from dashboard.models.statistics import COUNTS, SEND, VERIFY
from dashboard.pages.carriers.labels import STATES
from dashboard.pages.ui import charts, formats, periods, timeline
from dashboard.pages.ui.charts import Chart, Series
from dashboard.pages.ui.formats import Change
from dashboard.pages.web import htmx
from dashboard.providers import sandbox
from dashboard.sms import numbers
from dashboard.vocabulary import SANDBOX, KeyMode, Kind, Operator, Status, Trend

MINUTES = 60
HOURS = 24
FAILURES = 6
PASTS = {"yesterday": (1, _l("Yesterday")), "last_week": (7, _l("Last week"))}  # days
ALONE = timedelta(days=7)  # for so long somebody alone is told to invite a second person

bp = Blueprint("overview", __name__)


@dataclass(frozen=True)
class Tile:
    """How one operator's codes go: the share that was typed in right of a day and of the last hour, seconds, and the
    share of each hour of the day.
    """

    name: str
    trend: Trend
    share: float | None
    hour: float | None
    codes: int
    median: float | None
    p95: float | None
    shares: list[float | None]


@dataclass(frozen=True)
class Past:
    """What became of the messages of days that are over, against as many days before; `name` is the log's for them."""

    name: str
    title: str
    first: date
    last: date
    figures: Figures
    codes: Figures
    change: Change | None


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; its live block alone when HTMX asks, and nothing when nothing changed."""
    context = _first_steps() | ({"first_use": True} if search.is_empty(session) else _figures())
    context["mark"] = _mark(context)
    if not htmx.wants_fragment():
        return render_template("overview/index.html", **context)
    return htmx.live("overview/_live.html", **context)


def _first_steps() -> dict[str, Any]:
    """What leads from a new gateway to a real message and a second person; done steps are ticked off.

    Nothing when a carrier has taken a message of a live key and somebody else is there, or a week has passed without.
    """
    known, people = keys.listed(session), users.listed(session)
    has_carrier = bool(carriers.listed(session))
    is_real = has_carrier and any(_has_really_sent(key.id) for key in known if key.mode == KeyMode.LIVE)
    began_at = min((person.created_at for person in people), default=utcnow())
    if is_real and (len(people) > 1 or utcnow() - began_at > ALONE):
        return {"steps": None}
    steps = {
        "key": bool(known),
        "test": not search.is_empty(session),
        "carrier": has_carrier,
        "real": is_real,
        "people": len(people) > 1,
    }
    return {
        "steps": steps,
        "next_step": next((name for name, is_done in steps.items() if not is_done), ""),
        "address": services().settings.address,
        "sample": sandbox.SAMPLE,
        "spaced": numbers.spaced("+222" + sandbox.SAMPLE),
    }


def _has_really_sent(key_id: str) -> bool:
    """Whether a carrier has taken a message of the key; the sandbox phone is none."""
    taken = select(Message.id).where(
        Message.key_id == key_id,
        Message.status.in_((Status.SENT, Status.DELIVERED)),
        Message.carrier != SANDBOX,
    )
    return session.scalar(taken.limit(1)) is not None


def _figures() -> dict[str, Any]:
    now = utcnow()
    alive, lanes = workers.alive(session), alerts.lanes(session)
    fault = services().wakeup.fault()
    ways = carrier_status.all_of(session, carriers.cipher(services().settings))
    lately = recent.of_operators(session)
    troubles = alerts.alerts(session, lanes, alive, ways, lately)
    troubles += judge.around(session, services().settings, lately, fault)
    return {
        "first_use": False,
        "troubles": sorted(troubles, key=lambda alert: not alert.is_grave),
        "incidents": incidents.by_cause(session),
        "alive": alive,
        "rings": fault is None,
        "lanes": lanes,
        "waiting": sum(lane.count for lane in lanes),
        "waits": max((lane.waits for lane in lanes if lane.waits), default=None),
        "carriers": alerts.carrier_tiles(ways),
        "CARRIER_STATES": STATES,
        "backed_up_at": judge.backed_up_at(session),
        "is_backup_old": any(alert.code is AlertCode.BACKUP_OLD for alert in troubles),
        "pasts": [_past(session, name, length, title) for name, (length, title) in PASTS.items()],
        "failures": search.reasons(session, Filters(since=now - timedelta(hours=HOURS)))[:FAILURES],
        **_hour(session, now),
        **_day(session, now, lately),
    }


def _hour(session: Session, now: datetime) -> dict[str, Any]:
    """The last sixty minutes, against the sixty before."""
    period = Period.last("minute", MINUTES, now)
    both = Period(period.grain, period.before.since, period.until)
    kinds = queries.over_time_by(session, "kind", both, Narrow(), (*COUNTS, *SEND))
    codes = kinds.get("otp", [Figures() for _ in both.starts])
    everything = [total(of_kind[i] for of_kind in kinds.values()) for i in range(len(both.starts))]
    now_all, then_all = total(everything[MINUTES:]), total(everything[:MINUTES])
    now_codes, then_codes = total(codes[MINUTES:]), total(codes[:MINUTES])
    return {
        "hour": now_all,
        "rate": now_all["requested"] / MINUTES,
        "rate_change": formats.more(now_all["requested"], then_all["requested"] * period.passed(now)),
        "delivered": now_all.share("delivered"),
        "delivered_change": formats.points(now_all.share("delivered"), then_all.share("delivered")),
        "verified": now_codes.share("verified"),
        "verified_change": formats.points(now_codes.share("verified"), then_codes.share("verified")),
        "p95": now_all.send_time(0.95),
        "p95_change": _seconds_change(now_all.send_time(0.95), then_all.send_time(0.95)),
        "minutes": _traffic(everything[MINUTES:], period, now),
    }


def _day(session: Session, now: datetime, lately: Mapping[Operator, Recent]) -> dict[str, Any]:
    """The last twenty-four hours, and the operators in them."""
    period = Period.last("hour", HOURS, now)
    found = queries.over_time(session, period, Narrow())
    operators = queries.over_time_by(
        session, "operator", period, Narrow(kind="otp"), ("requested", "verified", *VERIFY)
    )
    last_hour = queries.over_time_by(
        session, "operator", Period.last("minute", MINUTES, now), Narrow(kind="otp"), ("requested", "verified")
    )
    empty = [Figures() for _ in period.starts]
    tiles = [
        (digit, _tile(name, operators.get(digit, empty), total(last_hour.get(digit, [])), lately[Operator(digit)]))
        for digit, name in alerts.operators().items()
    ]
    return {
        "day": total(found),
        "hours": _traffic(found, period, now),
        "tiles": tiles,
        "sparks": {digit: charts.spark(tile.shares, 1) for digit, tile in tiles},
    }


def _past(session: Session, name: str, length: int, title: str) -> Past:
    """By the days of the reader, as the log counts them."""
    first, _ends = periods.days(name)
    after = first + length * periods.DAY
    period = Period.between(periods.midnight(first), periods.midnight(after))
    kinds = queries.over_time_by(session, "kind", period, Narrow(), COUNTS)
    figures = total(one for of_kind in kinds.values() for one in of_kind)
    before = queries.summed(session, period.before, Narrow(), COUNTS)
    change = formats.more(figures["requested"], before["requested"])
    return Past(name, title, first, after - periods.DAY, figures, total(kinds.get(Kind.OTP, [])), change)


def _tile(name: str, hours: list[Figures], hour: Figures, minutes: Recent) -> Tile:
    day = total(hours)
    return Tile(
        name=name,
        trend=alerts.operator_health(minutes, day.share("verified"), hour.share("verified"), hour["requested"]),
        share=day.share("verified"),
        hour=hour.share("verified"),
        codes=day["requested"],
        median=day.verify_time(0.5),
        p95=day.verify_time(0.95),
        shares=[of_hour.share("verified") for of_hour in hours],
    )


def _traffic(found: list[Figures], period: Period, now: datetime) -> Chart:
    lost = [one["failed"] + one["expired"] for one in found]
    asked = [one["requested"] for one in found]
    series = [Series(_("Messages"), "c1", asked, filled=True), Series(_("Not sent"), "c3", lost)]
    return timeline.timeline(series, period, now, {})


def _seconds_change(now: float | None, before: float | None) -> Change | None:
    if now is None or before is None:
        return None
    way = "" if abs(now - before) < 0.05 else "up" if now > before else "down"
    return Change(formats.seconds(abs(now - before)), way, {"up": "bad", "down": "good"}.get(way, ""))


def _mark(context: dict[str, Any]) -> str:
    """Changes when the block does; a poll brings back the one that it shows."""
    seen = {cause: one.acknowledged_by for cause, one in context.get("incidents", {}).items()}
    return htmx.mark(context | {"incidents": seen})

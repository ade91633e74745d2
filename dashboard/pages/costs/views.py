"""Consumption: what a month cost, where, what of it was lost, and where it will end."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, abort, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from dashboard.db import Sessions, read_session, utcnow
from dashboard.extensions import services, session
from dashboard.gateway import site_settings
from dashboard.gateway.costs import prices as price_list
from dashboard.gateway.costs import spending
from dashboard.gateway.costs.spending import Month, Spent
from dashboard.models.api_keys import ApiKey
from dashboard.pages.costs import bills, budgets, prices
from dashboard.pages.ui import charts, formats, labels
from dashboard.pages.ui.charts import Chart, Column, Series
from dashboard.pages.web import htmx, locale
from dashboard.sms import emails, numbers
from dashboard.vocabulary import Channel

MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")

# Of the message log, by what costs are counted under: an operator's digit, or e-mail.
LOG_FILTERS = {digit: {"operator": name.lower()} for digit, name in numbers.OPERATORS.items()} | {
    emails.PLACE_OF_OPERATOR: {"channel": Channel.EMAIL}
}
bp = Blueprint("costs", __name__)
bp.register_blueprint(prices.bp, url_prefix="/prices")
bp.register_blueprint(budgets.bp, url_prefix="/budgets")
bp.register_blueprint(bills.bp, url_prefix="/bill")


@dataclass(frozen=True)
class CostRow:
    """A row of the table: a key and channel, or a carrier, with a cell an operator and one for all."""

    name: str
    channel: str
    key_id: str
    cells: dict[str, Counter[str]]
    all: Counter[str]
    before: int  # what it cost in the month before, 1/10,000 MRU


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page of a month."""
    return htmx.page("costs/index.html", "costs/_month.html", **_month_context(_month()))


@bp.get("/statement/<uuid:key_id>")
def statement(key_id: uuid.UUID) -> ResponseReturnValue:
    """What a key's texts cost in a month, to be printed, in the language that the address names."""
    key = session.get(ApiKey, str(key_id)) or abort(404)
    if request.args.get("language") in locale.LANGUAGES:
        g.language = request.args["language"]
    month, today = _month(), utcnow().date()
    spent = spending.of_month(session, month, key.id)
    return render_template(
        "costs/statement.html",
        key=key,
        month=month,
        title=formats.month(month.first),
        today=today,
        is_over=month.last < today,
        rows=sorted(spent, key=lambda one: (one.operator, one.carrier, one.channel), reverse=True),
        whole=spending.total(spent),
        issuer=site_settings.current(session).organisation,
        OPERATOR_NAMES=labels.OPERATOR_NAMES,
        LANGUAGES=locale.LANGUAGES,
    )


@bp.get("/export.csv")
def export_csv() -> Response:
    """A month as a file, a line a day, key, channel, operator and carrier."""
    month = _month()
    headers = {"Content-Disposition": f"attachment; filename=usage-{month}.csv"}
    return Response(_lines(services().sessions, month), headers=headers, mimetype="text/csv")


def _lines(sessions: Sessions, month: Month) -> Iterator[str]:
    with read_session(sessions) as reader:
        yield from spending.lines(reader, month)


def _month() -> Month:
    """Of the address; this one where it names none, or one to come."""
    today = utcnow().date()
    found = MONTH.fullmatch(request.args.get("month", ""))
    month = Month(date(int(found[1]), int(found[2]), 1)) if found else Month.of(today)
    return month if month.first <= today else Month.of(today)


def _month_context(month: Month) -> dict[str, Any]:
    today = utcnow().date()
    spent = spending.of_month(session, month)
    before = spending.of_month_before(session, month, today)
    whole = spending.total(spent)
    names = {key.id: key.name for key in session.query(ApiKey)}
    operators = sorted({one.operator for one in spent}, reverse=True)
    return {
        "month": month,
        "title": formats.month(month.first),
        "is_current": month == Month.of(today),
        "whole": whole,
        "forecast": spending.forecast(session, month, today),
        "before": spending.total(before)["cost"],
        "by_key": _rows(spent, before, lambda one: (names.get(one.key_id, one.key_id), one.channel, one.key_id)),
        "by_carrier": _rows(spent, before, lambda one: (one.carrier, one.channel, "")),
        "operators": operators,
        "totals": _by_operator(spent, operators),
        "OPERATOR_NAMES": labels.OPERATOR_NAMES,
        "LOG_FILTERS": LOG_FILTERS,
        "chart": _chart(month, today) if whole["cost"] else None,
        **budgets.listing(),
        "has_prices": bool(price_list.listed(session)),
    }


def _rows(spent: Sequence[Spent], before: Sequence[Spent], subject: Any) -> list[CostRow]:
    """The dearest first."""
    operators = {one.operator for one in spent}
    groups: dict[tuple[str, str, str], list[Spent]] = {}
    for one in spent:
        groups.setdefault(subject(one), []).append(one)
    costs: Counter[tuple[str, str, str]] = Counter()
    for one in before:
        costs[subject(one)] += one.figures["cost"]
    rows = [
        CostRow(
            *named,
            _by_operator(group, operators),
            spending.total(group),
            costs[named],
        )
        for named, group in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row.all["cost"], -row.all["segments"], row.name))


def _by_operator(spent: Sequence[Spent], operators: Collection[str]) -> dict[str, Counter[str]]:
    return {operator: spending.total([one for one in spent if one.operator == operator]) for operator in operators}


def _chart(month: Month, today: date) -> Chart:
    """What each day cost, as far as the month has come."""
    last = min(month.last, today)
    days = [month.first + timedelta(days=n) for n in range((last - month.first).days + 1)]
    found = spending.by_day(session, month.first, last)
    costs = [found[day]["cost"] if day in found else 0 for day in days]
    names = [formats.number(day.day) for day in days]
    told = Column(_("Segments"), [formats.number(found[day]["segments"] if day in found else 0) for day in days])
    values = [cost / price_list.UNITS for cost in costs]  # to be drawn: money is never added up so
    return charts.line(
        [Series(_("Cost"), "c1", values)],
        names,
        [charts.Tick(charts.point(n, len(days)), name) for n, name in enumerate(names) if n % 5 == 0],
        is_open=last == today,
        more=[told],
    )

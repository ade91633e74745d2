"""The audit log: who changed what, from what to what. Operators read it without addresses; owners export it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.db import Sessions, read_session, utcnow
from dashboard.extensions import services, session
from dashboard.gateway.audit import export, trail
from dashboard.gateway.audit.chain import ChainEntry
from dashboard.gateway.audit.trail import AuditFilters
from dashboard.pages.audit import labels
from dashboard.pages.ui import fields, formats, periods
from dashboard.pages.ui.labels import PERIOD_NAMES
from dashboard.pages.web import access, htmx
from dashboard.vocabulary import Role

LONGEST_SEARCH = 100
FORMATS = {"csv": "text/csv", "jsonl": "application/jsonl"}

bp = Blueprint("audit", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; the entries alone when HTMX asks for them, or more of them."""
    context = _listing()
    if htmx.target() == "more":
        return render_template("audit/_rows.html", **context)
    return htmx.page("audit/index.html", "audit/_list.html", **context, **_choices())


@bp.get("/verify")
def verify() -> ResponseReturnValue:
    """Whether the chain is whole."""
    found = trail.verify(session, services().settings.chinqit_home)
    context: dict[str, Any] = {"faults": found, "head": trail.head(session), "fault_sentence": labels.fault_sentence}
    return htmx.dialog("audit/_verify.html", page_title=labels.AREAS["audit"], **context)


@bp.get("/export.<kind>")
@access.needs(Role.OWNER, proof=True)
def export_as(kind: str) -> Response:
    """What is filtered, the oldest first, with what is needed to hash it anew."""
    if kind not in FORMATS:
        abort(404)
    name = f"audit-{utcnow():%Y%m%d-%H%M}.{kind}"
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(_lines(services().sessions, kind, _filters()), mimetype=FORMATS[kind], headers=headers)


def _lines(sessions: Sessions, kind: str, wanted: AuditFilters) -> Iterator[str]:
    with read_session(sessions) as reader:
        yield from export.lines(kind, trail.entries(reader, wanted))


def _filters() -> AuditFilters:
    args, period = request.args, request.args.get("period", "")
    since = utcnow() - periods.PERIODS[period] if period in periods.PERIODS else None
    area, text = args.get("area", ""), args.get("q", "").strip()[:LONGEST_SEARCH]
    return AuditFilters(args.get("actor", ""), area if area in labels.AREAS else "", text, since)


def _listing() -> dict[str, Any]:
    before = fields.whole(request.args.get("before", ""))
    found = trail.page(session, _filters(), before, trail.PAGE + 1)
    shown = found[: trail.PAGE]
    return {
        "entries": [_shown(entry) for entry in shown],
        "more": shown[-1].id if len(found) > trail.PAGE else None,
        "typed": {name: request.args.get(name, "") for name in ("q", "actor", "area", "period")},
        "is_owner": current_user.may(Role.OWNER),
        "act": labels.act,
    }


def _choices() -> dict[str, Any]:
    return {"actors": trail.actors(session), "AREAS": labels.AREAS, "PERIODS": PERIOD_NAMES}


def _shown(entry: ChainEntry) -> dict[str, Any]:
    told = json.loads(entry.changes)
    changes = [(labels.field(name), *map(_value, pair)) for name, pair in told.items()]
    return {"entry": entry, "day": formats.day(entry.at), "changes": changes}


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)

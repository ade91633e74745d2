"""What the pages of carriers show: the list, one of them, and how a trial through it goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_login import current_user

from dashboard.db import utcnow
from dashboard.extensions import services, session
from dashboard.gateway import workers
from dashboard.gateway.carriers import balances, carriers, metrics
from dashboard.gateway.carriers.metrics import Work
from dashboard.gateway.delivery import attempts, receipts
from dashboard.gateway.encryption import Cipher
from dashboard.gateway.message_log import search
from dashboard.gateway.messages import status
from dashboard.gateway.monitoring import carrier_status
from dashboard.gateway.monitoring.carrier_status import CarrierStatus
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import Subject
from dashboard.gateway.statistics.queries import Period
from dashboard.models.api_keys import ApiKey
from dashboard.models.carriers import Carrier
from dashboard.models.messages import Message
from dashboard.pages.carriers import forms, labels
from dashboard.pages.carriers.forms import TestForm
from dashboard.pages.ui import charts, failure_reasons, formats, timeline
from dashboard.pages.ui.charts import Chart, Series
from dashboard.pages.ui.labels import CHANNELS
from dashboard.pages.web import htmx
from dashboard.providers import registry
from dashboard.providers.kind import CarrierKind
from dashboard.providers.settings import InvalidSettings
from dashboard.sms import numbers
from dashboard.vocabulary import AttemptOutcome, Channel, Role

MOST_STRAYS = 10
MOST_UNREAD = 20
MOST_ANSWERS = 10
MINUTE = timedelta(minutes=1)
WATCHED_FOR = timedelta(minutes=5)  # a trial; its receipt may come later still, and then the log has it


def alone(carrier: Carrier) -> list[str]:
    """The rules in which nobody else would take over."""
    subjects = []
    for covered, routes in rules.rules(session):
        usable = [route.carrier_id for route in routes if route.carrier.enabled]
        if usable == [carrier.id]:
            subjects.append(subject(covered, routes[0].key))
    return subjects


def listing() -> dict[str, Any]:
    """Of all carriers, with a mark of what is shown."""
    now, statuses = utcnow(), carrier_status.all_of(session, box())
    hours, routes = metrics.by_hour(session, now), _routes()
    rows = [_row(one, hours.get(one.carrier.name, []), routes.get(one.carrier.id, [])) for one in statuses]
    served = {channel for one in statuses for channel in kind_of(one.carrier).channels}
    shown = [[_facts(row["standing"]), row["bars"], row["routes"]] for row in rows]
    return {
        "rows": rows,
        "unserved": [CHANNELS[channel] for channel in Channel if channel not in served],
        "kinds": registry.KINDS.values(),
        "mark": htmx.mark(shown),
        **_shared(),
    }


def _row(one: CarrierStatus, hours: list[Work], routes: list[str]) -> dict[str, Any]:
    bars = charts.stacks([(hour.taken, hour.lost) for hour in hours])
    return {"standing": one, "kind": kind_of(one.carrier), "bars": bars, "routes": routes}


def _facts(one: CarrierStatus) -> list[Any]:
    """What a reader sees of a standing, as far as it changes."""
    carrier = one.carrier
    lines = sorted((line.process, line.state, line.code or "", line.under_way) for line in one.lines)
    minutes = (utcnow() - one.since) // MINUTE if one.since else 0
    shown = [carrier.name, one.state, one.code, one.until, minutes, carrier.version, one.strays, one.unread]
    notices = [(notice.code, notice.last_at) for notice in one.notices]
    left = one.balance and (one.balance.amount, one.balance.unit, one.balance.known_at, one.balance.code)
    return [*shown, lines, vars(one.work), vars(one.recent), notices, left]


def detail(carrier: Carrier) -> dict[str, Any]:
    """Of one carrier, with a mark of what may change by itself."""
    now = utcnow()
    standing = next(each for each in carrier_status.all_of(session, box()) if each.carrier.id == carrier.id)
    hours = metrics.by_hour(session, now, carrier.name).get(carrier.name, [])
    strays, routes = receipts.unmatched(session, carrier.name, MOST_STRAYS), _routes().get(carrier.id, [])
    failures = attempts.failures_by_reason(session, carrier.name, now - carrier_status.DAY)
    answers = attempts.last_answers(session, carrier.name, now - carrier_status.DAY, MOST_ANSWERS)
    values = stored(carrier) if current_user.may(Role.OPERATOR) else None
    drawn = None if values is None else forms.setting_fields(carrier.kind, values)
    return {
        "standing": standing,
        "carrier": carrier,
        "kind": kind_of(carrier),
        "routes": routes,
        "chart": _chart(hours, now) if hours else None,
        "strays": strays,
        "unread": receipts.unread(session, carrier.name, MOST_UNREAD),
        "words_setting": _words_setting(carrier),
        "failures": failures,
        "answers": answers,
        "settings": None if drawn is None else forms.shown(drawn, usual=False),
        "usual_settings": drawn and forms.shown(drawn, usual=True),
        "has_receipts": carriers.has_receipts(box(), carrier),
        "callback": f"{services().settings.address}/callbacks/{carrier.hook}" if kind_of(carrier).calls_back else None,
        "mark": htmx.mark(
            [
                _facts(standing),
                [vars(hour) for hour in hours],
                routes,
                [vars(group) for group in failures],
                [vars(group) for group in answers],
            ]
        ),
        **_shared(),
    }


def _words_setting(carrier: Carrier) -> str:
    """The title of the setting that maps the words of receipts; empty where its kind has none."""
    name = kind_of(carrier).receipt_words
    return next((str(_(one.title)) for one in registry.describe(carrier.kind) if one.name == name), "")


def _chart(hours: list[Work], now: datetime) -> Chart:
    taken = Series(_("Accepted by the carrier"), "c1", [hour.taken for hour in hours], filled=True)
    lost = Series(_("Not accepted"), "c3", [hour.lost for hour in hours])
    return timeline.timeline([taken, lost], Period.last("hour", len(hours), now), now)


def _routes() -> dict[int, list[str]]:
    """The rules in which each carrier stands, with its place there."""
    places_of: dict[int, list[str]] = {}
    for covered, routes in rules.rules(session):
        places = sorted({route.position for route in routes})
        for route in routes:
            place = {"rule": subject(covered, route.key), "place": places.index(route.position) + 1}
            places_of.setdefault(route.carrier_id, []).append(_("%(rule)s: no. %(place)d", **place))
    return places_of


def subject(covered: Subject, key: ApiKey | None) -> str:
    """What a rule covers, in words."""
    return labels.subject(covered, key.name if key else None)


def _shared() -> dict[str, Any]:
    return {
        "is_owner": current_user.may(Role.OWNER),
        "is_operator": current_user.may(Role.OPERATOR),
        "is_stale": balances.is_stale,
        "why": labels.why,
        "length": lambda since: formats.span(utcnow() - since),
        "advice": labels.advice,
        "reason": failure_reasons.reason,
        "STATES": labels.STATES,
        "LINES": labels.LINES,
        "RECEIPTS": labels.RECEIPTS,
    }


def trial(form: TestForm, message: Message | None = None) -> dict[str, Any]:
    """The form of a test, and the message that was sent with it."""
    return {"form": form, "trial": _test_result(message) if message else None}


def _test_result(message: Message) -> dict[str, Any]:
    """A trial as it stands: its steps, what went wrong, and whether more may still come."""
    went_wrong = attempts.failed_attempts(session, message.id)
    carrier = carriers.named(session, message.carrier)
    again = message.due_at if message.error_code and message.due_at and message.due_at > utcnow() else None
    return {
        "message": message,
        "steps": status.steps(message),
        # Why it was refused stands above already; here is what the carrier said.
        "setbacks": [one for one in went_wrong if one.answer or one.outcome != AttemptOutcome.REFUSED],
        "again": again,
        "has_receipts": not carrier or carriers.has_receipts(box(), carrier),
        "has_worker": bool(workers.alive(session).get(message.lane)),
        "is_live": message.status in search.OPEN and utcnow() - message.created_at < WATCHED_FOR,
        "is_fixed": numbers.is_fixed(message.phone),
        "mark": htmx.mark([message.status, message.error_code, message.attempts, again, len(went_wrong)]),
    }


def stored(carrier: Carrier) -> dict[str, Any] | None:
    """Its settings, of a secret whether it is set; None when nobody can read them any more."""
    try:
        return carriers.shown(box(), carrier)
    except (carriers.UnreadableSettings, InvalidSettings):
        return None


def kind_of(carrier: Carrier) -> CarrierKind:
    return registry.KINDS[carrier.kind]


def box() -> Cipher:
    return carriers.cipher(services().settings)

"""Routes: which carriers take which messages; owners say so, all may ask which way a message would go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from dashboard.extensions import session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.carriers import carriers
from dashboard.gateway.messages import outbox
from dashboard.gateway.monitoring import carrier_status
from dashboard.gateway.monitoring.carrier_status import CarrierStatus
from dashboard.gateway.routing import explain, rules
from dashboard.gateway.routing.rules import InvalidRoute, NewRouteTarget, RoutingRequest, Subject
from dashboard.models.api_keys import ApiKey
from dashboard.models.carriers import Route
from dashboard.pages.carriers import context, labels
from dashboard.pages.routing import forms
from dashboard.pages.routing.forms import SAVE, NewRuleForm, RuleForm
from dashboard.pages.ui import fields
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.labels import CHANNELS
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.providers.registry import KINDS
from dashboard.sms import senders
from dashboard.vocabulary import CandidateState, Channel, KeyMode, KeyState, Role, Scope

UNDO = "rule"

bp = Blueprint("routing", __name__)


@dataclass(frozen=True)
class TargetRow:
    """A carrier of a rule; `share` is its part of the messages where several share its place."""

    id: int
    name: str
    place: int
    share: float | None
    sender: str | None
    state: str
    why: str


@dataclass(frozen=True)
class RuleRow:
    """A rule as it is shown; `args` name it in an address."""

    subject: Subject
    sentence: str
    args: MultiDict[str, str]
    legs: list[TargetRow]


@bp.get("/")
def index() -> ResponseReturnValue:
    """The rules and the tester; either alone when HTMX asks, and no rules when they did not change."""
    if htmx.wants_fragment() and htmx.target() == "tester":
        return render_template("routing/_tester.html", **_tested())
    context = _listing()
    if not htmx.wants_fragment():
        return render_template("routing/index.html", **context, **_tested(), **_fallbacks())
    return htmx.live("routing/_rules.html", **context)


@bp.get("/new")
@access.needs(Role.OWNER, proof=True)
def new() -> ResponseReturnValue:
    return _editor(NewRuleForm(_live_keys(), formdata=request.args), None)


@bp.post("/new")
@access.needs(Role.OWNER, proof=True)
def create() -> ResponseReturnValue:
    """Make a rule, unless there is one for this already; other buttons than “save” only move carriers about."""
    form = NewRuleForm(_live_keys())
    if form.act != SAVE or not form.validate():
        return _editor(form, None)
    if _routes_of(form.subject):
        form.blame("channel", _("There is a rule for this already. Change that one."))
        return _editor(form, None)
    return _save(form, form.subject, None)


@bp.get("/rule")
@access.needs(Role.OWNER, proof=True)
def edit() -> ResponseReturnValue:
    subject, routes = _asked()
    return _editor(RuleForm(forms.rows_of(routes)), subject)


@bp.post("/rule")
@access.needs(Role.OWNER, proof=True)
def change() -> ResponseReturnValue:
    """Change the carriers of a rule, unless somebody else did meanwhile; what it covers stays."""
    subject, routes = _asked()
    form = RuleForm(forms.rows_of(routes))
    if form.act != SAVE or not form.validate():
        return _editor(form, subject)
    return _save(form, subject, subject)


@bp.get("/remove")
@access.needs(Role.OWNER, proof=True)
def ask_remove() -> ResponseReturnValue:
    subject, routes = _asked()
    heir = _heir(subject)
    name = labels.subject(heir, _key_name(heir)) if heir else ""
    sentence = context.subject(subject, routes[0].key)
    shown: dict[str, Any] = {"sentence": sentence, "heir": name, "args": _values(subject)}
    return htmx.dialog("routing/_remove.html", page_title=_("Routes"), **shown)


@bp.post("/remove")
@access.needs(Role.OWNER, proof=True)
def remove() -> ResponseReturnValue:
    subject, routes = _asked()
    before = rules.told(session, subject)
    targets = [[route.carrier.name, route.position, route.weight, route.sender] for route in routes]
    back = undo.undo(url_for(".restore"), UNDO, {"subject": subject, "targets": targets})
    rules.set_rule(session, subject, [])
    audited.record("routing.remove", _told(subject), carriers=(before, []))
    session.commit()
    return _changed(_("Rule removed"), back)


@bp.post("/restore")
@access.needs(Role.OWNER, proof=True)
def restore() -> ResponseReturnValue:
    """Bring back a rule that was removed a moment ago, unless there is another one for it, or its carrier is gone."""
    before = undo.taken_back(UNDO)
    channel, operator, key_id = before["subject"]
    subject = (channel, operator, key_id)
    if _routes_of(subject):
        return htmx.refused(_("There is a rule for this already. Change that one."), url_for(".index"))
    try:
        rules.set_rule(session, subject, [NewRouteTarget(*target) for target in before["targets"]])
    except InvalidRoute as error:
        return htmx.refused(labels.refusal(error), url_for(".index"))
    audited.record("routing.save", _told(subject), carriers=([], rules.told(session, subject)))
    session.commit()
    return _changed(_("Rule restored"))


def _changed(message: str, back: Undo | None = None) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".index"), ChangedPart("rules", "routing/_rules.html", _listing()), back)


@bp.post("/fallback")
@access.needs(Role.OWNER, proof=True)
def fall_back() -> ResponseReturnValue:
    """Let a key's codes go by SMS when WhatsApp does not take them, or no longer."""
    key = session.get(ApiKey, request.form.get("key", ""))
    if key is None or key.revoked_at is not None or key.id == keys.OWN_ID:
        abort(404)
    key.sms_fallback = request.form.get("on") == "1"
    audited.record("routing.fallback", key.name)
    session.commit()
    told = _("Codes of %(name)s fall back to SMS") if key.sms_fallback else _("Codes of %(name)s stay on WhatsApp")
    part = ChangedPart("fallback", "routing/_fallback.html", _fallbacks())
    back = Undo(url_for(".fall_back"), {"key": key.id, "on": "0" if key.sms_fallback else "1"})
    return htmx.updated(told % {"name": key.name}, url_for(".index"), part, back)


def _save(form: RuleForm, subject: Subject, drawn: Subject | None) -> ResponseReturnValue:
    """Store the rule of a form without faults. `drawn`: the rule that the form was drawn of, if there was one."""
    before = rules.told(session, subject)
    try:
        rules.set_rule(session, subject, form.choices)
    except InvalidRoute as error:
        form.blame("more", labels.refusal(error))
        return _editor(form, drawn)
    audited.record("routing.save", _told(subject), carriers=(before, rules.told(session, subject)))
    session.commit()
    flash(_("Rule saved. It also applies to messages that are waiting."))
    return htmx.redirect(url_for(".index"))


def _told(subject: Subject) -> str:
    return " ".join(part for part in subject if part)


def _editor(form: RuleForm, subject: Subject | None) -> ResponseReturnValue:
    """The form, of a rule that is there or of a new one; an error's status when a rule was not saved."""
    everyone = [(carrier.name, KINDS[carrier.kind].channels) for carrier in carriers.listed(session)]
    form.offer(
        {
            name: f"{name} ({', '.join(str(CHANNELS[channel]) for channel in channels)})"
            for name, channels in everyone
            if subject is None or subject[0] in channels
        }
    )
    context: dict[str, Any] = {
        "form": form,
        "subject": subject,
        "sentence": labels.subject(subject, _key_name(subject)) if subject else "",
        "args": _values(subject) if subject else {},
        "heaviest": rules.HEAVIEST,
        "longest_sender": senders.LONGEST,
    }
    status = form.status if form.faults or form.conflicts else 200
    return htmx.page("routing/editor.html", "routing/_editor.html", status, **context)


def _listing() -> dict[str, Any]:
    """The rules, the most specific first, with how their carriers stand."""
    standings = {one.carrier.id: one for one in carrier_status.all_of(session, context.box())}
    rows = [
        RuleRow(subject, context.subject(subject, routes[0].key), _values(subject), _legs(routes, standings))
        for subject, routes in sorted(rules.rules(session), key=lambda rule: _breadth(rule[0]))
    ]
    served = {channel for one in standings.values() for channel in KINDS[one.carrier.kind].channels}
    covered = {rule.subject[0] for rule in rows}
    return {
        "rules": rows,
        "has_carriers": bool(standings),
        "uncovered": [CHANNELS[channel] for channel in Channel if channel in served - covered],
        "is_owner": current_user.may(Role.OWNER),
        "STATES": labels.STATES,
        "mark": htmx.mark([[rule.sentence, [vars(leg) for leg in rule.legs]] for rule in rows]),
    }


def _legs(routes: list[Route], standings: dict[int, CarrierStatus]) -> list[TargetRow]:
    places = sorted({route.position for route in routes})
    crowds = {place: sum(route.weight for route in routes if route.position == place) for place in places}
    return [_leg(route, places.index(route.position) + 1, crowds, standings[route.carrier_id]) for route in routes]


def _leg(route: Route, place: int, crowds: dict[int, int], one: CarrierStatus) -> TargetRow:
    crowd = crowds[route.position]
    share = route.weight / crowd if crowd != route.weight else None
    why = labels.why(one) if one.is_faulty else ""
    return TargetRow(route.carrier_id, route.carrier.name, place, share, route.sender, one.state, why)


def _breadth(subject: Subject) -> tuple[int, bool, bool, str, str]:
    """Sorts as rules are looked through: operator and key, key, operator, all."""
    channel, operator, key_id = subject
    return outbox.LANES.index(channel), key_id is None, operator is None, key_id or "", operator or ""


def _tested() -> dict[str, Any]:
    """What would become of a message to the number that was typed."""
    typed = {name: request.args.get(name, "").strip()[:40] for name in ("phone", "channel", "key")}
    known = [key for key in keys.listed(session) if key.revoked_at is None]
    context: dict[str, Any] = {"typed": typed, "known": known, "fault": "", "sought": None}
    if not typed["phone"]:
        return context
    try:
        number = fields.phone_number(typed["phone"])
    except Fault as fault:
        return {**context, "fault": str(fault)}
    channel = typed["channel"] if typed["channel"] in outbox.LANES else outbox.LANES[0]
    key = next((key for key in known if key.id == typed["key"]), None)
    found = explain.of(session, RoutingRequest(channel, number, key.id if key else ""))
    return {
        **context,
        "sought": number,
        "is_test": key is not None and key.mode == KeyMode.TEST,
        "forecast": found,
        "rule": labels.subject(found.subject, key.name if key else None) if found.subject else "",
        "takers": [way for way in found.ways if way.state is CandidateState.NOW],
        "CANDIDATES": labels.CANDIDATES,
        "CANDIDATE_ICONS": labels.CANDIDATE_ICONS,
    }


def _fallbacks() -> dict[str, Any]:
    return {
        "senders": [key for key in _live_keys() if Scope.OTP in key.scopes],
        "may_switch": current_user.may(Role.OWNER),
    }


def _live_keys() -> list[ApiKey]:
    """Those whose messages reach carriers: test keys never do."""
    return [key for key in keys.listed(session) if key.mode == KeyMode.LIVE and keys.state(key) == KeyState.ACTIVE]


def _asked() -> tuple[Subject, list[Route]]:
    """The rule that the address names."""
    given = (request.args.get(name) or None for name in ("channel", "operator", "key"))
    channel, operator, key_id = given
    subject = (channel or "", operator, key_id)
    routes = _routes_of(subject)
    if not routes:
        abort(404)
    return subject, routes


def _routes_of(subject: Subject) -> list[Route]:
    return dict(rules.rules(session)).get(subject, [])


def _values(subject: Subject) -> MultiDict[str, str]:
    named = zip(("channel", "operator", "key"), subject, strict=True)
    return MultiDict({name: value for name, value in named if value})


def _heir(subject: Subject) -> Subject | None:
    """The rule that covers its messages once it is gone: the most specific of the wider ones."""
    channel, operator, key_id = subject
    wider = [(channel, None, key_id), (channel, operator, None), (channel, None, None)]
    there = dict(rules.rules(session))
    return next((one for one in wider if one != subject and one in there), None)


def _key_name(subject: Subject) -> str | None:
    key = session.get(ApiKey, subject[2]) if subject[2] else None
    return key.name if key else None

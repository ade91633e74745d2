"""Carriers and routes in the reader's words: how one stands, what to do, what a rule covers, what a form lacks."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from dashboard.gateway.carriers.recent import Recent
from dashboard.gateway.monitoring.carrier_status import CarrierStatus
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import InvalidRoute, Subject
from dashboard.pages.ui import failure_reasons, formats, labels
from dashboard.providers import registry
from dashboard.providers.settings import SettingProblem
from dashboard.sms import numbers
from dashboard.vocabulary import CandidateState, CarrierState

STATES = {
    "operational": _l("Operational"),
    "slow": _l("Slow"),
    "weak": _l("Refuses many"),
    "refusing": _l("Refuses everything"),
    "opening": _l("Opening"),
    "waiting": _l("Waiting for a bind"),
    "unopened": _l("No worker has it yet"),
    "off": _l("Switched off"),
    "down": _l("Down"),
    "trying": _l("Down, being tried"),
    "broken": _l("No connection"),
    "credentials": _l("Credentials refused"),
    "unreadable": _l("Settings cannot be read"),
}
ADVICE = {
    "slow": _l("Messages still go by it. Others of its route take over when it fails."),
    "weak": _l("What it answers stands below, with the reasons."),
    "refusing": _l("What it answers stands below, with the reasons. Mend what they name, then send a test."),
    "waiting": _l("Other workers hold the binds that the operator allows; this is as it should be while they work."),
    "unopened": _l("A worker of its channel opens it within a second. Without one, messages wait."),
    "off": _l("It gets no message, and keeps its credentials and its place in the routes."),
    "down": _l("Until then its messages go by the next carrier of the route, or wait. Nothing is lost."),
    "trying": _l("The next message that is for it is its try: if it is taken, the carrier is used again."),
    "broken": _l("Check address, port and credentials, and that the carrier lets this machine in."),
    "credentials": _l("Enter the right credentials; it is tried again at once."),
    "unreadable": _l("DATA_SECRET has changed since they were entered. Enter all of them again, or restore it."),
}
RECONNECTING = _l(
    "Workers go on trying to connect. Meanwhile its messages go by the next carrier of the route, or wait. Nothing is"
    " lost."
)
LINES = {
    "ready": _l("ready"),
    "opening": _l("opening"),
    "waiting": _l("waiting"),
    "broken": _l("broken"),
}
CANDIDATES = {
    CandidateState.NOW: _l("Goes now"),
    CandidateState.NEXT: _l("Stands by"),
    CandidateState.DOWN: _l("Down"),
    CandidateState.OFF: _l("Switched off"),
}
CANDIDATE_ICONS = {
    CandidateState.NOW: "operational",
    CandidateState.NEXT: "standby",
    CandidateState.DOWN: "failed",
    CandidateState.OFF: "off",
}
RECEIPTS = {
    "delivered": _l("Delivered"),
    "read": _l("Read"),
    "failed": _l("Failed"),
    "expired": _l("Expired"),
    "sent": _l("Sent"),
    "pending": _l("On its way"),
}


def advice(standing: CarrierStatus) -> str:
    """What its state means for messages, or what to do; empty when all is well."""
    is_explained = standing.state == CarrierState.BROKEN and failure_reasons.advice(standing.code or "")
    if is_explained or (standing.state == CarrierState.DOWN and standing.until is None):
        return str(RECONNECTING)
    return str(ADVICE.get(standing.state, ""))


def why(standing: CarrierStatus) -> str:
    """Why it stands as it does; empty when there is nothing to say."""
    if standing.state in (CarrierState.WEAK, CarrierState.REFUSING):
        return _last_minutes(standing.recent)
    if not standing.code:
        return ""
    return f"{failure_reasons.reason(standing.code)} {failure_reasons.advice(standing.code)}".strip()


def _last_minutes(recent: Recent) -> str:
    facts = {"lost": formats.number(recent.lost), "tried": formats.number(recent.tried)}
    if recent.lost < recent.tried:
        return str(_("%(lost)s of %(tried)s messages not accepted in the last ten minutes.", **facts))
    if recent.since is None:
        return str(_("No message accepted for a day, %(lost)s of %(tried)s refused in the last ten minutes.", **facts))
    since = formats.hour_minute(recent.since)
    return str(_("No message accepted since %(time)s, %(lost)s of %(tried)s refused.", time=since, **facts))


def subject(covered: Subject, key_name: str | None = None) -> str:
    """What a rule covers."""
    channel, digit, key_id = covered
    facts = {"channel": labels.CHANNELS[channel], "operator": numbers.OPERATORS.get(digit or "", ""), "key": key_name}
    if digit and key_id:
        return str(_("%(channel)s to %(operator)s, of the key “%(key)s”", **facts))
    if key_id:
        return str(_("%(channel)s of the key “%(key)s”", **facts))
    if digit:
        return str(_("%(channel)s to %(operator)s", **facts))
    return str(_("All %(channel)s", **facts))


def refusal(error: InvalidRoute) -> str:
    """Why a rule cannot be so."""
    texts = {
        "no_choice": _("Add at least one carrier."),
        "too_many": _("Carriers in a rule, at most: %(most)d.", most=rules.MOST_CHOICES),
        "unknown_carrier": _("The carrier “%(name)s” no longer exists.", name=error.name),
        "wrong_channel": _("%(name)s does not serve this channel.", name=error.name),
        "twice": _("A rule can name a carrier only once."),
        "sender": _("The sender of %(name)s may have up to 11 letters and digits, or be a number.", name=error.name),
        "weight": _("The weight of %(name)s must be from 1 to %(most)d.", name=error.name, most=rules.HEAVIEST),
    }
    return str(texts[error.code])


def problem(kind: str, found: SettingProblem) -> str:
    """What is wrong with a setting of a carrier of this kind."""
    return registry.problem_sentence(kind, found, _)

"""Campaigns: a file of numbers and a text, looked at before anything is sent, approved, watched, paused and ended."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Response, abort, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.orm import Session

from dashboard.db import Sessions, read_session, utcnow
from dashboard.extensions import services, session
from dashboard.gateway import site_settings, spreadsheets
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.campaigns import campaigns, drafts, progress, results
from dashboard.gateway.campaigns.drafts import NewDraft, NobodyLeft, UnknownColumn
from dashboard.gateway.campaigns.quiet_hours import QuietHours
from dashboard.gateway.costs.budgets import BudgetExhausted
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.models.campaigns import Campaign
from dashboard.pages.campaigns.forms import DROPPED, CampaignForm
from dashboard.pages.ui import forms
from dashboard.pages.ui.forms import Form
from dashboard.pages.web import access, audited, htmx, input_guard
from dashboard.request_arrival import TABLE_BYTES
from dashboard.sms import encoding, numbers
from dashboard.vocabulary import CampaignState, KeyState, Lane, Role, Status

STATES = {
    CampaignState.DRAFT: _l("Draft"),
    CampaignState.SCHEDULED: _l("Scheduled"),
    CampaignState.RUNNING: _l("Being sent"),
    CampaignState.PAUSED: _l("Paused"),
    CampaignState.DONE: _l("Finished"),
    CampaignState.CANCELLED: _l("Cancelled"),
}
LOOKS = {  # a state → how it is drawn
    CampaignState.DRAFT: "standby",
    CampaignState.SCHEDULED: "queued",
    CampaignState.RUNNING: "sending",
    CampaignState.PAUSED: "off",
    CampaignState.DONE: "active",
    CampaignState.CANCELLED: "revoked",
}
Step = Callable[[Session, int], bool]

bp = Blueprint("campaigns", __name__)


class TestPhoneForm(Form):
    """The phone that a test goes to."""

    phone = forms.phone_field(_l("Your number"))


@bp.get("/")
def index() -> ResponseReturnValue:
    rows = [(campaign, progress.read(session, campaign)) for campaign in campaigns.newest(session)]
    return render_template("campaigns/index.html", rows=rows, **_words())


@bp.get("/new")
@access.needs(Role.OPERATOR)
def new() -> ResponseReturnValue:
    return render_template("campaigns/new.html", form=CampaignForm())


@bp.post("/new")
@access.needs(Role.OPERATOR)
@input_guard.takes_file(TABLE_BYTES)
def create() -> ResponseReturnValue:
    """Read the file, and lead to the draft that came of it."""
    form = CampaignForm()
    if not form.validate() or form.table is None:
        return render_template("campaigns/new.html", form=form), 422
    given = (form.name.data, form.text.data, form.table, form.pace.data, form.start.data, current_user.email)
    needs_consent = bool(form.groups.data) and site_settings.read(session).consent_required
    draft = NewDraft(*given, needs_consent=needs_consent)
    caller = Caller.from_row(form.known[form.key.data])
    session.rollback()  # the draft is written in transactions of its own, which must not wait for this one
    try:
        reference = drafts.create(services().sessions, caller, draft)
    except UnknownColumn as fault:
        known = ", ".join(form.table.columns[:20])
        told = {"name": fault.name, "known": known}
        if form.groups.data:
            form.blame("text", _("The contacts have no column “%(name)s”; they have: %(known)s", **told))
        else:
            form.blame("text", _("The file has no column “%(name)s”; it has: %(known)s", **told))
        return render_template("campaigns/new.html", form=form), 422
    except NobodyLeft:
        if form.groups.data:
            form.blame("groups", _("Nobody in these groups may be written to."))
        else:
            form.blame("file", _("No row of this file can be sent."))
        return render_template("campaigns/new.html", form=form), 422
    audited.record("campaigns.create", reference, name=(None, draft.name))
    session.commit()
    return htmx.redirect(url_for(".show", reference=reference))


@bp.get("/<reference>")
def show(reference: str) -> ResponseReturnValue:
    """The draft before it leaves, then how far it has come."""
    context = _shown(_found(reference))
    if htmx.target() == "progress":
        return htmx.live("campaigns/_progress.html", context.pop("mark"), **context)
    return render_template("campaigns/show.html", **context)


@bp.post("/<reference>/start")
@access.needs(Role.OPERATOR)
def start(reference: str) -> ResponseReturnValue:
    """Let a draft run; one to many numbers waits for somebody else to approve it."""
    campaign = _found(reference)
    if drafts.needs_approval(campaign, site_settings.read(session).approval_from):
        if not drafts.ask_approval(session, campaign):
            return _stale(campaign)
        return _done(campaign, "campaigns.ask_approval", _("Somebody else has to approve it now"))
    return _start(campaign, None, "campaigns.start", _("The campaign starts"))


@bp.post("/<reference>/approve")
@access.needs(Role.OPERATOR)
def approve(reference: str) -> ResponseReturnValue:
    """Let a draft run that somebody else has prepared."""
    campaign = _found(reference)
    if campaign.asked_at is None or campaign.created_by == current_user.email:
        return htmx.refused(_("Nobody approves their own campaign."), url_for(".show", reference=reference))
    return _start(campaign, current_user.email, "campaigns.approve", _("Approved: the campaign starts"))


@bp.post("/<reference>/pause")
@access.needs(Role.OPERATOR)
def pause(reference: str) -> ResponseReturnValue:
    return _step(reference, campaigns.pause, "campaigns.pause", _("Paused: what has left has left"))


@bp.post("/<reference>/resume")
@access.needs(Role.OPERATOR)
def resume(reference: str) -> ResponseReturnValue:
    return _step(reference, campaigns.resume, "campaigns.resume", _("The campaign goes on"))


@bp.get("/<reference>/cancel")
@access.needs(Role.OPERATOR)
def ask_cancel(reference: str) -> ResponseReturnValue:
    campaign = _found(reference)
    left = progress.read(session, campaign).waiting
    return htmx.dialog("campaigns/_cancel.html", page_title=_("Campaigns"), campaign=campaign, left=left)


@bp.post("/<reference>/cancel")
@access.needs(Role.OPERATOR)
def cancel(reference: str) -> ResponseReturnValue:
    """End a campaign for good; a draft is deleted."""
    campaign = _found(reference)
    row_id = campaign.id
    if campaign.state == CampaignState.DRAFT:
        audited.record("campaigns.discard", campaign.uuid, name=(campaign.name, None))
        session.commit()
        drafts.discard(services().sessions, row_id)
        htmx.tell(_("Draft deleted"))
        return htmx.redirect(url_for(".index"))
    before = campaign.state
    was_open, has_events = campaigns.cancel(session, campaign.id)
    if not was_open:
        return _stale(campaign)
    audited.record("campaigns.cancel", campaign.uuid, state=(before, CampaignState.CANCELLED.value))
    session.commit()
    if has_events:
        services().wakeup.notify(Lane.WEBHOOKS)
    htmx.tell(_("Cancelled: nothing more is sent"))
    return htmx.redirect(url_for(".show", reference=reference))


@bp.get("/<reference>/test")
@access.needs(Role.OPERATOR)
def ask_test(reference: str) -> ResponseReturnValue:
    return htmx.dialog(
        "campaigns/_test.html", page_title=_("Campaigns"), campaign=_found(reference), form=TestPhoneForm()
    )


@bp.post("/<reference>/test")
@access.needs(Role.OPERATOR)
def send_test(reference: str) -> ResponseReturnValue:
    """Send the longest text of a draft to one's own phone."""
    campaign, form = _found(reference), TestPhoneForm()
    rows = drafts.samples(session, campaign, 1)
    if not rows or keys.state(campaign.key) != KeyState.ACTIVE:
        return _stale(campaign)
    if not form.validate():
        return htmx.dialog("campaigns/_test.html", 422, page_title=_("Campaigns"), campaign=campaign, form=form)
    outbox.submit(session, Caller.from_row(campaign.key), Draft.text(form.phone.data, rows[0].body or ""))
    audited.record("campaigns.test", f"{campaign.uuid} {numbers.masked(form.phone.data)}")
    session.commit()
    services().wakeup.notify(Lane.SMS)
    return htmx.updated(_("Sent to %(phone)s", phone=form.phone.data), url_for(".show", reference=reference))


@bp.get("/<reference>/left-out.csv")
@access.needs(Role.OPERATOR)
def export_dropped(reference: str) -> Response:
    """The rows of the file that get no text, and why."""
    return _csv(_found(reference), "left-out", results.dropped)


@bp.get("/<reference>/result.csv")
@access.needs(Role.OPERATOR)
def export_result(reference: str) -> Response:
    """What became of each text."""
    return _csv(_found(reference), "result", results.outcomes)


def _found(reference: str) -> Campaign:
    campaign = campaigns.find(session, reference)
    return campaign if campaign is not None and campaign.total else abort(404)


def _step(reference: str, step: Step, act: str, told: str) -> ResponseReturnValue:
    campaign = _found(reference)
    return _done(campaign, act, told) if step(session, campaign.id) else _stale(campaign)


def _done(campaign: Campaign, act: str, told: str) -> ResponseReturnValue:
    audited.record(act, campaign.uuid)
    session.commit()
    htmx.tell(told)
    return htmx.redirect(url_for(".show", reference=campaign.uuid))


def _start(campaign: Campaign, approved_by: str | None, act: str, told: str) -> ResponseReturnValue:
    try:
        if not drafts.start(session, campaign, approved_by):
            return _stale(campaign)
    except BudgetExhausted:
        session.rollback()
        return htmx.refused(_("It would cost more than a budget has left."), url_for(".show", reference=campaign.uuid))
    return _done(campaign, act, told)


def _stale(campaign: Campaign) -> ResponseReturnValue:
    """Somebody else was faster, or it has ended."""
    session.rollback()
    return htmx.refused(_("The campaign has changed meanwhile."), url_for(".show", reference=campaign.uuid))


def _words() -> dict[str, Any]:
    return {"STATES": STATES, "LOOKS": LOOKS, "DROPPED": DROPPED, "may_change": current_user.may(Role.OPERATOR)}


def _shown(campaign: Campaign) -> dict[str, Any]:
    now = progress.read(session, campaign)
    counts = {
        "waiting": now.waiting,
        "queued": now.count(Status.QUEUED, Status.SENDING),
        "sent": now.count(Status.SENT),
        "delivered": now.count(Status.DELIVERED),
        "failed": now.count(Status.FAILED, Status.EXPIRED),
        "skipped": now.skipped.total(),
    }
    context = {"campaign": campaign, "now": now, "counts": counts, **_words()}
    context["resting_until"] = _resting_until(campaign)
    context["mark"] = htmx.mark([campaign.state, counts, context["resting_until"]])
    if campaign.state == CampaignState.DRAFT:
        found = drafts.sizes(session, campaign)
        texts = drafts.samples(session, campaign)
        context |= {
            "sizes": found,
            "costs": drafts.cost_by_operator(session, campaign.key, found),
            "samples": [(row, encoding.shape(row.body or "")) for row in texts],
            "needs_approval": drafts.needs_approval(campaign, site_settings.read(session).approval_from),
            "most_alone": site_settings.read(session).approval_from,
            "is_mine": campaign.created_by == current_user.email,
        }
    return context


def _resting_until(campaign: Campaign) -> Any:
    """When a running campaign goes on after quiet hours; None when it does not rest."""
    if campaign.state != CampaignState.RUNNING or campaign.is_urgent:
        return None
    hours, at = QuietHours.of(site_settings.current(session), services().settings.timezone), utcnow()
    return hours.next_opening(at) if hours.is_quiet(at) else None


def _csv(campaign: Campaign, name: str, rows: Callable[[Session, int], Iterator[tuple[str, ...]]]) -> Response:
    headers = {"Content-Disposition": f"attachment; filename=campaign-{campaign.id}-{name}.csv"}
    return Response(_lines(services().sessions, campaign.id, rows), headers=headers, mimetype="text/csv")


def _lines(
    sessions: Sessions, campaign_id: int, rows: Callable[[Session, int], Iterator[tuple[str, ...]]]
) -> Iterator[str]:
    """A file that is written while it is read."""
    yield "\ufeff"
    with read_session(sessions) as reader:
        for row in rows(reader, campaign_id):
            written = io.StringIO()
            csv.writer(written).writerow(map(spreadsheets.safe, row))
            yield written.getvalue()

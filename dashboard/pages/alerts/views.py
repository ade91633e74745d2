"""Alerts: what is wrong and who takes care of it, who is told, and what was wrong lately."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.db import utcnow
from dashboard.extensions import services, session
from dashboard.gateway.alerts import channels, incidents
from dashboard.gateway.alerts.channels import TooManyChannels
from dashboard.gateway.monitoring import outages
from dashboard.models.alerts import AlertChannel
from dashboard.models.monitoring import Outage
from dashboard.pages.alerts import labels
from dashboard.pages.alerts.forms import ChannelForm, NewChannelForm
from dashboard.pages.web import access, audited, htmx, locale, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.vocabulary import Role

MOST_PAST = 50
MOST_LISTED = 200
MOST_OUTAGES = 10
UNDO = "alert-channel"

bp = Blueprint("alerts", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; its live block alone when HTMX asks."""
    context = _context()
    if not htmx.wants_fragment():
        return htmx.page("alerts/index.html", "alerts/_live.html", **context)
    return htmx.live("alerts/_live.html", **context)


@bp.get("/outages/<int:outage_id>")
def outage(outage_id: int) -> ResponseReturnValue:
    """What became of the messages while nothing ran."""
    found = session.get(Outage, outage_id)
    if found is None:
        abort(404)
    return render_template(
        "alerts/outage.html",
        outage=found,
        expired=outages.expired_codes(session, found, MOST_LISTED),
        expired_count=outages.count_expired(session, found),
        held=outages.held_messages(session, found, MOST_LISTED),
    )


@bp.post("/<int:incident_id>/acknowledge")
@access.needs(Role.OPERATOR)
def acknowledge(incident_id: int) -> ResponseReturnValue:
    """Take care of an incident: nobody is told of it again, until it is over."""
    if not incidents.acknowledge(session, incident_id, current_user.name, utcnow()):
        return htmx.refused(_("It is over, or somebody takes care of it already."), url_for(".index"))
    audited.record("alerts.acknowledge", str(incident_id))
    session.commit()
    flash(_("Acknowledged. Nobody is told of it again, except when it is over."))
    asking = htmx.current_page()
    return htmx.redirect(asking if access.is_local(asking) else url_for(".index"))


@bp.get("/new")
@access.needs(Role.OWNER, proof=True)
def new() -> ResponseReturnValue:
    return _form(NewChannelForm(language=locale.language()))


@bp.post("/new")
@access.needs(Role.OWNER, proof=True)
def create() -> ResponseReturnValue:
    """Add a channel; that of a webhook shows its secret."""
    form = NewChannelForm()
    if not form.validate():
        return _form(form, status=form.status)
    box = channels.cipher(services().settings)
    try:
        channel, secret = channels.create(session, box, form.wanted(), current_user.email)
    except TooManyChannels:
        form.blame("address", _("There are the most channels already: %(most)d.", most=channels.MOST_CHANNELS))
        return _form(form, status=422)
    audited.record("alerts.create", channel.label)
    session.commit()
    if not secret:
        return _done(_("Channel added. Try it."))
    return _dialog("alerts/_secret.html", part=_part(), made=channel, secret=secret)


@bp.get("/channels/<int:channel_id>/edit")
@access.needs(Role.OWNER, proof=True)
def edit(channel_id: int) -> ResponseReturnValue:
    channel = _find(channel_id)
    return _form(ChannelForm(obj=channel), channel)


@bp.post("/channels/<int:channel_id>/edit")
@access.needs(Role.OWNER, proof=True)
def change(channel_id: int) -> ResponseReturnValue:
    channel = _find(channel_id)
    form = ChannelForm(obj=channel)
    if not form.validate():
        return _form(form, channel, form.status)
    form.apply(channel)
    audited.record("alerts.change", channel.label)
    session.commit()
    return _done(_("Channel changed"))


@bp.get("/channels/<int:channel_id>/remove")
@access.needs(Role.OWNER, proof=True)
def ask_remove(channel_id: int) -> ResponseReturnValue:
    return _dialog("alerts/_remove.html", channel=_find(channel_id))


@bp.post("/channels/<int:channel_id>/remove")
@access.needs(Role.OWNER, proof=True)
def remove(channel_id: int) -> ResponseReturnValue:
    channel = _find(channel_id)
    told = [(incident, at.isoformat()) for incident, at in channels.told_of(session, channel)]
    back = undo.undo(url_for(".restore"), UNDO, {"channel": undo.columns(channel), "told": told})
    session.delete(channel)
    audited.record("alerts.remove", channel.label)
    session.commit()
    return _done(_("Channel removed"), back)


@bp.post("/channels/restore")
@access.needs(Role.OWNER, proof=True)
def restore() -> ResponseReturnValue:
    """Bring back a channel that was removed a moment ago; what it was told of it is not told again."""
    before = undo.taken_back(UNDO)
    has_room = len(channels.listed(session)) < channels.MOST_CHANNELS
    channel = undo.put_back(AlertChannel, before["channel"]) if has_room else None
    if channel is None:
        return htmx.refused(_("It is there already, or there is no room for it."), url_for(".index"))
    told = ((incident, datetime.fromisoformat(at)) for incident, at in before["told"])
    channels.note_told(session, channel, told)
    audited.record("alerts.create", channel.label)
    session.commit()
    return _done(_("Channel restored"))


@bp.post("/channels/<int:channel_id>/test")
@access.needs(Role.OPERATOR)
def send_test(channel_id: int) -> ResponseReturnValue:
    """Have the relay send a test message; the page shows what came of it."""
    channel = _find(channel_id)
    channels.ask_test(session, channel)
    audited.record("alerts.test", channel.label)
    session.commit()
    return _done(_("The relay sends a test message. Its outcome appears below."))


def _context() -> dict[str, Any]:
    open_now, past, known = incidents.open_now(session), incidents.past(session, MOST_PAST), channels.listed(session)
    shown = [(one.id, one.acknowledged_by, one.facts) for one in open_now] + [one.id for one in past]
    state = [(one.id, one.test_asked_at, one.last_at, one.last_error, one.severity, one.language) for one in known]
    return {
        "troubles": [incidents.alert_of(incident) for incident in open_now],
        "incidents": {incident.cause: incident for incident in open_now},
        "past": past,
        "outages": outages.listed(session, MOST_OUTAGES),
        "channels": known,
        "is_owner": current_user.may(Role.OWNER),
        "may_test": current_user.may(Role.OPERATOR),
        "has_mail": bool(services().settings.smtp_url),
        "mark": htmx.mark([shown, state]),
        "CHANNEL_KINDS": labels.KINDS,
        "KIND_ICONS": labels.KIND_ICONS,
        "ALERT_SEVERITIES": labels.SEVERITIES,
        "ALERT_CODES": labels.CODES,
    }


def _form(form: ChannelForm, channel: AlertChannel | None = None, status: int = 200) -> ResponseReturnValue:
    return _dialog("alerts/_form.html", status, form=form, channel=channel)


def _dialog(fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    return htmx.dialog(fragment, status, page_title=_("Alerts"), **context)


def _part() -> ChangedPart:
    return ChangedPart("alerts", "alerts/_live.html", _context())


def _done(message: str, back: Undo | None = None) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".index"), _part(), back)


def _find(channel_id: int) -> AlertChannel:
    channel = session.get(AlertChannel, channel_id)
    if channel is None:
        abort(404)
    return channel

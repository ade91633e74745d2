"""Settings of the gateway, for owners: how long things are kept, and what was deleted; names, time zone, language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from wtforms.validators import ValidationError

from dashboard.extensions import services, session
from dashboard.gateway import site_settings
from dashboard.gateway.alerts import channels
from dashboard.gateway.campaigns.campaigns import MOST_RECIPIENTS
from dashboard.gateway.limits import pumping
from dashboard.gateway.maintenance import retention
from dashboard.gateway.site_settings import LEAST_DAYS, MOST_DAYS, MessagesGoFirst, Preferences
from dashboard.pages.ui import fields, formats, forms, labels
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import BoundField, ChoiceField, Form, LinesField, SwitchField, TextField
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.vocabulary import Role

LONGEST_NAME = 60
MOST_HOLIDAYS = 60
UNDO = "settings"

bp = Blueprint("site_settings", __name__)


def _organisation(text: str) -> str:
    return fields.words(text, LONGEST_NAME)


def time_zone(text: str) -> str:
    """The name of a time zone, or nothing; raise Fault."""
    zone = text.strip()
    if zone and zone not in available_timezones():
        raise Fault(_("Enter the name of a time zone, such as Africa/Nouakchott."))
    return zone


def _most_numbers(text: str) -> int:
    """Nothing is 0: any number."""
    if not text.strip():
        return 0
    number = fields.whole(text.strip())
    if number is None or not pumping.LEAST_NUMBERS <= number <= pumping.MOST_NUMBERS:
        bounds = {"least": formats.number(pumping.LEAST_NUMBERS), "most": formats.number(pumping.MOST_NUMBERS)}
        raise Fault(_("Enter a whole number from %(least)s to %(most)s, or leave it empty.", **bounds))
    return number


def _hour(text: str) -> str:
    typed = text.strip()
    if typed and not channels.is_time(typed):
        raise Fault(_("Enter a time such as 20:00."))
    return typed


def _holidays(text: str) -> str:
    try:
        days = sorted({date.fromisoformat(day) for day in text.split()})
    except ValueError:
        raise Fault(_("Write each day as 2026-11-28.")) from None
    if len(days) > MOST_HOLIDAYS:
        raise Fault(_("Most days: %(most)d.", most=MOST_HOLIDAYS))
    return " ".join(day.isoformat() for day in days)


def _alone(text: str) -> int:
    if not text.strip():
        return Preferences.approval_from
    number = fields.whole(text.strip())
    if number is None or number > MOST_RECIPIENTS:
        bounds = {"least": formats.number(0), "most": formats.number(MOST_RECIPIENTS)}
        raise Fault(_("Enter a whole number from %(least)s to %(most)s.", **bounds))
    return number


def _days(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = fields.whole(text.strip())
        if number is not None and least <= number <= MOST_DAYS:
            return number
        bounds = {"least": formats.number(least), "most": formats.number(MOST_DAYS)}
        raise Fault(_("Enter a whole number of days from %(least)s to %(most)s.", **bounds))

    return parse


def _days_or_for_ever(text: str) -> int:
    return _days(LEAST_DAYS["messages_days"])(text) if text.strip() else 0


def _days_field(name: str, label: Any, description: Any = "") -> Any:
    attributes = {**forms.NUMBER, "maxlength": 5}
    return TextField(label, _days(LEAST_DAYS[name]), description=description, render_kw=attributes)


class SettingsForm(Form):
    """The settings, by the names of Preferences."""

    organisation = TextField(
        _l("Organisation"),
        _organisation,
        optional=True,
        description=_l("Shown at the top of the dashboard, and offered as the brand in texts."),
        render_kw=forms.length(LONGEST_NAME, autocomplete="organization"),
    )
    timezone = TextField(
        _l("Time zone"),
        time_zone,
        optional=True,
        render_kw=forms.length(LONGEST_NAME, dir="ltr", spellcheck="false"),
    )
    otp_language = ChoiceField(
        _l("Language of codes"),
        _l("Choose a language."),
        choices=forms.languages(),
        description=_l("For apps that ask for a code without naming a language."),
    )
    texts_days = _days_field(
        "texts_days",
        _l("Texts of messages, in days"),
        _l("Then the text is deleted; the row stays in the log. Codes are never kept."),
    )
    numbers_days = _days_field(
        "numbers_days",
        _l("Phone numbers, in days"),
        _l("Then the number is cut to its first two digits, permanently; statistics stay correct."),
    )
    messages_days = TextField(
        _l("Messages, in days"),
        _days_or_for_ever,
        lambda days: str(days or ""),
        optional=True,
        description=_l(
            "Then the whole row leaves the log, with its codes and attempts; statistics and costs stay. "
            "Leave empty to keep messages for ever."
        ),
        render_kw={**forms.NUMBER, "maxlength": 5},
    )
    sandbox_days = _days_field("sandbox_days", _l("Messages on the sandbox phone, in days"))
    pumping_numbers = TextField(
        _l("Numbers of a range in an hour"),
        _most_numbers,
        lambda most: str(most or ""),
        optional=True,
        description=_l(
            "So many numbers of one range of 1,000 may be sent codes of a key of which few are verified; from half of "
            "them on, people are told. Leave empty to allow any number."
        ),
        render_kw={**forms.NUMBER, "maxlength": 4},
    )
    pumping_stops = SwitchField(
        _l("Hold codes back where SMS pumping is suspected"),
        _l("Protection"),
        description=_l("Otherwise people are only told. Numbers that verified a code before are served in any case."),
    )
    new_key_codes = TextField(
        _l("Codes a day of a new key"), fields.cap, optional=True, half=True, render_kw=forms.NUMBER
    )
    new_key_messages = TextField(
        _l("Messages a day of a new key"), fields.cap, optional=True, half=True, render_kw=forms.NUMBER
    )
    quiet_from = TextField(_l("Quiet from"), _hour, optional=True, half=True, render_kw={"type": "time"})
    quiet_until = TextField(_l("Quiet until"), _hour, optional=True, half=True, render_kw={"type": "time"})
    rests_on_friday = SwitchField(
        _l("Campaigns rest around Friday’s noon prayer"),
        _l("Friday"),
        description=_l("From 12:30 to 15:00, in the time zone of the gateway."),
    )
    holidays = LinesField(
        _l("Holidays"),
        _holidays,
        lambda days: "\n".join(str(days).split()),
        optional=True,
        description=_l("Days on which campaigns rest, one a line, such as 2026-11-28."),
        render_kw={"rows": 3, "dir": "ltr", "autocomplete": "off"},
    )
    approval_from = TextField(
        _l("Numbers that one person may write to"),
        _alone,
        optional=True,
        description=_l("A campaign to more numbers is approved by a second person. Leave empty for 1,000."),
        render_kw={**forms.NUMBER, "maxlength": 5},
    )
    consent_required = SwitchField(
        _l("Campaigns to groups leave contacts without consent out"),
        _l("Consent"),
        description=_l("Whoever has withdrawn it is left out in any case, and so is whoever has opted out."),
    )
    second_factor_required = SwitchField(
        _l("Everyone needs a second factor"),
        _l("Signing in"),
        description=_l("Whoever has none sets it up at the next page, and can do nothing else before."),
    )

    def __init__(self) -> None:
        super().__init__(obj=site_settings.read(session))
        machine_zone = services().settings.timezone
        self.timezone.description = _("Leave empty to use %(zone)s, the time zone of the machine.", zone=machine_zone)
        self.timezone.render_kw["placeholder"] = machine_zone

    def validate_second_factor_required(self, field: BoundField) -> None:
        if field.data and not current_user.has_second_factor:
            raise ValidationError(_("Set up a second factor for yourself first, under your account."))


@bp.get("/")
def index() -> ResponseReturnValue:
    return _page(SettingsForm())


@bp.post("/")
@access.needs(Role.OWNER, proof=True)
def save() -> ResponseReturnValue:
    """Keep the settings, or say what is wrong with them."""
    form = SettingsForm()
    if not form.validate():
        return _page(form, form.status)
    before = asdict(site_settings.read(session))
    try:
        _keep(form.data)
    except MessagesGoFirst:
        form.blame("messages_days", _("Not shorter than phone numbers are kept."))
        return _page(form, form.status)
    changed = {name: before[name] for name, value in form.data.items() if value != before[name]}
    htmx.tell(_("Settings saved"), undo.undo(url_for(".restore"), UNDO, changed) if changed else None)
    return htmx.redirect(url_for(".index"))


@bp.post("/restore")
@access.needs(Role.OWNER, proof=True)
def restore() -> ResponseReturnValue:
    """Bring back what the settings of a moment ago changed, where that goes with what was changed since."""
    try:
        _keep(undo.taken_back(UNDO))
    except MessagesGoFirst:
        message = _("Not restored: messages would be kept for fewer days than phone numbers.")
        return htmx.refused(message, url_for(".index"))
    htmx.tell(_("Settings restored"))
    return htmx.redirect(url_for(".index"))


def _keep(wanted: dict[str, Any]) -> None:
    site_settings.save(session, replace(site_settings.read(session), **wanted), current_user.email)
    audited.record("settings.change")
    session.commit()


def _page(form: SettingsForm, status: int = 200) -> ResponseReturnValue:
    context = {"form": form, "done": retention.done(session), "kinds": list(labels.TIDIED)}
    return htmx.page("site_settings/index.html", "site_settings/_form.html", status, **context)

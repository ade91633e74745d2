"""The forms of a channel: where it leads, what it is told, and when."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField
from wtforms.validators import ValidationError

from dashboard.extensions import services
from dashboard.gateway.alerts import channels
from dashboard.gateway.alerts.channels import NewChannel
from dashboard.models.alerts import AlertChannel
from dashboard.pages.alerts import labels
from dashboard.pages.ui import forms
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import BoundField, ChoiceField, Form, TextField
from dashboard.pages.webhooks.labels import URL_FAULTS
from dashboard.vocabulary import AlertChannelKind, Language, Severity

TIME = {"type": "time"}


def _time(text: str) -> str | None:
    """22:00, or nothing."""
    typed = text.strip()[:5]
    if typed and not channels.is_time(typed):
        raise Fault(_("Enter a time, such as 22:00."))
    return typed or None


class ChannelForm(Form):
    """What a channel is told, and when. Where it leads stays: NewChannelForm chooses that."""

    severity = RadioField(_l("What is told"), choices=forms.choices(labels.SEVERITIES), default=Severity.WARNING)
    language = ChoiceField(_l("Language"), choices=forms.languages())
    quiet_from = TextField(_l("Quiet hours, from"), _time, optional=True, half=True, render_kw=TIME)
    quiet_until = TextField(
        _l("Quiet hours, until"),
        _time,
        optional=True,
        render_kw=TIME,
        description=_l("What is grave is told all the same; the rest comes in one message afterwards."),
    )
    repeat_minutes = ChoiceField(
        _l("Tell again"),
        choices=forms.choices(labels.REPEATS),
        description=_l("As long as nobody has acknowledged it."),
    )

    def apply(self, channel: AlertChannel) -> None:
        """Change a channel to what was typed."""
        for name, value in self.values().items():
            setattr(channel, name, value)

    def values(self) -> dict[str, Any]:
        """As NewChannel and the table name them."""
        return {
            "severity": Severity(self.severity.data),
            "language": Language(self.language.data),
            "quiet_from": self.quiet_from.data,
            "quiet_until": self.quiet_until.data,
            "repeat_minutes": int(self.repeat_minutes.data),
        }

    def validate_quiet_until(self, field: BoundField) -> None:
        if bool(field.data) != bool(self.quiet_from.data):
            raise ValidationError(_("Enter both times, or none."))


class NewChannelForm(ChannelForm):
    """Chooses where a channel leads, too."""

    kind = RadioField(_l("By"), choices=forms.choices(labels.KINDS), default=AlertChannelKind.EMAIL)
    address = TextField(
        _l("Address"),
        description=_l(
            "An e-mail address, an https address, a phone number, or an address of Apprise such as "
            "tgram://BOT_TOKEN/CHAT_ID."
        ),
        render_kw=forms.length(channels.LONGEST_ADDRESS, dir="ltr", spellcheck="false", required=True),
    )

    def validate_address(self, field: BoundField) -> None:
        code = channels.fault(self.kind.data, field.data or "", services().settings)
        if code:
            raise ValidationError(_fault(code))

    def wanted(self) -> NewChannel:
        """What was typed; to be asked of a form without faults."""
        return NewChannel(AlertChannelKind(self.kind.data), self.address.data, **self.values())


def _fault(code: str) -> str:
    if code == "email":
        return str(_("Enter an e-mail address."))
    if code == "phone":
        return str(_("Enter the number of a mobile phone."))
    if code == "no_mail_server":
        return str(_("This gateway has no mail server yet: set SMTP_URL."))
    if code == "service":
        known = ", ".join(f"{scheme}://" for scheme in channels.SERVICES)
        return str(_("Enter an address that begins with one of %(known)s and has no question mark.", known=known))
    return str(URL_FAULTS[code])

"""The forms of a webhook: the endpoint itself, and the period that is sent again."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField
from wtforms.validators import ValidationError

from dashboard.extensions import services
from dashboard.gateway.api_keys import keys
from dashboard.gateway.webhooks import endpoints, events
from dashboard.gateway.webhooks.endpoints import NewEndpoint
from dashboard.models.api_keys import ApiKey
from dashboard.models.webhooks import WebhookEndpoint
from dashboard.pages.ui import fields, formats, forms
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import BoundField, CheckboxesField, ChoiceField, Form, NewIdField, TextField
from dashboard.pages.webhooks import labels
from dashboard.vocabulary import Envelope, KeyState


def _address(text: str) -> str:
    url = text.strip()
    fault = endpoints.url_fault(url, endpoints.guard(services().settings))
    if fault:
        raise Fault(str(labels.URL_FAULTS[fault]))
    return url


def _description(text: str) -> str:
    return fields.words(text, endpoints.LONGEST_DESCRIPTION)


class EndpointForm(Form):
    """Where an endpoint is and what it hears."""

    url = TextField(
        _l("Address"),
        _address,
        description=_l("Events are sent to this address by POST, over https."),
        render_kw=forms.length(
            endpoints.LONGEST_URL, type="url", required=True, dir="ltr", spellcheck="false", placeholder="https://"
        ),
    )
    events = CheckboxesField(
        _l("Events"), labels.EVENTS, _l("Choose at least one event."), default=events.USUAL[Envelope.STANDARD]
    )
    envelope = RadioField(_l("Format"), choices=forms.choices(labels.ENVELOPES), default=Envelope.STANDARD)
    description = TextField(
        _l("Description"), _description, optional=True, render_kw=forms.length(endpoints.LONGEST_DESCRIPTION)
    )

    def apply(self, webhook: WebhookEndpoint) -> None:
        """Change an endpoint to what was typed."""
        webhook.url, webhook.description = self.url.data, self.description.data
        webhook.events, webhook.envelope = list(self.events.data), self.envelope.data


class NewEndpointForm(EndpointForm):
    """Chooses the key, too."""

    id = NewIdField()
    key = ChoiceField(
        _l("API key"),
        _l("Choose the key whose events are sent."),
        description=_l("Events of this key are sent to the webhook."),
    )

    def __init__(self, known: list[ApiKey]) -> None:
        super().__init__()
        live = [key for key in known if keys.state(key) == KeyState.ACTIVE]
        self.key.choices = forms.choices({key.id: labels.key_name(key) for key in live})

    def new_endpoint(self) -> NewEndpoint:
        description = self.description.data
        return NewEndpoint(
            self.key.data, self.url.data, self.events.data, description, self.envelope.data, self.id.data
        )


def _moment(text: str) -> datetime:
    """A time typed in the gateway's time zone."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(formats.zone_name())).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Fault(_("Enter two times, the earlier one first.")) from None


def _typed(at: datetime) -> str:
    """A time as a field for one holds it, to the minute, in the gateway's time zone."""
    return at.astimezone(ZoneInfo(formats.zone_name())).strftime("%Y-%m-%dT%H:%M")


class ReplayForm(Form):
    """A period, whose events are sent again."""

    since = TextField(_l("From"), _moment, _typed, render_kw={"type": "datetime-local", "required": True})
    until = TextField(_l("Until"), _moment, _typed, render_kw={"type": "datetime-local", "required": True})
    only = RadioField(_l("Events to send"), choices=forms.choices(labels.ONLY), default="undelivered")

    def validate_since(self, field: BoundField) -> None:
        until = self.until.data
        if isinstance(until, datetime) and field.data >= until:
            raise ValidationError(_("Enter two times, the earlier one first."))

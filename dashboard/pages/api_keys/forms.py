"""The form of a key. A new field of a key is one more field here: the page draws it, and `values` takes it over."""

from __future__ import annotations

from dataclasses import fields as fields_of
from itertools import groupby
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField
from wtforms.validators import ValidationError

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.keys import USUAL_SCOPES, KeyFields, NewKey
from dashboard.gateway.otp import codes, review_numbers, templates
from dashboard.gateway.otp.review_numbers import NewReviewNumber
from dashboard.gateway.otp.template_rules import LONGEST_BRAND
from dashboard.models.api_keys import ApiKey
from dashboard.pages.api_keys.order_field import ChannelOrderField
from dashboard.pages.ui import fields, forms, labels
from dashboard.pages.ui.forms import CheckboxesField, DayField, Form, LinesField, NewIdField, SwitchField, TextField
from dashboard.pages.web import locale
from dashboard.sms import senders
from dashboard.vocabulary import Channel, KeyMode


class KeyForm(Form):
    """What an owner decides of a key, by the names of KeyFields."""

    name = TextField(
        _l("Name"),
        fields.one_line,
        description=_l("The app that will use it, such as “Shop, Android”."),
        render_kw=forms.length(fields.LONGEST_NAME, required=True),
    )
    scopes = CheckboxesField(
        _l("Permissions"), labels.SCOPES, _l("Choose at least one permission for the key."), default=USUAL_SCOPES
    )
    brand = TextField(
        _l("Brand"),
        fields.brand,
        optional=True,
        description=_l("Stands for {brand} in the text of codes that is for all keys."),
        render_kw=forms.length(LONGEST_BRAND),
    )
    sender = TextField(
        _l("Sender"),
        fields.sender,
        optional=True,
        description=_l("What phones show, where the carrier allows it: up to 11 letters and digits, or a number."),
        render_kw=forms.length(senders.LONGEST, dir="ltr", spellcheck="false"),
    )
    expires_at = DayField(
        _l("Last day"), name="expires", optional=True, description=_l("The key expires at the end of this day.")
    )
    networks = LinesField(
        _l("Allowed networks"),
        fields.networks,
        "\n".join,
        optional=True,
        description=_l("IP addresses or ranges (CIDR), one a line. Leave empty to allow all."),
        render_kw=forms.length(2000, rows=2, dir="ltr", spellcheck="false"),
    )
    message_cap = TextField(_l("Messages a day"), fields.cap, optional=True, half=True, render_kw=forms.NUMBER)
    otp_cap = TextField(_l("Codes a day"), fields.cap, optional=True, half=True, render_kw=forms.NUMBER)
    sms_fallback = SwitchField(
        _l("Send codes by SMS when WhatsApp does not accept them"),
        labels.CHANNELS[Channel.WHATSAPP],
        description=_l("The same code; it is verified on the WhatsApp channel."),
    )
    channel_order = ChannelOrderField(
        _l("Order of channels"),
        description=_l(
            "For calls with the channel “auto”: a code that is not verified within its seconds (10 to 300), or that "
            "the channel refuses, goes by the next one. E-mail is left out where a call gives no address."
        ),
    )

    def __init__(self, key: ApiKey | None = None, **offered: Any) -> None:
        super().__init__(obj=key, **offered)
        self.key, self.offered = key, offered

    @property
    def folded(self) -> list[tuple[bool, list[forms.BoundField]]]:
        """The fields that are folded away while they are empty, by rows; true: they stand side by side."""
        seldom = [field for field in self if field.short_name not in ("id", "mode", "name", "scopes")]
        return [(half, list(row)) for half, row in groupby(seldom, key=lambda field: bool(field.flags.half))]

    @property
    def is_open(self) -> bool:
        """Whether one of those holds something else than was offered, or has a fault."""
        fields_in = [field for _half, row in self.folded for field in row]
        return self.key is not None or any(
            field.errors or (field.data and field.data != self.offered.get(field.short_name)) for field in fields_in
        )

    def values(self) -> dict[str, Any]:
        """What was typed, by the names of KeyFields; to be asked of a form without faults."""
        return {one.name: self[one.name].data for one in fields_of(KeyFields)}

    def validate_name(self, field: forms.BoundField) -> None:
        """A form of a new key that came before has made the key of this name: that is no fault of it."""
        key_id = self.key.id if self.key else self.id.data
        is_repeated = self.key is None and session.get(ApiKey, key_id) is not None
        if not is_repeated and keys.name_taken(session, field.data, key_id):
            raise ValidationError(_("A key has this name already. Choose another, or revoke that one first."))

    def validate_brand(self, field: forms.BoundField) -> None:
        broken = templates.broken_by(session, field.data) if field.data else []
        if broken:
            names = ", ".join(locale.LANGUAGES[language] for language, _codes in broken)
            fault = _("With this brand, the text of codes no longer fits: %(languages)s.", languages=names)
            raise ValidationError(fault)


class NewKeyForm(KeyForm):
    """The form of a key that is to be made: it chooses the mode, too."""

    id = NewIdField()
    mode = RadioField(_l("Kind"), choices=forms.choices(labels.MODES), default=KeyMode.LIVE)

    def __init__(self) -> None:
        usual = site_settings.read(session)
        super().__init__(otp_cap=usual.new_key_codes, message_cap=usual.new_key_messages)

    def new_key(self) -> NewKey:
        return NewKey(**self.values(), id=self.id.data, mode=self.mode.data)


CODE_FAULTS = {
    "six_digits": _l("Enter six digits."),
    "guessable": _l("Anybody would try this code first. Choose another."),
}


def _fixed_code(text: str) -> str:
    code = text.strip()
    fault = review_numbers.fault_of_code(code)
    if fault:
        raise fields.Fault(str(CODE_FAULTS[fault]))
    return code


class ReviewNumberForm(Form):
    """A number whose codes are fixed, for whoever reviews the app."""

    phone = forms.phone_field(_l("Number"), description=_l("One that nobody uses. Nothing is sent to it."))
    code = TextField(
        _l("Code"),
        _fixed_code,
        description=_l("It is not shown again."),
        render_kw={**forms.NUMBER, "maxlength": codes.DIGITS, "required": True},
    )
    ends_at = DayField(
        _l("Last day"),
        name="until",
        description=_l("Within a year. After it, codes are sent to the number."),
    )

    def validate_ends_at(self, field: forms.BoundField) -> None:
        if field.data is None:
            raise ValidationError(_("Choose the last day."))
        if field.data > utcnow() + review_numbers.LONGEST:
            raise ValidationError(_("Choose a day within a year."))

    def wanted(self) -> NewReviewNumber:
        return NewReviewNumber(self.phone.data, self.code.data, self.ends_at.data)

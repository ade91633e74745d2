"""The forms of one's own account: who one is, with which address and password one signs in."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from wtforms import HiddenField, PasswordField

from dashboard.models.accounts import User
from dashboard.pages.ui import fields, formats, forms, people
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import ChoiceField, Form, TextField


def _time_zone(text: str) -> str:
    zone = text.strip()
    if zone and zone not in available_timezones():
        raise Fault(_("Enter the name of a time zone, such as Africa/Nouakchott."))
    return zone


class ProvenForm(Form):
    """Asks for the password of who has one; others have proven who they are a moment ago."""

    current = PasswordField(_l("Current password"), render_kw={"autocomplete": "current-password"})

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        if not current_user.has_password:
            del self.current


def _code(description: Any = "") -> TextField:
    attributes = forms.length(60, autocomplete="one-time-code", dir="ltr", spellcheck="false", autocapitalize="none")
    return TextField(_l("Code from the app"), str, description=description, render_kw=attributes)


class SetUpFactorForm(ProvenForm):
    """The first code of an app, after it has read the seed. `sealed` brings the seed back."""

    sealed = HiddenField()
    code = _code()


class RemoveFactorForm(ProvenForm):
    """A code, and the password."""

    code = _code(_l("Or one of your recovery codes."))


def _passkey_name(text: str) -> str:
    name = fields.words(text, fields.LONGEST_NAME)
    if not name:
        raise Fault(_("Enter a name by which you know the device."))
    return name


class RenamePasskeyForm(Form):
    """By which name its person knows the device."""

    device = TextField(_l("Name"), _passkey_name, render_kw=forms.length(fields.LONGEST_NAME, required=True))


class AddPasskeyForm(ProvenForm, RenamePasskeyForm):
    """What the browser made of its person's passkey, its name, and the password."""

    passkey = HiddenField()


class RemovePasskeyForm(ProvenForm):
    """The password."""


class PasskeyForm(Form):
    """What a passkey answered; `next` is the page to come back to."""

    next = HiddenField()
    passkey = HiddenField()


class NewRecoveryCodesForm(ProvenForm):
    """The password."""


class ProfileForm(Form):
    """How one is called, and how pages are written."""

    name = people.name_field()
    language = ChoiceField(_l("Language"), _l("Choose a language."), choices=forms.languages())
    timezone = TextField(
        _l("Time zone"), _time_zone, optional=True, render_kw=forms.length(60, dir="ltr", spellcheck="false")
    )

    def __init__(self, user: User, language: str) -> None:
        super().__init__(data={"name": user.name, "language": user.language or language, "timezone": user.timezone})
        zone = formats.site_zone_name()
        self.timezone.description = _("Empty: %(zone)s, as for everyone.", zone=zone)
        self.timezone.render_kw = {**self.timezone.render_kw, "placeholder": zone}


class EmailForm(ProvenForm):
    """Another address to sign in with."""

    email = TextField(_l("E-mail address"), render_kw=people.EMAIL)


class PasswordForm(ProvenForm):
    """Another password."""

    password = people.new_password_field(_l("New password"))

    def __init__(self) -> None:
        super().__init__()
        self.password.description = people.password_hint()

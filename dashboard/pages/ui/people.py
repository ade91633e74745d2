"""Fields of people: their name, address and password, and what is wrong with a password."""

from __future__ import annotations

from math import ceil
from typing import Any

from flask import abort
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import PasswordField

from dashboard.extensions import services
from dashboard.gateway.accounts import passwords
from dashboard.gateway.accounts.passkeys import RelyingParty, StaleChallenge
from dashboard.pages.ui import fields, formats, forms
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import TextField

PRODUCT = "Chinqit Gateway"  # how apps and passkeys call it where no organisation is set
EMAIL = {  # attributes of a field for an e-mail address
    "type": "email",
    "dir": "ltr",
    "autocomplete": "username",
    "required": True,
    "maxlength": 254,
    "spellcheck": "false",
    "autocapitalize": "none",
}


def name(text: str) -> str:
    """Somebody's name, not blank; raise Fault."""
    stripped = text.strip()
    if not stripped:
        raise Fault(_("Enter your name."))
    if len(stripped) > fields.LONGEST_NAME or fields.UNPRINTABLE.search(stripped):
        raise Fault(_("Most characters, on one line: %(most)d.", most=fields.LONGEST_NAME))
    return stripped


def relying_party() -> RelyingParty:
    """Who the gateway is to browsers; 404 where they allow no passkeys."""
    return RelyingParty.of(services().settings) or abort(404)


def passkey_fault(error: Exception) -> str:
    if isinstance(error, StaleChallenge):
        return str(_("That took too long. Try again."))
    return str(_("This passkey is not known here, or its answer does not hold."))


def name_field() -> Any:
    attributes = forms.length(fields.LONGEST_NAME, autocomplete="name", required=True)
    return TextField(_l("Your name"), name, render_kw=attributes)


def new_password_field(label: Any) -> Any:
    return PasswordField(label, render_kw={"autocomplete": "new-password", "minlength": passwords.SHORTEST})


def password_hint() -> str:
    return str(
        _(
            "Least number of characters: %(least)d. A sentence is easier to remember than a string of "
            "signs; common passwords are refused.",
            least=passwords.SHORTEST,
        )
    )


def wrong_code() -> str:
    """Of a second factor."""
    return str(_("This code is wrong, or was used already. Wait for the next one in your app."))


def too_many_tries(seconds: int) -> str:
    """After too many wrong passwords or codes."""
    minutes = ceil(seconds / 60)
    return str(
        formats.ngettext(
            "Too many tries. Try again in %(num)s minute.", "Too many tries. Try again in %(num)s minutes.", minutes
        )
    )


def password_fault(code: str) -> str:
    """What is wrong with a new password, by the code of WeakPassword."""
    if code == "too_short":
        return str(_("Least number of characters: %(least)d.", least=passwords.SHORTEST))
    if code == "too_long":
        return str(_("Most characters: %(most)d.", most=passwords.LONGEST))
    if code == "too_personal":
        return str(_("This is little more than your name, your address or the organisation’s name. Choose another."))
    return str(_("Many people use this password, so it is guessed first. Choose another."))

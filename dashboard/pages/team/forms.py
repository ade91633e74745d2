"""The forms of the team page: an invitation, and somebody's role."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import RadioField

from dashboard.pages.ui import forms, labels
from dashboard.pages.ui.forms import Form, TextField
from dashboard.vocabulary import Role

EMAIL = {  # attributes of a field for somebody else's address
    "type": "email",
    "dir": "ltr",
    "required": True,
    "maxlength": 254,
    "spellcheck": "false",
    "autocomplete": "off",
    "autocapitalize": "none",
}
CAN = {  # what each role is for
    Role.VIEWER: _l("Sees the pages, with shortened phone numbers. Changes nothing."),
    Role.DESK: _l("Answers callers: “Why no code?” with whole numbers, and may lift a limit for an hour. No exports."),
    Role.OPERATOR: _l("Also sends again, sets limits and texts of codes, tests carriers, exports the log."),
    Role.OWNER: _l("Everything: also keys, carriers, routes, webhooks, settings and people."),
}

RIGHTS = (  # what the table of the page says, with the least role for it
    (_l("See messages, codes and figures"), Role.VIEWER),
    (_l("Read whole numbers, lift a limit for an hour"), Role.DESK),
    (_l("Limits, texts of codes, sending again, exports"), Role.OPERATOR),
    (_l("Keys, carriers, routes, webhooks, people"), Role.OWNER),
)


def _roles() -> RadioField:
    choices = forms.choices({role: labels.ROLES[role] for role in Role})
    return RadioField(_l("Role"), choices=choices, default=Role.VIEWER)


class RoleForm(Form):
    """Which role somebody has."""

    role = _roles()


class InviteForm(Form):
    """Who is invited, and as what."""

    email = TextField(
        _l("E-mail address"), description=_l("Nothing is sent to it. They sign in with it."), render_kw=EMAIL
    )
    role = _roles()

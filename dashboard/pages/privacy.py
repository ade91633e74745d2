"""What is kept of a number: a copy for whoever asks, its erasure, and the register of processing, to print."""

from __future__ import annotations

import json

from flask import Blueprint, Response, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Field as BoundField
from wtforms import ValidationError

from dashboard.db import utcnow
from dashboard.extensions import services, session
from dashboard.gateway import encryption, site_settings
from dashboard.gateway.carriers import carriers
from dashboard.gateway.maintenance import privacy
from dashboard.pages.ui import formats, forms
from dashboard.pages.ui.forms import Form, SwitchField
from dashboard.pages.web import access, audited, htmx
from dashboard.pages.web.locale import language
from dashboard.vocabulary import Lane, Role

ERASE = "erase"  # what the second button asks for
bp = Blueprint("privacy", __name__)


class NumberForm(Form):
    """A number, and for its erasure that it is meant."""

    phone = forms.recipient_field()
    is_sure = SwitchField(_l("Erase the number and the texts sent to it, for good"), _l("Erasure"))

    def validate_is_sure(self, field: BoundField) -> None:
        if request.form.get("act") == ERASE and not field.data:
            raise ValidationError(_("Confirm that the number is to be erased."))


@bp.get("/")
def index() -> ResponseReturnValue:
    return render_template("privacy/index.html", form=NumberForm())


@bp.post("/")
@access.needs(Role.OWNER, proof=True)
def answer() -> ResponseReturnValue:
    """A copy as a file, or the erasure."""
    form = NumberForm()
    if not form.validate():
        return render_template("privacy/index.html", form=form), 422
    return _erase(form.phone.data) if request.form.get("act") == ERASE else _copy(form.phone.data)


@bp.get("/register")
def register() -> ResponseReturnValue:
    """The register of processing, with the times and the carriers of this gateway."""
    context = {"preferences": site_settings.read(session), "carriers": carriers.listed(session), "today": utcnow()}
    return render_template(f"privacy/register_{language()}.html", **context)


def _copy(phone: str) -> Response:
    found = json.dumps(privacy.export(session, phone), ensure_ascii=False, indent=2)
    audited.record("privacy.export", encryption.fingerprint(services().settings, phone))
    session.commit()
    headers = {"Content-Disposition": f"attachment; filename=number-{utcnow():%Y%m%d-%H%M}.json"}
    return Response(found, mimetype="application/json", headers=headers)


def _erase(phone: str) -> ResponseReturnValue:
    erased = privacy.erase(session, phone)
    audited.record("privacy.erase", encryption.fingerprint(services().settings, phone), rows=(erased.rows, 0))
    session.commit()
    if erased.has_events:
        services().wakeup.notify(Lane.WEBHOOKS)
    told = formats.ngettext("%(num)s row erased.", "%(num)s rows erased.", erased.rows)
    if erased.on_their_way:
        told += " " + _("Some messages are on their way: erase the number again in a few minutes.")
    flash(told)
    return htmx.redirect(request.path)

"""Carriers: owners set them up, change, switch and remove them; operators try them; the others see how they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.extensions import services, session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.carriers import carriers, metrics
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.limits.rate_limit import RateLimited
from dashboard.gateway.messages import status
from dashboard.gateway.routing import test_message
from dashboard.models.carriers import Carrier
from dashboard.models.messages import Message
from dashboard.pages.carriers import context, forms
from dashboard.pages.carriers.forms import CarrierForm, NewCarrierForm, TestForm
from dashboard.pages.ui import formats
from dashboard.pages.ui.forms import ConfirmForm
from dashboard.pages.web import access, audited, htmx
from dashboard.pages.web.htmx import Undo
from dashboard.providers import registry
from dashboard.providers.kind import CarrierKind
from dashboard.providers.settings import InvalidSettings
from dashboard.vocabulary import Role

bp = Blueprint("carriers", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """All of them; the list alone when HTMX asks, and nothing when nothing changed."""
    shown = context.listing()
    if not htmx.wants_fragment():
        return render_template("carriers/index.html", **shown)
    return htmx.live("carriers/_list.html", **shown)


@bp.get("/<int:carrier_id>")
def show(carrier_id: int) -> ResponseReturnValue:
    """One of them; how it stands alone when HTMX asks, and nothing when nothing changed."""
    carrier = _find(carrier_id)
    shown = context.detail(carrier)
    if not htmx.wants_fragment():
        form = forms.test_form(context.kind_of(carrier))
        return render_template("carriers/show.html", **shown, **context.trial(form))
    return htmx.live("carriers/_standing.html", **shown)


@bp.get("/new")
@access.needs(Role.OWNER, proof=True)
def new() -> ResponseReturnValue:
    """The kinds, or the form of one."""
    kind = request.args.get("kind", "")
    if kind not in registry.KINDS:
        return render_template("carriers/kinds.html", kinds=registry.KINDS.values())
    drawn = forms.setting_fields(kind, forms.defaults(kind))
    return render_template("carriers/form.html", **_form(registry.KINDS[kind], drawn, NewCarrierForm()))


@bp.post("/new")
@access.needs(Role.OWNER, proof=True)
def create() -> ResponseReturnValue:
    """Set one up, and show it, where it can be tried."""
    kind, form = request.form.get("kind", ""), NewCarrierForm()
    if kind not in registry.KINDS:
        abort(404)
    form.validate()
    typed = forms.given(kind, request.form)
    try:
        wanted = NewCarrier(kind, form.name.data, typed, label=form.label.data)
        carrier = carriers.add(session, context.box(), wanted, current_user.email)
    except InvalidSettings as error:
        faults = forms.errors(kind, error)
        if "name" in faults:
            form.blame("name", faults.pop("name"))
        return _refused(registry.KINDS[kind], forms.setting_fields(kind, _unkept(kind, typed)), form, faults)
    if form.is_refused:
        return _refused(registry.KINDS[kind], forms.setting_fields(kind, _unkept(kind, typed)), form, {})
    audited.record("carriers.create", carrier.name)
    session.commit()
    flash(_("Carrier %(name)s is set up. Try it with a message to your own phone.", name=carrier.name))
    return redirect(url_for(".show", carrier_id=carrier.id), 303)


@bp.get("/<int:carrier_id>/edit")
@access.needs(Role.OWNER, proof=True)
def edit(carrier_id: int) -> ResponseReturnValue:
    carrier = _find(carrier_id)
    drawn = forms.setting_fields(carrier.kind, context.stored(carrier) or forms.defaults(carrier.kind))
    form = CarrierForm(carrier)
    return render_template("carriers/form.html", **_form(context.kind_of(carrier), drawn, form, carrier=carrier))


@bp.post("/<int:carrier_id>/edit")
@access.needs(Role.OWNER, proof=True)
def change(carrier_id: int) -> ResponseReturnValue:
    """Change settings, unless somebody else did meanwhile; a secret that was left empty stays."""
    carrier = _find(carrier_id)
    form, typed, stored = CarrierForm(carrier), forms.given(carrier.kind, request.form), context.stored(carrier)
    form.differences = forms.differences(carrier.kind, stored, typed) if stored else []
    form.validate()
    faults = {} if form.conflicts else _revise(carrier, stored, typed)
    if faults or form.faults or form.conflicts:
        known = {**_unkept(carrier.kind, typed), **_secrets(carrier.kind, stored or {})}
        return _refused(context.kind_of(carrier), forms.setting_fields(carrier.kind, known), form, faults, carrier)
    carrier.label = form.label.data
    audited.record("carriers.change", carrier.name)
    session.commit()
    flash(_("Settings of %(name)s saved. Workers use them within seconds.", name=carrier.name))
    return redirect(url_for(".show", carrier_id=carrier.id), 303)


@bp.get("/<int:carrier_id>/disable")
@access.needs(Role.OWNER)
def ask_disable(carrier_id: int) -> ResponseReturnValue:
    carrier = _find(carrier_id)
    return _dialog("carriers/_disable.html", carrier=carrier, alone=context.alone(carrier))


@bp.post("/<int:carrier_id>/disable")
@access.needs(Role.OWNER)
def disable(carrier_id: int) -> ResponseReturnValue:
    return _switch(_find(carrier_id), on=False)


@bp.post("/<int:carrier_id>/enable")
@access.needs(Role.OWNER)
def enable(carrier_id: int) -> ResponseReturnValue:
    return _switch(_find(carrier_id), on=True)


@bp.get("/<int:carrier_id>/remove")
@access.needs(Role.OWNER, proof=True)
def ask_remove(carrier_id: int) -> ResponseReturnValue:
    carrier = _find(carrier_id)
    return _removal(carrier, _confirm_form(carrier))


@bp.post("/<int:carrier_id>/remove")
@access.needs(Role.OWNER, proof=True)
def remove(carrier_id: int) -> ResponseReturnValue:
    """Forget it; one that is in a route or in use asks for its name. Leads to the list: its page is no more."""
    carrier = _find(carrier_id)
    form = _confirm_form(carrier)
    if form is not None and not form.validate():
        return _removal(carrier, form, 422)
    name = carrier.name
    carriers.remove(session, carrier)
    audited.record("carriers.remove", name)
    session.commit()
    flash(_("Carrier %(name)s removed", name=name))
    return htmx.redirect(url_for(".index"))


@bp.post("/<int:carrier_id>/test")
@access.needs(Role.OPERATOR)
def test(carrier_id: int) -> ResponseReturnValue:
    """Send a real message through it alone, then show what becomes of that."""
    carrier = _find(carrier_id)
    form = forms.test_form(context.kind_of(carrier))
    sent = _send_test(carrier, form) if form.validate() else None
    if sent is None:
        shown = {**context.detail(carrier), **context.trial(form)}
        return htmx.page("carriers/show.html", "carriers/_trial.html", 422, **shown)
    reference, channel = sent
    audited.record("carriers.test", carrier.name, message=(None, reference))
    session.commit()
    services().wakeup.notify(channel)
    if not htmx.wants_fragment():
        return redirect(url_for(".outcome", carrier_id=carrier.id, reference=reference), 303)
    return render_template("carriers/_trial.html", **_outcome(carrier, form, reference))


@bp.get("/<int:carrier_id>/test/<uuid:reference>")
@access.needs(Role.OPERATOR)
def outcome(carrier_id: int, reference: UUID) -> ResponseReturnValue:
    """What became of a trial; alone when HTMX asks, and nothing when nothing changed."""
    carrier = _find(carrier_id)
    shown = _outcome(carrier, forms.test_form(context.kind_of(carrier)), str(reference))
    if not htmx.wants_fragment():
        return render_template("carriers/show.html", **shown)
    shown["mark"] = shown["trial"]["mark"]
    return htmx.live("carriers/_outcome.html", **shown)


def _send_test(carrier: Carrier, form: TestForm) -> tuple[str, str] | None:
    """The id of the message and its channel; None: it was not sent, which the form now says."""
    if not carrier.enabled:
        form.blame("phone", _("It is switched off. Switch it on first."))
        return None
    try:
        return test_message.submit(session, services().keyring, carrier, form.phone.data)
    except RateLimited as refusal:
        wait = formats.duration_of(refusal.standing.reset)
        form.blame("phone", _("This recipient was sent enough test codes. Try again in %(time)s.", time=wait))
        return None


def _outcome(carrier: Carrier, form: TestForm, reference: str) -> dict[str, Any]:
    return {**context.detail(carrier), **context.trial(form, _trial(reference))}


def _trial(reference: str) -> Message:
    """A message of the gateway's own key."""
    message = status.find(session, reference)
    if message is None or message.key_id != keys.OWN_ID:
        abort(404)
    return message


def _switch(carrier: Carrier, *, on: bool) -> ResponseReturnValue:
    carriers.switch(session, carrier, on=on)
    audited.record("carriers.enable" if on else "carriers.disable", carrier.name, enabled=(not on, on))
    session.commit()
    told = _("Carrier %(name)s is used again") if on else _("Carrier %(name)s gets no more messages")
    back = None if on else Undo(url_for(".enable", carrier_id=carrier.id), {})
    htmx.tell(told % {"name": carrier.name}, back)
    return htmx.redirect(url_for(".show", carrier_id=carrier.id))


def _removal(carrier: Carrier, form: ConfirmForm | None, http_status: int = 200) -> ResponseReturnValue:
    return _dialog("carriers/_remove.html", http_status, alone=context.alone(carrier), carrier=carrier, form=form)


def _confirm_form(carrier: Carrier) -> ConfirmForm | None:
    """Asks for the name of a carrier that is in a route or in use."""
    if not _is_in_use(carrier):
        return None
    fault = _("This is not the carrier’s name. Type it as it is written above.")
    return ConfirmForm(carrier.name, _("Type the carrier’s name to confirm"), fault)


def _is_in_use(carrier: Carrier) -> bool:
    return bool(carrier.routes) or metrics.used_lately(session, carrier.name)


def _revise(carrier: Carrier, stored: dict[str, Any] | None, typed: dict[str, Any]) -> dict[str, str]:
    """Change its settings; return what is wrong with them, by field."""
    try:
        if stored is None:  # nobody can read what is there, so that nothing of it stays
            carriers.replace(session, context.box(), carrier, typed)
        else:
            carriers.revise(session, context.box(), carrier, typed)
    except InvalidSettings as error:
        return forms.errors(carrier.kind, error)
    return {}


def _refused(
    kind: CarrierKind,
    drawn: list[forms.FormField],
    form: CarrierForm,
    errors: dict[str, str],
    carrier: Carrier | None = None,
) -> ResponseReturnValue:
    """The form again, with what was typed and what is wrong with it; nothing is kept."""
    session.rollback()
    http_status = form.status if carrier else 422
    return render_template("carriers/form.html", **_form(kind, drawn, form, errors, carrier)), http_status


def _form(
    kind: CarrierKind,
    drawn: list[forms.FormField],
    form: CarrierForm,
    errors: Mapping[str, str] = {},
    carrier: Carrier | None = None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "carrier": carrier,
        "form": form,
        "groups": forms.groups(drawn),
        "advanced": forms.advanced(drawn),
        "errors": {**form.faults, **errors},
        "WHOLE": forms.WHOLE,
    }


def _unkept(kind: str, typed: dict[str, Any]) -> dict[str, Any]:
    """What was typed, without secrets: those are never shown back."""
    hidden = registry.KINDS[kind].settings.secrets()
    return {name: value for name, value in typed.items() if name not in hidden}


def _secrets(kind: str, stored: dict[str, Any]) -> dict[str, Any]:
    hidden = registry.KINDS[kind].settings.secrets()
    return {name: value for name, value in stored.items() if name in hidden}


def _dialog(fragment: str, http_status: int = 200, **shown: Any) -> ResponseReturnValue:
    return htmx.dialog(fragment, http_status, page_title=_("Carriers"), **shown)


def _find(carrier_id: int) -> Carrier:
    carrier = session.get(Carrier, carrier_id) if carrier_id else None
    if carrier is None or carrier.kind not in registry.KINDS:
        abort(404)
    return carrier

"""Prices: what carriers ask for a segment, from which day on; what is to come is shown as such."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, abort, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway.carriers import carriers
from dashboard.gateway.costs import prices
from dashboard.gateway.costs.prices import NewPrice
from dashboard.models.costs import Price
from dashboard.pages.ui import labels
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import ChoiceField, Form, SwitchField, TextField
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.providers import registry
from dashboard.sms import numbers
from dashboard.vocabulary import Role

UNDO = "price"

bp = Blueprint("prices", __name__)


def _amount(text: str) -> int:
    """1/10,000 MRU; raise Fault."""
    try:
        return prices.parse(text)
    except ValueError:
        raise Fault(_("Enter an amount in MRU with at most four digits after the point, such as 0.32.")) from None


def _day(text: str) -> date:
    """A day; raise Fault."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Fault(_("Enter a date, such as 2027-06-30.")) from None


class PriceForm(Form):
    """What a carrier asks."""

    subject = ChoiceField(_l("Carrier and channel"), _l("Choose a carrier of the list."))
    operator = ChoiceField(_l("Mobile operator"), _l("Choose an operator of the list."))
    amount = TextField(
        _l("Price of a segment, in MRU"),
        _amount,
        render_kw={"inputmode": "decimal", "autocomplete": "off", "dir": "ltr", "placeholder": "0.32"},
    )
    from_day = TextField(_l("From"), _day, render_kw={"type": "date"})
    is_refunded = SwitchField(
        _l("The carrier gives the price back"), legend=_l("When a text fails after it was taken"), default=False
    )

    def __init__(self) -> None:
        super().__init__(data={"from_day": utcnow().date()})
        self.subject.choices = [
            (f"{carrier.name} {channel}", f"{carrier.name} · {labels.CHANNELS[channel]}")
            for carrier in carriers.listed(session)
            for channel in registry.KINDS[carrier.kind].channels
        ]
        self.operator.choices = [(prices.ALL_OPERATORS, _("All operators")), *numbers.OPERATORS.items()]

    @property
    def wanted(self) -> NewPrice:
        carrier, channel = self.subject.data.split(" ")
        told = (self.operator.data, self.from_day.data, self.amount.data, self.is_refunded.data)
        return NewPrice(carrier, channel, *told)


@bp.get("/")
def index() -> ResponseReturnValue:
    """All prices."""
    return htmx.page("costs/prices.html", "costs/_prices.html", **_listing())


@bp.get("/new")
@access.needs(Role.OWNER)
def new() -> ResponseReturnValue:
    return _form(PriceForm())


@bp.post("/new")
@access.needs(Role.OWNER)
def create() -> ResponseReturnValue:
    """Let a price hold from its day on."""
    form = PriceForm()
    if not form.validate():
        return _form(form, form.status)
    wanted = form.wanted
    prices.save(session, wanted, current_user.email)
    audited.record("prices.save", wanted.carrier, price=(None, prices.plain(wanted.amount)))
    session.commit()
    return _changed(_("Price saved; what was sent keeps what it cost"))


@bp.get("/<int:price_id>/remove")
@access.needs(Role.OWNER)
def ask_remove(price_id: int) -> ResponseReturnValue:
    return htmx.dialog("costs/_remove_price.html", page_title=_("Prices"), row=_row(price_id))


@bp.post("/<int:price_id>/remove")
@access.needs(Role.OWNER)
def remove(price_id: int) -> ResponseReturnValue:
    """Forget a price."""
    row = _row(price_id)
    back = undo.undo(url_for(".restore"), UNDO, undo.columns(row))
    audited.record("prices.remove", row.carrier, price=(prices.plain(row.amount), None))
    prices.remove(session, row.id)
    session.commit()
    return _changed(_("Price removed"), back)


@bp.post("/restore")
@access.needs(Role.OWNER)
def restore() -> ResponseReturnValue:
    """Let a price hold again that was removed a moment ago, unless another holds from the same day on."""
    row = undo.put_back(Price, undo.taken_back(UNDO))
    if row is None:
        return htmx.refused(_("There is a price from this day on already."), url_for(".index"))
    audited.record("prices.save", row.carrier, price=(None, prices.plain(row.amount)))
    session.commit()
    return _changed(_("Price restored"))


def _listing() -> dict[str, Any]:
    """Each price with whether it holds: of a subject the newest that has begun."""
    today, rows, seen = utcnow().date(), [], set()
    for row in prices.listed(session):
        subject = (row.carrier, row.channel, row.operator)
        is_to_come = row.from_day > today
        state = "waiting" if is_to_come else "off" if subject in seen else "active"
        seen |= set() if is_to_come else {subject}
        rows.append((row, state))
    return {
        "rows": rows,
        "may_change": current_user.may(Role.OWNER),
        "has_carriers": bool(carriers.listed(session)),
        "OPERATOR_NAMES": numbers.OPERATORS,
    }


def _row(price_id: int) -> Price:
    return session.get(Price, price_id) or abort(404)


def _changed(message: str, back: Undo | None = None) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".index"), ChangedPart("prices", "costs/_prices.html", _listing()), back)


def _form(form: PriceForm, status: int = 200) -> ResponseReturnValue:
    return htmx.dialog("costs/_price_form.html", status, page_title=_("Prices"), form=form)

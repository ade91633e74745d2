"""Budgets: what keys may spend in a day or a month; owners set them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from dashboard.extensions import services, session
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import keys
from dashboard.gateway.costs import budgets, prices
from dashboard.gateway.costs.budgets import EVERYBODY, BudgetChanged, NewBudget
from dashboard.models.api_keys import ApiKey
from dashboard.models.costs import Budget
from dashboard.pages.ui import fields
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import NUMBER, ChoiceField, Form, SwitchField, TextField, choices
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.vocabulary import BudgetAction, BudgetPeriod, KeyMode, KeyState, Role

Facts = dict[str, Any]  # of the audit log
UNDO = "budget"
PERIODS: dict[str, Any] = {BudgetPeriod.DAY: _l("Day"), BudgetPeriod.MONTH: _l("Month")}
ACTIONS: dict[str, Any] = {
    BudgetAction.STOP: _l("Refuse messages"),
    BudgetAction.SLOW: _l("Let a few messages a minute pass"),
}
TELLS = ("key_id", "period", "amount", "timezone", "action", "per_minute", "exempts_codes")

bp = Blueprint("budgets", __name__)


def _amount(text: str) -> int:
    """1/10,000 MRU; raise Fault."""
    try:
        return prices.parse("".join(text.split()), budgets.HIGHEST)
    except ValueError:
        raise Fault(_("Enter an amount in MRU, such as 20000 or 1500.50.")) from None


def _per_minute(text: str) -> int:
    """Messages; raise Fault."""
    count = fields.whole(text)
    if count is None or not 1 <= count <= budgets.MOST_PER_MINUTE:
        raise Fault(_("Enter a whole number from 1 to %(most)s.", most=budgets.MOST_PER_MINUTE))
    return count


class BudgetForm(Form):
    """An amount for a while, and what comes at its end."""

    key_id = ChoiceField(_l("Who spends it"), _l("Choose a key of the list."))
    period = ChoiceField(_l("For a"), _l("Choose a day or a month."), choices=choices(PERIODS))
    amount = TextField(
        _l("Amount, in MRU"),
        _amount,
        prices.plain,
        render_kw={"inputmode": "decimal", "autocomplete": "off", "dir": "ltr", "placeholder": "20000"},
    )
    action = ChoiceField(_l("When it is used up"), _l("Choose what is done then."), choices=choices(ACTIONS))
    per_minute = TextField(_l("Messages a minute, when they are slowed"), _per_minute, render_kw=NUMBER)
    exempts_codes = SwitchField(_l("Codes are sent all the same, and counted"), legend=_l("One-time codes"))

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget
        usual = {"period": BudgetPeriod.MONTH, "action": BudgetAction.STOP, "per_minute": 60, "exempts_codes": True}
        drawn = {name: getattr(budget, name) for name in TELLS} if budget else {"key_id": EVERYBODY, **usual}
        super().__init__(data=drawn)
        self.key_id.choices = [(EVERYBODY, _("All keys together")), *_spenders(budget)]

    def asks(self, name: str) -> bool:
        """Whom it is for and for how long stays."""
        return self.budget is None or name not in ("key_id", "period")

    def wanted(self) -> NewBudget:
        subject = self.budget or NewBudget(self.key_id.data, BudgetPeriod(self.period.data), 0, "")
        return NewBudget(
            subject.key_id,
            BudgetPeriod(subject.period),
            self.amount.data,
            site_settings.current(session).timezone or services().settings.timezone,
            BudgetAction(self.action.data),
            self.per_minute.data,
            self.exempts_codes.data,
        )


@bp.get("/")
def index() -> ResponseReturnValue:
    """All budgets, with what is used of them."""
    return htmx.page("costs/budgets.html", "costs/_budgets.html", **listing())


@bp.get("/new")
@access.needs(Role.OWNER)
def new() -> ResponseReturnValue:
    return _form(BudgetForm())


@bp.post("/new")
@access.needs(Role.OWNER)
def create() -> ResponseReturnValue:
    """Set a budget; it counts what was spent in its day or month before."""
    form = BudgetForm()
    if not form.validate():
        return _form(form, form.status)
    wanted = form.wanted()
    try:
        _save(wanted, 0)
    except BudgetChanged:
        form.blame("key_id", _("There is a budget for this already. Change that one."))
        return _form(form, 422)
    return _changed(_("Budget set; it holds within a second"))


@bp.get("/<int:budget_id>/edit")
@access.needs(Role.OWNER)
def edit(budget_id: int) -> ResponseReturnValue:
    return _form(BudgetForm(_row(budget_id)))


@bp.post("/<int:budget_id>/edit")
@access.needs(Role.OWNER)
def change(budget_id: int) -> ResponseReturnValue:
    """Change the amount and what comes at its end; what is counted stays."""
    row = _row(budget_id)
    form = BudgetForm(row)
    if not form.validate():
        return _form(form, form.status)
    back = _undo(row)
    _save(form.wanted(), row.version)
    return _changed(_("Budget changed; it holds within a second"), back)


@bp.get("/<int:budget_id>/remove")
@access.needs(Role.OWNER)
def ask_remove(budget_id: int) -> ResponseReturnValue:
    row = _row(budget_id)
    return htmx.dialog("costs/_remove_budget.html", page_title=_("Budgets"), row=row, **_words())


@bp.post("/<int:budget_id>/remove")
@access.needs(Role.OWNER)
def remove(budget_id: int) -> ResponseReturnValue:
    """Remove a budget."""
    row = _row(budget_id)
    back = _undo(row)
    audited.record(
        "budgets.remove", _name(row.key_id), period=(row.period, None), amount=(prices.plain(row.amount), None)
    )
    budgets.remove(session, row.id, row.version)
    session.commit()
    return _changed(_("Budget removed"), back)


@bp.post("/restore")
@access.needs(Role.OWNER)
def restore() -> ResponseReturnValue:
    """Bring a budget back as it was a moment ago."""
    before = undo.taken_back(UNDO)
    wanted = NewBudget(**{name: before[name] for name in TELLS})
    row = _find(wanted.key_id, wanted.period)
    _save(wanted, row.version if row else 0)
    return _changed(_("Budget restored"))


@bp.errorhandler(BudgetChanged)
def _refuse(_error: BudgetChanged) -> ResponseReturnValue:
    """Between this request's look at the budget and its act."""
    session.rollback()
    return htmx.refused(_("Somebody else has saved this meanwhile"), url_for(".index"))


def listing() -> dict[str, Any]:
    """All budgets, those of all keys first, then the most used."""
    rows = sorted(budgets.standings(session), key=lambda one: (one.budget.key_id != EVERYBODY, -one.share))
    return {"rows": rows, "may_change": current_user.may(Role.OWNER), **_words()}


def _save(wanted: NewBudget, version: int) -> None:
    """Raise BudgetChanged."""
    row = _find(wanted.key_id, wanted.period)
    was = prices.plain(row.amount) if row else None
    budgets.save(session, wanted, version, current_user.email)
    facts: Facts = {"period": (None, wanted.period), "amount": (was, prices.plain(wanted.amount))}
    audited.record("budgets.save", _name(wanted.key_id), **facts)
    session.commit()


def _find(key_id: str, period: str) -> Budget | None:
    return session.query(Budget).filter_by(key_id=key_id, period=period).one_or_none()


def _row(budget_id: int) -> Budget:
    return session.get(Budget, budget_id) or abort(404)


def _undo(row: Budget) -> Undo:
    return undo.undo(url_for(".restore"), UNDO, {name: getattr(row, name) for name in TELLS})


def _spenders(budget: Budget | None) -> list[tuple[str, str]]:
    """Keys whose messages cost something, and the one that a budget is of."""
    return [
        (key.id, key.name)
        for key in keys.listed(session)
        if (key.mode == KeyMode.LIVE and keys.state(key) == KeyState.ACTIVE) or (budget and key.id == budget.key_id)
    ]


def _name(key_id: str) -> str:
    key = session.get(ApiKey, key_id) if key_id else None
    return key.name if key else key_id or "*"


def _words() -> dict[str, Any]:
    return {"KEY_NAMES": {key.id: key.name for key in session.query(ApiKey)}, "PERIODS": PERIODS, "ACTIONS": ACTIONS}


def _changed(message: str, back: Undo | None = None) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".index"), ChangedPart("budgets", "costs/_budgets.html", listing()), undo=back)


def _form(form: BudgetForm, status: int = 200) -> ResponseReturnValue:
    target = url_for(".change", budget_id=form.budget.id) if form.budget else url_for(".create")
    return htmx.dialog("costs/_budget_form.html", status, page_title=_("Budgets"), form=form, target=target, **_words())

"""The forms of an override (for whom, which windows, why, until when) and of the usual limits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, RadioField
from wtforms.validators import ValidationError

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway.limits import overrides, rate_limit
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.limits.rate_limit import Quotas
from dashboard.models.api_keys import ApiKey
from dashboard.models.limits import UNLIMITED, LimitOverride
from dashboard.pages.ui import fields, formats, forms, labels, periods
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import BoundField, ChoiceField, DayField, Form, TextField
from dashboard.vocabulary import Window

DAY, EVER, KEEP = "day", "ever", "keep"
LONGEST_REASON = 200
PAIR, PHONE, KEY = "pair", "phone", "key"
SCOPES = {PAIR: _l("Number on a key"), PHONE: _l("Number"), KEY: _l("Key")}


def _most(text: str) -> int | None:
    """A quota of a window; nothing keeps the usual one."""
    plain = text.strip()
    if not plain:
        return None
    number = fields.whole(plain)
    if number is None or number > rate_limit.LARGEST:
        most = formats.number(rate_limit.LARGEST)
        raise Fault(_("Enter a whole number from 0 to %(most)s, or leave it empty.", most=most))
    return number


def _reason(text: str) -> str:
    reason = fields.words(text, LONGEST_REASON)
    if not reason:
        raise Fault(_("Say why, for whoever finds this override later."))
    return reason


class QuotaField(TextField):
    """How many codes a window lets through; the usual number stands in it as long as it is empty."""

    def __init__(self, label: Any, **more: Any) -> None:
        super().__init__(label, _most, render_kw={**forms.NUMBER, "maxlength": 6}, **more)


class OverrideForm(Form):
    """The form of an override. Whom one that is there is for stays: NewOverrideForm chooses that, too."""

    minute = QuotaField(labels.PER_WINDOW[Window.MINUTE])
    hour = QuotaField(labels.PER_WINDOW[Window.HOUR])
    day = QuotaField(labels.PER_WINDOW[Window.DAY])
    no_minute = BooleanField(_l("No limit"))
    no_hour = BooleanField(_l("No limit"))
    no_day = BooleanField(_l("No limit"))
    reason = TextField(
        _l("Reason"),
        _reason,
        description=_l("Such as a support ticket or who asked for it."),
        render_kw=forms.length(LONGEST_REASON),
    )
    lasting = ChoiceField(_l("Duration"))
    until = DayField(_l("Last day"))

    def __init__(self, row: LimitOverride | None = None, **values: Any) -> None:
        stored = _values_of(row) if row else {}
        super().__init__(data={**stored, **values})
        self.row = row
        self.is_tried = "rehearse" in request.form and "confirmed" not in request.form
        for window, most in rate_limit.usual(session).items():
            self[window].render_kw["placeholder"] = most
        kept = {KEEP: _("unchanged")} if row else {}
        ends = {**kept, **labels.LASTING, DAY: _("until a date"), EVER: _("no end date")}
        self.lasting.choices = forms.choices(ends)

    @property
    def windows(self) -> list[tuple[BoundField, BoundField]]:
        """The quota of each window, and its box for "no limit"."""
        return [(self[window], self[f"no_{window}"]) for window in Window]

    def wanted(self) -> NewOverride:
        """What was typed; to be asked of a form without faults."""
        minute, hour, day = (UNLIMITED if no.data else quota.data for quota, no in self.windows)
        return NewOverride(*self.subject(), minute, hour, day, self.reason.data or "", self._end())

    def stored(self) -> dict[str, Any]:
        return {**super().stored(), "until": self.row.until if self.row else None}

    def subject(self) -> tuple[str | None, str | None]:
        """The key's id and the number."""
        return (self.row.key_id, self.row.phone) if self.row else (None, None)

    def validate(self, extra_validators: Any = None) -> bool:
        is_valid = bool(super().validate(extra_validators))
        if not any(quota.errors or quota.data is not None or no.data for quota, no in self.windows):
            self.blame("minute", _("Set the limit of at least one period; the others keep the usual limit."))
            return False
        return is_valid

    def asks(self, name: str) -> bool:
        """For a day only when the override holds until one; for a reason only to save it, not to try it."""
        unasked = {"until": self.lasting.data != DAY, "reason": self.is_tried}
        return not unasked.get(name, False)

    def validate_until(self, field: BoundField) -> None:
        if field.data is None:
            raise ValidationError(_("Choose the last day."))

    def _end(self) -> datetime | None:
        if self.lasting.data == KEEP and self.row is not None:
            return self.row.until
        if self.lasting.data in periods.LASTING:
            return utcnow() + periods.LASTING[self.lasting.data]
        return self.until.data if self.lasting.data == DAY else None


class NewOverrideForm(OverrideForm):
    """Chooses whom the override is for: a number, a key, or a number on a key."""

    scope = RadioField(_l("Applies to"), choices=forms.choices(SCOPES), default=PAIR)
    phone = forms.recipient_field()
    key = ChoiceField(_l("API key"), _l("Choose a key."))

    def __init__(self, known: list[ApiKey], **values: Any) -> None:
        super().__init__(**values)
        live = [key for key in known if key.revoked_at is None]
        self.key.choices = forms.choices({key.id: f"{key.name} · {labels.MODES[key.mode]}" for key in live})

    def subject(self) -> tuple[str | None, str | None]:
        scope = self.scope.data
        return (None if scope == PHONE else self.key.data), (None if scope == KEY else self.phone.data)

    def asks(self, name: str) -> bool:
        """Not for what the chosen scope does not name."""
        return {PHONE: "key", KEY: "phone"}.get(self.scope.data) != name and super().asks(name)


def _usual_limit(text: str) -> int:
    number = fields.whole(text.strip())
    if number is None or not 0 < number <= rate_limit.LARGEST:
        raise Fault(_("Enter a whole number from 1 to %(most)s.", most=formats.number(rate_limit.LARGEST)))
    return number


def _usual_field(window: Window) -> Any:
    return TextField(labels.PER_WINDOW[window], _usual_limit, render_kw={**forms.NUMBER, "maxlength": 6})


class UsualLimitsForm(Form):
    """The limits of every number and key that have no override."""

    minute = _usual_field(Window.MINUTE)
    hour = _usual_field(Window.HOUR)
    day = _usual_field(Window.DAY)

    def __init__(self, usual: Quotas) -> None:
        super().__init__(data={str(window): most for window, most in usual.items()})

    @property
    def windows(self) -> list[BoundField]:
        return [self[window] for window in Window]

    def wanted(self) -> Quotas:
        """What was typed; to be asked of a form without faults."""
        return {window: self[window].data for window in Window}


def _values_of(row: LimitOverride) -> dict[str, Any]:
    """An override as its form shows it."""
    usual = next(iter(labels.LASTING))
    values: dict[str, Any] = {"reason": row.reason, "lasting": KEEP if overrides.is_in_force(row) else usual}
    for window in Window:
        quota = getattr(row, window)
        values[window] = None if quota == UNLIMITED else quota
        values[f"no_{window}"] = quota == UNLIMITED
    return values

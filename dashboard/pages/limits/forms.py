"""The form of an override: for whom, which windows, why, until when."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway.limits import overrides, rate_limit
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.models.api_keys import ApiKey
from dashboard.models.limits import UNLIMITED, LimitOverride
from dashboard.pages.ui import fields, formats
from dashboard.pages.ui.fields import Fault

LASTING = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
DAY, EVER, KEEP = "day", "ever", "keep"
LONGEST_REASON = 200


class OverrideForm:
    """`errors` is by field; `wanted` holds when there are none. `row` is the override that is being changed."""

    def __init__(self, form: MultiDict[str, str], row: LimitOverride | None = None) -> None:
        self.form, self.row = form, row
        self.errors: dict[str, str] = {}
        key_id, phone = (row.key_id, row.phone) if row else (self._key(), self._phone())
        windows = {window: self._window(window) for window in rate_limit.WINDOWS}
        if not self.errors and all(value is None for value in windows.values()):
            self.errors["minute"] = _("Set at least one window; the others keep the usual limit.")
        self.wanted = NewOverride(key_id, phone, **windows, reason=self._reason(), until=self._until())

    def _phone(self) -> str | None:
        if self.form.get("scope") == "key":
            return None
        try:
            return fields.phone_number(self.form.get("phone", ""))
        except Fault as fault:
            self.errors["phone"] = str(fault)
            return None

    def _key(self) -> str | None:
        if self.form.get("scope") == "phone":
            return None
        key = session.get(ApiKey, self.form.get("key", ""))
        if key is None or key.revoked_at is not None:
            self.errors["key"] = _("Choose a key.")
            return None
        return key.id

    def _window(self, window: str) -> int | None:
        if self.form.get(f"no_{window}"):
            return UNLIMITED
        plain = self.form.get(window, "").strip()
        if not plain:
            return None
        if not (plain.isascii() and plain.isdigit() and len(plain) < 8 and int(plain) <= overrides.LARGEST):
            self.errors[window] = _(
                "Enter a whole number from 0 to %(most)s, or leave it empty.", most=formats.number(overrides.LARGEST)
            )
            return None
        return int(plain)

    def _reason(self) -> str:
        reason = " ".join(self.form.get("reason", "").split())
        if not reason:
            self.errors["reason"] = _("Say why, for whoever finds this override later.")
        elif len(reason) > LONGEST_REASON or fields.UNPRINTABLE.search(reason):
            self.errors["reason"] = _("Use at most %(most)d characters, on one line.", most=LONGEST_REASON)
        return reason

    def _until(self) -> datetime | None:
        lasting = self.form.get("lasting", "")
        if lasting == KEEP and self.row is not None:
            return self.row.until
        if lasting == EVER:
            return None
        if lasting in LASTING:
            return utcnow() + LASTING[lasting]
        try:
            end = fields.end_of_day(self.form.get("until", ""))
        except Fault as fault:
            self.errors["until"] = str(fault)
            return None
        if end is None:
            self.errors["until"] = _("Choose the last day.")
        return end

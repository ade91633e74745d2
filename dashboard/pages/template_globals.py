"""What every template may use without an import."""

from __future__ import annotations

from typing import Any

from flask_login import current_user

from dashboard.pages.ui import failure_reasons, formats, labels
from dashboard.pages.web import htmx, locale
from dashboard.sms import numbers

GLOBALS: dict[str, Any] = {
    # the visitor and the request
    "current_user": current_user,
    "sees_numbers": formats.sees_numbers,
    "language": locale.language,
    "direction": locale.direction,
    "theme": locale.theme,
    "here": locale.here,
    "is_partial": htmx.wants_fragment,
    "form_target": htmx.form_target,
    "title_tag": htmx.title_tag,
    # how values are written
    "ago": formats.ago,
    "moment": formats.moment,
    "to_the_minute": formats.minute,
    "clock": formats.clock,
    "hour_minute": formats.hour_minute,
    "day": formats.day,
    "days": formats.days,
    "number": formats.number,
    "ngettext": formats.html_ngettext,
    "balance": formats.balance,
    "money": formats.money,
    "price": formats.price,
    "date_of": formats.date_of,
    "percent": formats.percent,
    "signed_percent": formats.signed_percent,
    "seconds": formats.seconds,
    "duration": formats.duration,
    "duration_of": formats.duration_of,
    "span": formats.span,
    "shown_phone": formats.phone,
    "initials": formats.initials,
    "organisation": formats.organisation,
    "operator_of": labels.operator_of,
    "is_fixed": numbers.is_fixed,
    # words
    "author": labels.author,
    "reason": failure_reasons.reason,
    "reason_advice": failure_reasons.advice,
    "LANGUAGES": locale.LANGUAGES,
    "THEMES": locale.THEMES,
    "STATUSES": labels.STATUSES,
    "STAGES": labels.STAGES,
    "KEY_STATES": labels.KEY_STATES,
    "CHANNELS": labels.CHANNELS,
    "OPERATORS": labels.OPERATORS,
    "PERIOD_NAMES": labels.PERIOD_NAMES,
    "KINDS": labels.KINDS,
    "TIDIED": labels.TIDIED,
    "MODES": labels.MODES,
    "ROLES": labels.ROLES,
    "SCOPES": labels.SCOPES,
    "SCOPE_TAGS": labels.SCOPE_TAGS,
    "GRACES": labels.GRACES,
    "WINDOWS": labels.WINDOWS,
    "PER_WINDOW": labels.PER_WINDOW,
    "PUMPING_STEPS": labels.PUMPING_STEPS,
    "PUMPING_EFFECTS": labels.PUMPING_EFFECTS,
    "LASTING": labels.LASTING,
}

"""Which columns the audit log tells of, before and after. What is not named here never stands in it: no secret does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import inspect

from dashboard.db import Base, iso
from dashboard.models.accounts import PersonLink, User
from dashboard.models.alerts import AlertChannel
from dashboard.models.api_keys import ApiKey, KeySecret
from dashboard.models.carriers import Carrier, Route
from dashboard.models.limits import LimitOverride
from dashboard.models.otp import OtpTemplate
from dashboard.models.site_settings import Setting
from dashboard.models.webhooks import WebhookEndpoint

LONGEST = 400
KEY = ("name", "mode", "scopes", "networks", "message_cap", "otp_cap", "brand", "sender")
ORDER = ("sms_fallback", "channel_order")
FIELDS: dict[type[Base], tuple[str, ...]] = {
    ApiKey: (*KEY, *ORDER, "expires_at", "revoked_at"),
    KeySecret: ("hint", "expires_at"),
    LimitOverride: ("minute", "hour", "day", "reason", "until"),
    Carrier: ("name", "label", "kind", "enabled", "version"),
    Route: ("carrier_id", "position", "weight", "sender"),
    WebhookEndpoint: ("url", "description", "events", "envelope", "disabled_at", "deleted_at"),
    OtpTemplate: ("language", "body", "brand"),
    User: ("email", "name", "role", "language", "timezone", "password_changed_at", "totp_at", "disabled_at"),
    AlertChannel: ("kind", "label", "severity", "language", "quiet_from", "quiet_until", "repeat_minutes"),
    PersonLink: ("kind", "email", "role", "expires_at"),
}
Change = tuple[str, Any, Any]  # field, before, after


def is_told_of(row: object) -> bool:
    return type(row) in FIELDS or isinstance(row, Setting)


def changes_of(row: Base, *, is_deleted: bool) -> Iterator[Change]:
    """What a flush is about to write of a row."""
    state = inspect(row)
    names = ("value",) if isinstance(row, Setting) else FIELDS[type(row)]
    for name in names:
        history = state.attrs[name].history
        old = [*history.deleted, *history.unchanged] if is_deleted else history.deleted
        before = plain(name, old[0] if old else None)
        after = None if is_deleted else plain(name, getattr(row, name))
        if before != after and (is_deleted or history.added):
            yield (row.name if isinstance(row, Setting) else name), before, after


def plain(name: str, value: Any) -> Any:
    """A value as JSON writes it; of an address only where it leads, since the rest may hold a secret."""
    if name == "url" and value:
        return urlsplit(value).netloc
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return value[:LONGEST] if isinstance(value, str) else value

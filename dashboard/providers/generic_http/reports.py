"""Callbacks of a carrier behind HTTP: whether one proves where it comes from, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import jwt

from dashboard.outbound import client
from dashboard.providers.base import Incoming, Receipt
from dashboard.providers.delivery_reports import Callback, dig, is_signed, reference, same
from dashboard.providers.generic_http import report_rules
from dashboard.providers.generic_http.settings import HttpSettings
from dashboard.sms import numbers
from dashboard.vocabulary import ReceiptState

MOST_FIELDS = 200
MOST_ITEMS = 1000
JWT_LEEWAY_SECONDS = 60


def is_genuine(settings: HttpSettings, callback: Callback) -> bool:
    """Whether a report bears the secret, or its signature, where the settings say."""
    secret, name = settings.callback_secret.get_secret_value(), settings.callback_field
    if settings.callback_format == "none" or not secret:
        return False
    if settings.callback_check == "query":
        return same(secret, callback.query.get(name, ""))
    given = callback.headers.get(name.lower(), "")
    if settings.callback_check == "header":
        return same(secret, given)
    if settings.callback_check == "jwt":
        return _is_jwt(given, secret)
    return is_signed(secret, callback.body, given.removeprefix("sha256="))


def _is_jwt(given: str, secret: str) -> bool:
    """Whether it is a JWT, perhaps after `Bearer`, that the secret signs and whose time has not passed."""
    token = given.strip().removeprefix("Bearer ").strip()
    try:
        jwt.decode(token, secret, algorithms=["HS256"], leeway=JWT_LEEWAY_SECONDS, options={"verify_aud": False})
    except (jwt.InvalidTokenError, ValueError):
        return False
    return True


def receipts(settings: HttpSettings, callback: Callback) -> list[Receipt]:
    """The reports that name a text or a state; those with a word that is not in the table are UNKNOWN."""
    table = report_rules.states(settings.callback_states)
    found = (_receipt(settings, table, report) for report in _reports(settings, callback)[:MOST_ITEMS])
    return [item for item in found if item is not None]


def texts(settings: HttpSettings, callback: Callback) -> list[Incoming]:
    """The texts from phones: what has both a sender and a text where the settings say."""
    if not settings.incoming_sender:
        return []
    found = (_incoming(settings, item) for item in _reports(settings, callback)[:MOST_ITEMS])
    return [item for item in found if item is not None]


def _reports(settings: HttpSettings, callback: Callback) -> list[Any]:
    if settings.callback_format == "query":
        return [callback.query]
    if settings.callback_format == "form":
        return [_form(callback.body)]
    body = client.parse_json(callback.body)
    found = dig(body, settings.callback_list) if settings.callback_list else body
    return found if isinstance(found, list) else [found]


def _form(body: bytes) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=MOST_FIELDS))
    except ValueError:
        return {}


def _receipt(settings: HttpSettings, table: Mapping[str, ReceiptState], report: Any) -> Receipt | None:
    taken, word = _look(report, settings.callback_reference), _look(report, settings.callback_state)
    if word is None:
        return None
    why = _look(report, settings.callback_error)
    state = table.get(word.lower(), ReceiptState.UNKNOWN)
    return Receipt(
        (taken,) if taken else (),
        "",
        state,
        report_rules.error_code(why) if state is ReceiptState.FAILED else None,
        datetime.now(UTC),
        message_id=taken if settings.callback_names == "id" else None,
        raw=f"{word} {why or ''}".strip() if state is ReceiptState.UNKNOWN else None,
    )


def _incoming(settings: HttpSettings, item: Any) -> Incoming | None:
    sender, text = _look(item, settings.incoming_sender), _value(item, settings.incoming_text)
    if sender is None or not isinstance(text, str):
        return None
    return Incoming(
        numbers.of_carrier(sender) or sender,
        _look(item, settings.incoming_recipient) or "",
        text,
        datetime.now(UTC),
        _look(item, settings.incoming_reference) or "",
    )


def _look(item: Any, path: str) -> str | None:
    return reference(_value(item, path)) if path else None


def _value(item: Any, path: str) -> Any:
    """What stands under a field of that name, else where the path leads."""
    return item.get(path, dig(item, path)) if isinstance(item, Mapping) else dig(item, path)

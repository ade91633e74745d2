"""The register of carriers: `KINDS`, and the codes that they raise. A new kind is its folder and its line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dashboard.providers import codes, sandbox
from dashboard.providers.base import Alone, Host, Provider
from dashboard.providers.codes import Code
from dashboard.providers.email.provider import KIND as EMAIL
from dashboard.providers.generic_http.provider import KIND as HTTP
from dashboard.providers.kind import CarrierKind
from dashboard.providers.settings import InvalidSettings, Scalar, SettingField, SettingProblem, sentence
from dashboard.providers.smpp.provider import KIND as SMPP
from dashboard.providers.smsgate.provider import KIND as SMSGATE
from dashboard.providers.whatsapp.provider import KIND as WHATSAPP

KINDS: dict[str, CarrierKind] = {kind.name: kind for kind in (SMPP, WHATSAPP, SMSGATE, HTTP, EMAIL)}

_BOOKS = (sandbox.BOOK, codes.COMMON, codes.HTTP_STATUS, *(kind.codes for kind in KINDS.values()))
CODES: dict[str, Code] = {name: code for book in _BOOKS for name, code in book.codes.items()}


def code_sentence(code: str) -> tuple[str, str] | None:
    """The sentence of a code that a carrier raised, to be translated, and the detail for its `%(detail)s`, if any.

    None for a code of no kind.
    """
    if code in CODES:
        return CODES[code].sentence, ""
    return next((found for book in _BOOKS if (found := book.sentence(code)) is not None), None)


def code_advice(code: str) -> str:
    """What an administrator can do about it, to be translated; empty where there is nothing to do."""
    return CODES[code].advice if code in CODES else ""


def is_of_carrier(code: str) -> bool:
    """Whether the code, as the reason of a receipt, says how the carrier stands, whatever the text."""
    return code in CODES and CODES[code].is_of_carrier


def is_credentials(code: str | None) -> bool:
    """Whether the code says that the carrier refuses who we are."""
    return code is not None and any(book.is_credentials(code) for book in _BOOKS)


def build(kind: str, values: Mapping[str, Any], name: str = "", host: Host | None = None) -> Provider:
    """Make a carrier called `name` (its kind, when empty), served by `host`; raise InvalidSettings.

    It holds connections: make it once and keep it, close it when its settings change.
    """
    of = _kind(kind)
    return of.make(name or kind, of.settings.read(values), host or Alone())


def describe(kind: str) -> list[SettingField]:
    """The fields of a form, in order."""
    return _kind(kind).settings.described()


def revise(kind: str, stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Scalar]:
    """What to store after a form was sent: a secret that was left empty stays; raise InvalidSettings."""
    settings = _kind(kind).settings
    kept = {name: stored[name] for name in settings.secrets() if name in stored and not given.get(name)}
    return settings.read({**given, **kept}).to_store()


def shown(kind: str, stored: Mapping[str, Any]) -> dict[str, Scalar]:
    """What may be seen of stored settings: of a secret, whether it is set."""
    return _kind(kind).settings.read(stored).shown()


def has_receipts(kind: str, stored: Mapping[str, Any]) -> bool:
    """Whether a carrier with these settings tells what becomes of the texts that it took; raise InvalidSettings."""
    return _kind(kind).settings.read(stored).has_receipts


def tells_balance(kind: str, stored: Mapping[str, Any]) -> bool:
    """Whether a carrier with these settings can be asked what is left on our account; raise InvalidSettings."""
    return _kind(kind).settings.read(stored).tells_balance


def problem_sentence(kind: str, problem: SettingProblem, translate: Callable[[str], str] = str) -> str:
    """A problem of a kind's settings in words; `translate` is the reader's catalogue, without it English."""
    own = KINDS[kind].settings.problems if kind in KINDS else {}
    return sentence(problem, own, translate)


def _kind(name: str) -> CarrierKind:
    if name not in KINDS:
        raise InvalidSettings([SettingProblem("kind", "unknown_kind", {"kinds": ", ".join(KINDS)})])
    return KINDS[name]

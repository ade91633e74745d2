"""Carriers: one file a kind, all behind `base.Provider`. `KINDS` is the register."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.providers.base import Alone, Host, Provider
from dashboard.providers.generic_http.provider import Http, HttpSettings
from dashboard.providers.settings import CarrierSettings, InvalidSettings, Scalar, SettingField, _l
from dashboard.providers.smpp.provider import Smpp
from dashboard.providers.smpp.settings import SmppSettings
from dashboard.providers.smsgate import SmsGate, SmsGateSettings
from dashboard.providers.whatsapp import WhatsApp, WhatsAppSettings


@dataclass(frozen=True)
class Kind:
    """A kind of carrier: what it is called, what it serves, what it must be told, and how it is made."""

    name: str
    title: str
    about: str
    channels: tuple[str, ...]
    settings: type[CarrierSettings]
    make: Callable[[str, Any, Host], Provider]
    calls_back: bool = True  # it is a callbacks.Listener
    has_session: bool = False  # it knows by itself whether it is ready


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "smpp",
            _l("SMPP"),
            _l("An operator's SMSC, over SMPP 3.4"),
            ("sms",),
            SmppSettings,
            Smpp,
            calls_back=False,
            has_session=True,
        ),
        Kind(
            "whatsapp",
            _l("WhatsApp"),
            _l("Meta's Cloud API, for one-time codes"),
            ("whatsapp",),
            WhatsAppSettings,
            lambda name, settings, _host: WhatsApp(name, settings),
        ),
        Kind(
            "smsgate",
            _l("Android phone"),
            _l("A phone with the SMSGate app and a local SIM"),
            ("sms",),
            SmsGateSettings,
            lambda name, settings, _host: SmsGate(name, settings),
        ),
        Kind(
            "http",
            _l("HTTP carrier"),
            _l("Any carrier with an HTTP interface"),
            ("sms",),
            HttpSettings,
            lambda name, settings, _host: Http(name, settings),
        ),
    )
}


def build(kind: str, values: Mapping[str, Any], name: str = "", host: Host | None = None) -> Provider:
    """Make a carrier called `name` (its kind, when empty), served by `host`; raise InvalidSettings.

    It holds connections: make it once and keep it, close it when its settings change.
    """
    found = _kind(kind)
    return found.make(name or kind, found.settings.read(values), host or Alone())


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


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise InvalidSettings([("kind", f"There is no such kind; kinds are {', '.join(KINDS)}")])
    return KINDS[name]

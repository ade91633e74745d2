"""What an administrator tells of an SMSC."""

from __future__ import annotations

import re
import ssl
import tempfile
from pathlib import Path
from typing import Literal

import certifi
from pydantic import SecretStr, field_validator, model_validator

from dashboard.providers.settings import CarrierSettings, _l, setting, wrong

PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.+?)-----END \1-----", re.DOTALL)
PRINTABLE = r"^[ -~]*$"
SHORT_CODE = 6  # digits at most


class SmppSettings(CarrierSettings):
    """Where the SMSC is, who we are there, and how it wants its texts."""

    host: str = setting(
        _l("Host"), _l("Name or address of the operator's SMSC, often on a VPN."), pattern=r"^[0-9A-Za-z.:_-]{1,253}$"
    )
    port: int = setting(_l("Port"), default=2775, ge=1, le=65535)
    system_id: str = setting(_l("System ID"), pattern=r"^[!-~]{1,15}$")
    password: SecretStr = setting(_l("Password"), default=SecretStr(""), max_length=64)
    sender: str = setting(
        _l("Sender"),
        _l("What phones show: up to 11 letters and digits, a number with its country code, or a short code."),
        default="",
        pattern=r"^([0-9A-Za-z .&_-]{1,11}|\+?[0-9]{1,15})?$",
    )
    rate: float = setting(
        _l("Segments a second"),
        _l("What the operator allows over all binds; 0 for no limit."),
        default=0,
        ge=0,
        le=10_000,
    )
    binds: int = setting(
        _l("Binds"),
        _l("How many sessions the operator allows at once. All workers share them; each holds one at most."),
        default=1,
        ge=1,
        le=64,
    )
    window: int = setting(
        _l("Window"), _l("Segments on their way in a session without an answer."), default=10, ge=1, le=1000
    )
    tls: bool = setting(_l("TLS"), _l("Without it anyone on the way can read the texts."), default=False)
    system_type: str = setting(_l("System type"), default="", pattern=r"^[!-~]{0,12}$", advanced=True)
    service_type: str = setting(_l("Service type"), default="", pattern=r"^[!-~]{0,5}$", advanced=True)
    alphabet: Literal["gsm7", "latin1", "ascii", "ucs2"] = setting(
        _l("Default alphabet"),
        _l("What data_coding 0 means to the SMSC. With ucs2 every text is sent as UCS-2."),
        default="gsm7",
        advanced=True,
    )
    long_texts: Literal["udh", "sar", "payload"] = setting(
        _l("Long texts"),
        _l("How parts are joined: a header in the text, SAR parameters, or one message_payload."),
        default="udh",
        advanced=True,
    )
    short_code_ton: Literal["0", "3"] = setting(
        _l("Type of number of a short code"), _l("0 unknown, 3 network specific."), default="0", advanced=True
    )
    receipts: bool = setting(_l("Ask for receipts"), default=True, advanced=True)
    validity: bool = setting(
        _l("Tell how long a text is valid"),
        _l("So that the SMSC drops what would come too late; turn it off if it refuses such texts."),
        default=True,
        advanced=True,
    )
    response_timeout: float = setting(
        _l("Response time-out"), _l("In seconds."), default=10, ge=1, le=10, advanced=True
    )
    enquire_interval: float = setting(
        _l("Enquire interval"),
        _l("A session that is silent for so many seconds is asked whether it lives."),
        default=10,
        ge=1,
        le=300,
        advanced=True,
    )
    server_name: str = setting(
        _l("Name in the certificate"),
        _l("If it is not the host."),
        default="",
        pattern=r"^[0-9A-Za-z.:_-]{0,253}$",
        advanced=True,
    )
    ca_certificate: str = setting(
        _l("Certificate authority"),
        _l("PEM text of an authority of your own; then no other is trusted."),
        default="",
        rows=6,
        advanced=True,
    )
    client_certificate: str = setting(
        _l("Client certificate"), _l("PEM text, where the SMSC wants one."), default="", rows=6, advanced=True
    )
    client_key: SecretStr = setting(
        _l("Key of the client certificate"),
        _l("PEM text, not encrypted."),
        default=SecretStr(""),
        rows=6,
        advanced=True,
    )
    allow_private: bool = setting(
        _l("Allow private addresses"),
        _l("For an SMSC on a VPN or on the gateway's own network."),
        default=True,
        advanced=True,
    )

    @field_validator("password")
    @classmethod
    def _printable(cls, password: SecretStr) -> SecretStr:
        if not re.fullmatch(PRINTABLE, password.get_secret_value()):
            raise ValueError(_l("The password holds characters that SMPP cannot carry"))
        return password

    @model_validator(mode="after")
    def _certificates_load(self) -> SmppSettings:
        try:
            _context(self.ca_certificate)
        except (ValueError, OSError):
            raise wrong("ca_certificate", _l("This is not a PEM certificate")) from None
        if bool(self.client_certificate) != bool(self.client_key.get_secret_value()):
            raise wrong("client_key", _l("A client certificate and its key go together"))
        try:
            self.tls_context()
        except (ValueError, OSError):
            raise wrong("client_key", _l("The certificate and the key do not load, or do not fit each other")) from None
        return self

    def tls_context(self) -> ssl.SSLContext:
        """TLS towards the SMSC; raise OSError or ValueError."""
        context = _context(self.ca_certificate)
        if self.client_certificate:
            _load(context, _pem(self.client_certificate) + _pem(self.client_key.get_secret_value()))
        return context

    @property
    def source(self) -> tuple[int, int, str]:
        """Type of number, numbering plan and address of the sender."""
        bare = self.sender.removeprefix("+")
        if not bare:
            return 0, 0, ""
        if not (bare.isascii() and bare.isdigit()):
            return 5, 0, self.sender
        if len(bare) <= SHORT_CODE and bare == self.sender:
            return int(self.short_code_ton), 0, bare
        return 1, 1, bare


def _context(authority: str) -> ssl.SSLContext:
    """Trust this authority alone, or the public ones when it is empty."""
    if authority:
        return ssl.create_default_context(cadata=_pem(authority))
    return ssl.create_default_context(cafile=certifi.where())


def _pem(text: str) -> str:
    """The PEM blocks of a text, in lines again: a form's secret field makes one line of it. Raise ValueError."""
    blocks = [(name, "".join(body.split())) for name, body in PEM.findall(text)]
    if text.strip() and not blocks:
        raise ValueError("no PEM")
    return "".join(f"-----BEGIN {name}-----\n{_folded(body)}-----END {name}-----\n" for name, body in blocks)


def _folded(body: str) -> str:
    return "".join(f"{body[start : start + 64]}\n" for start in range(0, len(body), 64))


def _load(context: ssl.SSLContext, pem: str) -> None:
    """Python reads a key from a file alone: one of ours only, and gone at once."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # mode 0600
        file.write(pem)
        file.flush()
        context.load_cert_chain(Path(file.name), password="")  # an encrypted key fails, it does not ask at a terminal

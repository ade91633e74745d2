"""What an administrator tells of an SMSC."""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Mapping
from datetime import timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import certifi
from pydantic import SecretStr, field_validator, model_validator

from dashboard.providers.codes import _l
from dashboard.providers.settings import BadSetting, CarrierSettings, Senders, lines, other_senders, setting, wrong
from dashboard.sms import senders
from dashboard.vocabulary import NextStep, ReceiptState

PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.+?)-----END \1-----", re.DOTALL)
PRINTABLE = r"^[ -~]*$"
SHORT_CODE = 6  # digits at most
HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:]{2,45}\]|[0-9A-Za-z._-]{1,253})(?::(?P<port>[0-9]{1,5}))?")
DROPPED = {"international": "+", "plus": "", "local": "+222"}  # of +222XXXXXXXX, by number_form
MAPPABLE = {
    ReceiptState.DELIVERED,
    ReceiptState.SENT,
    ReceiptState.FAILED,
    ReceiptState.EXPIRED,
    ReceiptState.PENDING,
}
BINDING = _l("The bind")
ADDRESSES = _l("Addresses")
REPORTS = _l("Receipts")


class SmppSettings(CarrierSettings):
    """Where the SMSC is, who we are there, and how it wants its texts."""

    problems: ClassVar[Mapping[str, str]] = {
        "password_characters": _l("The password holds characters that SMPP cannot carry"),
        "certificate_without_key": _l("A client certificate and its key go together"),
        "certificate_does_not_load": _l("The certificate and the key do not load, or do not fit each other"),
        "host_form": _l("Write one host a line, as in smsc2.operator.mr or 10.0.0.2:2776"),
        "status_form": _l("Write STATUS = again, next or final, as in 0x45 = final"),
        "receipt_word_form": _l("Write WORD = delivered, sent, failed, expired or pending"),
    }

    host: str = setting(
        _l("Host"), _l("Name or address of the operator's SMSC, often on a VPN."), pattern=r"^[0-9A-Za-z.:_-]{1,253}$"
    )
    port: int = setting(_l("Port"), default=2775, ge=1, le=65535)
    other_hosts: str = setting(
        _l("Other hosts"),
        _l("Of the same account, one a line, with :port where it differs. They are tried in turn when one fails."),
        default="",
        rows=3,
        max_length=2000,
        advanced=True,
    )
    system_id: str = setting(_l("System ID"), pattern=r"^[!-~]{1,15}$")
    password: SecretStr = setting(_l("Password"), default=SecretStr(""), max_length=64)
    sender: str = setting(
        _l("Sender"),
        _l("What phones show: up to 11 letters and digits, a number with its country code, or a short code."),
        default="",
        pattern=rf"^({senders.FORM})?$",
    )
    other_senders: Senders = other_senders()
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
        _l("What data_coding 0 means to the SMSC. With UCS-2 every text is sent as UCS-2."),
        names={"gsm7": "GSM-7", "latin1": "Latin-1", "ascii": "ASCII", "ucs2": "UCS-2"},
        default="gsm7",
        advanced=True,
    )
    long_texts: Literal["udh", "sar", "payload"] = setting(
        _l("Long texts"),
        _l("How parts are joined."),
        names={
            "udh": _l("A header in the text (UDH)"),
            "sar": _l("SAR parameters"),
            "payload": _l("One message_payload"),
        },
        default="udh",
        advanced=True,
    )
    reference_bits: Literal["8", "16"] = setting(
        _l("Bits of the part reference"),
        _l("In the header of long texts. 16 keeps more of them apart, and leaves each part one character less."),
        default="8",
        advanced=True,
    )
    bind_as: Literal["transceiver", "transmitter_receiver"] = setting(
        _l("Bind as"),
        _l("Two sessions where the SMSC takes no transceiver; a pair counts as one bind."),
        names={
            "transceiver": _l("One session (transceiver)"),
            "transmitter_receiver": _l("Two sessions (transmitter and receiver)"),
        },
        default="transceiver",
        group=BINDING,
        advanced=True,
    )
    interface_version: Literal["3.3", "3.4", "5.0"] = setting(
        _l("Interface version"), _l("What is told at the bind."), default="3.4", group=BINDING, advanced=True
    )
    address_range: str = setting(
        _l("Address range"),
        _l("What is told at the bind; empty for what the operator set up."),
        default="",
        pattern=r"^[!-~]{0,40}$",
        group=BINDING,
        advanced=True,
    )
    bind_ton: int = setting(_l("Type of number at the bind"), default=0, ge=0, le=6, group=BINDING, advanced=True)
    bind_npi: int = setting(_l("Numbering plan at the bind"), default=0, ge=0, le=18, group=BINDING, advanced=True)
    bind_timeout: float = setting(
        _l("Bind time-out"),
        _l("In seconds; some SMSCs take long to check a password."),
        default=10,
        ge=1,
        le=60,
        group=BINDING,
        advanced=True,
    )
    source_ton: int | None = setting(
        _l("Type of number of the sender"),
        _l("Empty: by its form. 0 unknown, 1 international, 2 national, 3 network specific, 5 alphanumeric."),
        default=None,
        ge=0,
        le=6,
        group=ADDRESSES,
        advanced=True,
    )
    source_npi: int | None = setting(
        _l("Numbering plan of the sender"),
        _l("Empty: by its form. 0 unknown, 1 E.164."),
        default=None,
        ge=0,
        le=18,
        group=ADDRESSES,
        advanced=True,
    )
    number_form: Literal["international", "plus", "local"] = setting(
        _l("Form of numbers"),
        _l("How phones are written."),
        names={"international": "22238089336", "plus": "+22238089336", "local": "38089336"},
        default="international",
        group=ADDRESSES,
        advanced=True,
    )
    destination_ton: int = setting(
        _l("Type of number of phones"), default=1, ge=0, le=6, group=ADDRESSES, advanced=True
    )
    destination_npi: int = setting(
        _l("Numbering plan of phones"), default=1, ge=0, le=18, group=ADDRESSES, advanced=True
    )
    short_code_ton: Literal["0", "3"] = setting(
        _l("Type of number of a short code"),
        names={"0": _l("0: unknown"), "3": _l("3: network specific")},
        default="0",
        advanced=True,
    )
    receipts: bool = setting(_l("Ask for receipts"), default=True, group=REPORTS, advanced=True)
    one_receipt: bool = setting(
        _l("One receipt for a long text"),
        _l("The receipt of one part counts for all of them. Without it that takes five minutes."),
        default=False,
        group=REPORTS,
        advanced=True,
    )
    receipt_words: str = setting(
        _l("Words of receipts"),
        _l("One a line: the SMSC's word = delivered, sent, failed, expired or pending. Common ones are known."),
        default="",
        rows=4,
        max_length=2000,
        group=REPORTS,
        advanced=True,
    )
    receipt_offset: str = setting(
        _l("Time zone of receipts"),
        _l("How far the SMSC's clock is ahead of UTC, as in +00:00 or -05:00."),
        default="+00:00",
        pattern=r"^[+-](0[0-9]|1[0-4]):[0-5][0-9]$",
        group=REPORTS,
        advanced=True,
    )
    statuses: str = setting(
        _l("What statuses mean"),
        _l("One a line, where the operator means something of its own: 0x45 = again, next (carrier) or final."),
        default="",
        rows=4,
        max_length=2000,
        advanced=True,
    )
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
        _l("Seconds without traffic before an enquire_link is sent; 0 for never."),
        default=10,
        ge=0,
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
            raise wrong("password", "password_characters")
        return password

    @property
    def has_receipts(self) -> bool:
        return self.receipts

    @model_validator(mode="after")
    def _can_be_read(self) -> SmppSettings:
        for name, read in (("other_hosts", self.hosts), ("statuses", self.steps), ("receipt_words", self.states)):
            try:
                read()
            except BadSetting as error:
                raise wrong(name, error.code, **error.params) from None
        return self

    @model_validator(mode="after")
    def _certificates_load(self) -> SmppSettings:
        try:
            _shared_context(self.ca_certificate)
        except (ValueError, OSError):
            raise wrong("ca_certificate", "not_pem") from None
        if bool(self.client_certificate) != bool(self.client_key.get_secret_value()):
            raise wrong("client_key", "certificate_without_key")
        try:
            self.tls_context()
        except (ValueError, OSError):
            raise wrong("client_key", "certificate_does_not_load") from None
        return self

    def tls_context(self) -> ssl.SSLContext:
        """TLS towards the SMSC; raise OSError or ValueError."""
        if not self.client_certificate:
            return _shared_context(self.ca_certificate)
        context = _context(self.ca_certificate)
        _load(context, _pem(self.client_certificate) + _pem(self.client_key.get_secret_value()))
        return context

    def hosts(self) -> list[tuple[str, int]]:
        """Where the SMSC listens, in the order in which the places are tried; raise BadSetting."""
        places = [(self.host, self.port)]
        for number, line in lines(self.other_hosts):
            place = HOST.fullmatch(line)
            port = int(place["port"] or self.port) if place else 0
            if place is None or not 0 < port < 65536:
                raise BadSetting("host_form", line=number)
            places.append((place["host"].strip("[]"), port))
        return places

    def steps(self) -> dict[int, NextStep]:
        """What becomes of a text by command_status, where the administrator says so; raise BadSetting."""
        steps = {}
        for number, line in lines(self.statuses):
            status, _, step = (part.strip() for part in line.partition("="))
            try:
                steps[int(status, 0)] = NextStep(step)
            except ValueError:
                raise BadSetting("status_form", line=number) from None
        return steps

    def states(self) -> dict[str, ReceiptState]:
        """What a word of a receipt means, by the word in capitals; raise BadSetting."""
        states = {}
        for number, line in lines(self.receipt_words):
            word, _, state = (part.strip() for part in line.rpartition("="))
            if not word or state not in MAPPABLE:
                raise BadSetting("receipt_word_form", line=number)
            states[word.upper()] = ReceiptState(state)
        return states

    @property
    def receipt_zone(self) -> timezone:
        """That of the SMSC's clock."""
        sign = -1 if self.receipt_offset.startswith("-") else 1
        return timezone(sign * timedelta(hours=int(self.receipt_offset[1:3]), minutes=int(self.receipt_offset[4:])))

    def source(self, sender: str) -> tuple[int, int, str]:
        """Type of number, numbering plan (SMPP 3.4, 5.2.5 and 5.2.6) and address of a sender."""
        ton, npi, address = self._source_by_form(sender)
        return (
            ton if self.source_ton is None else self.source_ton,
            npi if self.source_npi is None else self.source_npi,
            address,
        )

    def _source_by_form(self, sender: str) -> tuple[int, int, str]:
        bare = sender.removeprefix("+")
        if not bare:
            return 0, 0, ""
        if not (bare.isascii() and bare.isdigit()):
            return 5, 0, sender
        if len(bare) <= SHORT_CODE and bare == sender:
            return int(self.short_code_ton), 0, bare
        return 1, 1, bare


def _context(authority: str) -> ssl.SSLContext:
    """Trust this authority alone, or the public ones when it is empty."""
    if authority:
        return ssl.create_default_context(cadata=_pem(authority))
    return ssl.create_default_context(cafile=certifi.where())


@lru_cache(maxsize=32)
def _shared_context(authority: str) -> ssl.SSLContext:
    """To read all authorities takes 20 ms, and settings are read for each page of a carrier. Nobody changes it."""
    return _context(authority)


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

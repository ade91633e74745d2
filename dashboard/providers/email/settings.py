"""What an administrator says of the mail server that codes are handed to."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import SecretStr, field_validator, model_validator

from dashboard.outbound import client
from dashboard.providers.codes import _l
from dashboard.providers.settings import CarrierSettings, setting, wrong
from dashboard.sms import emails

LOOPBACK = ("localhost", "127.0.0.1", "::1")
PORTS = {"starttls": 587, "tls": 465, "none": 25}  # RFC 6409, RFC 8314, RFC 5321
SENDER = _l("Sender")
LONGEST_NAME = 60  # characters


class EmailSettings(CarrierSettings):
    """Where the server is, who we are there, and whom the mail is from."""

    problems: ClassVar[Mapping[str, str]] = {
        "not_an_email": _l("Enter an e-mail address, such as codes@example.mr"),
        "sender_not_ascii": _l("The part before the @ may hold letters of ASCII only"),
        "name_form": _l('Use one line, without the characters < > and "'),
        "tls_needed": _l("Without encryption the server must be on this machine: localhost, 127.0.0.1 or ::1"),
        "password_needed": _l("User name and password go together"),
        "login_characters": _l("This holds control characters"),
    }

    host: str = setting(
        _l("Host"), _l("Of the mail server, such as smtp.example.mr."), pattern=r"^[0-9A-Za-z.:_-]{1,253}$"
    )
    security: Literal["starttls", "tls", "none"] = setting(
        _l("Encryption"),
        _l("None is for a server on this machine alone."),
        default="starttls",
        names={
            "starttls": _l("STARTTLS, usually port 587"),
            "tls": _l("TLS from the start, usually port 465"),
            "none": _l("None"),
        },
    )
    port: int | None = setting(
        _l("Port"), _l("Empty: the usual one of the encryption."), default=None, ge=1, le=65535, advanced=True
    )
    username: str = setting(_l("User name"), _l("Empty: the server asks for none."), default="", max_length=254)
    password: SecretStr = setting(_l("Password"), default=SecretStr(""), max_length=512)
    sender: str = setting(
        _l("Sender’s address"),
        _l("What recipients see, such as codes@example.mr. Its domain should have SPF and DKIM for this server."),
        group=SENDER,
        max_length=emails.LONGEST,
    )
    sender_name: str = setting(
        _l("Sender’s name"), _l("Stands before the address."), group=SENDER, default="", max_length=LONGEST_NAME
    )
    reply_to: str = setting(
        _l("Answers go to"),
        _l("Empty: to the sender’s address."),
        group=SENDER,
        default="",
        max_length=emails.LONGEST,
        advanced=True,
    )
    bounces_to: str = setting(
        _l("Bounces go to"),
        _l("An address whose mail `chinqit email bounce` reads. Empty: the sender’s address."),
        group=SENDER,
        default="",
        max_length=emails.LONGEST,
        advanced=True,
    )
    parallel: int = setting(
        _l("Connections"), _l("How many a worker opens at once."), default=4, ge=1, le=32, advanced=True
    )
    ca_certificate: str = setting(
        _l("Certificate authority"),
        _l("PEM text of an authority of your own, trusted besides the public ones."),
        default="",
        rows=6,
        advanced=True,
    )

    @property
    def has_receipts(self) -> bool:
        """Bounces say what did not arrive; nothing says what did."""
        return False

    @property
    def place(self) -> tuple[str, int]:
        return self.host, self.port or PORTS[self.security]

    @property
    def domain(self) -> str:
        """Of the sender, as mail servers take it: names message ids, and us."""
        return emails.for_smtp(self.sender)[0].rpartition("@")[2]

    @field_validator("sender", "reply_to", "bounces_to")
    @classmethod
    def _is_email(cls, address: str, info: object) -> str:
        name = str(getattr(info, "field_name", ""))
        if not address:
            return address
        try:
            kept = emails.parse(address)
        except emails.InvalidEmail:
            raise wrong(name, "not_an_email") from None
        if emails.for_smtp(kept)[1]:
            raise wrong(name, "sender_not_ascii")
        return emails.plain(kept)

    @field_validator("sender_name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        """It stands in a header between quotes."""
        if not name.isprintable() or set(name) & set('<>"'):
            raise wrong("sender_name", "name_form")
        return name

    @field_validator("ca_certificate")
    @classmethod
    def _is_pem(cls, text: str) -> str:
        try:
            client.ssl_context(text)
        except (ValueError, ssl.SSLError):
            raise wrong("ca_certificate", "not_pem") from None
        return text

    @model_validator(mode="after")
    def _safe(self) -> EmailSettings:
        if self.security == "none" and self.host.lower() not in LOOPBACK:
            raise wrong("security", "tls_needed")
        password = self.password.get_secret_value()
        if bool(self.username) != bool(password):
            raise wrong("username" if password else "password", "password_needed")
        for name, text in (("username", self.username), ("password", password)):
            if text and not text.isprintable():
                raise wrong(name, "login_characters")
        return self

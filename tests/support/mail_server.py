"""An SMTP server that keeps what it is given."""

from __future__ import annotations

import email
import email.policy
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.support.stack import free_port

USER, PASSWORD = "gateway", "password-at-the-mail-server"
DSN = ("ENVID=", "RET=", "NOTIFY=")  # parameters of RFC 3461, which aiosmtpd does not know


class Postbox:
    """What arrived, in order.

    The refusals are what the server answers instead of taking a mail (`refusal`), a recipient or a sender.
    `hangs_for` is how many seconds it takes to answer to a mail's content.
    """

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.envelopes: list[Any] = []
        self.parameters: list[str] = []  # of DSN, as they came
        self.connections = 0
        self.transports: list[Any] = []
        self.refusal = self.recipient_refusal = self.sender_refusal = ""
        self.hangs_for = 0.0
        self.has_dsn = False
        self.url, self.port = "", 0

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self.sender_refusal:
            return self.sender_refusal
        envelope.mail_from, envelope.mail_options = address, options
        return "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:
        if self.recipient_refusal:
            return self.recipient_refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refusal:
            return self.refusal
        if self.hangs_for:
            time.sleep(self.hangs_for)
        self.envelopes.append(envelope)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.messages.append(message)
        return "250 OK"

    async def handle_EHLO(
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], *(["250-DSN"] if self.has_dsn else []), *responses[1:]]

    @property
    def subjects(self) -> list[str]:
        return [str(message["Subject"]).strip() for message in self.messages]

    @property
    def texts(self) -> list[str]:
        bodies = (message.get_body(("plain",)) for message in self.messages)
        return [body.get_content() for body in bodies if body is not None]


class _Server(SMTP):
    """Notes connections and the parameters of DSN, which it takes as a server that knows them does."""

    def connection_made(self, transport: Any) -> None:
        self.event_handler.connections += 1
        self.event_handler.transports.append(transport)
        super().connection_made(transport)

    async def smtp_MAIL(self, arg: str | None) -> None:
        await super().smtp_MAIL(self._without_dsn(arg))

    async def smtp_RCPT(self, arg: str | None) -> None:
        await super().smtp_RCPT(self._without_dsn(arg))

    def _without_dsn(self, arg: str | None) -> str | None:
        words = (arg or "").split(" ")
        if not self.event_handler.has_dsn:
            return arg
        self.event_handler.parameters += [word for word in words if word.startswith(DSN)]
        return " ".join(word for word in words if not word.startswith(DSN))


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)


def _let_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
    fits = isinstance(login, LoginPassword) and (login.login, login.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=fits, handled=False)


@contextmanager
def running(tls: ssl.SSLContext | None = None, *, asks: bool = False, utf8: bool = True) -> Iterator[Postbox]:
    """A server on the loopback; with `tls` it offers STARTTLS, and asks for user and password when it is to."""
    options: dict[str, Any] = {"enable_SMTPUTF8": utf8, "tls_context": tls}
    if asks:
        options |= {"authenticator": _let_in, "auth_required": True, "auth_require_tls": tls is not None}
    with _serving(**options) as postbox:
        yield postbox


@contextmanager
def running_tls(context: ssl.SSLContext) -> Iterator[Postbox]:
    """A server that speaks TLS from the first byte."""
    with _serving(ssl_context=context) as postbox:
        yield postbox


@contextmanager
def _serving(**options: Any) -> Iterator[Postbox]:
    postbox = Postbox()
    port = free_port()
    controller = _Controller(postbox, hostname="127.0.0.1", port=port, server_hostname="mail.test", **options)
    controller.start()
    postbox.connections = 0  # the controller has tried one
    postbox.url, postbox.port = f"smtp://127.0.0.1:{port}", port
    try:
        yield postbox
    finally:
        for transport in postbox.transports:  # those of clients that stay; the controller leaves them open
            controller.loop.call_soon_threadsafe(transport.abort)
        controller.stop()

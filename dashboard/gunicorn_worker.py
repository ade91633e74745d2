"""gunicorn's worker: it refuses connections while it stops, and answers what is not HTTP in the API's shape.

It overrides `set_accept_enabled` and `handle_error` of gunicorn 27's ThreadWorker."""

from __future__ import annotations

import json
import logging
import uuid
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gunicorn import glogging, util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from dashboard import logs
from dashboard.settings import SettingsError, log_format

TOO_LONG = (errors.LimitRequestLine, errors.LimitRequestHeaders)
OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName, errors.ConfigurationProblem)


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's lines are those of the whole house."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        with suppress(SettingsError):  # told when the application is loaded
            logs.set_up(log_format(), "web")


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Serves with threads. It never logs what a request holds: a malformed one may hold a key, a number or a text.

    When it stops, it accepts the connections that wait and closes the socket at once. Whoever connects later is refused
    and knows that nothing was done. gunicorn alone would leave them in the socket's queue until the last request is
    answered, and then break them off.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                self._take_all(listener)
                listener.close()

    def _take_all(self, listener: Any) -> None:
        before = -1
        while self.nr_conns != before:
            before = self.nr_conns
            self.accept(listener)

    def handle_error(self, _request: Any, client: Any, address: Any, fault: Exception) -> None:
        """Answer what the application never saw."""
        if isinstance(fault, errors.ParseException) and not isinstance(fault, OURS):
            status, level = HTTPStatus.BAD_REQUEST, logging.WARNING
            message = (
                "The address or a header is too long" if isinstance(fault, TOO_LONG) else "This is not an HTTP request"
            )
        else:
            status, level, message = HTTPStatus.INTERNAL_SERVER_ERROR, logging.ERROR, "Internal server error"
        peer = address[0] if address else "a socket"
        self.log.log(level, "a request from %s failed: %s", peer, type(fault).__name__)
        with suppress(OSError):  # whoever asked has gone
            util.write_nonblock(client, _answer(status, message))


def _answer(status: HTTPStatus, message: str) -> bytes:
    body = json.dumps({"success": False, "message": message, "errors": []}, separators=(",", ":")) + "\n"
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        f"X-Request-Id: {uuid.uuid4()}",
    )
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()

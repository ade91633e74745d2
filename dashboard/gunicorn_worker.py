"""gunicorn's worker: it refuses whoever comes while it stops, and answers in the API's shape what is not HTTP."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

TOO_LONG = (errors.LimitRequestLine, errors.LimitRequestHeaders)
OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName, errors.ConfigurationProblem)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Threads. What is wrong with a request stands in it, and so may a key, a number or a text: none of it is told.

    Stopping, it takes who has come and then lets go of the socket at once. Whoever comes later is refused there and
    then and knows that nothing was done. gunicorn leaves them in the queue of the socket until the last request is
    answered, and then breaks them off.
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
        theirs = isinstance(fault, errors.ParseException) and not isinstance(fault, OURS)
        status, message = _judge(fault) if theirs else (HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error")
        (self.log.warning if theirs else self.log.error)(
            "a request from %s failed: %s", address[0] if address else "a socket", type(fault).__name__
        )
        with suppress(OSError):  # whoever asked has gone
            util.write_nonblock(client, _answer(status, message))


def _judge(fault: Exception) -> tuple[HTTPStatus, str]:
    if isinstance(fault, TOO_LONG):
        return HTTPStatus.BAD_REQUEST, "The address or a header is too long"
    return HTTPStatus.BAD_REQUEST, "This is not an HTTP request"


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

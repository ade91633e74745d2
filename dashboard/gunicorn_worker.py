"""gunicorn's worker: threads get whole requests only, connections are refused while it stops, and what is not HTTP is
answered in the API's shape.

It overrides methods of gunicorn 27's ThreadWorker; tests/unit/test_private_names.py lists them."""

from __future__ import annotations

import errno
import json
import logging
import selectors
import socket
import sys
import time
import uuid
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn import glogging, http, util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from dashboard import collector, logs, request_arrival
from dashboard.api import registry as api
from dashboard.client_socket import ClientSocket
from dashboard.main_thread import Call
from dashboard.request_arrival import Arrival
from dashboard.settings import SettingsError, log_format

TOO_LONG = (errors.LimitRequestLine, errors.LimitRequestHeaders)
OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName, errors.ConfigurationProblem)
ROOM = 64 * 1024 * 1024  # bytes of long bodies that a process holds at a time
LOOK_SECONDS = 0.5  # between two looks for who is late
LINGER_SECONDS = 2.0  # without a byte, for a client to close a connection that is over
LINGER_BYTES = 16 * 1024 * 1024  # of a refused body that are read and thrown away, so that the client reads its answer
SWITCH_SECONDS = 0.001  # the longest that a thread keeps the interpreter from the main thread
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's lines are those of the whole house."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        with suppress(SettingsError):  # told when the application is loaded
            logs.set_up(log_format(), "web")


class Closing:
    """A connection that is over, until its client has closed it too."""

    def __init__(self) -> None:
        self.ends_at = time.monotonic() + request_arrival.SECONDS
        self.left = LINGER_BYTES
        self.wait()

    def wait(self) -> None:
        self.silent_at = min(self.ends_at, time.monotonic() + LINGER_SECONDS)


class _Served:
    """How a call of the main thread ended, with the face of the future that gunicorn knows."""

    def __init__(self, is_kept: bool) -> None:
        self.is_kept = is_kept

    def cancelled(self) -> bool:
        return False

    def exception(self) -> None:
        return None

    def result(self) -> bool:
        """Whether its connection may be used again."""
        return self.is_kept


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Serves with threads. The main thread receives requests and hands them to a thread when they are whole, so that
    no thread waits for a client. Who takes too long is answered 408 and closed. Brief operations of the API get no
    thread: the main thread serves them by itself.

    Long bodies share a room in memory; those that find none wait unread, and then whoever holds room is hurried.

    It never logs what a request holds: a malformed one may hold a key, a number or a text.

    When it stops, it accepts the connections that wait and closes the socket at once. Whoever connects later is refused
    and knows that nothing was done. gunicorn alone would leave them in the socket's queue until the last request is
    answered, and then break them off.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arriving: dict[Any, Arrival] = {}
        self.waiting: deque[Any] = deque()  # those of them whose body needs room
        self.in_hand: dict[Any, Arrival] = {}  # requests that threads have
        self.sending: dict[Any, Any] = {}  # those whose answer is not read yet, with what is to be done then
        self.closing: dict[Any, Closing] = {}
        self.room = ROOM
        self.look_at = 0.0
        self.brief_operations: frozenset[bytes] = frozenset()
        self.calls: dict[Call, Any] = {}  # that the main thread serves, with their connections
        self.is_serving = False

    def load_wsgi(self) -> None:
        super().load_wsgi()
        # No setting changes any more, and gunicorn looks up a dozen of them a request: as attributes they cost less.
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})
        self.brief_operations = api.brief_operations(self.wsgi)
        sys.setswitchinterval(SWITCH_SECONDS)
        collector.pass_over_loaded()

    def enqueue_req(self, conn: Any) -> None:
        """Begin to receive a request. This and all that follows but `handle_request` runs in the main thread."""
        if self.cfg.is_ssl:  # gunicorn's threads do the handshake and read; TLS is a proxy's work in front of this
            super().enqueue_req(conn)
            return
        if conn.parser is None:
            conn.parser = http.get_parser(self.cfg, iter(()), conn.client)  # it has what it is given, and no more
            conn.sock = ClientSocket(conn.sock)
        arrival = self.arriving[conn] = Arrival()
        arrival.add(conn.parser.unreader.take_buffered())  # what came with the request before it
        if arrival.is_whole:
            self._hand_over(conn)
        else:
            self._receive(conn)

    def _on_readable(self, conn: Any, _file: Any) -> None:
        """Its client has sent something, or has gone.

        A connection stays with the poller while the main thread serves its request: to leave and to come back are two
        system calls.
        """
        if not conn.sock.is_watched:  # no longer, since the poller was asked
            return
        if conn in self.arriving:
            self._receive(conn)
        elif conn in self.closing:
            self._drain(conn)
        elif conn in self.in_hand:  # the next request comes before this one is answered
            self._ignore(conn)
        else:
            self.keepalived_conns.remove(conn)
            self.enqueue_req(conn)

    def _receive(self, conn: Any) -> None:
        arrival = self.arriving[conn]
        try:
            data = conn.sock.receive()
        except BlockingIOError:
            self._await(conn)
            return
        except OSError:
            data = b""
        if data:
            arrival.add(data)
        if arrival.is_whole or (arrival.data and not data):  # a half is for the parser to refuse
            self._hand_over(conn)
        elif not data:
            self._stop_receiving(conn)
            self._close(conn)
        elif self._takes_room(arrival, is_first=not self.waiting):
            self._receive_more(conn, arrival)
        else:  # the rest stays unread, and so its client has to wait
            self._ignore(conn)
            self.waiting.append(conn)

    def _receive_more(self, conn: Any, arrival: Arrival) -> None:
        if arrival.expects_continue and not arrival.was_told:
            arrival.was_told = True
            conn.sock.send_now(CONTINUE)
        self._await(conn)

    def _takes_room(self, arrival: Arrival, *, is_first: bool) -> bool:
        """Take the room that a body still needs, unless it is not there or others wait for it."""
        wanted = arrival.wanted_room() - arrival.room
        if wanted > 0 and (wanted > self.room or not is_first):
            return False
        if wanted > 0:
            self.room -= wanted
            arrival.room += wanted
        return True

    def _hand_over(self, conn: Any) -> None:
        arrival = self._stop_receiving(conn)
        if arrival.is_too_long:
            self.handle_error(None, conn.sock, conn.client, errors.LimitRequestHeaders("no end of the head"))
            self._close(conn)
            return
        self.in_hand[conn] = arrival
        conn.parser.unreader.iter = arrival.pieces()
        conn.data_ready = True
        if arrival.operation in self.brief_operations and not arrival.is_cut:
            self._serve_here(conn)
        else:
            self._ignore(conn)  # a thread may close it
            super().enqueue_req(conn)

    def _serve_here(self, conn: Any) -> None:
        if self.is_serving:  # one call has just ended, and the next one lay behind it: others come first
            self.method_queue.defer(self._serve_here, conn)
            return
        conn.sock.is_gathering = True
        call = Call(partial(self.handle, conn), self)
        self.calls[call] = conn
        self._go_on_with([call])

    def go_on(self, calls: Sequence[Call]) -> None:
        """Have the main thread go on with calls that pause. Any thread may ask for it."""
        self.method_queue.defer(self._go_on_with, calls)

    def _go_on_with(self, calls: Sequence[Call]) -> None:
        self.is_serving = True
        try:
            for call in calls:
                is_kept = call.switch()
                if call.dead:
                    self.finish_request(self.calls.pop(call), _Served(is_kept))
        finally:
            self.is_serving = False

    def _stop_receiving(self, conn: Any) -> Arrival:
        if conn in self.waiting:
            self.waiting.remove(conn)
        return self.arriving.pop(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """In a thread. Raise ConnectionResetError for a client who reads nothing."""
        arrival = self.in_hand.get(conn)
        if arrival and arrival.was_told:
            req._expected_100_continue = False
        if arrival and (arrival.is_cut or getattr(req.body.reader, "length", None) != arrival.length):
            req.force_close()  # the next request would begin in the middle of this one
        try:
            return super().handle_request(req, conn)
        except BlockingIOError:
            raise ConnectionResetError(errno.ECONNRESET, "the client does not read its answer") from None

    def finish_request(self, conn: Any, fs: Any) -> None:
        arrival = self.in_hand.pop(conn, None)
        if arrival is None:
            super().finish_request(conn, fs)
            return
        self._free(arrival)
        is_kept = not fs.cancelled() and not fs.exception() and fs.result() and not arrival.is_cut
        after = self._keep if is_kept else self._close
        conn.sock.is_gathering = False
        if conn.sock.unsent and not self._sends_all(conn):
            self._ignore(conn)
            self.sending[conn] = after
            self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self._send_on, conn))
        else:
            after(conn)

    def _keep(self, conn: Any) -> None:
        """Wait for its next request."""
        if conn.parser.unreader.buf.getvalue():  # it came with the one before
            self.enqueue_req(conn)
            return
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + LINGER_SECONDS)
        self.keepalived_conns.append(conn)
        self._await(conn)

    def _sends_all(self, conn: Any) -> bool:
        """Whether nothing is left to send; so it is with a client who has gone."""
        try:
            conn.sock.send_on()
        except OSError:
            conn.sock.unsent.clear()
        return not conn.sock.unsent

    def _send_on(self, conn: Any, _file: Any) -> None:
        if self._sends_all(conn):
            self.poller.unregister(conn.sock)
            self.sending.pop(conn)(conn)

    def _free(self, arrival: Arrival) -> None:
        self.room += arrival.room
        arrival.room = 0
        while self.waiting and self._takes_room(self.arriving[self.waiting[0]], is_first=True):
            conn = self.waiting.popleft()
            self._receive_more(conn, self.arriving[conn])

    def murder_pending(self) -> None:
        """Answer and close what takes too long to come."""
        super().murder_pending()
        now = time.monotonic()
        if now < self.look_at:
            return
        self.look_at = now + LOOK_SECONDS
        is_full = self.nr_conns >= self.worker_connections
        for conn, arrival in list(self.arriving.items()):
            if arrival.is_late(now, hurried=is_full or bool(self.waiting and arrival.room)):
                self._stop_receiving(conn)
                self._free(arrival)
                if arrival.data:  # a browser opens connections in advance, and needs no word
                    conn.sock.send_now(_answer(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time"))
                self._close(conn)
        for conn in [conn for conn in self.sending if now >= conn.sock.stalled_at]:
            del self.sending[conn]
            self.poller.unregister(conn.sock)
            self._close(conn)
        for conn, closing in list(self.closing.items()):
            if now >= closing.silent_at:
                self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for arrival in self.arriving.values():
            if not arrival.data:
                arrival.began_at = min(arrival.began_at, deadline - request_arrival.SECONDS)

    def _close(self, conn: Any) -> None:
        """End a connection so that its client can read the answer first (RFC 9112, 9.6).

        gunicorn waits here for each client by itself, up to two seconds, and serves nobody meanwhile.
        """
        self.closing[conn] = Closing()
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self._await(conn)
        except OSError:  # it has gone
            self._ignore(conn)
            self.method_queue.defer(self._drop, conn)  # not now: `_take_all` counts connections

    def _drain(self, conn: Any) -> None:
        closing = self.closing[conn]
        with suppress(BlockingIOError):
            try:
                count = len(conn.sock.receive())
            except ConnectionError:
                count = 0
            closing.left -= count
            closing.wait()
            if count == 0 or closing.left <= 0:
                self._drop(conn)

    def _drop(self, conn: Any) -> None:
        if self.closing.pop(conn, None):
            self._ignore(conn)
            self.nr_conns -= 1
            conn.close()

    def _await(self, conn: Any) -> None:
        if not conn.sock.is_watched:
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, conn))
            conn.sock.is_watched = True

    def _ignore(self, conn: Any) -> None:
        if conn.sock.is_watched:
            self.poller.unregister(conn.sock)
            conn.sock.is_watched = False

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

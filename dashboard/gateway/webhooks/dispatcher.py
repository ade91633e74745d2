"""Tell endpoints what happened: one thread an endpoint that has something due, one call at a time in it."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.exc import SQLAlchemyError

from dashboard.db import Sessions, read_session, utcnow
from dashboard.gateway.webhooks import endpoints, queue, signing
from dashboard.gateway.webhooks.queue import AttemptResult, EndpointLease, PendingDelivery
from dashboard.outbound.client import HttpAnswer, HttpCall, HttpClient
from dashboard.outbound.errors import SendError
from dashboard.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT = 15.0  # seconds for a whole call
MOST_AT_ONCE = 32  # endpoints
MOST_FAILING = 16  # of them; the other places are for those that answer
LONGEST_TURN = 50  # events, when others wait for a place
MOST_KEPT = 1_000  # characters of an answer
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class DispatcherContext:
    """What a courier works with."""

    sessions: Sessions
    cipher: Fernet
    web: HttpClient

    @classmethod
    def open(cls, sessions: Sessions, settings: Settings) -> DispatcherContext:
        return cls(sessions, endpoints.cipher(settings), HttpClient(endpoints.guard(settings), TIMEOUT))


class WebhookDispatcher:
    """The couriers of one process; `go_on` says when to stop."""

    def __init__(self, satchel: DispatcherContext, go_on: Callable[[], bool]) -> None:
        self.satchel = satchel
        self.go_on = go_on
        self._busy = {False: 0, True: 0}  # by whether their endpoints fail
        self._changed = threading.Condition()

    def wake(self) -> None:
        """Send couriers out to all endpoints that have something due; does not wait for them."""
        with read_session(self.satchel.sessions) as session:
            if not queue.waiting(session):
                return
        for failing, places in ((False, MOST_AT_ONCE - MOST_FAILING), (True, MOST_FAILING)):
            free = places - self._busy[failing]
            for turn in self._claim(free, failing):
                self._count(failing, 1)
                threading.Thread(target=self._work, args=(turn, failing), name="courier", daemon=True).start()

    def finish(self, seconds: float) -> None:
        """Wait for those who are out."""
        end = time.monotonic() + seconds
        with self._changed:
            while any(self._busy.values()) and time.monotonic() < end:
                self._changed.wait(end - time.monotonic())

    def _claim(self, limit: int, failing: bool) -> list[EndpointLease]:
        if limit <= 0 or not self.go_on():
            return []
        with self.satchel.sessions() as session:
            return queue.claim(session, limit, failing=failing)

    def _work(self, turn: EndpointLease, failing: bool) -> None:
        """Serve an endpoint, then whichever waits; ends when none does."""
        try:
            turns = [turn]
            while turns:
                serve(self.satchel, turns[0], self.go_on)
                turns = self._claim(1, failing)
        except SQLAlchemyError as error:  # the lease ends by itself
            log.error("the database failed a courier: %s", type(error).__name__)
        except Exception as error:
            log.error("a courier failed: %s", type(error).__name__)
        finally:
            self._count(failing, -1)

    def _count(self, failing: bool, step: int) -> None:
        with self._changed:
            self._busy[failing] += step
            self._changed.notify_all()


def serve(satchel: DispatcherContext, turn: EndpointLease, go_on: Callable[[], bool]) -> None:
    """Tell an endpoint what is due, in order, until a call fails; no database session is open during a call."""
    with satchel.sessions.begin() as session:
        errand = queue.take(session, turn)
    for _ in range(LONGEST_TURN):
        if errand is None or not go_on():
            break
        told = call(satchel, errand)
        with satchel.sessions.begin() as session:
            queue.settle(session, turn, errand, told)
            errand = queue.take(session, turn) if told.error is None else None
    with satchel.sessions.begin() as session:
        queue.release_lease(session, turn)


def call(satchel: DispatcherContext, errand: PendingDelivery) -> AttemptResult:
    """Make one call and say what came of it; never raises."""
    at, began = utcnow(), time.monotonic()
    try:
        known = [satchel.cipher.decrypt(sealed).decode() for sealed in errand.sealed]
    except InvalidToken:  # sealed under another DATA_SECRET
        return AttemptResult(at, timedelta(0), error="secret_unreadable")
    headers = signing.headers(known, errand.reference, errand.body, at)
    try:
        answer = satchel.web.send(
            HttpCall("POST", errand.url, {"Content-Type": "application/json", **headers}, errand.body)
        )
    except SendError as error:
        return AttemptResult(at, timedelta(seconds=time.monotonic() - began), error=error.code)
    return AttemptResult(
        at,
        timedelta(seconds=time.monotonic() - began),
        status=answer.status,
        error=None if answer.ok else "redirected" if 300 <= answer.status < 400 else "refused",
        answer=UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", answer.text)[:MOST_KEPT],
        retry_after=_retry_after(answer),
    )


def _retry_after(answer: HttpAnswer) -> timedelta:
    return timedelta(seconds=answer.retry_after or 0)

"""Deliver events to endpoints over HTTP: one thread an endpoint that has something due, several calls at once in it."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue

from cryptography.fernet import InvalidToken
from sqlalchemy.exc import SQLAlchemyError

from dashboard.db import Sessions, error_reason, read_session, utcnow
from dashboard.gateway import pauses
from dashboard.gateway.webhooks import endpoints, queue, signing
from dashboard.gateway.webhooks.queue import AttemptResult, EndpointLease, PendingDelivery
from dashboard.outbound.client import HttpAnswer, HttpCall, HttpClient
from dashboard.outbound.errors import SendError
from dashboard.settings import Settings
from dashboard.vocabulary import Lane

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 15.0  # for a whole call
MOST_ENDPOINTS = 32  # served at once
MOST_FAILING = 16  # of them; the other places are for endpoints that answer
EVENTS_A_TURN = 200  # then another endpoint may have the place
TOGETHER_SECONDS = 0.01  # calls that end so close to each other are written down in one commit
LOOK_AGAIN_SECONDS = 0.5  # for more events, while calls are under way
MOST_KEPT = 1_000  # characters of an answer
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class DispatcherContext:
    """What calls are made with. At most `parallel` are under way to one endpoint."""

    sessions: Sessions
    settings: Settings
    http: HttpClient
    parallel: int

    @classmethod
    def open(cls, sessions: Sessions, settings: Settings) -> DispatcherContext:
        parallel = settings.webhooks_parallel
        connections = (MOST_ENDPOINTS - MOST_FAILING) * parallel + MOST_FAILING
        http = HttpClient(endpoints.guard(settings), TIMEOUT_SECONDS, connections)
        return cls(sessions, settings, http, parallel)


class WebhookDispatcher:
    """The endpoints that one process serves; `go_on` says whether it may still begin calls."""

    def __init__(self, context: DispatcherContext, go_on: Callable[[], bool]) -> None:
        self.context = context
        self.go_on = go_on
        self._serving = {False: 0, True: 0}  # endpoints, by whether they fail
        self._changed = threading.Condition()

    def wake(self) -> None:
        """Begin to serve endpoints that have something due, as far as there are places; does not wait for them."""
        with read_session(self.context.sessions) as session:
            if Lane.WEBHOOKS in pauses.paused(session) or not queue.waiting(session):
                return
        for failing, places in ((False, MOST_ENDPOINTS - MOST_FAILING), (True, MOST_FAILING)):
            for lease in self._claim(places - self._serving[failing], failing):
                self._count(failing, 1)
                threading.Thread(target=self._work, args=(lease, failing), name="webhooks", daemon=True).start()

    def finish(self, seconds: float) -> None:
        """Wait for the calls under way, at most so long."""
        end = time.monotonic() + seconds
        with self._changed:
            while any(self._serving.values()) and time.monotonic() < end:
                self._changed.wait(end - time.monotonic())

    def _claim(self, limit: int, failing: bool) -> list[EndpointLease]:
        if limit <= 0 or not self.go_on():
            return []
        with self.context.sessions() as session:
            return queue.claim(session, limit, failing=failing)

    def _work(self, lease: EndpointLease, failing: bool) -> None:
        """Serve an endpoint, then the next one that waits; end when none does."""
        try:
            leases = [lease]
            while leases:
                serve(self.context, leases[0], self.go_on)
                leases = self._claim(1, failing)
        except SQLAlchemyError as error:  # the lease ends by itself
            log.error("webhooks: the database failed: %s", error_reason(error))
        except Exception as error:
            log.error("webhooks: an endpoint could not be served: %s", error_reason(error))
        finally:
            self._count(failing, -1)

    def _count(self, failing: bool, step: int) -> None:
        with self._changed:
            self._serving[failing] += step
            self._changed.notify_all()


def serve(context: DispatcherContext, lease: EndpointLease, go_on: Callable[[], bool]) -> None:
    """Deliver what is due at an endpoint until nothing is, a call fails or EVENTS_A_TURN are begun; commits.

    Calls run side by side, the events of one message one after the other. An endpoint that fails gets one call at a
    time. No database session is open during a call that is waited for.
    """
    places = 1 if lease.failing else context.parallel
    under_way: dict[int, PendingDelivery] = {}  # by id
    results: SimpleQueue[tuple[PendingDelivery, AttemptResult]] = SimpleQueue()
    finished: list[tuple[PendingDelivery, AttemptResult]] = []
    left, is_well = EVENTS_A_TURN, True
    while True:
        begin: list[PendingDelivery] = []
        with context.sessions.begin() as session:
            queue.settle(session, lease, finished)
            for delivery, result in finished:
                del under_way[delivery.delivery_id]
                is_well = is_well and result.error is None
            free = min(places - len(under_way), left)
            if is_well and free > 0 and go_on():
                begin = queue.take(session, lease, free, under_way.values())
            if not under_way and not begin:
                queue.release_lease(session, lease)
                return
        left -= len(begin)
        for delivery in begin:
            under_way[delivery.delivery_id] = delivery
            threading.Thread(target=_call_into, args=(context, delivery, results), name="webhook", daemon=True).start()
        finished = _wait_for(results)


def call(context: DispatcherContext, delivery: PendingDelivery) -> AttemptResult:
    """Make one call and say what came of it; never raises."""
    at, began = utcnow(), time.monotonic()
    cipher = endpoints.cipher(context.settings)
    try:
        secrets = [cipher.decrypt(sealed).decode() for sealed in delivery.sealed]
    except InvalidToken:  # encrypted with another DATA_SECRET
        return AttemptResult(at, timedelta(0), error="secret_unreadable")
    headers = signing.headers(secrets, delivery.reference, delivery.body, at)
    try:
        answer = context.http.send(
            HttpCall("POST", delivery.url, {"Content-Type": "application/json", **headers}, delivery.body)
        )
    except SendError as error:
        return AttemptResult(at, timedelta(seconds=time.monotonic() - began), error=error.code)
    return AttemptResult(
        at,
        timedelta(seconds=time.monotonic() - began),
        status=answer.status,
        error=_error(answer),
        answer=UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", answer.text)[:MOST_KEPT],
        retry_after=timedelta(seconds=answer.retry_after or 0),
    )


def _call_into(
    context: DispatcherContext,
    delivery: PendingDelivery,
    results: SimpleQueue[tuple[PendingDelivery, AttemptResult]],
) -> None:
    """`call` in a thread of its own. Whatever goes wrong is a result: the endpoint's thread waits for one."""
    at = utcnow()
    try:
        result = call(context, delivery)
    except Exception as error:
        log.error("webhooks: a call failed: %s", error_reason(error))
        result = AttemptResult(at, utcnow() - at, error="internal")
    results.put((delivery, result))


def _wait_for(
    results: SimpleQueue[tuple[PendingDelivery, AttemptResult]],
) -> list[tuple[PendingDelivery, AttemptResult]]:
    """The calls that have ended, all of them; none when LOOK_AGAIN_SECONDS have passed."""
    ended = []
    try:
        ended.append(results.get(timeout=LOOK_AGAIN_SECONDS))
        time.sleep(TOGETHER_SECONDS)
        while True:
            ended.append(results.get_nowait())
    except Empty:
        return ended


def _error(answer: HttpAnswer) -> str | None:
    if answer.ok:
        return None
    return "redirected" if 300 <= answer.status < 400 else "refused"

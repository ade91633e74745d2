"""The relay: every second, wake the lanes that have due rows. It makes up for every wake-up that was lost."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from types import FrameType

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard import collector, logs
from dashboard.db import Sessions, error_reason, make_sessions, read_session, utcnow
from dashboard.gateway import workers
from dashboard.gateway.accounts import user_sessions
from dashboard.gateway.alerts import incidents
from dashboard.gateway.campaigns import progress
from dashboard.gateway.carriers import health, notices
from dashboard.gateway.costs import charges, reservations
from dashboard.gateway.delivery import receipts
from dashboard.gateway.inbound import inbox as inbound
from dashboard.gateway.maintenance import retention, rotation
from dashboard.gateway.messages import idempotency, outbox
from dashboard.gateway.sandbox import inbox
from dashboard.gateway.statistics import rollup
from dashboard.gateway.webhooks import endpoints, queue
from dashboard.settings import Settings, SettingsError
from dashboard.vocabulary import Lane
from dashboard.wakeup import Wakeup
from jobs import alerts, backups, balances, campaigns, outages, runtime, weekly_report
from jobs.runtime import stopping

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
MOST_WAKEUPS = 4  # in a lane's queue: enough for its workers to share a backlog
SWEEP_TICKS = 30
UNDO_TIME = timedelta(minutes=2)  # a page lets nothing be taken back that is older
FOLD_SECONDS = TIDY_SECONDS = 0.25  # of each turn: wake-ups come first


def main() -> int:
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    logs.set_up(settings.log_format, "relay")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    sessions, wakeup = make_sessions(settings.database_url), Wakeup(settings.redis_url)
    runtime.say_hello(sessions, workers.RELAY)
    sender = alerts.AlertSender(sessions, settings, wakeup)
    threading.Thread(target=sender.run, args=(stopping,), name="alerts", daemon=True).start()
    threading.Thread(target=outages.run, args=(sessions, stopping), name="outages", daemon=True).start()
    threading.Thread(
        target=campaigns.run, args=(sessions, settings, wakeup, stopping), name="campaigns", daemon=True
    ).start()
    threading.Thread(target=balances.run, args=(sessions, settings, stopping), name="balances", daemon=True).start()
    if settings.backup_folder:
        threading.Thread(target=backups.run, args=(settings, stopping), name="backups", daemon=True).start()
    if settings.report_to and settings.smtp_url:
        told = (sessions, settings, stopping)
        threading.Thread(target=weekly_report.run, args=told, name="weekly report", daemon=True).start()
    collector.pass_over_loaded()
    started_at, ticks, is_untidy = utcnow(), 0, False
    while not stopping.is_set():
        try:
            tick(sessions, wakeup, started_at, sweep=ticks % SWEEP_TICKS == 0)
        except SQLAlchemyError as error:
            log.warning("the relay skips a turn: %s", error_reason(error))
        if ticks % SWEEP_TICKS == 0:
            rotation.forget_retired(settings)
        if is_untidy or ticks % SWEEP_TICKS == 0:
            is_untidy = tidy(sessions)
        ticks += 1
        stopping.wait(TICK_SECONDS)
    runtime.say_goodbye(sessions)
    return 0


def tick(sessions: Sessions, wakeup: Wakeup, started_at: datetime, *, sweep: bool) -> None:
    """Wake lanes where rows wait, count what changed; now and then close and forget what is past its time."""
    with read_session(sessions) as session:
        waiting = outbox.waiting(session) | {Lane.WEBHOOKS: queue.waiting(session)}
    for lane, count in waiting.items():
        if count:
            wakeup.notify_again(lane, min(count, MOST_WAKEUPS))
    with sessions.begin() as session:
        workers.beat(session, workers.RELAY, started_at)
        health.review(session)
        outbox.mend_clock(session)
        lanes = receipts.reconcile(session)
        if sweep:
            lanes |= receipts.deliver_by_one_receipt(session)
            if outbox.expire_stale(session):
                lanes.add(Lane.WEBHOOKS)
            health.reroute(session)
            lanes |= inbound.complete_late(session)
            workers.forget_silent(session)
            user_sessions.forget_old_tries(session)
            idempotency.sweep(session)
            queue.mend_clock(session)
            queue.forget_old(session)
            endpoints.forget_secrets(session, utcnow() - UNDO_TIME)
            inbox.forget_cleared(session, utcnow() - UNDO_TIME)
            rollup.forget_old(session)
            health.forget_old(session)
            notices.forget_old(session)
            receipts.forget_old(session)
            incidents.forget_old(session, utcnow())
    for lane in lanes:
        wakeup.notify_again(lane, MOST_WAKEUPS)
    rollup.fold_for(sessions, FOLD_SECONDS)
    charges.fold_for(sessions, FOLD_SECONDS)
    reservations.settle_for(sessions, FOLD_SECONDS)


def tidy(sessions: Sessions) -> bool:
    """Delete what has been kept long enough: a batch of each kind, and more of them until TIDY_SECONDS are over.

    Before messages go, campaigns keep their counts of them. Return whether something may be left, for the next turn to
    go on with; False also when the database fails.
    """
    left: list[Callable[[Session], bool]] = [
        progress.keep_counts,
        *(partial(retention.step, name=name) for name in retention.KINDS),
    ]
    end = time.monotonic() + TIDY_SECONDS
    try:
        while left and not stopping.is_set():
            left = [step for step in left if _tidy_one(sessions, step)]
            if time.monotonic() >= end:
                break
        with sessions.begin() as session:
            retention.thin_refusals(session)
    except SQLAlchemyError as error:
        log.warning("nothing is deleted this turn: %s", error_reason(error))
        return False
    return bool(left)


def _tidy_one(sessions: Sessions, step: Callable[[Session], bool]) -> bool:
    with sessions.begin() as session:
        return step(session)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    stopping.set()


if __name__ == "__main__":
    sys.exit(main())

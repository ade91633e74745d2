"""What a worker process has one of: database sessions, carriers, stop signal. Each is opened when first asked for."""

from __future__ import annotations

import threading
from functools import cache

from dashboard.db import Sessions, make_sessions
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.webhooks.dispatcher import DispatcherContext, WebhookDispatcher
from dashboard.settings import Settings
from dashboard.wakeup import Wakeup

stopping = threading.Event()  # set on SIGTERM: finish the texts in hand, put the rest back


@cache
def settings() -> Settings:
    return Settings.from_env()


@cache
def sessions() -> Sessions:
    return make_sessions(settings().database_url)


@cache
def wakeup() -> Wakeup:
    return Wakeup(settings().redis_url)


@cache
def dispatcher() -> WebhookDispatcher:
    """Calls webhook endpoints."""
    return WebhookDispatcher(DispatcherContext.open(sessions(), settings()), lambda: not stopping.is_set())


@cache
def context(lane: str) -> WorkerContext:
    """Delivers a lane; keeps the carriers' connections."""
    return WorkerContext.open(sessions(), settings(), lane, wakeup().notify)

"""A worker in this process, and an SMSC set up as its carrier."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.delivery import worker
from dashboard.gateway.delivery.worker import WorkerContext
from tests.support.http_carriers import Office
from tests.support.smpp.smsc import PASSWORD, Smsc
from tests.support.stack import until


def connect(office: Office, smsc: Smsc, **settings: Any) -> WorkerContext:
    usual = {"host": "127.0.0.1", "port": smsc.port, "system_id": "test", "password": PASSWORD, "sender": "Chinqit"}
    with office.sessions.begin() as session:
        values = {name: str(value) for name, value in (usual | settings).items()}
        carriers.add(session, carriers.cipher(office.settings), NewCarrier("smpp", "smsc", values))
    context = office.desk()
    until(lambda: context.connections.real()[0].provider.state().is_ready, 10)
    return context


@contextmanager
def working(context: WorkerContext) -> Iterator[None]:
    """A worker that goes on delivering."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            worker.drain(context, "sms", lambda: not stop.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)

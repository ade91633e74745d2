"""Three processes with two binds and one rate, over a real Valkey, judged by the SMSC."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import signal
import time
from collections.abc import Iterator, Sequence

import pytest

from dashboard.gateway.carriers.leases import CarrierCoordinator
from dashboard.providers.base import Incoming, Outgoing, Receipt, Result
from dashboard.providers.registry import build
from dashboard.redis import connect
from tests.support.processes import FORKSERVER
from tests.support.smpp.smsc import PASSWORD, Smsc
from tests.support.stack import until


@pytest.fixture(scope="module")
def smsc(node_smpp: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smsc]:
    log = tmp_path_factory.mktemp("smsc") / "log"
    smsc = Smsc(node_smpp, log, password=PASSWORD, tps=90, max_binds=2, receipts="off")
    yield smsc
    smsc.kill()


@pytest.fixture(scope="module")
def processes(smsc: Smsc, valkey: str) -> Iterator[list[multiprocessing.context.ForkServerProcess]]:
    """Three workers at 50 segments a second in all, two of which have sent something.

    Each for itself at that rate, two would come to 100: more than the SMSC takes.
    """
    processes = [FORKSERVER.Process(target=work, args=(valkey, smsc.port, 50, number)) for number in range(3)]
    for process in processes:
        process.start()
    until(lambda: len(senders(smsc)) == 2, 60)
    yield processes
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(20)
        process.kill()


def senders(smsc: Smsc) -> set[int]:
    """The numbers of the workers whose texts were taken."""
    return {int(event["dest"][4]) for event in smsc.events("submit_sm")}


class Host(CarrierCoordinator):
    def store(self, _receipts: Sequence[Receipt]) -> None:
        return

    def store_incoming(self, _texts: Sequence[Incoming]) -> None:
        return


def work(valkey: str, port: int, rate: float, number: int) -> None:
    """A worker that keeps its carrier full while it has a bind, and closes it on SIGTERM."""
    settings = {"host": "127.0.0.1", "port": port, "system_id": "test", "password": PASSWORD}
    provider = build("smpp", settings | {"rate": rate, "binds": 2}, "c", Host(connect(valkey), "c"))
    over = []
    signal.signal(signal.SIGTERM, lambda *_: over.append(True))
    held, count = 0, 0

    def tell(_outgoing: Outgoing, _result: Result) -> None:
        nonlocal held
        held -= 1

    while not over:
        if provider.state().is_ready and held < 20:
            valid_until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=600)
            phones = [f"+2224{number}{count + n:06}" for n in range(10)]
            count, held = count + 10, held + 10
            provider.hand_over([Outgoing(phone, phone, "sms", "Bonjour", 1, valid_until) for phone in phones], tell)
        time.sleep(0.02)
    provider.close()


def test_two_of_three_bind_and_the_smsc_never_has_to_throttle(
    smsc: Smsc, processes: list[multiprocessing.context.ForkServerProcess]
) -> None:
    until(lambda: len(smsc.events("submit_sm")) > 150, 60)
    stats = smsc.ask("stats")
    assert (stats["throttled"], stats["bind_refused"], stats["bound"]) == (0, 0, 2)
    assert len(senders(smsc)) == 2


def test_the_bind_of_a_killed_process_goes_to_the_one_that_waits(
    smsc: Smsc, processes: list[multiprocessing.context.ForkServerProcess]
) -> None:
    processes[min(senders(smsc))].kill()
    until(lambda: len(senders(smsc)) == 3, 25)
    assert smsc.ask("stats")["bind_refused"] == 0


def test_each_unbinds_when_it_is_ended(smsc: Smsc, processes: list[multiprocessing.context.ForkServerProcess]) -> None:
    alive = [process for process in processes if process.is_alive()]
    for process in alive:
        process.terminate()
    for process in alive:
        process.join(20)
    assert len(smsc.events("unbind")) == 2 and smsc.ask("stats")["bound"] == 0

"""How many texts a second one SMPP bind carries, to SMSCs that answer at once.

python -m tests.bench.smpp [TEXTS]      (10000)
"""

from __future__ import annotations

import asyncio
import datetime as dt
import multiprocessing
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from dashboard.providers.base import Outcome, Outgoing, Result
from dashboard.providers.registry import build
from tests.support.smpp.smsc import NodeMissing, Smsc, install
from tests.support.stack import until

DEMAND = 3000
WINDOWS = (10, 50, 200)
TEXTS = {
    "one segment": "Votre code Chinqit est 482913. Ne le partagez à personne.",
    "three segments": "رمز التحقق " * 18,
}


def main(count: int) -> None:
    print(f"{'SMSC':<10}{'texts':<16}{'window':>7}{'texts/s':>10}{'CPU µs a text':>15}")
    slowest = float("inf")
    for name, serve in {"local": local, "node-smpp": node}.items():
        try:
            for words in TEXTS:
                for window in WINDOWS:
                    with serve() as port:
                        rate, cost = measure(port, window, count, TEXTS[words])
                    print(f"{name:<10}{words:<16}{window:>7}{rate:>10,.0f}{cost:>15.1f}")
                    slowest = min(slowest, rate) if words == "one segment" else slowest
        except NodeMissing:
            print(f"{name:<10}not measured: there is no node")
    print(f"demand: {DEMAND:,}/s of one segment; slowest: {slowest:,.0f}/s")


def measure(port: int, window: int, count: int, words: str) -> tuple[float, float]:
    """Texts a second, and microseconds of this process's CPU a text."""
    settings = {"host": "127.0.0.1", "port": port, "system_id": "test", "password": "test", "window": window}
    provider = build("smpp", settings)
    until(lambda: provider.state().is_ready, 10)
    valid_until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=600)
    outgoings = [Outgoing(f"{n:x}", f"+222{40_000_000 + n}", "sms", words, 1, valid_until) for n in range(count)]
    over, taken = threading.Event(), 0

    def note(_outgoing: Outgoing, result: Result) -> None:
        nonlocal taken
        assert isinstance(result, Outcome), result
        taken += 1
        if taken == count:
            over.set()

    began, cpu = time.perf_counter(), time.process_time()
    provider.hand_over(outgoings, note)
    assert over.wait(120)
    elapsed, cost = time.perf_counter() - began, time.process_time() - cpu
    provider.close()
    return count / elapsed, cost / count * 1e6


@contextmanager
def node() -> Iterator[int]:
    """The SMSC that the tests judge by."""
    with tempfile.TemporaryDirectory() as folder:
        smsc = Smsc(install(Path(folder) / "smsc"), Path(folder) / "log", any_auth=True, quiet=True, receipts="off")
        try:
            yield smsc.port
        finally:
            smsc.kill()


@contextmanager
def local() -> Iterator[int]:
    """An SMSC that does nothing but answer, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run_local, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def run_local(pipe: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


class Answering(asyncio.Protocol):
    """Says yes to every request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write: Callable[[bytes], None] = transport.write  # type: ignore[attr-defined]
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        data, place, answers = self.rest + data, 0, []
        while len(data) - place >= 16:
            length, command, _, sequence = struct.unpack_from(">IIII", data, place)
            if len(data) - place < length:
                break
            place += length
            body = b"" if command in (0x06, 0x15) else b"%x\0" % sequence
            answers.append(struct.pack(">IIII", 16 + len(body), command | 0x80000000, 0, sequence) + body)
        self.rest = data[place:]
        self.write(b"".join(answers))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)

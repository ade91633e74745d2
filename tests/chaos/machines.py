"""Several machines: hosts are cut off, a standby is promoted, Sentinels fail over. Needs root.

The judge is the ledger of an SMSC that none of the faults reaches: what the database forgot it still knows.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from redis import Redis

from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.settings import prepare_home
from dashboard.supervisor import valkey_server
from tests.chaos.drill import Drill, Outcome, Skipped, gateway
from tests.chaos.network import OURS, Host, HostPostgres, network
from tests.support import run as whole_run
from tests.support.phones import new_phone
from tests.support.poolers import replicas_in_step
from tests.support.postgres import USER, PostgresMissing
from tests.support.smpp import smsc as smscs
from tests.support.smpp.smsc import PASSWORD, NodeMissing, Smsc
from tests.support.stack import Client, Stack, until
from tests.support.traffic import Traffic, flowing, traffic

GONE_SECONDS = 15.0
ERROR_SECONDS = 10.0
HOSTS = ("app1", "app2", "db1", "db2", "cache1", "cache2", "cache3")
NOTICED_SECONDS = 2.0  # until somebody, or something like Patroni, acts
LIMIT, MINUTE = 3, 60  # codes of one phone in a minute
TIMEOUT = 20  # of a call
BINDS, WINDOW = 2, 10  # of the carrier; so many texts it may have in hand when what it said of them cannot be written
SENTINEL = """port 26379
sentinel monitor mymaster {master} 6379 2
sentinel down-after-milliseconds mymaster 1000
sentinel failover-timeout mymaster 3000
"""


@dataclass
class Cluster:
    """Two hosts of the gateway, PostgreSQL with a synchronous standby, Valkey with a replica and three Sentinels, and
    the SMSC that both hosts send to."""

    hosts: dict[str, Host]
    primary: HostPostgres
    standby: HostPostgres
    apps: tuple[Stack, Stack]
    smsc: Smsc

    def copies(self, phones: Iterable[str]) -> Counter[str]:
        """How many texts the SMSC took for each of these phones."""
        taken = Counter(dict.fromkeys(phones, 0))
        for (number, _), count in self.smsc.taken().items():
            if f"+{number}" in taken:
                taken[f"+{number}"] += count
        return taken

    def traffic(self, number: int) -> AbstractContextManager[Traffic]:
        """Messages flow on one of the gateway's hosts."""
        return flowing(Traffic(self.apps[number].client(), self.copies))


@contextmanager
def cluster() -> Iterator[Cluster]:
    """All of it, and it serves."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="chinqit-chaos-")))
        hosts = opened.enter_context(network(*HOSTS))
        try:
            primary = HostPostgres(hosts["db1"])
            opened.callback(primary.stop)
            standby = HostPostgres(hosts["db2"], primary)
            opened.callback(standby.stop)
        except PostgresMissing:
            raise Skipped("there is no PostgreSQL server") from None
        name = primary.create().partition("@/")[2].partition("?")[0]
        primary.wait_for_standby()
        servers = ",".join(f"{server.host.address}:5432" for server in (primary, standby))
        _start_caches(opened, hosts, folder)
        sentinels = ",".join(f"{hosts[cache].address}:26379" for cache in ("cache1", "cache2", "cache3"))
        addresses = {
            "DATABASE_URL": f"postgresql://{USER}@{servers}/{name}?target_session_attrs=read-write",
            "REDIS_URL": f"redis+sentinel://{sentinels}/mymaster",
        }
        first = _app(opened, hosts["app1"], folder / "app1", addresses)
        prepare_home(folder / "app2")
        shutil.copytree(folder / "app1" / "secrets", folder / "app2" / "secrets", dirs_exist_ok=True)
        second = _app(opened, hosts["app2"], folder / "app2", addresses)
        for app in (first, second):
            app.start()
        for app in (first, second):
            app.wait_ready()
        smsc = _smsc(opened, folder, first)
        yield Cluster(hosts, primary, standby, (first, second), smsc)


def _smsc(opened: ExitStack, folder: Path, app: Stack) -> Smsc:
    """A carrier on the machine that all of this runs on, bound by both hosts."""
    (folder / "node").mkdir()
    try:
        command = smscs.install(folder / "node")
    except NodeMissing:
        raise Skipped("there is no node for the SMSC") from None
    smsc = Smsc(command, folder / "smsc.log", host=OURS, password=PASSWORD, receipts="off")
    opened.callback(smsc.kill)
    values = {"host": OURS, "port": smsc.port, "system_id": "test", "password": PASSWORD, "sender": "Chinqit"}
    values |= {"binds": BINDS, "window": WINDOW}
    with app.sessions.begin() as session:
        told = {name: str(value) for name, value in values.items()}
        carriers.add(session, carriers.cipher(app.settings), NewCarrier("smpp", "smsc", told))
    until(lambda: _bound(smsc) >= BINDS, 30, lambda: "it was not bound")
    return smsc


def _app(opened: ExitStack, host: Host, home: Path, addresses: Mapping[str, str]) -> Stack:
    stack = Stack(
        home, run=host.execute, address=host.address, database_url=addresses["DATABASE_URL"], environ=addresses
    )
    opened.callback(stack.close)
    return stack


def _bound(smsc: Smsc) -> int:
    return sum(event["status"] == 0 for event in smsc.events("bind"))


def _start_caches(opened: ExitStack, hosts: dict[str, Host], folder: Path) -> None:
    master = hosts["cache1"].address
    common = ["--save", "", "--appendonly", "no", "--protected-mode", "no", "--repl-diskless-sync-delay", "0"]
    for name in ("cache1", "cache2", "cache3"):
        place = folder / name
        place.mkdir()
        conf = place / "sentinel.conf"
        conf.write_text(SENTINEL.format(master=master) + "protected-mode no\n")
        commands = [[valkey_server(), str(conf), "--sentinel", "--dir", str(place)]]
        if name != "cache3":
            follow = ["--replicaof", master, "6379"] if name != "cache1" else []
            commands.insert(0, [valkey_server(), "--port", "6379", "--dir", str(place), *common, *follow])
        for number, words in enumerate(commands):
            process = hosts[name].execute(words, {}, folder / f"{name}-{number}.log")
            whole_run.watch(process.pid)
            opened.callback(process.wait, 10)
            opened.callback(process.send_signal, 9)
    until(lambda: _in_step(hosts), 30)


def _in_step(hosts: dict[str, Host]) -> bool:
    """Every Sentinel knows the replica, and the two others."""
    for name in ("cache1", "cache2", "cache3"):
        with Redis(hosts[name].address, 26379, socket_timeout=2) as sentinel:
            if replicas_in_step(sentinel) != 1 or int(sentinel.sentinel_master("mymaster")["num-other-sentinels"]) != 2:
                return False
    return True


@dataclass(frozen=True)
class Fault:
    """What is done to the cluster while messages flow on both hosts of the gateway."""

    do: Callable[[Cluster], None]
    mend: Callable[[Cluster], None] = lambda _made: None
    spared: tuple[int, ...] = ()  # hosts of the gateway where no call may fail
    cut: int | None = None  # the one that its callers cannot reach until it is mended

    def drill(self, _length: float) -> Outcome:
        with cluster() as made:
            codes = Codes(made, [number for number in (0, 1) if number != self.cut])
            with made.traffic(0) as first, made.traffic(1) as second:
                flows = (first, second)
                for flow in flows:
                    flow.more(30)
                codes.ask()
                began = time.monotonic()
                self.do(made)
                while time.monotonic() < began + GONE_SECONDS:
                    codes.ask()
                    time.sleep(1)
                self.mend(made)
                mended = time.monotonic()
                for flow in flows:
                    flow.more(30)
                back = time.monotonic() - mended
            starts = [mended if number == self.cut else began for number in (0, 1)]
            return self._judge(flows, starts, back, codes.taken)

    def _judge(self, flows: tuple[Traffic, Traffic], starts: list[float], back: float, codes: int) -> Outcome:
        with suppress(AssertionError):
            for flow in flows:
                flow.arrive(45)
        lost, doubles = sum(len(flow.missing()) for flow in flows), sum(flow.doubles() for flow in flows)
        last = max(max(flow.last_failed - start, 0.0) for flow, start in zip(flows, starts, strict=True))
        failed = [len(flow.refused) + flow.broken + flow.turned_away for flow in flows]
        figure = (
            f"{sum(len(flow.accepted) for flow in flows)} accepted, {lost} lost, {doubles} doubled; "
            f"{failed[0]} and {failed[1]} calls failed, the last {last:.1f} s after; "
            f"flows {back:.1f} s after it is mended; {codes} codes taken"
        )
        is_met = lost == 0 and doubles <= BINDS * WINDOW
        is_met = is_met and codes == LIMIT and last <= ERROR_SECONDS and back <= ERROR_SECONDS
        return Outcome(figure, is_met and all(failed[number] == 0 for number in self.spared))


class Codes:
    """Codes for one phone, asked for on all hosts within one minute."""

    def __init__(self, made: Cluster, numbers: list[int]) -> None:
        key = made.apps[0].key()
        self.clients = [Client(made.apps[number], key) for number in numbers]
        self.phone, self.began, self.taken = new_phone(), time.monotonic(), 0

    def ask(self) -> None:
        """One on each host."""
        for client in self.clients:
            if time.monotonic() < self.began + MINUTE - TIMEOUT:
                with suppress(httpx.TransportError):
                    self.taken += client.otp(self.phone).status_code == 200


def _vanish(name: str) -> Callable[[Cluster], None]:
    return lambda made: made.hosts[name].cut_off()


def _return(name: str) -> Callable[[Cluster], None]:
    return lambda made: made.hosts[name].connect()


def _promote(made: Cluster) -> None:
    """The primary is gone for good. Whoever promotes has to be sure of that: two primaries would part ways."""
    made.hosts["db1"].cut_off()
    time.sleep(NOTICED_SECONDS)
    made.standby.order("SELECT pg_promote()")


def _go_on_alone(made: Cluster) -> None:
    """Commits wait for a synchronous standby for ever; somebody has to say that there is none."""
    made.hosts["db2"].cut_off()
    time.sleep(NOTICED_SECONDS)
    made.primary.order("ALTER SYSTEM SET synchronous_standby_names = ''")
    made.primary.order("SELECT pg_reload_conf()")


BOTH = (0, 1)
FAULTS = {
    "the first host of the gateway is cut off": Fault(_vanish("app1"), _return("app1"), spared=(1,), cut=0),
    "the second host of the gateway is cut off": Fault(_vanish("app2"), _return("app2"), spared=(0,), cut=1),
    "the primary vanishes, the standby is promoted": Fault(_promote),
    "the standby vanishes, the primary goes on alone": Fault(_go_on_alone, _return("db2")),
    "Valkey's master vanishes, and comes back": Fault(_vanish("cache1"), _return("cache1"), BOTH),
    "Valkey's replica vanishes, and comes back": Fault(_vanish("cache2"), _return("cache2"), BOTH),
    "a Sentinel vanishes, and comes back": Fault(_vanish("cache3"), _return("cache3"), BOTH),
}


def database_host_vanishes(_length: float) -> Outcome:
    """No standby: the database is away until its cable is in again."""
    with network("db") as hosts:
        try:
            server = HostPostgres(hosts["db"])
        except PostgresMissing:
            raise Skipped("there is no PostgreSQL server") from None
        try:
            name = server.create().partition("@/")[2].partition("?")[0]
            with gateway(f"postgresql://{USER}@{hosts['db'].address}:5432/{name}") as stack:
                with traffic(stack) as flowed:
                    flowed.more()
                    hosts["db"].cut_off()
                    time.sleep(GONE_SECONDS)
                    hosts["db"].connect()
                    back = time.monotonic()
                    flowed.more()
                    answered = time.monotonic() - back
                came = Counter(answer.status_code for answer in flowed.refused)
                flowed.arrive(30)
                lost, doubles = len(flowed.missing()), flowed.doubles()
        finally:
            server.stop()
    figure = f"{len(flowed.accepted)} accepted, {lost} lost, {doubles} doubled; answers again after {answered:.1f} s"
    slow = f", the slowest call took {flowed.slowest:.1f} s, errors {dict(came)}"
    return Outcome(figure + slow, lost == 0 and answered <= ERROR_SECONDS and set(came) <= {500})


DRILLS = (
    Drill(
        "F19",
        f"the only database host vanishes for {GONE_SECONDS:.0f} s, without a reset",
        "lost 0, answers within 10 s of its return",
        database_host_vanishes,
        60,
    ),
    *(
        Drill(
            "hosts",
            fault,
            f"lost 0, doubled {BINDS * WINDOW} at most, errors for 10 s at most, limits hold",
            done.drill,
            90,
        )
        for fault, done in FAULTS.items()
    ),
)

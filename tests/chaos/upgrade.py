"""Two hosts of the gateway are upgraded one after the other, from the release before, while messages flow on both."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from dashboard.resources import ROOT
from dashboard.settings import prepare_home
from tests.chaos.drill import POSTGRESQL, SQLITE, Drill, Outcome, Skipped, together
from tests.chaos.races import postgres
from tests.support.command import COMMAND
from tests.support.phones import new_phone
from tests.support.processes import Part, execute
from tests.support.stack import PYTHON, Client, Stack, digits, in_home
from tests.support.traffic import Traffic, flowing

CHINQIT = "from dashboard.cli.registry import main; main()"
VERSIONS = "dashboard/migrations/versions/"
FROM: list[str] = []  # the commit that runs first, when one is asked for


class OldStack(Stack):
    """A gateway whose processes run the code of another folder."""

    def __init__(self, tree: Path, home: Path, database_url: str, environ: Mapping[str, str] | None = None) -> None:
        self.tree = tree
        super().__init__(home, database_url, self._execute_old, environ=environ)

    def _execute_old(self, argv: Sequence[str | Path], environ: Mapping[str, str], log: Path) -> Part:
        words = [str(word).replace(str(ROOT / "deploy"), str(self.tree / "deploy")) for word in argv]
        return execute(["env", "-C", str(self.tree), *words], {**environ, "PYTHONPATH": str(self.tree)}, log)

    def migrate(self) -> None:
        self.command_of_old("migrate")

    def command_of_old(self, *words: str) -> str:
        environ = self.environment | {"PYTHONPATH": str(self.tree)}
        command = [PYTHON, "-c", CHINQIT, *words]
        done = subprocess.run(command, env=environ, cwd=self.tree, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def replace(self) -> None:
        """End what runs, and start the new code in its place; a Valkey stays."""
        parts = [name for name in self.names if name != "valkey"]
        self.stop(*parts)
        self.run = execute
        self.start(*parts)
        self.wait_ready()


def hosts_are_upgraded() -> dict[str, Outcome]:
    with old_code() as (commit, tree), postgres() as server, tempfile.TemporaryDirectory(prefix="chinqit-") as folder:
        addresses: dict[str, Callable[[Path], str]] = {SQLITE: in_home, POSTGRESQL: lambda _home: server.create()}
        return {
            f"{name} from {commit[:7]}": _upgrade(tree, Path(folder) / name, address)
            for name, address in addresses.items()
        }


def old_commit() -> str:
    """The last commit with a tag; as long as there is none, the one before this version of the database."""
    commit = FROM[0] if FROM else _git("describe", "--tags", "--abbrev=0").strip() or _before_last_migration()
    if not commit:
        raise Skipped("the release before cannot be had from git here")
    return commit


@contextmanager
def old_code() -> Iterator[tuple[str, Path]]:
    """That commit, and its files."""
    commit = old_commit()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        raise Skipped(f"the release before cannot be had from git here: {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory(prefix="chinqit-old-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield commit, Path(folder)


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout


def _before_last_migration() -> str:
    """The newest commit that could be a release and lacks a migration of today: it has none that was given another
    name since, and they are one chain.
    """
    today = _migrations("HEAD")
    for changed in _git("rev-list", "--first-parent", "HEAD", "--", VERSIONS).split():
        before = f"{changed}~1"
        if _migrations(before) < today and _is_one_chain(before):
            return _git("rev-parse", before).strip()
    return ""


def _is_one_chain(commit: str) -> bool:
    """Whether its migrations have one end; of branches that are being joined they may have two."""
    lines = _git("grep", "-hE", "^(down_)?revision = ", commit, "--", VERSIONS).splitlines()
    pairs = [line.split(" = ") for line in lines]
    ends = {name for kind, name in pairs if kind == "revision"} - {name for kind, name in pairs if kind != "revision"}
    return len(ends) == 1


def _migrations(commit: str) -> set[str]:
    return set(_git("ls-tree", "--name-only", commit, VERSIONS).split())


def _upgrade(tree: Path, folder: Path, address: Callable[[Path], str]) -> Outcome:
    with ExitStack() as opened:
        home, other = folder / "first", folder / "second"
        prepare_home(home)
        url = address(home)
        first = OldStack(tree, home, url)
        opened.callback(first.close)
        prepare_home(other)
        shutil.copytree(home / "secrets", other / "secrets", dirs_exist_ok=True)
        second = OldStack(tree, other, url, {"REDIS_URL": f"unix://{first.settings.valkey_socket}"})
        opened.callback(second.close)
        hosts = (first, second)
        (key,) = re.findall(r"cq_live_\w+", first.command_of_old("keys", "create", "chaos"))
        for host in hosts:
            host.start()
        for host in hosts:
            host.wait_ready()
        clients = [Client(host, key) for host in hosts]
        phone = new_phone()
        sent = clients[0].otp(phone).json()["messageId"]
        flows = [opened.enter_context(flowing(Traffic(client, client.stack.copies))) for client in clients]
        _more(flows)
        done = subprocess.run(
            [COMMAND, "upgrade"], env=first.environment, cwd=home, capture_output=True, text=True, check=False
        )
        _more(flows)
        second.restart("sms-1")  # a worker of the old code dies, and starts on the new tables
        for host in hosts:
            _more(flows)
            host.replace()
        _more(flows)
        for flow in flows:
            flow.over.set()
        verified = clients[1].verify(phone, digits(first.arrived(phone, sent).text)).status_code
        return _judge(flows, done, verified)


def _more(flows: Sequence[Traffic]) -> None:
    for flow in flows:
        flow.more(40)


def _judge(flows: Sequence[Traffic], done: subprocess.CompletedProcess[str], verified: int) -> Outcome:
    with suppress(AssertionError):
        for flow in flows:
            flow.arrive(45)
    lost, doubles = sum(len(flow.missing()) for flow in flows), sum(flow.doubles() for flow in flows)
    failed, broken = sum(len(flow.refused) for flow in flows), sum(flow.broken for flow in flows)
    figure = (
        f"chinqit upgrade ended with {done.returncode}{done.stderr[-200:]}; "
        f"{sum(len(flow.accepted) for flow in flows)} accepted, {lost} lost, {doubles} doubled, "
        f"{failed} answered with an error, {broken} broken; a code of the old host verified by the new one: {verified}"
    )
    return Outcome(figure, (done.returncode, lost, doubles, failed, broken, verified) == (0, 0, 0, 0, 0, 200))


DRILLS = (
    Drill(
        "upgrade",
        "two hosts upgraded one after the other, under load",
        "lost 0, doubled 0, errors 0, broken 0",
        lambda _length: together(hosts_are_upgraded()),
        120,
    ),
)

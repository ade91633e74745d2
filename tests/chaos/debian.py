"""The life of a gateway on a bare Debian under systemd, by the steps of the documentation as they are written there.

What a person puts in is put in: the repository's address, the version, file names, a passphrase. Three nights pass in a
minute: the timer is told that it missed one, by the file in which systemd keeps when it fired last, and the clock of
what it starts is a day further on each time (clock.c). The timer's own line of the calendar then decides.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from dashboard.resources import ROOT
from tests.chaos import upgrade
from tests.chaos.callers import Told
from tests.chaos.clock import DAY, Clock
from tests.chaos.container import DISK, KEPT, Machine, StepFailed, bare, booted
from tests.chaos.drill import Drill, Outcome
from tests.support.stack import until

SUITES = {"12": "bookworm", "13": "trixie"}
CODE = ROOT / "templates" / "docs" / "code"
FENCE = r"^```bash {}\n(.*?)^```$"
ADDRESS = "http://127.0.0.1:8000"
PHONE = "38089336"  # of the documentation
NIGHTS = 3
STOP_SECONDS = 30  # TimeoutStopSec of a worker
INIT = "chinqit init "
OLD, NEW = "0.9", "1.0"  # what a person calls the versions
LINK = """
[ -L /opt/chinqit ] || { mv /opt/chinqit /opt/chinqit-old; ln -s /opt/chinqit-old /opt/chinqit; }
"""  # CHANGELOG
SECRETS, BACKUP = "chinqit-secrets.json", "chinqit-20261127T020000Z.db"  # of the documentation
PASSPHRASE = "un dromadaire sur la dune\n"
MISSED_NIGHT = """
systemctl stop chinqit-backup.timer
touch --date='2 days ago' /var/lib/systemd/timers/stamp-chinqit-backup.timer
systemctl start chinqit-backup.timer
"""
AT_ONCE = """
mkdir -p /etc/systemd/system/chinqit-backup.timer.d /etc/systemd/system/chinqit-backup.service.d
printf '[Timer]\\nRandomizedDelaySec=0\\n' > /etc/systemd/system/chinqit-backup.timer.d/tests.conf
printf '[Service]\\nEnvironment={environment}\\n' > /etc/systemd/system/chinqit-backup.service.d/tests.conf
systemctl daemon-reload
"""


def life(suite: str) -> Outcome:
    """A gateway lives on one machine and goes on on another; a third one is upgraded from the release before."""
    with bare(suite) as base, tempfile.TemporaryDirectory(prefix="chinqit-kept-", dir=DISK) as shared:
        kept = Path(shared)
        kept.chmod(0o755)  # a service of another user reads the shifted clock there
        (kept / "apt" / "partial").mkdir(parents=True, exist_ok=True)
        _git(kept, "clone", "--quiet", "--bare", str(ROOT), "chinqit.git")
        _set_head(kept, "HEAD")
        with booted(base, kept) as machine:
            _install(machine, _steps("systemd"))
            _verify(machine, *_code(machine))
            figures = [_nights(machine, kept), _stop(machine), _restart(machine)]
            with booted(base, kept) as other:
                figures.append(_restore_elsewhere(machine, other, kept))
        with booted(base, kept) as machine:
            figures.append(_upgrade(machine, kept))
    return Outcome("; ".join(figures), True)


def _life(suite: str, _length: float) -> Outcome:
    try:
        return life(suite)
    except (StepFailed, Wrong) as wrong:
        return Outcome(str(wrong), False)


class Wrong(Exception):
    """A demand is not met; says which."""


def _steps(name: str) -> str:
    """What the documentation says, with what a person puts in."""
    return _filled_in((CODE / f"{name}.sh").read_text(), NEW)


def _filled_in(script: str, version: str) -> str:
    return script.replace("REPOSITORY", f"{KEPT}/chinqit.git").replace("VERSION", version).replace("NEW", version)


def _install(machine: Machine, steps: str) -> None:
    machine.run("apt update; apt install curl")  # the README's calls are curl's
    machine.run(steps)


def _upgrade(machine: Machine, kept: Path) -> str:
    """Install the release before by the steps that it has itself, and upgrade it by today's."""
    commit = upgrade.old_commit()
    _set_head(kept, commit)
    old_steps = _git(ROOT, "show", f"{commit}:{(CODE / 'systemd.sh').relative_to(ROOT)}")
    _install(machine, _filled_in(old_steps, OLD))
    _set_head(kept, "HEAD")
    key, code = _code(machine)
    machine.run(LINK)
    figure = _under_load(machine, key, f"upgrade from {commit[:7]}", _steps("upgrade"))
    _verify(machine, key, code)
    return figure


def _set_head(kept: Path, commit: str) -> None:
    """Have the repository that is cloned stand at a commit of this one."""
    _git(kept / "chinqit.git", "update-ref", "--no-deref", "HEAD", _git(ROOT, "rev-parse", commit))


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def _readme(name: str) -> str:
    """A sample of the README, for the command where systemd's installation has it."""
    text = (ROOT / "README.md").read_text()
    found = re.search(FENCE.format(name), text, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1].replace(".venv/bin/chinqit", "chinqit")


def _key(machine: Machine) -> str:
    return machine.run(_readme("first-key") + 'echo "$KEY"').split()[-1]


def _code(machine: Machine) -> tuple[str, str]:
    """A key, and a code that was sent with it and has arrived."""
    key, before = _key(machine), _codes(machine)
    machine.run(f"KEY={key}\n" + _readme("first-code"))
    return key, until(lambda: _codes(machine)[len(before) :], 20)[-1]


def _codes(machine: Machine) -> list[str]:
    """Those on the documentation's phone, the oldest first."""
    return re.findall(r"(?<!\d)\d{6}(?!\d)", machine.run(f"chinqit sandbox inbox {PHONE}"))


def _verify(machine: Machine, key: str, code: str) -> None:
    said = machine.run(f"KEY={key}\n" + _readme("first-verify").replace("123456", code))
    if '"verified":true' not in said:
        raise Wrong(f"a code is not verified: {said[-300:]}")


def _nights(machine: Machine, kept: Path) -> str:
    clock = Clock(kept)
    environment = " ".join(f"{name}={KEPT}/{Path(value).name}" for name, value in clock.environ.items())
    machine.run(AT_ONCE.format(environment=environment))
    for night in range(1, NIGHTS + 1):
        clock.move(night * DAY)
        machine.run(MISSED_NIGHT)
        until(partial(_has_backups, machine, night), 60, lambda: machine.run("journalctl --unit=chinqit-backup"))
    modes = machine.run("stat --format='%a %U %n' /var/lib/chinqit/backups/*").splitlines()
    days = {re.findall(r"chinqit-(\d{8})T", line)[0] for line in modes}
    if len(days) != NIGHTS or any(not line.startswith("600 chinqit ") for line in modes):
        raise Wrong(f"the backups of {NIGHTS} nights: {modes}")
    return f"{len(modes)} nights, {len(modes)} backups"


def _has_backups(machine: Machine, count: int) -> bool:
    """So many, and none is being made."""
    if machine.run("systemctl show --property=ActiveState --value chinqit-backup.service").strip() != "inactive":
        return False
    return int(machine.run("find /var/lib/chinqit/backups -name 'chinqit-*.db' | wc -l")) == count


def _stop(machine: Machine) -> str:
    machine.run("systemctl stop chinqit.target")
    began = time.monotonic()
    until(lambda: not machine.run("pgrep --uid chinqit || true").strip(), STOP_SECONDS, lambda: "workers go on")
    took = time.monotonic() - began
    machine.run("systemctl start chinqit.target; chinqit doctor")
    return f"stopped: the last process left {took:.1f} s after"


def _restart(machine: Machine) -> str:
    figure = _under_load(machine, _key(machine), "restart", "systemctl try-restart 'chinqit-*.service'")
    if not _has_backups(machine, NIGHTS):
        raise Wrong(f"{figure}; a backup was made")
    return figure


def _under_load(machine: Machine, key: str, name: str, script: str) -> str:
    """Do something while callers send; nobody may be refused, and nothing lost or doubled."""
    with _callers(machine, key) as end:
        machine.run(script)
        time.sleep(2)
        told = end()
    until(lambda: not _missing(machine, told), 60, lambda: f"missing: {_missing(machine, told)}")
    copies = _copies(machine)
    doubles = sum(copies[phone] - 1 for phone in told.accepted)
    figure = (
        f"{name}: {len(told.accepted)} accepted, {doubles} doubled, {told.refused} refused, {told.broken} broken, "
        f"{len(told.errors)} answered with an error, the slowest call took {told.slowest:.1f} s"
    )
    if doubles or told.refused or told.broken or told.errors or not told.accepted:
        raise Wrong(f"{figure} {told.errors[:3]}")
    return figure


@contextmanager
def _callers(machine: Machine, key: str) -> Iterator[Callable[[], Told]]:
    words = machine.inside(sys.executable, "-m", "tests.chaos.callers", ADDRESS, key)
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        time.sleep(3)

        def end() -> Told:
            return Told(**json.loads(process.communicate(timeout=60)[0]))

        try:
            yield end
        finally:
            process.kill()


def _copies(machine: Machine) -> dict[str, int]:
    """How many texts each phone received; the sandbox's phones are the carrier's ledger."""
    ask = "SELECT phone, count(*) FROM sandbox_texts GROUP BY phone"
    lines = machine.run(f"cd /; runuser -u postgres -- psql -At -F ' ' -c '{ask}' chinqit").splitlines()
    return {phone: int(count) for phone, count in (line.split() for line in lines)}


def _missing(machine: Machine, told: Told) -> list[str]:
    return sorted(set(told.accepted) - set(_copies(machine)))


def _restore_elsewhere(machine: Machine, other: Machine, kept: Path) -> str:
    """A backup of this machine goes on there: a code that was sent here is verified there."""
    steps, _, rest = _steps("systemd").partition(INIT)
    restore = f"cp {KEPT}/{SECRETS} {KEPT}/{BACKUP} .\n" + _steps("restore") + rest[rest.index("\n") :]
    _install(other, steps)
    key, code = _code(machine)
    machine.run((CODE / "backup.sh").read_text().partition("\n")[0], PASSPHRASE * 2)
    machine.run(f"systemctl stop chinqit.target 'chinqit-*.service'; chinqit backup {BACKUP}")
    machine.run(f"cp /var/lib/chinqit/{SECRETS} /var/lib/chinqit/{BACKUP} {KEPT}")
    other.run(restore, PASSPHRASE)
    _verify(other, key, code)
    before, after = _copies(machine), _copies(other)
    if not before or before != after:
        raise Wrong(f"{len(before)} phones here, {len(after)} there")
    return "restored elsewhere, a code of here verified there"


DRILLS = tuple(
    Drill(
        "debian",
        f"Debian {version}: install, nights, upgrade, restore",
        "as written; refused 0, lost 0",
        partial(_life, suite),
        600,
    )
    for version, suite in SUITES.items()
)

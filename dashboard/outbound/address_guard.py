"""Where the gateway may connect when it calls an address that somebody typed: resolved once, judged, then used."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address


def _nets(*texts: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(text) for text in texts]


# RFC 6890 and the IANA special-purpose registries. What may be opened by a carrier's own setting:
LOCAL = _nets("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
# and what never is: link-local (there the metadata of a cloud machine answers), multicast, test nets, reserved.
NEVER = _nets(
    *("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15"),
    *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    "168.63.129.16/32",  # Azure's platform: a public address that answers inside every machine there
    *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    *("100.100.100.200/32", "fd00:ec2::/32", "fd20:ce::/32"),  # metadata inside ranges that may be opened
)
GLOBAL_V6 = ipaddress.ip_network("2000::/3")  # all that is given out to the Internet
NAT64 = _nets("64:ff9b::/96")
MOST_LOOKUPS = 16  # a resolver that hangs holds a thread for half a minute
_lookups = threading.BoundedSemaphore(MOST_LOOKUPS)


class Unresolved(Exception):
    """The name has no address, or the resolver did not answer in time."""


def resolve(host: str, port: int, timeout: float) -> list[str]:
    """The addresses of a name, or of an address in any spelling, within `timeout` seconds; raise Unresolved."""
    end = time.monotonic() + timeout
    if not _lookups.acquire(timeout=max(timeout, 0)):
        raise Unresolved
    answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    # getaddrinfo takes no time-out of its own.
    threading.Thread(target=_look_up, args=(host, port, answers), daemon=True).start()
    try:
        found = answers.get(timeout=max(end - time.monotonic(), 0))
    except queue.Empty:
        raise Unresolved from None
    if not found:
        raise Unresolved
    return found


def is_open(text: str, allow_private: bool) -> bool:
    """Whether the gateway may connect to an address; private and loopback ones only where a setting allows them."""
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:  # a scope (fe80::1%eth0) names a link: never
        return False
    inner = _inside(address)
    if inner is not None:
        return allow_private and is_open(str(inner), allow_private)
    if _within(address, NEVER):
        return False
    if _within(address, LOCAL):
        return allow_private
    return address.version == 4 or address in GLOBAL_V6


def _inside(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, or behind a NAT64 translator."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if _within(address, NAT64) else None


def _within(address: Address, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(address in network for network in networks)


def _look_up(host: str, port: int, answers: queue.SimpleQueue[list[str]]) -> None:
    found: list[str] = []
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = list(dict.fromkeys(str(row[4][0]) for row in rows))
    except (OSError, UnicodeError):
        pass
    finally:
        _lookups.release()
        answers.put(found)

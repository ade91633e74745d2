"""Passwords: which are accepted, and how they are kept (argon2id, OWASP ASVS 5.0 11.4.2)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from dashboard.resources import resource

SHORTEST = 8
LONGEST = 256  # a bound on work, far above any passphrase
HASHER = PasswordHasher(time_cost=2, memory_cost=47 * 1024, parallelism=1)
# Checked for unknown names, so that they take as long as known ones. Of 32 random bytes that nobody knows.
NOBODY = "$argon2id$v=19$m=48128,t=2,p=1$QMf8VCvxxmi52glqVuTV7w$5j+JnTq9Liljzum9Gc6BgAq/epMV1G4kFz5uxKVB/VA"
AT_ONCE = 2  # hashes at the same time in a process: each takes 47 MiB and some 50 ms of a processor
PATIENCE_SECONDS = 5
_hashing = threading.BoundedSemaphore(AT_ONCE)


class Busy(Exception):
    """Too many passwords are being judged; try again in some seconds."""


@contextmanager
def turn() -> Iterator[None]:
    """One of the few places for a hash; raise Busy when none becomes free in time."""
    if not _hashing.acquire(timeout=PATIENCE_SECONDS):
        raise Busy
    try:
        yield
    finally:
        _hashing.release()


@cache
def common() -> frozenset[str]:
    """Common passwords in lower case (OWASP ASVS 5.0 6.2.4); the file names its source and licence."""
    lines = resource("gateway/accounts/common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))


class WeakPassword(ValueError):
    """`code` is too_short, too_long or too_common."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def hashed(password: str) -> str:
    """The hash to keep; raise WeakPassword or Busy."""
    if len(password) < SHORTEST:
        raise WeakPassword("too_short")
    if len(password) > LONGEST:
        raise WeakPassword("too_long")
    if password.lower() in common() or len(set(password)) < 3:
        raise WeakPassword("too_common")
    with turn():
        return HASHER.hash(password.encode("utf-8", "surrogatepass"))


def fits(stored: str | None, password: str) -> bool:
    """Whether the password is the one; without a stored hash it takes as long and is not. Raise Busy."""
    if len(password) > LONGEST:
        password = ""
    try:
        with turn():
            return HASHER.verify(stored or NOBODY, password.encode("utf-8", "surrogatepass")) and stored is not None
    except (VerifyMismatchError, InvalidHashError):
        return False

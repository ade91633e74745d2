"""Passwords: which are accepted, and how they are kept (argon2id, OWASP ASVS 5.0 11.4.2)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

SHORTEST = 8
LONGEST = 256  # a bound on work, far above any passphrase
HASHER = PasswordHasher(time_cost=2, memory_cost=47 * 1024, parallelism=1)
# Checked for unknown names, so that they take as long as known ones. Of 32 random bytes that nobody knows.
NOBODY = "$argon2id$v=19$m=48128,t=2,p=1$QMf8VCvxxmi52glqVuTV7w$5j+JnTq9Liljzum9Gc6BgAq/epMV1G4kFz5uxKVB/VA"

# The most common passwords of eight characters and more in published leaks, lower case.
COMMON = frozenset(
    [
        "12345678",
        "123456789",
        "1234567890",
        "11111111",
        "00000000",
        "88888888",
        "87654321",
        "12341234",
        "11223344",
        "123123123",
        "987654321",
        "147258369",
        "password",
        "password1",
        "password123",
        "passw0rd",
        "p@ssw0rd",
        "p@ssword",
        "qwertyui",
        "qwertyuiop",
        "qwerty123",
        "qwerty12",
        "1q2w3e4r",
        "1qaz2wsx",
        "zaq12wsx",
        "q1w2e3r4",
        "1q2w3e4r5t",
        "asdfghjk",
        "asdfghjkl",
        "zxcvbnm1",
        "abcd1234",
        "abc12345",
        "abcdefgh",
        "a1b2c3d4",
        "iloveyou",
        "sunshine",
        "princess",
        "football",
        "baseball",
        "superman",
        "trustno1",
        "starwars",
        "computer",
        "michelle",
        "jennifer",
        "whatever",
        "welcome1",
        "welcome123",
        "admin123",
        "admin1234",
        "administrator",
        "letmein1",
        "changeme",
        "changeme1",
        "changeme123",
        "motdepasse",
        "azerty123",
        "azertyui",
        "azertyuiop",
        "bonjour1",
        "bonjour123",
        "doudou123",
        "chocolat",
        "soleil123",
        "marseille",
        "nouakchott",
        "mauritanie",
        "mauritel",
        "chinguitel",
        "chinguetti",
        "chinqit1",
        "chinqit123",
        "ramadan123",
        "mohamed1",
        "mohamed123",
        "mohammed",
        "ahmed123",
        "bismillah",
        "inchallah",
        "internet",
        "passpass",
    ]
)


class WeakPassword(ValueError):
    """`code` is too_short, too_long or too_common."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def hashed(password: str) -> str:
    """The hash to keep; raise WeakPassword."""
    if len(password) < SHORTEST:
        raise WeakPassword("too_short")
    if len(password) > LONGEST:
        raise WeakPassword("too_long")
    if password.lower() in COMMON or len(set(password)) < 3:
        raise WeakPassword("too_common")
    return HASHER.hash(password.encode("utf-8", "surrogatepass"))


def fits(stored: str | None, password: str) -> bool:
    """Whether the password is the one; without a stored hash it takes as long and is not."""
    if len(password) > LONGEST:
        password = ""
    try:
        return HASHER.verify(stored or NOBODY, password.encode("utf-8", "surrogatepass")) and stored is not None
    except (VerifyMismatchError, InvalidHashError):
        return False

"""Passwords."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from dashboard.gateway.accounts import passwords
from dashboard.gateway.accounts.passwords import WeakPassword

GOOD = "Thé à la menthe"


def test_a_password_fits_its_own_hash_alone() -> None:
    stored = passwords.hashed(GOOD)
    assert passwords.fits(stored, GOOD)
    assert not passwords.fits(stored, GOOD + " ")
    assert not passwords.fits(stored, "")
    assert not passwords.fits(None, GOOD)
    assert not passwords.fits("not a hash", GOOD)


def test_the_hash_is_argon2id_with_enough_memory_and_salt() -> None:
    first, second = passwords.hashed(GOOD), passwords.hashed(GOOD)
    assert first != second
    kind, _version, costs = first.split("$")[1:4]
    assert kind == "argon2id"
    assert int(costs.split(",")[0].removeprefix("m=")) >= 46 * 1024
    assert GOOD not in first


def test_an_unknown_name_costs_as_much_as_a_known_one() -> None:
    assert not passwords.HASHER.check_needs_rehash(passwords.NOBODY)
    assert not passwords.fits(passwords.NOBODY, "nobody has this password")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "too_short"),
        ("a1b2c3d", "too_short"),
        ("x" * 257, "too_long"),
        ("password", "too_common"),
        ("PassWord", "too_common"),
        ("12345678", "too_common"),
        ("aaaaaaaaaaaa", "too_common"),
        ("abababababab", "too_common"),
        ("nouakchott", "too_common"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, code: str) -> None:
    with pytest.raises(WeakPassword) as caught:
        passwords.hashed(password)
    assert caught.value.code == code
    assert password == "" or password not in str(caught.value)


@pytest.mark.parametrize(
    "password", ["مرحبا بكم جميعا", "😀🐫🌴🕌🌊⛵🐟🥇", "a\x00b\ud800cdefgh", "correct horse battery staple " * 8]
)
def test_any_characters_make_a_password(password: str) -> None:
    assert passwords.fits(passwords.hashed(password), password)


def test_an_overlong_guess_is_no_work_and_wrong() -> None:
    assert not passwords.fits(passwords.hashed(GOOD), "x" * 10_000_000)


def test_at_most_a_few_passwords_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "PATIENCE_SECONDS", 0.01)
    with ExitStack() as turns:
        for _ in range(passwords.AT_ONCE):
            turns.enter_context(passwords.turn())
        with pytest.raises(passwords.Busy):
            passwords.fits(passwords.NOBODY, GOOD)
        with pytest.raises(passwords.Busy):
            passwords.hashed(GOOD)
    assert not passwords.fits(passwords.NOBODY, GOOD)

"""Passwords that rest on the words of the place or the person."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from dashboard.gateway.accounts import password_words, passwords
from dashboard.gateway.accounts.passwords import WeakPassword

OWN = ("mariem.sow@sahelpay.mr", "Mariem Sow", "Sahel Pay")


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))


@pytest.mark.parametrize(
    "password",
    [
        "Chinqit2026!",
        "chinqit-gateway",
        "Nouakchott#12",
        "Mariem1985",
        "sahelpay.mr",
        "SAHELPAY 2026",
        "mariem.sow@sahelpay.mr",
    ],
)
def test_little_more_than_own_words_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword) as caught:
        password_words.new_hash(password, OWN)
    assert caught.value.code == "too_personal"


@pytest.mark.parametrize("password", ["Mariem aime le thé vert", "zrig au lait caillé", "Chinqit vu du désert"])
def test_a_sentence_that_names_them_is_not(password: str) -> None:
    assert password_words.new_hash(password, OWN).startswith("$argon2id$")

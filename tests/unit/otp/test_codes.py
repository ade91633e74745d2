"""Codes are derived, and from everything that they are bound to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboard.gateway.otp import codes
from dashboard.gateway.otp.codes import Keyring
from dashboard.models.otp import Otp
from dashboard.settings import Settings, prepare_home

UUID = "550e8400-e29b-41d4-a716-446655440000"


def row(**more: Any) -> Otp:
    fields = {"nonce": b"n" * 16, "kid": "a", "phone": "+22238089336", "channel": "sms"} | more
    return Otp(**fields)


def derive(ring: Keyring, otp: Otp, uuid: str = UUID) -> str:
    code = ring.derive(otp, uuid)
    assert code
    return code


RING = Keyring({"a": b"s" * 32, "b": b"t" * 32})


def test_the_same_row_gives_the_same_six_digits() -> None:
    code = derive(RING, row())
    assert code == derive(RING, row())
    assert code.isascii()
    assert code.isdigit()
    assert len(code) == 6


@pytest.mark.parametrize(
    "change", [{"nonce": b"m" * 16}, {"kid": "b"}, {"phone": "+22238089337"}, {"channel": "whatsapp"}], ids=str
)
def test_whatever_differs_gives_another_code(change: dict[str, Any]) -> None:
    assert RING.derive(row(**change), UUID) != RING.derive(row(), UUID)


def test_another_message_gives_another_code() -> None:
    assert RING.derive(row(), UUID) != RING.derive(row(), UUID[:-1] + "1")


def test_parts_do_not_run_into_each_other() -> None:
    one, other = row(phone="+2223808933", channel="6sms"), row(phone="+22238089336", channel="sms")
    assert RING.derive(one, UUID) != RING.derive(other, UUID)


def test_without_its_secret_a_row_has_no_code() -> None:
    assert RING.derive(row(kid="gone"), UUID) is None


def test_codes_are_spread_evenly() -> None:
    first = Counter(derive(RING, row(nonce=number.to_bytes(16)))[0] for number in range(5_000))
    assert set(first) == set("0123456789")
    assert all(400 < count < 600 for count in first.values())


def test_after_a_rotation_old_codes_are_still_known(tmp_path: Path) -> None:
    prepare_home(tmp_path)
    settings = Settings.from_env({"CHINQIT_HOME": str(tmp_path)})
    before = Keyring.of(settings)
    after = Keyring.of(replace(settings, otp_secret="x" * 40, otp_secret_previous=settings.otp_secret, secret_paths=()))
    made = row(kid=before.kid)
    assert after.kid != before.kid
    assert after.derive(made, UUID) == before.derive(made, UUID)
    assert Keyring.of(replace(settings, otp_secret="x" * 40, secret_paths=())).derive(made, UUID) is None


def test_a_nonce_is_random() -> None:
    assert len({codes.nonce() for _ in range(100)}) == 100
    assert len(codes.nonce()) == 16

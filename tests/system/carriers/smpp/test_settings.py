"""What an administrator may say of an SMSC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dashboard.providers.registry import build
from dashboard.providers.settings import InvalidSettings
from tests.support.smpp.host import Desk
from tests.support.smpp.smsc import Smsc

USUAL = {"host": "smsc.operator.test", "system_id": "gateway", "password": "secret08"}


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "smsc operator"},
        {"host": ""},
        {"port": "0"},
        {"port": "65536"},
        {"system_id": "a" * 16},
        {"system_id": "é"},
        {"password": "é"},
        {"password": "a\0b"},
        {"sender": "TwelveLetter"},
        {"sender": "Banqué"},
        {"sender": "+2224500000012345"},
        {"rate": "-1"},
        {"binds": "0"},
        {"window": "0"},
        {"window": "1001"},
        {"response_timeout": "11"},
        {"alphabet": "ebcdic"},
        {"service_type": "abcdef"},
    ],
    ids=str,
)
def test_what_smpp_cannot_carry_is_told_by_field(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        build("smpp", USUAL | changes)
    assert [error.field for error in refusal.value.errors] == list(changes)
    assert "é" not in str(refusal.value)


def test_it_binds_when_it_is_first_used_and_not_when_it_is_made(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk]
) -> None:
    smsc = start_smsc()
    desk = open_desk(smsc.port)
    assert not smsc.events("session")
    desk.provider.close()
    assert not smsc.events("session")
    assert desk.provider.state().name == "opening"


@pytest.mark.parametrize(
    ("rate", "window", "capacity"), [(0, 10, 100), (0, 200, 800), (50, 10, 100), (10, 10, 50), (0.1, 10, 1)]
)
def test_it_holds_no_more_than_leaves_in_five_seconds(rate: float, window: int, capacity: int) -> None:
    assert build("smpp", USUAL | {"rate": rate, "window": window}).capacity == capacity

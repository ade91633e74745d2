"""Kill codes that never left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from dashboard.db import core_table, utcnow
from dashboard.gateway.otp import channel_order
from dashboard.models.otp import Otp

_OTPS = core_table(Otp)
_COLUMNS = _OTPS.c


def void(connection: Connection, messages: Iterable[Any]) -> None:
    """Kill the codes of messages that never left: they no longer count, and the codes before them live on as they were.

    Those keep their tries and their own time. Where a newer code has come meanwhile, that one has replaced them now. A
    code of which another message left, or will, lives on.
    """
    by_itself, by_order = set[int](), set[int]()
    for message in messages:
        (by_itself if message.step is None else by_order).add(message.step_of or message.id)
    for message_id in (*sorted(by_itself), *channel_order.without_steps_alive(connection, sorted(by_order))):
        _void(connection, message_id)


def _void(connection: Connection, message_id: int) -> None:
    now = utcnow()
    code = connection.execute(
        update(_OTPS)
        .where(_COLUMNS.message_id == message_id, _COLUMNS.void_at.is_(None))
        .values(void_at=now, counted=False)
        .returning(*_COLUMNS)
    ).one_or_none()
    if code is None:
        return
    before = connection.execute(
        select(_COLUMNS.id)
        .where(
            _COLUMNS.key_id == code.key_id,
            _COLUMNS.phone == code.phone,
            _COLUMNS.channel == code.channel,
            _COLUMNS.superseded_at == code.created_at,
            _COLUMNS.void_at.is_(None),
            _COLUMNS.id < code.id,
        )
        .order_by(_COLUMNS.id.desc())
        .limit(1)
    ).scalar()
    if before is None:
        return
    if code.superseded_at is None:  # one code of a key, phone and channel is current, and no two may be
        connection.execute(update(_OTPS).where(_COLUMNS.id == code.id).values(superseded_at=now))
    connection.execute(update(_OTPS).where(_COLUMNS.id == before).values(superseded_at=code.superseded_at))

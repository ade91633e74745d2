"""What carriers say of themselves besides their answers: a phone's clock is off, a template was paused.

A notice stands until it is over, its carrier's settings change, or nobody has repeated it for KEPT_FOR.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.db import Sessions, core_table, insert, read_session, utcnow
from dashboard.models.carriers import CarrierNotice
from dashboard.providers import registry
from dashboard.providers.base import Receipt
from dashboard.vocabulary import ReceiptState

KEPT_FOR = timedelta(days=7)
REPEATED_AFTER = timedelta(minutes=1)  # one that is told more often is not written down each time
GOT_THROUGH = (ReceiptState.SENT, ReceiptState.DELIVERED, ReceiptState.READ)

_NOTICES = core_table(CarrierNotice)


def change(sessions: Sessions, carrier: str, *, begun: Collection[str] = (), over: Collection[str] = ()) -> None:
    """Note what is the matter from now on, and what is over; commits, where that changes anything."""
    now = utcnow()
    with read_session(sessions) as reader:
        standing = {notice.code: notice.last_at for notice in _of(reader, carrier)}
    ended = standing.keys() & set(over) - set(begun)
    new = [code for code in sorted(begun) if code not in standing or now - standing[code] > REPEATED_AFTER]
    if not ended and not new:
        return
    with sessions.begin() as session:
        session.execute(delete(_NOTICES).where(_NOTICES.c.carrier == carrier, _NOTICES.c.code.in_(ended)))
        for code in new:
            row = {"carrier": carrier, "code": code[:40], "first_at": now, "last_at": now}
            noted = insert(session, _NOTICES).values(row)
            session.execute(noted.on_conflict_do_update(index_elements=["carrier", "code"], set_={"last_at": now}))


def of_receipts(receipts: Collection[Receipt]) -> tuple[set[str], set[str]]:
    """What receipts of one carrier say of it: codes that begin, and codes that are over since a text got through."""
    if any(receipt.state in GOT_THROUGH for receipt in receipts):
        return set(), {name for name, code in registry.CODES.items() if code.is_of_carrier}
    failures = {receipt.code for receipt in receipts if receipt.state == ReceiptState.FAILED and receipt.code}
    return {code for code in failures if registry.is_of_carrier(code)}, set()


def clear(session: Session, carrier: str) -> None:
    """Forget all of a carrier's: its settings have changed, or it is gone. The caller commits."""
    session.execute(delete(_NOTICES).where(_NOTICES.c.carrier == carrier))


def of_carriers(session: Session) -> dict[str, list[CarrierNotice]]:
    """What stands now, by carrier, the newest first."""
    query = select(CarrierNotice).where(CarrierNotice.last_at > utcnow() - KEPT_FOR)
    notices: dict[str, list[CarrierNotice]] = {}
    for notice in session.scalars(query.order_by(CarrierNotice.last_at.desc(), CarrierNotice.code)):
        notices.setdefault(notice.carrier, []).append(notice)
    return notices


def forget_old(session: Session) -> None:
    """Drop what nobody has repeated for a week."""
    session.execute(delete(_NOTICES).where(_NOTICES.c.last_at <= utcnow() - KEPT_FOR))


def _of(session: Session, carrier: str) -> Sequence[CarrierNotice]:
    return session.scalars(select(CarrierNotice).where(CarrierNotice.carrier == carrier)).all()

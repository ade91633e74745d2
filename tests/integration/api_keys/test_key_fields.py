"""What an owner decides of a key is named once, and the gateway's own key stays out of sight."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

from sqlalchemy.orm import Session, sessionmaker

from dashboard.db import utcnow
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.authentication import CALLER_COLUMNS, Caller
from dashboard.gateway.api_keys.keys import KeyFields, NewKey
from dashboard.models.api_keys import ApiKey
from dashboard.pages.api_keys.forms import KeyForm

ALL = {
    "name": "Shop",
    "scopes": ("read",),
    "networks": ("10.0.0.0/8",),
    "message_cap": 3,
    "otp_cap": 4,
    "brand": "Boutique",
    "sender": "Boutique",
    "expires_at": utcnow() + timedelta(days=3),
    "sms_fallback": True,
    "channel_order": "whatsapp:30,sms",
}


def test_each_field_is_stored_and_changed(sessions: sessionmaker[Session]) -> None:
    assert ALL.keys() == {one.name for one in fields(KeyFields)}
    with sessions() as session:
        made, _ = keys.create(session, NewKey(**ALL, mode="test"))  # type: ignore[arg-type]
        changed, _ = keys.create(session, NewKey("plain"))
        keys.alter(session, changed, KeyFields(**ALL))  # type: ignore[arg-type]
        session.commit()
        for key in (made, changed):
            session.refresh(key)
            stored = {name: getattr(key, name) for name in ALL}
            assert stored == {**ALL, "scopes": ["read"], "networks": ["10.0.0.0/8"]}
        assert (made.mode, changed.mode) == ("test", "live")


def test_a_field_of_a_key_is_named_alike_in_its_four_places() -> None:
    """Column, migration (which a test of its own compares with the columns), KeyFields and KeyForm."""
    names = {one.name for one in fields(KeyFields)}
    assert names <= {column.key for column in ApiKey.__mapper__.column_attrs}
    assert names == {name for name in vars(KeyForm) if hasattr(getattr(KeyForm, name), "field_class")}


def test_a_caller_holds_what_its_key_holds(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        key, _ = keys.create(session, NewKey(**ALL))  # type: ignore[arg-type]
        session.flush()
        caller = Caller.from_row(key)
    for name in set(CALLER_COLUMNS) & ALL.keys():
        assert getattr(caller, name) == ALL[name]


def test_the_gateway_s_own_key_takes_no_name(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        session.add(ApiKey(id=keys.OWN_ID, name="Chinqit Gateway", mode="live", scopes=["otp"]))
        session.flush()
        assert not keys.name_taken(session, "Chinqit Gateway")
        keys.create(session, NewKey("Chinqit Gateway"))
        session.flush()
        assert keys.name_taken(session, "Chinqit Gateway")

"""The people whom campaigns may write to, and whether they agreed to it."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard import db
from dashboard.cache import TimedCache
from dashboard.db import core_table, execute_dml, utcnow
from dashboard.driver import ListStatement
from dashboard.models.contacts import Contact, ContactGroupMember
from dashboard.vocabulary import ConsentState

LOOK_EVERY = 1.0  # seconds
PAGE = 50
BATCH = 1_000  # numbers in a statement
LONGEST_NAME, LONGEST_SOURCE, LONGEST_DETAIL, LONGEST_COLUMN = 80, 120, 200, 40  # characters
MOST_DETAILS = 20
RESERVED = ("phone", "name")  # columns that every contact has
STOP_SOURCE, START_SOURCE = "STOP by SMS", "START by SMS"  # where a consent ended, or began again, by the person's word
WITHDRAWN, MISSING = "consent_withdrawn", "no_consent"  # why a campaign leaves a contact out
_CONTACTS = core_table(Contact)
ANY_WITHDRAWN = select(exists().where(_CONTACTS.c.consent == ConsentState.WITHDRAWN))
CONSENTS = ListStatement(
    select(_CONTACTS.c.phone, _CONTACTS.c.consent).where(_CONTACTS.c.phone.in_(bindparam("phones", expanding=True)))
)
REMEMBERED = TimedCache[Any, bool](LOOK_EVERY, weak_keys=True)  # by connection pool: whether anybody withdrew


class KnownNumber(Exception):
    """There is a contact with this number already."""


@dataclass(frozen=True)
class Consent:
    """Whether a person agreed, where that is known from, and since which day."""

    state: ConsentState = ConsentState.UNKNOWN
    source: str = ""
    on: date | None = None


@dataclass(frozen=True)
class NewContact:
    """A contact to be, or what one is changed to."""

    phone: str
    name: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    consent: Consent = Consent()

    def values(self) -> dict[str, Any]:
        """The columns that it fills, but for what tells of its consent."""
        details = json.dumps(dict(self.details), ensure_ascii=False)
        return {"phone": self.phone, "name": self.name, "search_name": plain(self.name), "details": details}


@dataclass(frozen=True)
class ContactFilters:
    """Which contacts a list shows: those whose number begins with, or whose name holds, what was typed."""

    digits: str = ""  # after +222
    name: str = ""
    group_id: int | None = None
    consent: str = ""


def plain(text: str) -> str:
    """A name as it is searched for: without capitals, accents and vowel signs."""
    letters = unicodedata.normalize("NFKD", text)
    return " ".join("".join(one for one in letters if not unicodedata.combining(one)).casefold().split())


def details_of(contact: Contact) -> dict[str, str]:
    """The further columns of a contact, by name."""
    return dict(json.loads(contact.details))


def page(session: Session, wanted: ContactFilters, before: int | None = None, most: int = PAGE) -> list[Contact]:
    """The newest first, older than the id `before`."""
    query, place = select(Contact), Contact.id
    if wanted.group_id is not None:
        query = query.join(ContactGroupMember, ContactGroupMember.contact_id == Contact.id)
        query, place = query.where(ContactGroupMember.group_id == wanted.group_id), ContactGroupMember.contact_id
    if wanted.digits:
        query = query.where(Contact.phone.startswith(f"+222{wanted.digits}", autoescape=True))
    if wanted.name:
        query = query.where(Contact.search_name.contains(plain(wanted.name), autoescape=True))
    if wanted.consent:
        query = query.where(Contact.consent == wanted.consent)
    if before is not None:
        query = query.where(place < before)
    return list(session.scalars(query.order_by(place.desc()).limit(most)))


def counts(session: Session) -> dict[str, int]:
    """How many contacts there are, by their consent."""
    return {row[0]: row[1] for row in session.execute(select(Contact.consent, func.count()).group_by(Contact.consent))}


def add(session: Session, new: NewContact, by: str) -> Contact:
    """A new contact; raise KnownNumber, after which the caller rolls back. The caller commits."""
    at = utcnow()
    contact = Contact(**new.values(), created_at=at, created_by=by, changed_at=at)
    _consent(contact, new.consent, by)
    session.add(contact)
    _flush(session)
    return contact


def change(session: Session, contact: Contact, wanted: NewContact, by: str) -> None:
    """Change a contact; raise KnownNumber, after which the caller rolls back. The caller commits."""
    for name, value in wanted.values().items():
        setattr(contact, name, value)
    if (contact.consent, contact.consent_source, contact.consent_on) != _columns(wanted.consent):
        _consent(contact, wanted.consent, by)
    contact.changed_at = utcnow()
    _flush(session)


def set_columns(session: Session, contact: Contact, values: Mapping[str, Any]) -> None:
    """Bring columns of a contact back; raise KnownNumber, after which the caller rolls back. The caller commits."""
    for name, value in {**values, "changed_at": utcnow()}.items():
        setattr(contact, name, value)
    _flush(session)


def remove(session: Session, ids: Collection[int]) -> int:
    """Delete contacts; return how many there were. The caller commits."""
    session.execute(delete(ContactGroupMember).where(ContactGroupMember.contact_id.in_(ids)))
    return execute_dml(session, delete(Contact).where(Contact.id.in_(ids)))


def hear_stop(session: Session, phone: str, on: date) -> None:
    """The person wants no texts any more, and wrote so on a day. The caller commits."""
    _hear(session, phone, ConsentState.WITHDRAWN, STOP_SOURCE, on, Contact.consent != ConsentState.WITHDRAWN)
    REMEMBERED.forget(db.pool_of(session))


def hear_start(session: Session, phone: str, on: date) -> None:
    """The person, who had withdrawn, wants texts again, and wrote so on a day. The caller commits."""
    _hear(session, phone, ConsentState.GIVEN, START_SOURCE, on, Contact.consent == ConsentState.WITHDRAWN)


def refused(session: Session, phones: Iterable[str], *, is_required: bool = False) -> dict[str, str]:
    """Why a campaign leaves numbers out: WITHDRAWN, and MISSING where consent `is_required`; the others are not named.

    Where nothing is required and nobody has withdrawn, as of a second ago, nothing is asked.
    """
    asked = sorted(set(phones))
    if not asked or not (is_required or REMEMBERED.find(db.pool_of(session), lambda: _is_any_withdrawn(session))):
        return {}
    found = {
        row.phone: row.consent
        for start in range(0, len(asked), BATCH)
        for row in CONSENTS.run(session.connection(), {"phones": asked[start : start + BATCH]})
    }
    codes = {ConsentState.WITHDRAWN: WITHDRAWN, ConsentState.UNKNOWN: MISSING if is_required else ""}
    told = ((phone, codes.get(ConsentState(found.get(phone, ConsentState.UNKNOWN)), "")) for phone in asked)
    return {phone: code for phone, code in told if code}


def forget_cache(session: Session) -> None:
    """Look anew whether anybody withdrew, after an act that may have changed it."""
    REMEMBERED.forget(db.pool_of(session))


def _hear(session: Session, phone: str, state: ConsentState, source: str, on: date, condition: Any) -> None:
    told = {"consent": state, "consent_source": source, "consent_on": on, "consent_by": None, "changed_at": utcnow()}
    session.execute(update(Contact).where(Contact.phone == phone, condition).values(**told))


def _columns(consent: Consent) -> Sequence[Any]:
    return consent.state, consent.source, consent.on


def _consent(contact: Contact, consent: Consent, by: str) -> None:
    contact.consent, contact.consent_source, contact.consent_on = _columns(consent)
    contact.consent_by = by if consent.state != ConsentState.UNKNOWN else None


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise KnownNumber from None
    forget_cache(session)


def _is_any_withdrawn(session: Session) -> bool:
    return bool(session.connection().execute(ANY_WITHDRAWN).scalar())

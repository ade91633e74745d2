"""People whom campaigns may write to, the groups that they are in, and their consent."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow
from dashboard.vocabulary import ConsentState


class Contact(Base):
    """A number, the name of its person, and whether that person agreed to be written to: where, when, noted by whom."""

    __tablename__ = "contacts"
    __table_args__ = (
        Index("ix_contacts_consent", "consent", "id"),
        Index("ix_contacts_import", "import_id", "id", **partial("import_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    phone: Mapped[str] = mapped_column(String(12), unique=True)  # +222XXXXXXXX
    name: Mapped[str] = mapped_column(String(80), default="")
    search_name: Mapped[str] = mapped_column(String(160), default="")  # without capitals and accents
    details: Mapped[str] = mapped_column(Text, default="{}")  # further columns by name, as JSON
    consent: Mapped[str] = mapped_column(String(9), default=ConsentState.UNKNOWN)
    consent_source: Mapped[str] = mapped_column(String(120), default="")
    consent_on: Mapped[date | None] = mapped_column(Date)
    consent_by: Mapped[str | None] = mapped_column(String(254))  # who noted it; empty: the person, by SMS
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    import_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("contact_imports.id"))  # that brought it


class ContactGroup(Base):
    """A label that contacts bear. One that was removed can be brought back for an hour."""

    __tablename__ = "contact_groups"
    __table_args__ = (Index("ix_contact_groups_name", "search_name", unique=True, **partial("removed_at IS NULL")),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    search_name: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ContactGroupMember(Base):
    """That a contact is in a group."""

    __tablename__ = "contact_group_members"
    __table_args__ = (Index("ix_contact_group_members_contact", "contact_id"),)

    group_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact_groups.id"), primary_key=True, autoincrement=False)
    contact_id: Mapped[int] = mapped_column(BigId, ForeignKey("contacts.id"), primary_key=True, autoincrement=False)


class ContactImport(Base):
    """A file of contacts, and what became of its rows."""

    __tablename__ = "contact_imports"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # empty: under way, or broken off
    added: Mapped[int] = mapped_column(default=0)
    known: Mapped[int] = mapped_column(default=0)  # contacts that were there already
    kept_withdrawn: Mapped[int] = mapped_column(default=0)  # of those: the file said yes, the person had said no
    bad: Mapped[int] = mapped_column(default=0)
    taken_back: Mapped[int] = mapped_column(default=0)


class ContactImportFault(Base):
    """A row of a file that was not imported."""

    __tablename__ = "contact_import_faults"
    __table_args__ = (Index("ix_contact_import_faults_import", "import_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    import_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact_imports.id"))
    line: Mapped[int]  # of the file, from 1
    phone: Mapped[str] = mapped_column(String(12))  # as far as the cell holds one
    code: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

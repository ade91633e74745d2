"""Contacts, their groups and their consent, on both databases."""

from __future__ import annotations

import csv
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway.contacts import contacts, files, groups, imports, recipients
from dashboard.gateway.contacts.contacts import Consent, ContactFilters, KnownNumber, NewContact
from dashboard.gateway.contacts.groups import TooMany
from dashboard.gateway.contacts.imports import NewImport
from dashboard.gateway.contacts.tables import UnreadableTable
from dashboard.gateway.inbound import inbox
from dashboard.gateway.maintenance import privacy, retention
from dashboard.models.contacts import Contact, ContactGroup, ContactGroupMember, ContactImport, ContactImportFault
from dashboard.providers.base import Incoming
from dashboard.vocabulary import ConsentState

PHONE, OTHER, THIRD = "+22238089336", "+22247000000", "+22226112233"
TODAY, BY = date(2026, 11, 28), "nadia@example.org"
GIVEN = Consent(ConsentState.GIVEN, "Formulaire", date(2026, 1, 2))


def add(sessions: Sessions, phone: str, consent: Consent = GIVEN, name: str = "") -> int:
    with sessions.begin() as session:
        return contacts.add(session, NewContact(phone, name, consent=consent), BY).id


def take(sessions: Sessions, text: str, *labels: str, consent: Consent = GIVEN) -> ContactImport:
    import_id = imports.take(sessions, NewImport(text.encode(), labels, consent, TODAY, BY))
    with sessions() as session:
        return session.get_one(ContactImport, import_id)


def row(sessions: Sessions, phone: str = PHONE) -> Contact | None:
    with sessions() as session:
        return session.scalar(select(Contact).where(Contact.phone == phone))


def consent(sessions: Sessions, phone: str = PHONE) -> tuple[str, str, str | None]:
    found = row(sessions, phone)
    assert found is not None
    return found.consent, found.consent_source, found.consent_by


def write(sessions: Sessions, words: str, phone: str = PHONE) -> None:
    inbox.receive(sessions, "smsc", [Incoming(phone, "3601", words, utcnow())])


def labels(sessions: Sessions, phone: str = PHONE) -> list[str]:
    found = row(sessions, phone)
    assert found is not None
    with sessions() as session:
        return [group.name for group in groups.of_contacts(session, [found.id]).get(found.id, [])]


def test_a_number_is_one_contact(sessions: Sessions) -> None:
    add(sessions, PHONE)
    with pytest.raises(KnownNumber), sessions.begin() as session:
        contacts.add(session, NewContact(PHONE), BY)


def test_stop_withdraws_the_consent_and_start_gives_it_again(sessions: Sessions) -> None:
    add(sessions, PHONE)
    assert consent(sessions) == ("given", "Formulaire", BY)
    write(sessions, "STOP")
    assert consent(sessions) == ("withdrawn", "STOP by SMS", None)
    found = row(sessions)
    assert found is not None and found.consent_on == utcnow().date()
    write(sessions, "START")
    assert consent(sessions) == ("given", "START by SMS", None)


def test_start_gives_no_consent_that_was_not_withdrawn(sessions: Sessions) -> None:
    add(sessions, PHONE, Consent())
    write(sessions, "START")
    assert consent(sessions) == ("unknown", "", None)


def test_who_has_no_consent_is_refused_where_it_is_needed(sessions: Sessions) -> None:
    add(sessions, PHONE)
    add(sessions, OTHER, Consent())
    with sessions() as session:
        assert contacts.refused(session, [PHONE, OTHER, THIRD]) == {}
    add(sessions, THIRD, Consent(ConsentState.WITHDRAWN))
    with sessions() as session:
        assert contacts.refused(session, [PHONE, OTHER, THIRD]) == {THIRD: "consent_withdrawn"}
        assert contacts.refused(session, [PHONE, OTHER, THIRD], is_required=True) == {
            THIRD: "consent_withdrawn",
            OTHER: "no_consent",
        }


def test_lists_are_searched_and_read_page_by_page(sessions: Sessions) -> None:
    add(sessions, PHONE, name="Élève Awa")
    add(sessions, OTHER, Consent(), name="Sidi")
    with sessions.begin() as session:
        ids = groups.named(session, ["Nord"], BY)
        groups.put(session, [(ids["nord"], row.id) for row in contacts.page(session, ContactFilters(name="sidi"))])
    with sessions() as session:

        def found(wanted: ContactFilters, before: int | None = None, most: int = 50) -> list[str]:
            return [each.phone for each in contacts.page(session, wanted, before, most)]

        assert found(ContactFilters()) == [OTHER, PHONE]
        assert found(ContactFilters(), most=1) == [OTHER]
        assert found(ContactFilters(), contacts.page(session, ContactFilters(), most=1)[0].id) == [PHONE]
        assert (
            found(ContactFilters(name="eleve"))
            == [PHONE]
            == found(ContactFilters(digits="3808"))
            == found(ContactFilters(consent="given"))
        )
        assert found(ContactFilters(name="%")) == []
        assert (
            found(ContactFilters(group_id=ids["nord"])) == [OTHER]
            and found(ContactFilters(group_id=ids["nord"]), 1) == []
        )
        assert contacts.counts(session) == {"given": 1, "unknown": 1}


def test_an_import_adds_completes_and_tells_of_bad_rows(sessions: Sessions) -> None:
    add(sessions, PHONE, Consent(), name="Awa")
    made = take(sessions, "phone;name;city;groups\n38089336;;Atar;Nord\n47000000;Sidi;;\n12;X;;\n", "Membres")
    assert (made.added, made.known, made.bad, made.kept_withdrawn) == (1, 1, 1, 0)
    assert made.ended_at is not None
    known = row(sessions)
    assert known is not None and known.name == "Awa" and contacts.details_of(known) == {"city": "Atar"}
    assert consent(sessions) == consent(sessions, OTHER) == ("given", "Formulaire", BY)
    assert labels(sessions) == ["Membres", "Nord"] and labels(sessions, OTHER) == ["Membres"]
    with sessions() as session:
        assert [(each.line, each.phone, each.code) for each in imports.faults(session, made.id)] == [
            (4, "12", "bad_number")
        ]
        assert list(imports.fault_lines(session, made.id))[1] == "4,12,bad_number\r\n"


def test_a_file_brings_nobody_back_who_withdrew_and_keeps_the_first_consent(sessions: Sessions) -> None:
    add(sessions, PHONE)
    add(sessions, OTHER)
    write(sessions, "STOP", OTHER)
    file = "phone;consent;source\n38089336;yes;Tombola\n47000000;yes;Tombola\n26112233;no;\n"
    made = take(sessions, file)
    assert (made.added, made.known, made.kept_withdrawn) == (1, 2, 1)
    assert consent(sessions) == ("given", "Formulaire", BY)
    assert consent(sessions, OTHER) == ("withdrawn", "STOP by SMS", None)
    assert consent(sessions, THIRD)[0] == "withdrawn"
    take(sessions, "phone;consent\n38089336;no\n")
    assert consent(sessions)[0] == "withdrawn"


def test_the_same_file_again_changes_nothing(sessions: Sessions) -> None:
    file = "phone;name\n38089336;Awa\n47000000;Sidi\n"
    take(sessions, file, "Membres")
    before = [row(sessions, phone) for phone in (PHONE, OTHER)]
    again = take(sessions, file, "Membres")
    assert (again.added, again.known) == (0, 2)
    after = [row(sessions, phone) for phone in (PHONE, OTHER)]
    assert [one and one.changed_at for one in before] == [one and one.changed_at for one in after]
    assert labels(sessions) == ["Membres"]


def test_an_import_is_taken_back_but_for_whom_somebody_changed_or_wrote_stop(sessions: Sessions) -> None:
    add(sessions, THIRD)
    made = take(sessions, "38089336;Awa\n47000000;Sidi\n26112233;Known\n", "Membres")
    write(sessions, "STOP", OTHER)
    assert imports.take_back(sessions, made.id) == 1
    assert row(sessions) is None and consent(sessions, OTHER)[0] == "withdrawn" and row(sessions, THIRD) is not None
    assert imports.take_back(sessions, made.id) == 0
    with sessions() as session:
        assert session.get_one(ContactImport, made.id).taken_back == 1


def test_a_column_of_words_makes_no_thousands_of_groups(sessions: Sessions) -> None:
    rows = "\n".join(f"{38_000_000 + place};word {place}" for place in range(groups.MOST + 1))
    with pytest.raises(TooMany):
        take(sessions, f"phone;group\n{rows}\n")
    with sessions() as session:
        assert not session.scalars(select(Contact)).all() and not session.scalars(select(ContactGroup)).all()


def test_a_removed_group_comes_back_with_its_contacts(sessions: Sessions) -> None:
    take(sessions, "38089336;Awa\n", "Membres")
    with sessions.begin() as session:
        group = groups.listed(session)[0]
        groups.remove(session, group)
        assert groups.listed(session) == [] and groups.find(session, group.id) is None
        with pytest.raises(UnreadableTable, match="nobody"):
            recipients.of_groups(session, [group.id])
        group_id = group.id
    assert labels(sessions) == []
    with sessions.begin() as session:
        assert groups.restore(session, group_id) and not groups.restore(session, group_id)
    assert labels(sessions) == ["Membres"]


def test_what_was_removed_long_ago_is_deleted(sessions: Sessions) -> None:
    take(sessions, "38089336;Awa\n", "Old", "New")
    with sessions.begin() as session:
        old, new = sorted(groups.listed(session), key=lambda group: group.name, reverse=True)
        groups.remove(session, old)
        old.removed_at = utcnow() - 2 * groups.KEPT
        session.flush()
        groups.remove(session, new)
        assert list(session.scalars(select(ContactGroup.name))) == ["New"]
        assert len(session.scalars(select(ContactGroupMember)).all()) == 1


def test_groups_are_a_table_of_recipients_each_once(sessions: Sessions) -> None:
    take(sessions, "phone;name;city\n38089336;Awa;Atar\n47000000;Sidi;\n", "Membres", "Nord")
    with sessions() as session:
        table = recipients.of_groups(session, [group.id for group in groups.listed(session)])
    assert table.columns == ("phone", "name", "city")
    assert [cells for _, cells in table.rows] == [(PHONE, "Awa", "Atar"), (OTHER, "Sidi", "")]


def test_an_export_is_imported_as_it_was(sessions: Sessions) -> None:
    take(sessions, "phone;name;city\n38089336;=Awa;Atar\n47000000;Sidi;\n", "Membres")
    with sessions() as session:
        exported = "".join(files.lines(session))
    read = list(csv.DictReader(exported.removeprefix("\ufeff").splitlines()))
    assert [each["phone"] for each in read] == ["22247000000", "22238089336"] and read[1]["name"] == "'=Awa"
    again, bad = files.read(exported.encode(), Consent(), TODAY)
    assert not bad and again[0].groups == ("Membres",) and again[0].contact.consent == GIVEN
    assert dict(again[1].contact.details) == {"city": "Atar"}


def test_a_number_is_copied_and_erased(sessions: Sessions) -> None:
    take(sessions, "phone;city\n38089336;Atar\n38089336;Rosso\n", "Membres")
    with sessions() as session:
        told = privacy.export(session, PHONE)
    assert told["contacts"][0]["groups"] == ["Membres"] and told["contacts"][0]["details"] == {"city": "Atar"}
    assert told["contacts"][0]["consent_on"] == "2026-01-02" and told["importedRows"][0]["code"] == "duplicate"
    with sessions.begin() as session:
        erased = privacy.erase(session, PHONE)
        assert erased.counts["contacts"] == erased.counts["importedRows"] == 1
        for model in (Contact, ContactGroupMember, ContactImportFault):
            assert session.execute(select(model)).all() == []


def test_rows_that_were_left_out_are_forgotten_after_a_week(sessions: Sessions) -> None:
    take(sessions, "38089336;Awa\n12;X\n")
    for days, left in ((6, 1), (8, 0)):
        with sessions.begin() as session:
            session.execute(update(ContactImportFault).values(at=utcnow() - timedelta(days=days)))
            retention.step(session, "imports")
            assert len(session.scalars(select(ContactImportFault)).all()) == left

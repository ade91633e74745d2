"""What rows of files mean as contacts."""

from __future__ import annotations

from datetime import date

import pytest

from dashboard.gateway.contacts import contacts, files, groups
from dashboard.gateway.contacts.contacts import Consent
from dashboard.gateway.contacts.tables import UnreadableTable
from dashboard.vocabulary import ConsentState

TODAY = date(2026, 11, 28)
NOTHING = Consent()


def read(text: str, usual: Consent = NOTHING) -> tuple[list[files.ContactRow], list[files.BadContactRow]]:
    return files.read(text.encode(), usual, TODAY)


def test_columns_come_in_any_order_and_language() -> None:
    rows, bad = read(
        "Ville;Date du consentement;Prénom et nom;Téléphone;Groupes;Consentement;Source\n"
        "Atar;3/10/2026;Awa Sy;38 08 93 36;Membres, Nord;oui;Formulaire\n"
    )
    assert not bad
    contact = rows[0].contact
    assert (contact.phone, contact.name, dict(contact.details)) == ("+22238089336", "Awa Sy", {"Ville": "Atar"})
    assert contact.consent == Consent(ConsentState.GIVEN, "Formulaire", date(2026, 10, 3))
    assert rows[0].groups == ("Membres", "Nord")
    arabic, _ = read("الهاتف,الاسم,المجموعات,الموافقة,المصدر\n47000000,محمد,الأعضاء,نعم,استمارة\n")
    assert arabic[0].contact.name == "محمد" and arabic[0].groups == ("الأعضاء",)
    assert arabic[0].contact.consent == Consent(ConsentState.GIVEN, "استمارة", TODAY)


def test_without_a_head_the_first_other_column_is_the_name() -> None:
    rows, _ = read("38089336;Awa;Atar\n")
    assert (rows[0].contact.name, dict(rows[0].contact.details)) == ("Awa", {"3": "Atar"})


def test_a_source_or_a_date_without_consents_is_a_column_like_others() -> None:
    rows, _ = read("phone;date;source\n38089336;1990-05-01;Salon\n")
    assert dict(rows[0].contact.details) == {"date": "1990-05-01", "source": "Salon"}
    assert rows[0].contact.consent == NOTHING


def test_rows_that_tell_nothing_have_the_usual_consent() -> None:
    usual = Consent(ConsentState.GIVEN, "Formulaire", date(2026, 1, 2))
    rows, _ = read("phone;consent\n38089336;\n47000000;no\n46000000;yes\n", usual)
    assert [row.contact.consent.state for row in rows] == ["given", "withdrawn", "given"]
    assert rows[2].contact.consent == usual


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("123;Awa;yes;Form;2026-01-01", "bad_number"),
        ("25000000;Awa;yes;Form;2026-01-01", "fixed_line"),
        ("38089336;Awa;perhaps;Form;2026-01-01", "bad_consent"),
        ("38089336;Awa;yes;;2026-01-01", "no_source"),
        ("38089336;Awa;yes;Form;31/02/2026", "bad_date"),
        ("38089336;Awa;yes;Form;2026-11-29", "bad_date"),
        (f"38089336;{'A' * 81};yes;Form;2026-01-01", "too_long"),
        ("47000000;Awa;yes;Form;2026-01-01", "duplicate"),
    ],
)
def test_bad_rows_are_named_and_the_others_are_read(row: str, code: str) -> None:
    rows, bad = read(f"phone;name;consent;source;date\n47000000;Sidi;yes;Form;2026-01-01\n{row}\n")
    assert [each.contact.name for each in rows] == ["Sidi"]
    assert [(each.line, each.code) for each in bad] == [(3, code)]


def test_names_of_columns_never_clash() -> None:
    rows, _ = read("GSM;Phone;{City};City\n38089336;24;Atar;Rosso\n")
    assert dict(rows[0].contact.details) == {"Phone 2": "24", "City": "Atar", "City 2": "Rosso"}


def test_a_file_of_very_many_columns_is_refused() -> None:
    head = ";".join(f"c{place}" for place in range(21))
    with pytest.raises(UnreadableTable, match="too_many_columns"):
        read(f"phone;{head}\n38089336{';x' * 21}\n")


def test_groups_are_separated_as_people_do_it() -> None:
    assert groups.names(" Membres ; Nord,membres | شباب، نساء ") == ("membres", "Nord", "شباب", "نساء")


def test_a_name_is_found_without_accents() -> None:
    assert contacts.plain("  Élève   MÉRIÈM ") == "eleve meriem"
    assert contacts.plain("أحمد") == "احمد"

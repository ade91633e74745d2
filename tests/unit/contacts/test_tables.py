"""Tables of recipients, out of the files that people's spreadsheets write."""

from __future__ import annotations

import pytest

from dashboard.gateway.contacts import tables
from dashboard.gateway.contacts.tables import UnreadableTable
from tests.support import workbooks

FRENCH = "Nom;Téléphone;Reçu\nÉléonore;38 08 93 36;à 9h\nSidi;+222 47-00-00-00;été\n"
ARABIC = "الاسم;الهاتف\nمحمد ولد أحمد;38089336\nفاطمة;22247000000\n"
PHONES = ["+22238089336", "+22247000000"]


def phones(data: bytes) -> list[str]:
    table = tables.read(data)
    return [tables.phone_of(tables.cell(cells, table.phone_column)) for _, cells in table.rows]


def test_columns_have_names_and_one_holds_the_numbers() -> None:
    table = tables.read(FRENCH.encode("cp1252"))
    assert table.columns == ("Nom", "Téléphone", "Reçu") and table.phone_column == 1
    assert [list(cells) for _, cells in table.rows] == [
        ["Éléonore", "38 08 93 36", "à 9h"],
        ["Sidi", "+222 47-00-00-00", "été"],
    ]
    assert phones(FRENCH.encode("cp1252")) == PHONES


def test_names_may_be_arabic() -> None:
    table = tables.read(ARABIC.encode("cp1256"))
    assert table.columns == ("الاسم", "الهاتف") and table.rows[0][1][0] == "محمد ولد أحمد"
    assert phones(ARABIC.encode("cp1256")) == PHONES


def test_a_file_may_have_no_head_and_quoted_cells() -> None:
    table = tables.read(b'"a;b",38089336\r\n\r\n"two\nlines",47000000\r\n')
    assert table.columns == ("1", "2") and table.phone_column == 1
    assert [(line, list(cells)) for line, cells in table.rows] == [
        (1, ["a;b", "38089336"]),
        (3, ["two\nlines", "47000000"]),
    ]


def test_a_spreadsheet_is_read_with_numbers_as_people_see_them() -> None:
    table = tables.read(workbooks.xlsx([["Nom", "Téléphone"], ["Awa", 38089336], ["Sidi", "+222 47 00 00 00"]]))
    assert table.columns == ("Nom", "Téléphone") and table.phone_column == 1
    assert [list(cells) for _, cells in table.rows] == [["Awa", "38089336"], ["Sidi", "+222 47 00 00 00"]]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_a_table"),
        (b"\n\n", "not_a_table"),
        (b"PK\x03\x04 and nothing else", "not_a_table"),
        (b"\x00\x01\x02abc\x00", "not_a_table"),
        (b"\xff\xfe\x00", "not_a_table"),
        (b"Nom;Ville\nAwa;Ksar\n", "no_numbers"),
        (b"38089336\n" * 50_001, "too_many_rows"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(UnreadableTable) as refused:
        tables.read(data)
    assert refused.value.code == code


def test_a_small_file_that_holds_very_much_is_refused() -> None:
    packed = workbooks.packed({"xl/worksheets/sheet1.xml": "\0" * (tables.MOST_UNPACKED + 1)})
    with pytest.raises(UnreadableTable) as refused:
        tables.read(packed)
    assert refused.value.code == "too_many_rows"


def test_a_column_of_dates_is_no_column_of_numbers() -> None:
    table = tables.read(b"since;phone\n2026-01-01;38089336\n2026-03-05;123\n")
    assert table.phone_column == 1 and len(table.rows) == 2
    assert tables.read(b"2026-01-01;38089336\n").phone_column == 1

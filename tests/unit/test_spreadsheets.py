"""Files are read as people's spreadsheets write them."""

from __future__ import annotations

import struct

import pytest

from dashboard.gateway import spreadsheets
from dashboard.gateway.spreadsheets import Unreadable
from tests.support import workbooks

FRENCH = "Nom;Téléphone;Reçu\nÉléonore;38 08 93 36;à 9h\nSidi;+222 47-00-00-00;été\n"
FRENCH_ROWS = [
    ["Nom", "Téléphone", "Reçu"],
    ["Éléonore", "38 08 93 36", "à 9h"],
    ["Sidi", "+222 47-00-00-00", "été"],
]
ARABIC = "الاسم;الهاتف\nمحمد ولد أحمد;38089336\nفاطمة;22247000000\n"
ARABIC_ROWS = [["الاسم", "الهاتف"], ["محمد ولد أحمد", "38089336"], ["فاطمة", "22247000000"]]


def read(data: bytes, most: int = 100, most_unpacked: int = 20_000) -> list[tuple[int, list[str]]]:
    return spreadsheets.rows(data, most, most_unpacked)


def cells(data: bytes) -> list[list[str]]:
    return [row for _, row in read(data)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_french_is_read_in_every_encoding(encoding: str) -> None:
    assert cells(FRENCH.encode(encoding)) == FRENCH_ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1256", "utf-16"])
def test_arabic_is_read_in_every_encoding(encoding: str) -> None:
    assert cells(ARABIC.encode(encoding)) == ARABIC_ROWS


@pytest.mark.parametrize("delimiter", spreadsheets.DELIMITERS)
def test_every_delimiter_is_told(delimiter: str) -> None:
    assert cells(FRENCH.replace(";", delimiter).encode()) == FRENCH_ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("first", ["sep=!\n", "SEP=!\r\n", "sep=!\r"])
def test_a_first_line_may_name_the_delimiter(first: str, encoding: str) -> None:
    assert read((first + FRENCH.replace(";", "!")).encode(encoding)) == list(enumerate(FRENCH_ROWS, 1))


def test_a_quote_cannot_be_named_as_the_delimiter() -> None:
    assert cells(b'sep="\na;b\n') == [['sep="'], ["a", "b"]]


@pytest.mark.parametrize(
    "text", ["Facture, octobre\n\na;b\n1;0,64\n2;0,32\n", 'a;b\n"1, 2, 3";x\n', "a;b\n1;x, y, z\n2;u, v, w\n"]
)
def test_commas_in_cells_are_no_delimiters(text: str) -> None:
    assert ["a", "b"] in cells(text.encode())


def test_rows_have_their_place_in_the_file() -> None:
    assert read(b'\n a ;b\r\n;\r\n"two\nlines";c\r\n') == [(2, ["a", "b"]), (4, ["two\nlines", "c"])]
    assert read(workbooks.xlsx([[], ["", "a"], [], ["", "b"]])) == [(2, ["", "a"]), (4, ["", "b"])]


def test_spreadsheets_are_read_with_numbers_as_people_see_them() -> None:
    rows: list[list[str | float]] = [["Nom", "Téléphone"], ["Awa", 38089336], ["Sidi", 0.5]]
    assert cells(workbooks.xlsx(rows)) == [["Nom", "Téléphone"], ["Awa", "38089336"], ["Sidi", "0.5"]]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \n;\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (workbooks.xlsx([]), "empty"),
        (b"PK\x03\x04 and nothing else", "broken"),
        (b"\xd0\xcf\x11\xe0 no workbook", "broken"),
        (workbooks.packed({"a": "no workbook"}), "broken"),
        (b"\x00\x01\x02abc\x00", "broken"),
        (b"a;b\0", "broken"),
        (b"\xff\xfe\x00", "broken"),
        (b"a" * 200_000, "broken"),
        (b"a\n" * 101, "too_large"),
        (workbooks.xlsx([["a"]] * 101), "too_large"),
        (workbooks.xlsx([["a" * 20_000]]), "too_large"),
        (workbooks.packed({"content.xml": "no XLSX"}), "broken"),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(data)
    assert refused.value.code == code


@pytest.mark.parametrize("place", ["XFD60000", "xfd60000", "ZZ9999999", "B4000001"])
def test_two_cells_far_apart_ask_for_no_memory(place: str) -> None:
    """calamine would make room for a thousand million cells between them."""
    with pytest.raises(Unreadable) as refused:
        read(workbooks.xlsx_cells({"A1": 1, place: 2}))
    assert refused.value.code == "too_large"


def test_a_size_that_a_file_names_falsely_is_not_believed() -> None:
    text = "a" * 1_000_000
    honest = workbooks.xlsx([[text]])
    size = len(workbooks.sheet_of([[text]]))
    with pytest.raises(Unreadable):
        read(honest.replace(struct.pack("<L", size), struct.pack("<L", 100)))


def test_rows_without_anything_do_not_count() -> None:
    assert len(read(b"a\n\n;\n" * 100)) == 100

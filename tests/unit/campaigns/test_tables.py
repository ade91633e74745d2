"""Tables as people's spreadsheets write them."""

from __future__ import annotations

import io
import zipfile

import pytest

from dashboard.gateway.campaigns import tables
from dashboard.gateway.campaigns.tables import UnreadableTable

FRENCH = "Nom;Téléphone;Reçu\nÉléonore;38 08 93 36;à 9h\nSidi;+222 47-00-00-00;été\n"
ARABIC = "الاسم;الهاتف\nمحمد ولد أحمد;38089336\nفاطمة;22247000000\n"
PHONES = ["+22238089336", "+22247000000"]


def phones(data: bytes) -> list[str]:
    table = tables.read(data)
    return [tables.phone_of(tables.cell(cells, table.phone_column)) for _, cells in table.rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_french_is_read_in_every_encoding(encoding: str) -> None:
    table = tables.read(FRENCH.encode(encoding))
    assert table.columns == ("Nom", "Téléphone", "Reçu") and table.phone_column == 1
    assert [list(cells) for _, cells in table.rows] == [
        ["Éléonore", "38 08 93 36", "à 9h"],
        ["Sidi", "+222 47-00-00-00", "été"],
    ]
    assert phones(FRENCH.encode(encoding)) == PHONES


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1256", "utf-16"])
def test_arabic_is_read_in_every_encoding(encoding: str) -> None:
    table = tables.read(ARABIC.encode(encoding))
    assert table.columns == ("الاسم", "الهاتف") and table.rows[0][1][0] == "محمد ولد أحمد"
    assert phones(ARABIC.encode(encoding)) == PHONES


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_every_delimiter_is_told(delimiter: str) -> None:
    text = FRENCH.replace(";", delimiter)
    assert tables.read(text.encode()).columns == ("Nom", "Téléphone", "Reçu")
    assert phones(b"sep=|\n" + text.replace(delimiter, "|").encode()) == PHONES


def test_a_file_may_have_no_head_and_quoted_cells() -> None:
    table = tables.read(b'"a;b",38089336\r\n\r\n"two\nlines",47000000\r\n')
    assert table.columns == ("1", "2") and table.phone_column == 1
    assert [(line, list(cells)) for line, cells in table.rows] == [
        (1, ["a;b", "38089336"]),
        (3, ["two\nlines", "47000000"]),
    ]


def test_a_spreadsheet_is_read_with_numbers_as_people_see_them() -> None:
    table = tables.read(workbook([["Nom", "Téléphone"], ["Awa", 38089336], ["Sidi", "+222 47 00 00 00"]]))
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
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet1.xml", bytes(tables.MOST_UNPACKED + 1))
    with pytest.raises(UnreadableTable) as refused:
        tables.read(packed.getvalue())
    assert refused.value.code == "too_many_rows"


def workbook(rows: list[list[object]]) -> bytes:
    """The least XLSX file that holds these cells (ECMA-376, part 1)."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    cells = "".join(
        f'<row r="{y}">'
        + "".join(
            f'<c r="{"ABCDEFG"[x]}{y}"><v>{value}</v></c>'
            if isinstance(value, int)
            else f'<c r="{"ABCDEFG"[x]}{y}" t="inlineStr"><is><t>{value}</t></is></c>'
            for x, value in enumerate(row)
        )
        + "</row>"
        for y, row in enumerate(rows, 1)
    )
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{types}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{types}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{relations}"><Relationship Id="rId1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{relations}"><Relationship Id="rId1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return written.getvalue()

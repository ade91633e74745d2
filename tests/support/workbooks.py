"""The least files that spreadsheets can open."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

Rows = Sequence[Sequence[str | float]]

XLSX = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGES = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def xlsx(rows: Rows) -> bytes:
    """A workbook of one sheet (ECMA-376, part 1). An empty text is no cell."""
    return _workbook(sheet_of(rows))


def xlsx_cells(cells: Mapping[str, float]) -> bytes:
    """A workbook with numbers at these places."""
    return _workbook(_sheet("".join(f"<row>{_cell(place, value)}</row>" for place, value in cells.items())))


def sheet_of(rows: Rows) -> str:
    """The XML of a sheet."""
    return _sheet(
        "".join(
            f'<row r="{y}">' + "".join(_cell(f"{chr(ord('A') + x)}{y}", cell) for x, cell in enumerate(row)) + "</row>"
            for y, row in enumerate(rows, 1)
        )
    )


def _sheet(cells: str) -> str:
    return f'<worksheet xmlns="{XLSX}"><sheetData>{cells}</sheetData></worksheet>'


def _workbook(sheet: str) -> bytes:
    return packed(
        {
            "[Content_Types].xml": f'<Types xmlns="{PACKAGES}/content-types"/>',
            "_rels/.rels": _relation(f"{OFFICE}/officeDocument", "xl/workbook.xml"),
            "xl/_rels/workbook.xml.rels": _relation(f"{OFFICE}/worksheet", "worksheets/sheet1.xml"),
            "xl/workbook.xml": f'<workbook xmlns="{XLSX}" xmlns:r="{OFFICE}"><sheets>'
            '<sheet name="A" sheetId="1" r:id="a"/></sheets></workbook>',
            "xl/worksheets/sheet1.xml": sheet,
        }
    )


def packed(parts: Mapping[str, str]) -> bytes:
    """A ZIP file of these parts."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()


def _cell(place: str, value: str | float) -> str:
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>' if value else ""
    return f'<c r="{place}"><v>{value}</v></c>'


def _relation(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{PACKAGES}/relationships"><Relationship Id="a" Type="{kind}" Target="{target}"/>'
        "</Relationships>"
    )

"""The least files that spreadsheets can open."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

Rows = Sequence[Sequence[str | float]]

XLSX = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGES = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ODF = "urn:oasis:names:tc:opendocument:xmlns"


def xlsx(rows: Rows) -> bytes:
    """A workbook of one sheet (ECMA-376, part 1). An empty text is no cell."""
    cells = "".join(
        f'<row r="{y}">' + "".join(_cell(f"{chr(ord('A') + x)}{y}", cell) for x, cell in enumerate(row)) + "</row>"
        for y, row in enumerate(rows, 1)
    )
    return packed(
        {
            "[Content_Types].xml": f'<Types xmlns="{PACKAGES}/content-types"/>',
            "_rels/.rels": _relation(f"{OFFICE}/officeDocument", "xl/workbook.xml"),
            "xl/_rels/workbook.xml.rels": _relation(f"{OFFICE}/worksheet", "worksheets/sheet1.xml"),
            "xl/workbook.xml": f'<workbook xmlns="{XLSX}" xmlns:r="{OFFICE}"><sheets>'
            '<sheet name="A" sheetId="1" r:id="a"/></sheets></workbook>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{XLSX}"><sheetData>{cells}</sheetData></worksheet>',
        }
    )


def ods(rows: Rows) -> bytes:
    """A document of one sheet of texts (OpenDocument 1.2)."""
    cells = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in row
        )
        + "</table:table-row>"
        for row in rows
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    names = " ".join(f'xmlns:{name}="{ODF}:{name}:1.0"' for name in ("office", "table", "text"))
    return packed(
        {
            "mimetype": kind,
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{ODF}:manifest:1.0"/>',
            "content.xml": f"<office:document-content {names}><office:body><office:spreadsheet>"
            f'<table:table table:name="A">{cells}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
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

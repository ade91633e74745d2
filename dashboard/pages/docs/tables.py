"""Tables on a phone, where each row is a card and the heads are not shown."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

TABLE, ROW = (re.compile(rf"<{tag}\b.*?</{tag}>", re.DOTALL) for tag in ("table", "tr"))
HEAD = re.compile(r'<th scope="col">(.*?)</th>', re.DOTALL)
CELL = re.compile(r'<td\b|<th scope="row"')
NAME_AND_MEANING = 2  # columns of tables that are understood without their heads


def label_cells(html: str) -> Markup:
    """A page of the documentation as it is, with the head of its column as `data-label` of each cell.

    Tables of two columns need none.
    """
    return Markup(TABLE.sub(_label, html))  # noqa: S704  the page as it was drawn


def _label(table: re.Match[str]) -> str:
    heads = [escape(Markup(head).striptags()) for head in HEAD.findall(table[0])]  # noqa: S704  its tags go
    if len(heads) <= NAME_AND_MEANING:
        return table[0]

    def label_row(row: re.Match[str]) -> str:
        left = iter(heads)
        return CELL.sub(lambda cell: f'{cell[0]} data-label="{next(left)}"', row[0])

    return ROW.sub(label_row, table[0])

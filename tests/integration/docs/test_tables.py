"""Tables of the documentation, whose rows are cards on a phone."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from dashboard.pages.docs import views
from dashboard.vocabulary import Language
from tests.support.dashboard_client import Browser

MERGED = {"colspan", "rowspan"}  # no single column is such a cell's


@dataclass
class Table:
    """The texts of its heads, and of each row the labels of its cells."""

    heads: list[str] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)


class Reader(HTMLParser):
    """The tables of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self.in_head = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "table":
            self.tables.append(Table())
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag == "th" and given.get("scope") == "col":
            self.in_head = True
            self.tables[-1].heads.append("")
        elif tag in ("td", "th"):
            assert not MERGED & given.keys()
            self.tables[-1].rows[-1].append(given.get("data-label"))

    def handle_endtag(self, tag: str) -> None:
        self.in_head = self.in_head and tag != "th"

    def handle_data(self, data: str) -> None:
        if self.in_head:
            self.tables[-1].heads[-1] += data


def tables(page: str) -> list[Table]:
    reader = Reader()
    reader.feed(page)
    for table in reader.tables:
        table.heads = [" ".join(head.split()) for head in table.heads]
        table.rows = [row for row in table.rows if row]
    return reader.tables


def test_each_cell_of_a_table_of_more_than_two_columns_bears_its_head(stranger: Browser) -> None:
    found = 0
    for language in Language:
        for doc in views.DOCS:
            address = f"/docs/{language}/" + ("" if doc.name == "start" else doc.name)
            for table in tables(stranger.get(address).text):
                labels = table.heads if len(table.heads) > 2 else [None] * len(table.heads)
                assert table.rows and all(row == labels for row in table.rows), (address, table.heads)
                found += len(table.heads) > 2
    assert found >= 10 * len(Language)

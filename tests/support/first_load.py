"""What a browser that comes for the first time fetches for a page: bytes on the wire, headers left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask
from flask.testing import FlaskClient

LINKED = re.compile(r'<(?:script[^>]* src|link rel="(?:preload|stylesheet|icon)" href|use href)="(/static/[^"#]+)')
FACE = re.compile(r"@font-face \{(.*?)\}", re.DOTALL)
RANGE = re.compile(r"U\+([0-9A-F]+)(?:-([0-9A-F]+))?")
HIDDEN = re.compile(r"<(\w+)[^>]* popover[ >=].*?</\1>", re.DOTALL)  # what is not drawn fetches no font
FONT = re.compile(r'url\("\.\./(vendor/[^"]+)"\)')


@dataclass(frozen=True)
class FirstLoad:
    page: int
    files: dict[str, int]

    @property
    def bytes(self) -> int:
        return self.page + sum(self.files.values())


def measure(client: FlaskClient, url: str, language: str) -> FirstLoad:
    """Fetch a page with all that it links, and the fonts whose ranges hold a character of it."""
    headers = {"Accept-Language": language, "Accept-Encoding": "gzip, deflate, br, zstd", "Sec-Fetch-Site": "none"}
    page = client.get(url, headers=headers)
    assert page.status_code == 200, url
    text = client.get(url, headers={"Accept-Language": language}).text
    wanted = dict.fromkeys([*LINKED.findall(text), *_fonts(client.application, text)])
    return FirstLoad(len(page.data), {name: _length(client, name, headers) for name in wanted})


def _length(client: FlaskClient, url: str, headers: dict[str, str]) -> int:
    with client.get(url, headers=headers) as file:
        return len(file.data)


def _fonts(app: Flask, text: str) -> Iterator[str]:
    """The addresses of the faces that a page's characters need, of every weight."""
    sheet = app.test_client().get("/static/css/site.css").text
    used = {ord(character) for character in re.sub(r"<[^>]+>", "", HIDDEN.sub("", text))}
    for face in FACE.findall(sheet):
        spans = [(int(first, 16), int(last or first, 16)) for first, last in RANGE.findall(face)]
        if any(first <= code <= last for code in used for first, last in spans):
            yield f"/static/{FONT.findall(face)[0]}"

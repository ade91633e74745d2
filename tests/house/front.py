"""Templates and style sheets: nothing that the content policy would refuse, and sheets that turn with the script."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.house.source import SHEETS, TEMPLATES

INLINE = re.compile(r"<style|\sstyle\s*=|\son\w+\s*=|javascript:|\bhx-on|\bjs:|\|\s*safe\b")
SCRIPT = re.compile(r"<script[^>]*>")
SIDED = re.compile(r"(?:margin|padding|border)-(?:left|right)|text-align:\s*(?:left|right)|float:")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def no_template_holds_script_or_style() -> Iterator[str]:
    for name, text in TEMPLATES.items():
        found = INLINE.search(text) or next((tag for tag in SCRIPT.finditer(text) if "src=" not in tag[0]), None)
        if found:
            yield f"{name} holds {found[0].strip()!r}, which the content policy refuses or which escapes nothing"


def fragments_extend_nothing() -> Iterator[str]:
    for name, text in TEMPLATES.items():
        if name.rsplit("/", 1)[-1].startswith("_") and "{% extends" in text:
            yield f"{name} is a fragment and extends a page"


def sheets_know_no_left_and_right() -> Iterator[str]:
    for name, text in SHEETS.items():
        for found in SIDED.finditer(text):
            yield f"{name}:{text.count(chr(10), 0, found.start()) + 1} says {found[0]!r}: Arabic reads the other way"


def sheets_close_what_they_open() -> Iterator[str]:
    for name, text in SHEETS.items():
        depth = 0
        for number, line in enumerate(COMMENT.sub(_blank, text).splitlines(), 1):
            if depth and line.startswith("@layer "):
                yield f"{name}:{number} begins a layer before the last one is closed"
            depth += line.count("{") - line.count("}")
        if depth:
            yield f"{name} ends with {depth} open braces"


def _blank(comment: re.Match[str]) -> str:
    return "\n" * comment[0].count("\n")

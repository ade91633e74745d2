"""How line breaks in templates are read: they are for whoever reads the template, and never change the page."""

from __future__ import annotations

import re

from jinja2.ext import Extension

JINJA = r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}"
OPENING_TAG = rf"""<[a-zA-Z](?:{JINJA}|"(?:{JINJA}|[^"])*"|'(?:{JINJA}|[^'])*'|[^>"'])*>"""
AFTER_A_TAG, BEFORE_A_TAG = r"(?:(?<=>)|(?<=[%}#]\}))\s*\n\s*", r"\s*\n\s*(?=<|\{[{%#])"
BESIDE_A_TAG = re.compile(f"({JINJA}|{OPENING_TAG})|{AFTER_A_TAG}|{BEFORE_A_TAG}", re.DOTALL)
PROSE = "docs/"  # templates of sentences, in which these tags stand as words do
WORDS = ("a", "b", "code", "em", "i", "kbd", "strong")
ENDS_OF_WORDS = (*(f"</{word}>" for word in WORDS), r"\{% endcall %\}")  # `call to(…)` writes a link
BEFORE_A_WORD = rf"(?<=[^\s>}}])\s*\n\s*(?=<(?:{'|'.join(WORDS)})[\s>]|\{{% call to\()"
AFTER_A_WORD = rf"(?:{'|'.join(f'(?<={end})' for end in ENDS_OF_WORDS)})\s*\n\s*(?=[^\s<{{])"
IN_PROSE = re.compile(rf"{JINJA}|({BEFORE_A_WORD}|{AFTER_A_WORD})", re.DOTALL)
IN_A_TAG = re.compile(rf"({JINJA})|\s*\n\s*", re.DOTALL)


class LineBreaks(Extension):
    """A line break between words or attributes is a space; beside a tag, HTML's or Jinja's, it is nothing.

    This is the rule of JSX. Without it, `<b>3</b><span>new</span>` laid out on two lines gets a space between the two.
    A space that is meant and would end a line is written `{{ " " }}`. In the documentation, a tag or a link beside a
    word is a word: the line break between the two is a space.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        if not name or not name.endswith(".html"):
            return source
        if name.startswith(PROSE):
            source = IN_PROSE.sub(_space, source)
        return BESIDE_A_TAG.sub(_read, source)


def _space(found: re.Match[str]) -> str:
    """A space before the break, for `_nothing` to leave alone."""
    return found[0] if found[1] is None else '{{ " " }}' + found[1]


def _read(found: re.Match[str]) -> str:
    kept = found[1]
    if kept is None:
        return _nothing(found)
    if kept.startswith("<"):
        return IN_A_TAG.sub(lambda inside: inside[1] or " " + _nothing(inside), kept)
    return kept


def _nothing(found: re.Match[str]) -> str:
    """A comment of as many lines, so that errors name the right one."""
    return "{#" + "\n" * found[0].count("\n") + "#}"

"""What a carrier's answer means, by rules that an administrator writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dashboard.outbound.client import HttpAnswer
from dashboard.providers.codes import _l
from dashboard.providers.delivery_reports import dig, reference
from dashboard.providers.settings import BadSetting, lines

LONGEST_PATTERN = 200
# Python's patterns backtrack without bound, so the more choices one holds, the less of an answer it is shown.
SEARCHED = (8192, 8192, 1024, 256)  # characters, by the number of choices
ESCAPED = re.compile(r"\\.", re.DOTALL)
CHOICE = re.compile(r"[*+{|]|(?<![(*+?}])\?")  # (?: and the ? of *? are none
REPEATED_GROUP = re.compile(r"\)[*+?{]")
RULE = re.compile(
    r"(?P<statuses>[0-9]{3}(?:-[0-9]{3})?(?:\s*,\s*[0-9]{3}(?:-[0-9]{3})?)*)?"
    r"(?:(?:^|\s+)(?:json\s+(?P<path>[^\s=!]+)\s*(?P<op>!?=)\s*(?P<value>.*)|body\s+(?P<pattern>.+)))?"
)


ERROR_SEARCHED = 2000  # characters of an answer
ERROR_WORDS = re.compile(
    r"\b(?:err(?:or)?s?|fail(?:ed|ure)?|invalid|denied|rejected|unauthori[sz]ed|forbidden|insufficient|exception)\b",
    re.IGNORECASE,
)
# A field for errors that holds none, as in "error": null, "errors": [], <error>0</error>, failed=0.
NO_ERROR = re.compile(
    r"""["<]?\b(?:[a-z]+_)?(?:err(?:or)?s?|fail(?:ed|ure)?)(?:_?(?:code|no|message|text|string|count))?\b"""
    r"""["'>]?\s*[:=]?\s*(?:null|none|false|["']?0+\b["']?|""|''|\[\s*\]|\{\s*\}|(?=</))|</[a-z_]+>""",
    re.IGNORECASE,
)
PROBLEMS = {
    "reference_form": _l("Write json PATH, header NAME or body PATTERN"),
    "rule_form": _l("Write STATUSES, json PATH = VALUE or body PATTERN"),
    "status_range": _l("Statuses go from 200 to 599"),
    "pattern_group": _l("The pattern needs one group, as in ID: (\\w+)"),
    "pattern_length": _l("Most characters in a pattern: %(most)s"),
    "pattern_repeats": _l("A group cannot be repeated"),
    "pattern_choices": _l("A pattern holds at most %(most)s of * + ? { |"),
    "not_a_pattern": _l("This is no pattern: %(detail)s"),
}


class BadRule(BadSetting):
    """A rule that cannot be read; see PROBLEMS."""


@dataclass(frozen=True)
class Pattern:
    """A pattern, and how many characters of an answer it is shown."""

    compiled: re.Pattern[str]
    room: int

    def search(self, answer: HttpAnswer) -> re.Match[str] | None:
        return self.compiled.search(answer.text[: self.room])


@dataclass(frozen=True)
class ResponseRule:
    """`200-299 json status = ok`: an answer must fit all that is there. A value that is missing is not unequal."""

    statuses: tuple[range, ...] = ()
    path: str = ""
    equal: bool = True
    value: str = ""
    pattern: Pattern | None = None

    def fits(self, answer: HttpAnswer) -> bool:
        if self.statuses and not any(answer.status in span for span in self.statuses):
            return False
        if self.path:
            word = _word(dig(answer.json(), self.path))
            return word is not None and (word == self.value) is self.equal
        return self.pattern is None or self.pattern.search(answer) is not None


def rules(text: str) -> list[ResponseRule]:
    """One rule a line: `STATUSES`, `json PATH = VALUE`, `body PATTERN`, or statuses with one of these."""
    return [_rule(number, line) for number, line in lines(text)]


def fits(any_of: list[ResponseRule], answer: HttpAnswer) -> bool:
    return any(rule.fits(answer) for rule in any_of)


def speaks_of_error(answer: HttpAnswer) -> bool:
    """Whether an answer reads like a refusal, whatever its status: many carriers answer 200 with an error in it.

    playSMS: {"status": "ERR", "error": "100"}; others: ERR 105: insufficient credit. `"error": 0` or null is none.
    """
    return ERROR_WORDS.search(NO_ERROR.sub("", answer.text[:ERROR_SEARCHED])) is not None


def finder(text: str, read: Callable[[Any], str | None] = reference) -> Callable[[HttpAnswer], str | None]:
    """Where a value stands: `json PATH`, `header NAME` or `body PATTERN` with one group; empty for nowhere.

    `read` makes text of what stands there, and None of what it cannot be.
    """
    word, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    if not text.strip():
        return lambda answer: None
    if word == "json" and rest:
        return lambda answer: read(dig(answer.json(), rest))
    if word == "header" and rest:
        return lambda answer: read(answer.headers.get(rest.lower()))
    if word == "body" and rest:
        return _group(rest, read)
    raise BadRule("reference_form")


def _group(text: str, read: Callable[[Any], str | None]) -> Callable[[HttpAnswer], str | None]:
    pattern = _pattern(text)
    if pattern.compiled.groups != 1:
        raise BadRule("pattern_group")

    def find(answer: HttpAnswer) -> str | None:
        found = pattern.search(answer)
        return read(found[1]) if found else None

    return find


def _rule(number: int, line: str) -> ResponseRule:
    found = RULE.fullmatch(line)
    if found is None:
        raise BadRule("rule_form", line=number)
    try:
        return ResponseRule(
            statuses=_spans(found["statuses"] or ""),
            path=found["path"] or "",
            equal=found["op"] != "!=",
            value=(found["value"] or "").strip().strip('"'),
            pattern=_pattern(found["pattern"]) if found["pattern"] else None,
        )
    except BadRule as error:
        raise error.at(line=number) from None


def _spans(text: str) -> tuple[range, ...]:
    spans = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        first, _, last = item.partition("-")
        spans.append(range(int(first), int(last or first) + 1))
    if any(len(span) == 0 or span.start < 200 or span.stop > 600 for span in spans):
        raise BadRule("status_range")
    return tuple(spans)


def _pattern(text: str) -> Pattern:
    bare = ESCAPED.sub("x", text)
    choices = len(CHOICE.findall(bare))
    if len(text) > LONGEST_PATTERN:
        raise BadRule("pattern_length", most=LONGEST_PATTERN)
    if REPEATED_GROUP.search(bare):
        raise BadRule("pattern_repeats")
    if choices >= len(SEARCHED):
        raise BadRule("pattern_choices", most=len(SEARCHED) - 1)
    try:
        return Pattern(re.compile(text), SEARCHED[choices])
    except re.error as error:
        raise BadRule("not_a_pattern", detail=error.msg) from None


def _word(value: Any) -> str | None:
    """JSON's own spelling of a plain value; None for what is missing or compound."""
    if value is None or isinstance(value, dict | list):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)

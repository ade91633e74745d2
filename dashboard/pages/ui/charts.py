"""The geometry of charts. No text and no colour: an SVG is a box of 100 by 100 that the style sheet stretches,
colours are classes, labels are HTML, so that right to left is one rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

MOST_STEPS = 5


@dataclass(frozen=True)
class Series:
    """One line or set of columns; None is a gap."""

    name: str
    colour: str  # c1, c2, c3
    values: Sequence[float | None]
    filled: bool = False


@dataclass(frozen=True)
class Chart:
    """What the macro `chart` draws. A label for each value, fewer ticks below the axis; `unit` is "" or "%"."""

    kind: str  # line, bars
    series: Sequence[Series]
    labels: Sequence[str]
    ticks: Sequence[str]
    top: float
    steps: int
    unit: str = ""

    @property
    def heights(self) -> list[float]:
        """The values at the grid's lines, from the top down."""
        return [self.top * i / self.steps for i in range(self.steps, -1, -1)]

    def path(self, series: Series) -> str:
        return path(series.values, self.top)

    def area(self, series: Series) -> str:
        return self.path(series) + "L100 100L0 100Z"

    def columns(self, series: Series) -> list[tuple[float, float, float, float]]:
        """x, y, width, height of each."""
        width = 100 / len(series.values)
        tall = [(value or 0) * 100 / self.top for value in series.values]
        return [
            (round((i + 0.15) * width, 2), round(100 - h, 2), round(width * 0.7, 2), round(h, 2))
            for i, h in enumerate(tall)
        ]


def line(series: Sequence[Series], labels: Sequence[str], unit: str = "", ticks: int = 5) -> Chart:
    top, steps = scale(max((value or 0 for one in series for value in one.values), default=0))
    if unit == "%":
        top, steps = 100, 4
    return Chart("line", series, labels, _some(labels, ticks), top, steps, unit)


def bars(series: Series, labels: Sequence[str], unit: str = "") -> Chart:
    top, steps = scale(max((value or 0 for value in series.values), default=0))
    return Chart("bars", [series], labels, labels, top, steps, unit)


def with_ticks(chart: Chart, ticks: Sequence[str]) -> Chart:
    """The same with other words below the axis."""
    return replace(chart, ticks=ticks)


def scale(highest: float) -> tuple[float, int]:
    """A round top of the axis just above the highest value, and in how many steps."""
    highest = max(highest, MOST_STEPS)
    size = 10 ** math.floor(math.log10(highest))
    for step in (size / 5, size / 4, size / 2, size, size * 2):
        steps = math.ceil(highest / step)
        if steps <= MOST_STEPS and step == int(step):
            return step * steps, steps
    return size * 10.0, MOST_STEPS


def path(values: Sequence[float | None], top: float) -> str:
    """A line through the values, broken where there is none."""
    last, parts, pen = max(len(values) - 1, 1), [], "M"
    for i, value in enumerate(values):
        if value is None:
            pen = "M"
        else:
            parts.append(f"{pen}{round(i * 100 / last, 2)} {round(100 - value * 100 / (top or 1), 2)}")
            pen = "L"
    return "".join(parts)


def spark(values: Sequence[float | None], top: float | None = None) -> str:
    """A line without an axis, as high as its highest value."""
    return path(values, top or max((value or 0 for value in values), default=1) or 1)


def _some(labels: Sequence[str], most: int) -> list[str]:
    if len(labels) <= most:
        return list(labels)
    step = (len(labels) - 1) / (most - 1)
    return [labels[round(i * step)] for i in range(most)]

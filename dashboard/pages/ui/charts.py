"""The geometry of charts. No text and no colour: an SVG is a box of 100 by 100 that the style sheet stretches,
colours are classes, labels are HTML, so that right to left is one rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MOST_STEPS = 5
FEWEST_FOR_A_LINE = 10  # of fewer points a line would draw slopes that nobody measured


@dataclass(frozen=True)
class Series:
    """One line or set of columns; None is a gap."""

    name: str
    colour: str  # c1, c2, c3
    values: Sequence[float | None]
    filled: bool = False


@dataclass(frozen=True)
class Tick:
    """A word below the axis, at a place from 0 to 100; a mark is a hairline through the chart."""

    at: float
    label: str
    is_mark: bool = False


@dataclass(frozen=True)
class Column:
    """Figures that the table and the tooltip tell beside the series, in words."""

    name: str
    values: Sequence[str]


@dataclass(frozen=True)
class Chart:
    """What the macro `chart` draws. A label for each value, fewer ticks below the axis; `unit` is "" or "%"."""

    kind: str  # line, bars
    series: Sequence[Series]
    labels: Sequence[str]
    ticks: Sequence[Tick]
    top: float
    steps: int
    unit: str = ""
    is_open: bool = False  # the last value is still growing
    links: Sequence[str] = ()  # where a click on each value leads
    band: Sequence[tuple[float, float]] = ()  # what is usual at each value, from and to
    more: Sequence[Column] = ()
    shades: Sequence[tuple[float, float]] = ()  # from and to, 0 to 100: what stands apart, as weekends do

    @property
    def heights(self) -> list[float]:
        """The values at the grid's lines, from the top down."""
        return [self.top * i / self.steps for i in range(self.steps, -1, -1)]

    def path(self, series: Series) -> str:
        """The line as far as its values are final."""
        values = series.values
        return path([*values[:-1], None] if self.is_open else values, self.top)

    def open_path(self, series: Series) -> str:
        """The way from the last final value to the one that is still growing."""
        values = series.values
        return path([*[None] * (len(values) - 2), *values[-2:]], self.top) if self.is_open else ""

    def area(self, series: Series) -> str:
        return path(series.values, self.top) + "L100 100L0 100Z"

    @property
    def band_path(self) -> str:
        """The surface of what is usual: along its upper edge and back along the lower one."""
        if self.kind == "bars" or not self.band:
            return ""
        upper, lower = (path([edges[side] for edges in self.band], self.top) for side in (1, 0))
        points = lower[1:].split("L")
        return f"{upper}L{'L'.join(reversed(points))}Z"

    def columns(self, series: Series) -> list[tuple[float, float, float, float]]:
        """x, y, width, height of each; several series stand side by side in each place."""
        place, width = self.series.index(series), 0.7 / len(self.series)
        cell = 100 / len(series.values)
        tall = [(value or 0) * 100 / self.top for value in series.values]
        return [
            (round((i + 0.15 + place * width) * cell, 2), round(100 - h, 2), round(width * cell, 2), round(h, 2))
            for i, h in enumerate(tall)
        ]


def line(series: Sequence[Series], labels: Sequence[str], ticks: Sequence[Tick], **more: Any) -> Chart:
    """Values over time; bars when they are few. `more`: fields of Chart."""
    highest = max((value or 0 for one in series for value in one.values), default=0)
    usual = max((edges[1] for edges in more.get("band", ())), default=0)
    top, steps = scale(max(highest, usual))
    kind = "bars" if len(labels) < FEWEST_FOR_A_LINE else "line"
    return Chart(kind, series, labels, ticks, top, steps, **more)


def bars(series: Series, labels: Sequence[str], names: Sequence[str], unit: str = "") -> Chart:
    """Columns with a name below each."""
    top, steps = scale(max((value or 0 for value in series.values), default=0))
    ticks = [Tick(middle(i, len(names)), name) for i, name in enumerate(names)]
    return Chart("bars", [series], labels, ticks, top, steps, unit)


def middle(index: int, count: int) -> float:
    """Where a column's middle stands, from 0 to 100."""
    return round((index + 0.5) * 100 / count, 2)


def point(index: int, count: int) -> float:
    """Where a value of a line stands; of few, drawn as bars, the column's middle."""
    return middle(index, count) if count < FEWEST_FOR_A_LINE else round(index * 100 / (count - 1), 2)


def stretch(first: int, last: int, count: int) -> tuple[float, float]:
    """From where to where the values `first` to `last` reach, each half the way to its neighbours."""
    if count < FEWEST_FOR_A_LINE:
        return round(first * 100 / count, 2), round((last + 1) * 100 / count, 2)
    step = 100 / (count - 1)
    return max(0.0, round((first - 0.5) * step, 2)), min(100.0, round((last + 0.5) * step, 2))


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


def stacks(pairs: Sequence[tuple[int, int]]) -> dict[str, str]:
    """Columns without an axis, as high as the highest: what went well from the ground up, what did not on top of it.

    A path by its colour, of all columns' parts.
    """
    top, width = max((well + badly for well, badly in pairs), default=0) or 1, 100 / max(len(pairs), 1)
    paths = {"c1": "", "c3": ""}
    for i, (well, badly) in enumerate(pairs):
        left, right = round((i + 0.1) * width, 2), round((i + 0.9) * width, 2)
        for colour, below, value in (("c1", 0, well), ("c3", well, badly)):
            low, high = (round(100 - 100 * at / top, 2) for at in (below, below + value))
            paths[colour] += f"M{left} {low}V{high}H{right}V{low}Z" if value else ""
    return {colour: found for colour, found in paths.items() if found}

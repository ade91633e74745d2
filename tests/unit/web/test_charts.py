"""The geometry of charts: what is final and what still grows, what is usual, and few values as bars."""

from __future__ import annotations

import pytest

from dashboard.pages.ui import charts
from dashboard.pages.ui.charts import Chart, Series

VALUES = [float(n) for n in range(12)]


def line(count: int = 12, **more: object) -> Chart:
    series = [Series("a", "c1", VALUES[:count]), Series("b", "c2", VALUES[:count])]
    return charts.line(series, [str(n) for n in range(count)], [], **more)


def test_the_last_value_of_a_period_that_is_not_over_is_drawn_apart() -> None:
    drawn = line(is_open=True)
    final, growing = drawn.path(drawn.series[0]), drawn.open_path(drawn.series[0])
    assert final.count("L") == 10 and growing.count("L") == 1
    assert growing.startswith("M" + final.rpartition("L")[2])
    closed = line()
    assert closed.path(closed.series[0]).count("L") == 11 and not closed.open_path(closed.series[0])


@pytest.mark.parametrize(("count", "kind"), [(2, "bars"), (9, "bars"), (10, "line"), (12, "line")])
def test_few_values_are_bars(count: int, kind: str) -> None:
    assert line(count).kind == kind


def test_bars_of_two_series_stand_side_by_side_in_their_place() -> None:
    drawn = line(5)
    first, second = (drawn.columns(one) for one in drawn.series)
    for place, ((left, *_), (right, _y, width, _height)) in enumerate(zip(first, second, strict=True)):
        assert place * 20 < left < right and right + width < (place + 1) * 20
        assert left + width == pytest.approx(right, abs=0.02)


def test_what_is_usual_is_a_surface_and_fits_the_axis() -> None:
    drawn = line(band=[(10.0, 90.0)] * 12)
    assert drawn.top >= 90
    shape = drawn.band_path
    assert shape.startswith("M0.0 ") and shape.endswith("Z") and shape.count("L") == 23
    assert not line().band_path


def test_points_of_a_line_reach_its_edges_and_columns_stand_in_the_middle() -> None:
    assert [charts.point(0, 24), charts.point(23, 24)] == [0, 100]
    assert [charts.point(0, 4), charts.point(3, 4)] == [12.5, 87.5]


def test_stacks_are_as_high_as_the_highest_and_leave_out_what_is_nothing() -> None:
    assert charts.stacks([(1, 1), (0, 0)]) == {"c1": "M5.0 100.0V50.0H45.0V100.0Z", "c3": "M5.0 50.0V0.0H45.0V50.0Z"}
    assert charts.stacks([]) == {} == charts.stacks([(0, 0)])

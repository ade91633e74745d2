"""How a measured figure stands to what is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Demand:
    """What is asked for: a figure of at least, or with `at_most` of at most, so much."""

    figure: float
    at_most: bool = False

    def verdict(self, found: float) -> str:
        """PASS, or by how much it is missed."""
        is_met = found <= self.figure if self.at_most else found >= self.figure
        if is_met:
            return "PASS"
        return f"{abs(found - self.figure) / self.figure:.0%} {'over' if self.at_most else 'short'}"


def line(what: str, found: float, unit: str, demand: Demand | None = None) -> str:
    """A row: what was measured, the figure, and how it stands."""
    shown = f"{what:58}{found:12,.2f} {unit:10}"
    if demand is None:
        return shown.rstrip()
    return f"{shown}{'<=' if demand.at_most else '>='} {demand.figure:<10,g}{demand.verdict(found)}"

"""Cells of CSV files."""

from __future__ import annotations

RISKY = ("=", "+", "-", "@", "\t", "\r", "\0")  # spreadsheets take a cell that begins so for a formula


def safe(cell: str) -> str:
    """A cell that a spreadsheet takes for text."""
    return "'" + cell if cell.startswith(RISKY) else cell

"""Answers as CSV (RFC 4180), for spreadsheets, with no cell that one of them would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

# What a spreadsheet takes for a formula where a cell begins with it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
MARK = "'"


class AsTable(DefaultContentNegotiation):
    """A table is a table, whatever ``Accept`` says."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table with a header; text that a spreadsheet would run is marked (:func:`unmarked` takes that off)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_marked(cell) for cell in row] for row in rows)
    return text.getvalue()


def _marked(cell: Any) -> Any:
    return f"{MARK}{cell}" if isinstance(cell, str) and cell.startswith((*FORMULA, MARK)) else cell


def unmarked(cell: str) -> str:
    """A cell of :func:`csv_text` as it was."""
    return cell[1:] if cell.startswith(MARK) and cell[1:].startswith((*FORMULA, MARK)) else cell

"""Answers as CSV (RFC 4180), for spreadsheets, with no cell that one of them would run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

MARK = "'"
# Where a spreadsheet may see a cell begin: it may split the text at semicolons, tabs and line ends too.
CELL_START = r"(?<![^;\t\r\n])"
# What makes a formula of a cell, also in full width and behind quotation marks; and the mark itself, to be told apart.
FORMULA_START = r"(?=\"*[=+\-@＝＋－＠\t\r'])"
TO_MARK = re.compile(CELL_START + FORMULA_START)
MARKED = re.compile(CELL_START + MARK + FORMULA_START)


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
    return TO_MARK.sub(MARK, cell) if isinstance(cell, str) else cell


def unmarked(cell: str) -> str:
    """Return a text as it was before :func:`csv_text` marked it."""
    return MARKED.sub("", cell)

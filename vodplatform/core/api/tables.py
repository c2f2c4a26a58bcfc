"""Answers as CSV (RFC 4180), for spreadsheets, with no cell that one of them would run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

MARK = "'"
# The start of a cell. Spreadsheets may also split the text at semicolons, tabs and line ends.
CELL_START = r"(?<![^;\t\r\n])"
# Characters that begin a formula, also in full width and after quotation marks, and the mark itself, so that a text
# that begins with it can be restored.
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
    """Return a table with a header. Text that a spreadsheet would run is marked; :func:`unmarked` removes the mark."""
    return "".join(csv_lines(columns, rows))


def csv_lines(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Yield the lines of :func:`csv_text`."""
    line = io.StringIO()
    writer = csv.writer(line)
    for row in chain([columns], rows):
        writer.writerow([_marked(cell) for cell in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _marked(cell: Any) -> Any:
    return TO_MARK.sub(MARK, cell) if isinstance(cell, str) else cell


def unmarked(cell: str) -> str:
    """Return a text without the marks of :func:`csv_text`."""
    return MARKED.sub("", cell)

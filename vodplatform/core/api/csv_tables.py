"""CSV answers (RFC 4180) whose cells a spreadsheet does not execute as formulas."""

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
# Matches at the start of a cell. Spreadsheets may also start a cell after a semicolon, tab or line end.
CELL_START = r"(?<![^;\t\r\n])"
# Matches before a formula or an apostrophe. An export inserts MARK (an apostrophe) there, and an import removes it.
# Text that begins with an apostrophe also gets MARK; otherwise, an import could remove the original apostrophe.
FORMULA_START = r"(?=\"*[=+\-@＝＋－＠\t\r'])"
TO_MARK = re.compile(CELL_START + FORMULA_START)
MARKED = re.compile(CELL_START + MARK + FORMULA_START)


class AsTable(DefaultContentNegotiation):
    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as CSV with a header. Cells that look like formulas get a mark, which :func:`unmarked` removes."""
    return "".join(csv_lines(columns, rows))


def csv_lines(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
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
    return MARKED.sub("", cell)

"""The results of an analysis as tables, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from sessions_app.analysis.models import AnalysisSession, AnalysisType

# What tables of results hold, by the word in the address, for those who want a spreadsheet.
TABLES = {
    "segments": ("index", "start_time", "end_time", "score", "description"),
    "highlights": ("start_time", "end_time", "score", "description"),
    "repetitions": ("exercise", "repetition", "start", "turn", "end", "seconds"),
}
TABLES_OF = {AnalysisType.HIGHLIGHTS: ("highlights", "segments"), AnalysisType.WORKOUT: ("repetitions",)}
# What a spreadsheet takes for a formula where a cell begins with it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(session: AnalysisSession, kind: str) -> str:
    """A table of results as CSV (RFC 4180).

    Raises as :meth:`AnalysisSession.check_ready`, and ``KeyError`` for a table that this type of analysis has not.
    """
    if kind not in TABLES_OF[AnalysisType(session.analysis_type)]:
        raise KeyError(kind)
    session.check_ready()
    data = session.data or {}
    rows = _repetitions(data) if kind == "repetitions" else data.get(kind, [])
    return _csv(TABLES[kind], rows)


def _repetitions(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for exercise in data.get("exercises", []):
        for number, one in enumerate(exercise["rep_times"], start=1):
            seconds = round(one["end"] - one["start"], 3)
            yield {"exercise": exercise["name"], "repetition": number, "seconds": seconds, **one}


def _csv(columns: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column, "")) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value

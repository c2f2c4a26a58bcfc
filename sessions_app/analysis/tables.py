from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sessions_app.analysis.models import AnalysisSession, AnalysisType
from vodplatform.core.api.csv_tables import csv_text

TABLES = {
    "segments": ("index", "start_time", "end_time", "score", "description"),
    "highlights": ("start_time", "end_time", "score", "description"),
    "repetitions": ("exercise", "repetition", "start", "turn", "end", "seconds"),
}
TABLES_OF = {AnalysisType.HIGHLIGHTS: ("highlights", "segments"), AnalysisType.WORKOUT: ("repetitions",)}


def table(session: AnalysisSession, kind: str) -> str:
    """Return a table of results as CSV (RFC 4180).

    Raises ``KeyError`` if the analysis type has no such table, and the errors of :meth:`AnalysisSession.check_ready`.
    """
    if kind not in TABLES_OF[AnalysisType(session.analysis_type)]:
        raise KeyError(kind)
    session.check_ready()
    data = session.data or {}
    rows = _repetitions(data) if kind == "repetitions" else data.get(kind, [])
    columns = TABLES[kind]
    return csv_text(columns, ([row.get(column, "") for column in columns] for row in rows))


def _repetitions(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for exercise in data.get("exercises", []):
        for number, one in enumerate(exercise["rep_times"], start=1):
            seconds = round(one["end"] - one["start"], 3)
            yield {"exercise": exercise["name"], "repetition": number, "seconds": seconds, **one}

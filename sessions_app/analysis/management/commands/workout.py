from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sessions_app.analysis.management.analysing import AnalysisCommand, time_range
from sessions_app.analysis.models import AnalysisType
from vodplatform.core.processes.cli_progress import table


class Command(AnalysisCommand):
    help = "Count the repetitions of the exercises in a video. Exits with 3 if the file is not a video."
    analysis_type = str(AnalysisType.WORKOUT)
    role = "preview"

    def lines(self, data: dict[str, Any]) -> Iterator[str]:
        yield data["summary"]
        if data["exercises"]:
            yield ""
            yield from table(
                [("When", "Exercise", "Repetitions", "Tempo", "Confidence"), *map(_row, data["exercises"])]
            )
            yield ""
        for one in data["exercises"]:
            for sentence in one["feedback"]:
                yield f"{time_range(one)} {one['name']}: {sentence}"
        for one in data["not_counted"]:
            yield f"{time_range(one)} not counted: {one['reason']}"


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    seconds = (one.get("tempo") or {}).get("seconds")
    tempo = f"{seconds:.1f} s each" if seconds is not None else "–"
    return time_range(one), one["name"], str(one["repetitions"]), tempo, f"{one['confidence']:.2f}"

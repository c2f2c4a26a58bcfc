"""The child process that runs an analysis."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from media_app.av.container import MediaError
from sessions_app.analysis.pipelines.task import AnalysisFailed, Result, Task
from vodplatform.core.processes.child import BadRequest, Reports


def _highlights(task: Task) -> Result:
    from sessions_app.analysis.pipelines.highlights import find_highlights

    return find_highlights(task)


def _reel(task: Task) -> Result:
    from sessions_app.analysis.pipelines.reel import cut_moments

    return cut_moments(task)


def _workout(task: Task) -> Result:
    from sessions_app.analysis.pipelines.workout import count_workout

    return count_workout(task)


def _marks(task: Task) -> Result:
    from sessions_app.analysis.pipelines.marks import find_marks

    return find_marks(task)


# Pipelines are imported on demand, because the pose model loads slowly.
OPS: dict[str, Callable[[Task], Result]] = {
    "highlights": _highlights,
    "reel": _reel,
    "workout": _workout,
    "marks": _marks,
}


def serve(request: Any, reports: Reports) -> Result:
    """Run one request. Raises :class:`BadRequest`, MediaError, :class:`AnalysisFailed`."""
    if not isinstance(request, dict):
        raise BadRequest("The request is not an object.")
    try:
        op = OPS[request["op"]]
        task = Task(
            path=Path(request["path"]),
            folder=Path(request["folder"]),
            params=dict(request["params"]),
            threads=int(request.get("threads") or os.environ.get("VOD_CHILD_THREADS") or 2),
            vision=request.get("vision"),
            saved=request.get("saved"),
            progress=reports.progress,
            checkpoint=lambda state: reports.send({"checkpoint": state}),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise BadRequest(f"The request has a missing or invalid field: {exc}.") from exc
    return op(task)


def main() -> None:
    """Read one JSON request from stdin, and write JSON lines to stdout.

    Request: ``{"op", "path", "folder", "params", …}``. Lines: ``progress`` and ``checkpoint``, then ``result`` or
    ``error``. The process exits with 0 even after a reported error.
    """
    reports = Reports()
    try:
        result = serve(json.load(sys.stdin), reports)
        reports.send({"result": {"data": result.data, "files": result.files}})
    except BadRequest as exc:
        reports.error("bad_request", str(exc))
    except json.JSONDecodeError as exc:
        reports.error("bad_request", f"The request is not JSON: {exc}.")
    except MediaError as exc:
        reports.error(exc.code, exc.message)
    except AnalysisFailed as exc:
        reports.error(exc.type, exc.message)


if __name__ == "__main__":
    main()

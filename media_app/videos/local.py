"""Media files that commands read by path. The database has no rows for these files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings

from media_app.videos.ingest import INGEST, limits
from media_app.videos.models import Video
from media_app.videos.services import probe
from vodplatform.core.processes.process import Access, run_child

NORMALIZE_SECONDS = 24 * 3600.0


def readable_path(path: Path, folder: Path) -> tuple[Path, Video]:
    """Return the path to read, and an unsaved video whose ``recording`` describes the file's faults.

    The path is that of a repaired copy in ``folder`` if the file needs one and can be converted, else the given path.
    """
    facts: dict[str, Any] = probe([path])[0].get("facts") or {}
    recording = facts.get("recording") or {}
    if not recording.get("reasons"):
        return path, Video(recording=recording)
    folder.mkdir(exist_ok=True)
    request = {
        "source": str(path), "folder": str(folder), "tasks": [{"do": "normalized"}], "threads": settings.CHILD_THREADS
    }  # fmt: skip
    made: list[dict[str, Any]] = []
    run_child(
        INGEST, stdin=json.dumps(request).encode(), limits=limits(NORMALIZE_SECONDS),
        on_message=lambda message: made.extend([message["made"]] if "made" in message else []),
        access=Access(reads=[path], writes=[folder]),
    )  # fmt: skip
    if not made:
        return path, Video(recording=recording)
    return folder / "normalized" / made[0]["files"]["video"], Video(recording=made[0]["recording"])

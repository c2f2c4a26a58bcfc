from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs_app.context import JobContext, JobFailed
from media_app.storage import files as store
from media_app.videos.ingest import checking
from media_app.videos.services import local_playable_path
from sessions_app.prosync.models import ProJob

LOST = "A sound file no longer exists. Upload the video and the sounds again."


@dataclass(frozen=True, slots=True)
class Made:
    path: Path
    outcome: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """An attempt to run a Pro segments job. share: the job's progress, in percent, when the engine starts and ends."""

    context: JobContext
    row: ProJob
    folder: Path
    share: tuple[float, float]

    @property
    def segments(self) -> list[dict[str, Any]]:
        return self.row.job.segments_data or []

    def bring_video(self) -> Path:
        return local_playable_path(self.row.video, self.folder, checking(self.context), viewer=self.context.owner)

    def bring_sounds(self) -> dict[str, Path]:
        paths = {}
        used = {segment["audioInput"]["refId"] for segment in self.segments}
        for ref, made in self.row.sound_files.items():
            if ref in used:
                own = self.folder / f"sound-{made.name}"
                own.mkdir(exist_ok=True)
                paths[ref] = store.local_copy(made.key_of("audio"), own, checking(self.context))
        if used - paths.keys():
            raise JobFailed("upload_lost", LOST)
        return paths

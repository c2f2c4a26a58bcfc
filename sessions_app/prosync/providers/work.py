"""What an engine is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs_app.context import JobContext, JobFailed
from media_app.storage import files as store
from media_app.videos.ingest import checking
from media_app.videos.services import path_for_work
from sessions_app.prosync.models import ProJob

LOST = "A sound no longer exists. Send everything again."


@dataclass(frozen=True, slots=True)
class Made:
    """The video with the new speech, in the attempt's folder, and what was done, as the API shows it."""

    path: Path
    outcome: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """One pro job in the hands of an attempt, its video taken in. folder: the attempt's own.

    share: the percent of the job at which the engine begins and ends.
    """

    context: JobContext
    row: ProJob
    folder: Path
    share: tuple[float, float]

    @property
    def segments(self) -> list[dict[str, Any]]:
        """As they are kept."""
        return self.row.job.segments_data or []

    def bring_video(self) -> Path:
        """The video as a file of this machine."""
        return path_for_work(self.row.video, self.folder, checking(self.context), viewer=self.context.owner)

    def bring_sounds(self) -> dict[str, Path]:
        """The sounds that segments take, by their names, as files of this machine."""
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

"""The job of aligning a session by timer, sound or both: hand the files to the aligner's child, keep its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from jobs_app.actors import job_actor
from jobs_app.context import JobContext, JobFailed
from jobs_app.kinds import JobHooks, Subject
from jobs_app.models import Job
from media_app.videos.models import Video
from media_app.videos.services import check_file, path_for_work
from sessions_app.comparison.alignments import ALIGN_KIND, run_aligner
from sessions_app.comparison.models import Alignment, AlignmentMethod, ComparisonSession
from vodplatform.accounts.models import User
from vodplatform.base.errors import DomainError
from vodplatform.base.files import child_files

SENSES = {
    AlignmentMethod.TIMER_OCR: "timer",
    AlignmentMethod.AUDIO: "sound",
    AlignmentMethod.AUTO: "timer and sound",
}


class AlignmentJobs(JobHooks):
    """The jobs that find the offsets of a comparison's VODs."""

    def inputs_exist(self, job: Job) -> bool:
        """Whether the session and the files of an alignment are still there."""
        if not ComparisonSession.objects.filter(pk=job.params["session_id"]).exists():
            return False
        try:
            for item in job.params["videos"]:
                check_file(Video.objects.get(pk=item["video_id"]))
        except (Video.DoesNotExist, FileNotFoundError):
            return False
        return True

    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, Subject]:
        """The session of each; a job whose session is gone has no page."""
        rows = Alignment.objects.filter(job__in=jobs).select_related("session")
        sessions = {row.job_id: row.session for row in rows}
        found = {}
        for job in jobs:
            senses = SENSES[job.params.get("method", AlignmentMethod.TIMER_OCR)]
            detail = f"{senses}, {len(job.params['videos'])} VODs"
            session = sessions.get(job.pk)
            if session is None:
                found[job.pk] = Subject("Align a comparison that is gone", detail)
            else:
                title = f"Align {session.name or 'a comparison'}"
                found[job.pk] = Subject(title, detail, f"/compare/{session.session_id}?setup", in_use=True)
        return found


@job_actor(ALIGN_KIND, queue="align", label="Alignment", icon="compare", hooks=AlignmentJobs())
def align_vods(context: JobContext) -> dict[str, Any]:
    """Run the aligner; the result holds the proposals, counted from its reference, and what it refused."""
    params = context.params
    with context.scratch() as folder:
        request = {
            "op": "align",
            "method": params.get("method", AlignmentMethod.TIMER_OCR),
            "videos": [
                {"vod_id": item["vod_id"], "path": _path(item, folder, context.owner)} for item in params["videos"]
            ],
            "roi": params["roi"],
            "game": params["game"],
            "reader": params["reader"],
            "evidence_dir": str(folder),
        }
        try:
            result = run_aligner(request, lambda argv, **more: context.run_child(argv, **more).messages)
        except DomainError as exc:
            raise JobFailed(exc.type.name, exc.message) from exc
        for found in [*result["proposals"], *(result.get("refused") or [])]:
            for item in found.get("evidence", []):
                name = item.pop("file")
                item["key"] = context.store(name, child_files.read(folder, name))
    return result


def _path(item: dict[str, str], folder: Path, viewer: User) -> str:
    try:
        return str(path_for_work(Video.objects.get(pk=item["video_id"]), folder, viewer=viewer))
    except (Video.DoesNotExist, FileNotFoundError) as exc:
        raise JobFailed("vod_file_not_found", f"{item['vod_id']}: the file no longer exists.") from exc

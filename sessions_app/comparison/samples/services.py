"""A generated sample comparison for accounts without videos."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction

from jobs_app import services as jobs
from jobs_app.context import JobContext, JobFailed
from jobs_app.kinds import JobHooks, JobSummary
from jobs_app.models import LIVE, Job, JobStatus
from media_app.storage import files as store
from media_app.uploads import quota
from media_app.videos.ingest import checking, facts_of, make_stills, map_storage_errors
from media_app.videos.models import TRANSITIONS, RenditionKind, Video, VideoScope, VideoSource, VideoStatus
from media_app.videos.services import columns_of, local_playable_path
from media_app.videos.upload_handlers import key_of
from sessions_app.analysis.pipeline_runner import run_answering
from sessions_app.comparison import services
from sessions_app.comparison.models import ComparisonSession, OffsetSource
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.files import untrusted_files
from vodplatform.core.processes.process import Access
from vodplatform.core.records.transitions import create_in_state

SAMPLE_KIND = "comparison.sample"
NAME = "Sample: one match, three views"
DESCRIPTION = "A generated example. You can delete it and its videos in your library at any time."
TAG = "sample"
STILLS = (RenditionKind.POSTER, RenditionKind.PEAKS)
RENDERER = [sys.executable, "-m", "sessions_app.comparison.samples.renderer"]
RENDER_SECONDS = 900.0
RENDERED, STORED = 80.0, 90.0  # job progress in percent after rendering, and after storing the recordings
START_AFTER_SECONDS = 4.0  # initial position of the comparison, in seconds after the last recording's start


class SampleJobs(JobHooks):
    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
        made = {job.pk: _session_id(job) for job in jobs}
        there = set(ComparisonSession.objects.filter(pk__in=made.values()).values_list("pk", flat=True))
        return {
            job.pk: JobSummary(
                "Create a sample comparison", "", f"/compare/{made[job.pk]}" if made[job.pk] in there else ""
            )
            for job in jobs
        }


def sample_of(user: User) -> ComparisonSession | None:
    done = Job.objects.filter(kind=SAMPLE_KIND, owner=user, status=JobStatus.COMPLETED)
    return ComparisonSession.objects.filter(owner=user, pk__in=[_session_id(job) for job in done]).first()


def request_sample(user: User) -> None:
    with transaction.atomic():
        # Lock the user, so that a double click queues only one job.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if not Job.objects.filter(kind=SAMPLE_KIND, owner=user, status__in=LIVE).exists():
            jobs.enqueue(SAMPLE_KIND, user, {}, is_short=True)


def make_sample(context: JobContext) -> dict[str, Any]:
    with _refusals(), transaction.atomic():
        # Check the limits before the slow rendering. The recordings' size is not known yet, so check only that
        # 1 byte fits into the quota.
        services.check_limit(context.owner)
        quota.check_room(context.owner, 1)
    with context.scratch() as folder, map_storage_errors():
        work = folder / "work"
        work.mkdir()
        made = run_answering(
            context, RENDERER, {"folder": str(work)}, seconds=RENDER_SECONDS, share=(0, RENDERED),
            access=Access(writes=[work]), broke="The sample comparison could not be created.",
        )["recordings"]  # fmt: skip
        paths = [untrusted_files.move_out(work, item["file"]) for item in made]
        kept = [_kept(context, item["name"], path) for item, path in zip(made, paths, strict=True)]
        try:
            with _refusals(), context.lock_lease():
                session, videos = _compared(context.owner, kept, made)
        except JobFailed:
            for one in kept:
                store.delete(one["location"])
            raise
        for number, video in enumerate(videos):
            step = (100 - STORED) / len(videos)
            place = (STORED + number * step, STORED + (number + 1) * step)
            own = folder / f"poster-{number}"
            own.mkdir()
            path = local_playable_path(video, own, checking(context), viewer=context.owner)
            make_stills(context, video, path, own, STILLS, share=place)
    return {"session_id": session.pk}


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except DomainError as exc:
        raise JobFailed(exc.type.name, exc.message) from exc


def _kept(context: JobContext, name: str, path: Path) -> dict[str, Any]:
    facts, size = facts_of(context, path), path.stat().st_size
    pk = uuid5(context.job_id, f"{context.lease.token}{name}")
    key = key_of(pk, path.name)
    context.progress(RENDERED, "Saving the recordings")
    store.put_file(key, path, "video/mp4", checking(context))
    return {
        "pk": pk, "title": name, "location": key, "file_size": size, "mime_type": "video/mp4",
        "tags": [TAG], **columns_of(facts),
    }  # fmt: skip


def _compared(
    owner: User, kept: Sequence[dict[str, Any]], made: Sequence[dict[str, Any]]
) -> tuple[ComparisonSession, list[Video]]:
    with transaction.atomic():
        quota.lock_user(owner)
        quota.check_room(owner, sum(one["file_size"] for one in kept))
        videos = [
            create_in_state(
                Video,
                TRANSITIONS,
                VideoStatus.READY,
                owner=owner,
                place=VideoScope.LIBRARY,
                source=VideoSource.STORED,
                **one,
            )
            for one in kept
        ]
        vods = [services.NewVod(letter, one.title, video_id=one.pk) for letter, one in zip("ABC", videos, strict=True)]
        session = services.create_session(owner, vods, name=NAME, description=DESCRIPTION)
        offsets = {letter: float(item["offset"]) for letter, item in zip("ABC", made, strict=True)}
        services.set_offsets(session, owner, offsets, OffsetSource.MANUAL, None)
        services.seek_all(session, owner, max(offsets.values()) + START_AFTER_SECONDS)
    return session, videos


def _session_id(job: Job) -> str:
    return str((job.result or {}).get("session_id", ""))

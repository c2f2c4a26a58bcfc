"""Database rows for tests. Each function creates one object with defaults, which arguments override."""

import hashlib
import itertools
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import F
from django.db.models.functions import Now

from jobs_app import leases
from jobs_app import services as jobs
from jobs_app.models import Job, JobStatus
from media_app.uploads import services as uploads
from media_app.uploads.models import Upload, UploadProtocol, UploadStatus
from media_app.videos import text_tracks
from media_app.videos.models import Rendition, TextTrack, TrackKind, Video, VideoScope, VideoSource, VideoStatus
from sessions_app.analysis.models import AnalysisSession
from sessions_app.analysis.params import check
from sessions_app.challenges import challenges, merges
from sessions_app.challenges.models import Challenge, MergeClip, MergeSession
from sessions_app.comparison.alignment.services import ALIGN_KIND
from sessions_app.comparison.models import (
    Alignment,
    ComparisonSession,
    ComparisonVod,
    EventReply,
    OffsetSource,
    SessionEvent,
    SessionShare,
    ShareLink,
)
from sessions_app.prosync.models import ProJob
from vodplatform.accounts.models import ApiToken, Role, Subscription, User

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


def make_user(username: str = "", *, role: str = Role.USER, tier: str = "", **fields: Any) -> User:
    user = User(username=username or f"user-{next(_numbers)}", role=role, **fields)
    user.set_password(PASSWORD)
    user.save()
    if tier:
        Subscription.objects.create(user=user, tier=tier)
    return user


def make_key(user: User, **fields: Any) -> str:
    """Create an API token; return its key."""
    return ApiToken.issue(user, **fields)[1]


def make_text_track(video: Video, content: str = "", **fields: Any) -> TextTrack:
    """Store a text track, by default English captions with one cue."""
    values = {"kind": TrackKind.CAPTIONS, "language": "en", "label": ""} | fields
    content = content or "WEBVTT\n\n00:01.000 --> 00:02.500\nRotate now\n"
    return text_tracks.store(video, content=content, **values)[0]


def make_video(owner: User, *, duration: float = 600.0, location: str = "", **fields: Any) -> Video:
    """Create a video's row. Its file exists only if ``location`` names an existing file."""
    values: dict[str, Any] = {
        "title": "A recording", "source": VideoSource.REFERENCE, "file_size": 1000, "mime_type": "video/mp4",
        "fps_numerator": 30, "fps_denominator": 1, "width": 1280, "height": 720, "codec": "h264",
    }  # fmt: skip
    where = location or f"/nowhere/{uuid.uuid4()}.mp4"
    return Video.objects.create(owner=owner, duration=duration, location=where, **{**values, **fields})


def make_session(
    owner: User, *, durations: Sequence[float] = (600.0, 500.0, 400.0), offsets: Sequence[float] = (),
    videos: Sequence[Video] = (), **fields: Any,
) -> ComparisonSession:  # fmt: skip
    """Create a session with VODs ``vod-1``, ``vod-2`` …, one for each duration (or video), paused at 0 seconds."""
    rows = list(videos) or [make_video(owner, duration=duration) for duration in durations]
    session = ComparisonSession.objects.create(owner=owner, **{"name": "A comparison", **fields})
    given = [*offsets, *([0.0] * len(rows))]
    ComparisonVod.objects.bulk_create(
        ComparisonVod(
            session=session, ordinal=number, vod_id=f"vod-{number + 1}", name=f"Player {number + 1}", video=video,
            offset=given[number], position=-given[number],
        )
        for number, video in enumerate(rows)
    )  # fmt: skip
    return session


def make_reply(session: ComparisonSession, **fields: Any) -> EventReply:
    """Create an event of the session's owner that belongs to no VOD, and a reply to it."""
    name = session.owner.username
    event = SessionEvent.objects.create(
        session=session, time=1.0, kind="comment", created_by=session.owner, created_by_name=name, **fields
    )
    return EventReply.objects.create(event=event, body="Because.", created_by=session.owner, created_by_name=name)


def make_share(session: ComparisonSession, user: User | None = None, **fields: Any) -> SessionShare:
    """Share a session with an account, by default a new one."""
    return SessionShare.objects.create(session=session, user=user or make_user(), **fields)


def make_link(session: ComparisonSession, **fields: Any) -> ShareLink:
    """Create a link to a session that expires in an hour."""
    values = {"digest": ApiToken.digest_of(uuid.uuid4().hex), "expires_at": Now() + timedelta(hours=1), **fields}
    return ShareLink.objects.create(session=session, **values)


def rewind_anchor(session: ComparisonSession, seconds: float) -> None:
    """Move the start of the session's state and its last viewer ``seconds`` into the past."""
    past = timedelta(seconds=seconds)
    ComparisonSession.objects.filter(pk=session.pk).update(
        anchored_at=F("anchored_at") - past, watched_at=F("watched_at") - past
    )


def make_job(owner: User, status: str = JobStatus.QUEUED, *, kind: str = ALIGN_KIND, **fields: Any) -> Job:
    """Create a job in the given status, without waking a worker."""
    values: dict[str, Any] = {"lane": "align", "params": {"session_id": "comp-none", "videos": []}, "status": status}
    if status == JobStatus.PROCESSING:
        values |= {
            "lease_token": uuid.uuid4(), "lease_until": Now() + timedelta(seconds=60), "started_at": Now(), "attempt": 1
        }  # fmt: skip
    elif status == JobStatus.WAITING:
        values |= {"run_at": Now() + timedelta(hours=1)}
    elif status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED):
        values |= {"finished_at": Now()}
    if status not in (JobStatus.QUEUED, JobStatus.PROCESSING):
        values["admitted"] = False
    job = Job.objects.create(owner=owner, kind=kind, **{**values, **fields})
    job.refresh_from_db()
    return job


def lease_of(job: Job) -> leases.Lease:
    """Return the lease of a processing job."""
    job.refresh_from_db()
    assert job.lease_token is not None
    return leases.Lease(job.pk, job.lease_token)


def proposal(vod_id: str, offset: float, confidence: float = 0.93, **fields: Any) -> dict[str, Any]:
    """Return an alignment proposal as the aligner's child process reports it."""
    return {
        "vod_id": vod_id, "offset": offset, "confidence": confidence, "error_bound": 0.016, "agreeing": 30,
        "samples": 32, "note": "", "method": "timer_ocr", "drift_ppm": None, "drift_anchor": 0.0, "findings": [],
        "readings": [{"time": 1.5, "text": "1:23", "value": 83.0, "confidence": 0.9}],
        "evidence": [
            {"vod_id": vod_id, "time": 1.5, "text": "1:23", "kind": "frame", "key": f"jobs/none/{vod_id}.jpg"}
        ],
        **fields,
    }  # fmt: skip


def make_alignment(
    session: ComparisonSession, status: str = JobStatus.COMPLETED, *, proposals: Sequence[dict[str, Any]] | None = None,
    refused: Sequence[dict[str, Any]] = (), reference: str = "vod-1",
) -> Alignment:  # fmt: skip
    """Create an alignment of ``session``. By default, a completed one proposes −50 s for vod-2 and +37 s for vod-3."""
    result = None
    if status == JobStatus.COMPLETED:
        found = [proposal("vod-2", -50.0), proposal("vod-3", 37.0, 0.81)] if proposals is None else list(proposals)
        result = {"reference": reference, "proposals": found, "refused": list(refused)}
    videos = [{"vod_id": vod.vod_id, "video_id": str(vod.video_id)} for vod in session.vods.all()]
    params = {"session_id": session.session_id, "videos": videos, "roi": None, "game": "auto", "reader": "rapidocr"}
    job = make_job(session.owner, status, params=params, result=result)
    return Alignment.objects.create(session=session, job=job, method=OffsetSource.TIMER_OCR)


def make_rendition(video: Video, kind: str, name: str = "", **fields: Any) -> Rendition:
    """Create a rendition's row as the ingest does, without files."""
    files = {
        "poster": {"image": "poster.jpg"}, "sprite": {"vtt": "sprite.vtt", "image": "sprite.jpg"},
        "peaks": {"json": "peaks.json"}, "hls": {"playlist": "index.m3u8", "media": "media.mp4"},
        "proxy": {"video": "proxy.mp4"}, "silent": {"video": "silent.mp4"}, "thumbnail": {"image": "thumbnail.jpg"},
    }[kind]  # fmt: skip
    part = f"{kind}-{name}" if name else kind
    values: dict[str, Any] = {
        "folder": f"renditions/{video.pk}/{uuid.uuid4().hex}/{part}/", "files": files, "width": 1280, "height": 720,
        "bit_rate": 1_000_000, "mime_type": "video/mp4", "size": 1000,
    }  # fmt: skip
    return Rendition.objects.create(video=video, kind=kind, name=name, **{**values, **fields})


# Results for a video in which nothing happens, by kind of analysis.
FOUND_NOTHING: dict[str, dict[str, Any]] = {
    "highlights": {
        "summary": "Nothing stands out.", "duration": 20.0, "method": "signals", "warnings": [], "segments": [],
        "highlights": [], "below_minimum": [], "edges": [],
        "curves": {"step": 0.5, "score": [], "sound": [], "motion": []},
    },
    "workout": {
        "summary": "No repetitions.", "duration": 20.0, "method": "movement", "warnings": [], "exercises": [],
        "total_repetitions": 0, "not_counted": [],
    },
}  # fmt: skip


def make_analysis(
    owner: User, *, kind: str = "highlights", video: Video | None = None, content: bytes = b"bytes",
    name: str = "match", pk: uuid.UUID | None = None, **job: Any,
) -> AnalysisSession:  # fmt: skip
    """Create an analysis with its job, of ``video`` or of a new video with a stored file.

    job: columns of the job; other columns are set to fit the job's status.
    """
    params, warnings = check(kind, {})
    session = AnalysisSession(
        pk=pk or uuid.uuid4(), owner=owner, analysis_type=kind, name=name, params=params, warnings=warnings,
        expires_at=Now() + timedelta(hours=24),
    )  # fmt: skip
    video_id = video.pk if video else session.pk
    row = jobs.enqueue(kind, owner, {"session_id": str(session.pk), "video_id": str(video_id)})
    if video is None:
        key = default_storage.save(f"videos/{session.pk}/whole.mp4", ContentFile(content))
        video = make_video(
            owner, pk=session.pk, title=name, location=key, source=VideoSource.STORED, place=VideoScope.SESSION,
            job=row, status=VideoStatus.READY, file_size=len(content), duration=20.0,
        )  # fmt: skip
    session.video, session.job = video, row
    if job.get("status") == JobStatus.COMPLETED:
        session.data = FOUND_NOTHING[kind]
    session.save()
    _put(row, job)
    return AnalysisSession.objects.with_state().get(pk=session.pk)


def _put(row: Job, columns: dict[str, Any]) -> None:
    """Set columns of a queued job, and the columns that must fit its new status."""
    if not columns:
        return
    status = columns.get("status")
    values = {"admitted": status in (JobStatus.QUEUED, JobStatus.PROCESSING, None), **columns}
    if status == JobStatus.PROCESSING:
        values |= {"lease_token": uuid.uuid4(), "lease_until": Now() + timedelta(seconds=60)}
    if status == JobStatus.WAITING:
        values["run_at"] = Now() + timedelta(seconds=60)
    Job.objects.filter(pk=row.pk).update(**values)


def make_pro_job(
    owner: User, *, segments: Sequence[dict[str, Any]] = (), name: str = "talk", pk: uuid.UUID | None = None,
    engine: str = "local", **job: Any,
) -> ProJob:  # fmt: skip
    """Create a Pro job with stored video and sound files of a few bytes, and a result if it is completed.

    job: columns of the job.
    """
    told = [dict(one) for one in segments] or [
        {"startTime": 1.0, "endTime": 2.0, "audioInput": {"refId": "audio-1"}, "status": job.get("status", "queued")}
    ]
    row = jobs.enqueue("prosync", owner, {"upload_id": str(uuid.uuid4())}, job_id=pk, segments=told)
    video_id = uuid.uuid4()
    key = default_storage.save(f"videos/{video_id}/whole.mp4", ContentFile(b"bytes"))
    video = make_video(
        owner, pk=video_id, title=name, location=key, source=VideoSource.STORED, place=VideoScope.SESSION, job=row,
        status=VideoStatus.READY, file_size=5, duration=20.0,
    )  # fmt: skip
    made = [("sound", "0", f"sounds/{video_id}/0/", "audio", "sound.wav", "audio/wav")]
    if job.get("status") == JobStatus.COMPLETED:
        made.append(("dub", "", f"renditions/{video_id}/{uuid.uuid4().hex}/dub/", "video", "dub.mp4", "video/mp4"))
    for kind, number, folder, role, filename, mime_type in made:
        default_storage.save(f"{folder}{filename}", ContentFile(b"bytes"))
        Rendition.objects.create(
            video=video, kind=kind, name=number, folder=folder, files={role: filename}, mime_type=mime_type, size=5
        )
    pro = ProJob.objects.create(
        pk=row.pk, owner=owner, job=row, name=name, video=video, engine=engine,
        sounds=[{"ref": "audio-1", "filename": "line.wav", "seconds": 1.0, "peaks": [0.5]}],
        options={"sync_mode": "cut_off", "model": None, "remove_text": None},
        outcome={"engine": engine, "segments": [{}]} if job.get("status") == JobStatus.COMPLETED else None,
    )  # fmt: skip
    _put(row, job)
    return ProJob.objects.with_state().get(pk=pro.pk)


def make_merge(
    owner: User, *, count: int = 3, title: str = "Three things", content: bytes = b"", pk: uuid.UUID | None = None,
    **job: Any,
) -> MergeSession:  # fmt: skip
    """Create a merge. Without ``job``, its clips have not been uploaded yet.

    job: columns of the merge's job. content: bytes of a completed merge's video, by default zeros.
    """
    expires_at = Now() + timedelta(hours=24)
    session = MergeSession.objects.create(pk=pk or uuid.uuid4(), owner=owner, title=title, expires_at=expires_at)
    for index in range(count):
        upload = uploads.begin_upload(
            owner, front=UploadProtocol.CHUNKS, purpose="clip", filename=f"statement{index + 1}.mp4", size=10,
            metadata={}, chunk_size=65_536,
        )  # fmt: skip
        MergeClip.objects.create(
            pk=upload.pk, session=session, index=index, upload=upload, filename=upload.filename, size=10, duration=2.0
        )
    if not job:
        return MergeSession.objects.with_state().get(pk=session.pk)
    for clip in session.clips.all():
        key = default_storage.save(f"uploads/{clip.pk}/0", ContentFile(b"some bytes"))
        digest = hashlib.sha256(b"some bytes").hexdigest()
        uploads.store_chunk_row(Upload.objects.get(pk=clip.pk), 0, 10, digest, key)
        Upload.objects.filter(pk=clip.pk).update(
            status=UploadStatus.COMPLETED, completed_at=Now(), metadata={merges.GIGAPIXELS: 0.001}
        )
    row = jobs.enqueue("merge", owner, {"merge_session_id": str(session.pk)})
    MergeSession.objects.filter(pk=session.pk).update(job=row)
    if job.get("status") == JobStatus.COMPLETED:
        content = content or bytes(20 * count)
        key = default_storage.save(f"videos/{session.pk}/merged.mp4", ContentFile(content))
        video = make_video(
            owner, pk=session.pk, title=title, location=key, source=VideoSource.STORED, place=VideoScope.SESSION,
            status=VideoStatus.READY, file_size=len(content), duration=2.0 * count,
        )  # fmt: skip
        segments = [{"start": 2.0 * number, "end": 2.0 * number + 2} for number in range(count)]
        merges.store_result(
            session.pk, video=video, segments=segments, compression_applied=False, took_seconds=1.0,
            source_seconds=2.0 * count,
        )  # fmt: skip
    _put(row, job)
    return MergeSession.objects.with_state().get(pk=session.pk)


def make_challenge(
    owner: User, *, merge: MergeSession | None = None, title: str = "Three things", texts: Sequence[str] = (),
    lie: int = 1, is_published: bool = False, **fields: Any,
) -> Challenge:  # fmt: skip
    """Create a challenge from a completed merge, as a draft or published."""
    merge = merge or make_merge(owner, title=title, status=JobStatus.COMPLETED)
    clips = list(merge.clips.order_by("index"))
    words = [*texts, *([""] * len(clips))]
    statements = [{"media_file_id": str(clip.pk), "text": words[number]} for number, clip in enumerate(clips)]
    challenge = Challenge.objects.create(
        owner=owner, merge=merge, title=title, statements=statements, lie_index=lie, **fields
    )
    if is_published:
        challenges.publish(challenge)
    challenge.refresh_from_db()
    return challenge

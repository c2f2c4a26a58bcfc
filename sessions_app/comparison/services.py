"""Every change of a comparison session, each one transaction: row lock, new clock, history, broadcast on commit."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from jobs_app import outputs
from jobs_app import services as jobs
from jobs_app.context import default_limits
from jobs_app.models import FINISHED, Job, JobStatus
from media_app.delivery.addresses import made_url
from media_app.uploads import room
from media_app.videos.models import Place, Video, VideoStatus
from media_app.videos.services import DELETED, check_file, create_placeholder, is_local, path_for_work, reference_videos
from sessions_app.comparison.messages import session_message
from sessions_app.comparison.models import (
    Alignment,
    ComparisonSession,
    ComparisonVod,
    OffsetChange,
    PlaybackState,
    SyncMode,
)
from sessions_app.comparison.timeline import MAX_DRIFT_PPM, Clock, Placement
from vodplatform.accounts.limits import limits_of
from vodplatform.accounts.models import User
from vodplatform.base.api import idempotency
from vodplatform.base.errors import DomainError
from vodplatform.base.files import child_files
from vodplatform.base.processes.process import Access, ChildError
from vodplatform.base.processes.waiting_room import WaitingRoom, caller_gone
from vodplatform.base.web.publish import publish_gone_on_commit, publish_on_commit

MAX_ALIGNMENTS = 20  # that a session keeps
ALIGN_KIND = "comparison.align"
ALIGNER = [sys.executable, "-m", "sessions_app.comparison.alignment"]
PREVIEW_SECONDS = 30.0
PREVIEWS_AT_ONCE = 2
waiting_room = WaitingRoom(PREVIEWS_AT_ONCE)
MIN_VODS, MAX_VODS = 2, 3
# What stands in for a deleted video.
GAP = {"place": Place.SESSION, "error_type": DELETED}


@dataclass(frozen=True, slots=True)
class NewVod:
    """What a caller says of one VOD: a path in a library root, or a video's id."""

    vod_id: str
    name: str
    path: str = ""
    video_id: UUID | None = None


def group_name(session_id: str) -> str:
    """The realtime group of one session."""
    return f"comparison.{session_id}"


def create_session(
    owner: User, vods: list[NewVod], *, name: str | None = "", description: str | None = ""
) -> ComparisonSession:
    """Make a session of 2–3 VODs, their files probed. Raises the errors of contract section 1, ``session_limit``."""
    if not MIN_VODS <= len(vods) <= MAX_VODS:
        raise DomainError("vod_count", f"A comparison needs 2 or 3 VODs, not {len(vods)}.")
    if len({vod.vod_id for vod in vods}) < len(vods):
        raise DomainError("duplicate_vod_id")
    videos = _videos(owner, vods)
    with transaction.atomic():
        idempotency.bind_to_transaction()
        room.lock(owner)
        limit = limits_of(owner)["max_sessions"]
        if ComparisonSession.objects.filter(owner=owner).count() >= limit:
            raise DomainError("session_limit", limit=limit)
        session = ComparisonSession.objects.create(
            owner=owner, name=name or " / ".join(vod.name for vod in vods)[:200], description=description or ""
        )
        ComparisonVod.objects.bulk_create(
            ComparisonVod(
                session=session, ordinal=ordinal, vod_id=vod.vod_id, name=vod.name, path=vod.path, video=video
            )
            for ordinal, (vod, video) in enumerate(zip(vods, videos, strict=True))
        )
    return reload(session)


def _videos(owner: User, vods: list[NewVod]) -> list[Video]:
    """The videos meant by ``vods``, in order."""
    by_path = [(index, vod) for index, vod in enumerate(vods) if vod.video_id is None]
    found: dict[int, Video] = {}
    for index, vod in enumerate(vods):
        if vod.video_id is not None:
            video = Video.objects.visible_to(owner).with_state().filter(pk=vod.video_id).first()
            if video is None:
                raise DomainError("video_not_found", vod_id=vod.vod_id)
            if video.state != VideoStatus.READY:
                raise DomainError("video_not_ready", vod_id=vod.vod_id)
            try:
                check_file(video)
            except FileNotFoundError as exc:
                raise DomainError("vod_file_not_found", vod_id=vod.vod_id) from exc
            found[index] = video
    try:
        referenced = reference_videos(owner, [vod.path for _, vod in by_path])
    except DomainError as exc:
        vod = by_path[exc.extra["index"]][1]
        raise DomainError(exc.type.name, f"{vod.vod_id}: {exc.message}", vod_id=vod.vod_id) from exc
    found.update({index: video for (index, _), video in zip(by_path, referenced, strict=True)})
    return [found[index] for index in range(len(vods))]


def reload(session: ComparisonSession) -> ComparisonSession:
    """The session as the database has it, with the database's time."""
    return ComparisonSession.objects.at_database_time().get(pk=session.pk)


@dataclass(slots=True)
class Change:
    """A session locked for a change: its VODs in order, its clock at the database's present, and what was written."""

    session: ComparisonSession
    vods: list[ComparisonVod]
    clock: Clock
    shown: dict[str, Any] = field(default_factory=dict)

    def index_of(self, vod_id: str, error: str = "unknown_vod") -> int:
        """Where a VOD stands. Raises ``error``."""
        for index, vod in enumerate(self.vods):
            if vod.vod_id == vod_id:
                return index
        raise DomainError(error, f"The session has no VOD {vod_id[:100]!r}.", vod_id=vod_id[:100])

    @property
    def longest(self) -> float:
        """Seconds of the longest VOD."""
        return max(vod.video.duration for vod in self.vods)


def lock(session: ComparisonSession) -> ComparisonSession:
    """The session's row, locked for the rest of the transaction: whatever changes a session takes this lock first."""
    locked = ComparisonSession.objects.select_for_update().filter(pk=session.pk).first()
    if locked is None:
        raise DomainError("session_not_found")
    return locked


@contextmanager
def edit_session(session: ComparisonSession, by: User) -> Iterator[Change]:
    """Lock a session, let the block change it, write clock and revision, and broadcast on commit.

    Two writers take turns on the row lock: the last one wins, and both are in the history.
    """
    with transaction.atomic():
        locked = lock(session)
        now = locked.now()
        vods = list(locked.vods.select_related("video"))
        change = Change(locked, vods, locked.clock(vods, now))
        yield change
        for vod, track in zip(vods, change.clock.tracks, strict=True):
            placed = track.placement
            vod.position, vod.offset = track.position, placed.offset
            vod.drift_ppm, vod.drift_anchor = placed.drift_ppm, placed.anchor
        ComparisonVod.objects.bulk_update(
            vods, ["position", "offset", "drift_ppm", "drift_anchor", "offset_source", "offset_confidence"]
        )
        locked.global_time = change.clock.global_time
        locked.rate = change.clock.rate
        locked.playback_state = PlaybackState.PLAYING if change.clock.playing else PlaybackState.PAUSED
        locked.anchored_at = locked.updated_at = now
        locked.revision += 1
        locked.save()
        message = session_message(locked, by.username, now=now, vods=vods)
        change.shown = message["session"]
        publish_on_commit(group_name(locked.pk), message)


def update_session(session: ComparisonSession, by: User, values: dict[str, Any]) -> dict[str, Any]:
    """name, description, sync_mode, sync_config (merged) and ui_state."""
    with edit_session(session, by) as change:
        row = change.session
        for field in ("name", "description", "ui_state"):
            if field in values:
                setattr(row, field, values[field])
        row.sync_config = {**row.sync_config, **values.get("sync_config", {})}
        mode = values.get("sync_mode", row.sync_mode)
        if mode != row.sync_mode and mode == SyncMode.GLOBAL:
            change.clock = change.clock.seek(change.clock.global_time)
        row.sync_mode = mode
    return change.shown


def global_seek(session: ComparisonSession, by: User, timestamp: float) -> dict[str, Any]:
    """Everything to ``timestamp`` on the shared clock."""
    with edit_session(session, by) as change:
        change.clock = change.clock.seek(timestamp)
    return change.shown


def vod_seek(session: ComparisonSession, by: User, vod_id: str, timestamp: float) -> dict[str, Any]:
    """One VOD to its own ``timestamp``; in global mode the shared clock goes along."""
    with edit_session(session, by) as change:
        index = change.index_of(vod_id, "vod_not_found")
        moves_clock = change.session.sync_mode == SyncMode.GLOBAL
        change.clock = change.clock.seek_track(index, timestamp, moves_clock=moves_clock)
    return change.shown


def set_playback(
    session: ComparisonSession, by: User, state: str, rate: float | None, at: float | None
) -> dict[str, Any]:
    """Play or pause everything, from ``at`` where it is given."""
    with edit_session(session, by) as change:
        clock = change.clock if at is None else change.clock.seek(at)
        change.clock = Clock(
            tracks=clock.tracks,
            global_time=clock.global_time,
            rate=clock.rate if rate is None else rate,
            playing=state == PlaybackState.PLAYING,
        )
    return change.shown


@dataclass(frozen=True, slots=True)
class NewPlacement:
    """Where a VOD is to lie, and how that was found; ``confidence`` is None where a person says so."""

    placement: Placement
    source: str
    confidence: float | None


def set_offsets(
    session: ComparisonSession,
    by: User,
    offsets: dict[str, float],
    source: str,
    confidence: float | None,
    *,
    drifts: dict[str, float] | None = None,
    anchors: dict[str, float] | None = None,
) -> dict[str, Any]:
    """Set some offsets and drifts, all or none; a history row for each VOD that changes.

    What is not named stays: an offset alone moves its VOD by as much everywhere. confidence: None for manual.
    """
    named = [offsets, drifts or {}, anchors or {}]
    with edit_session(session, by) as change:
        new = {}
        for vod_id in {vod_id: None for part in named for vod_id in part}:
            old = change.vods[change.index_of(vod_id)].placement
            offset, drift, anchor = (
                part.get(vod_id, value)
                for part, value in zip(named, (old.offset, old.drift_ppm, old.anchor), strict=True)
            )
            new[vod_id] = NewPlacement(Placement(offset, drift, anchor), source, confidence)
        _place(change, by, new)
    return change.shown


def _place(change: Change, by: User, new: dict[str, NewPlacement]) -> None:
    if not new:
        raise DomainError("unknown_vod", "Name at least one VOD in `offsets`.")
    placements = {change.index_of(vod_id): item.placement for vod_id, item in new.items()}
    for vod_id, item in new.items():
        if abs(item.placement.offset) > change.longest:
            sentence = f"The offset of {vod_id} is longer than the longest VOD ({change.longest:.3f} s)."
            raise DomainError("offset_out_of_range", sentence, vod_id=vod_id, limit=change.longest)
        if abs(item.placement.drift_ppm) > MAX_DRIFT_PPM:
            sentence = f"The drift of {vod_id} is more than {MAX_DRIFT_PPM:.0f} ppm."
            raise DomainError("offset_out_of_range", sentence, vod_id=vod_id, limit=MAX_DRIFT_PPM)
    rows = []
    for vod_id, item in new.items():
        vod = change.vods[change.index_of(vod_id)]
        vod.offset_source = item.source
        vod.offset_confidence = 1.0 if item.confidence is None else item.confidence
        if item.placement != vod.placement:
            rows.append(
                OffsetChange(
                    session=change.session, vod=vod, old_offset=vod.offset, new_offset=item.placement.offset,
                    old_drift_ppm=vod.drift_ppm, new_drift_ppm=item.placement.drift_ppm, source=item.source,
                    confidence=item.confidence, changed_by=str(by.pk), changed_by_name=by.username,
                )
            )  # fmt: skip
    OffsetChange.objects.bulk_create(rows)
    change.clock = change.clock.with_placements(placements)


def delete_session(session: ComparisonSession) -> None:
    """Remove a session with its history, its alignments and what their jobs have made."""
    session_id = session.session_id  # deleting takes the key from the object
    with transaction.atomic():
        lock(session)
        job_ids = list(session.alignments.values_list("job_id", flat=True))
        jobs.cancel_all(Job.objects.filter(pk__in=job_ids))
        publish_gone_on_commit(group_name(session.pk))
        gaps = list(Video.objects.filter(comparison_vods__session=session_id, **GAP).values_list("pk", flat=True))
        session.delete()
        Video.objects.filter(pk__in=gaps).delete()
        for job_id in job_ids:
            jobs.delete(Job(pk=job_id))
        transaction.on_commit(lambda: outputs.drop_folder(preview_prefix(session_id)))


def replace_deleted_video(sender: object, video: Video, by: User | None, **_: Any) -> list[dict[str, str]]:
    """Let go of a video that is being deleted: what shows it has a gap in its place.

    Those sessions stay as they are that ``by`` can delete first, and are returned; an admin need not.
    """
    rows = list(ComparisonVod.objects.filter(video=video).select_related("session__owner").order_by("session"))
    shown = {row.session_id: row.session for row in rows}
    if by is not None and not by.is_admin:
        own = [session for session in shown.values() if session.owner_id == by.pk]
        if own:
            return [{"session_id": session.session_id, "name": session.name} for session in own]
    for session in shown.values():
        with (
            contextlib.suppress(DomainError),
            edit_session(session, by or session.owner) as change,
        ):  # unless it is gone
            gap = create_placeholder(video, session.owner)
            ComparisonVod.objects.filter(session=session, video=video).update(video=gap)
            for vod in change.vods:
                if vod.video_id == video.pk:
                    vod.video = gap
    return []


def save_playing_position(session_id: str) -> None:
    """Persist where a playing session is, so that a backup is never older than the auto-save interval.

    Changes nothing that a viewer sees: revision and updated_at stay.
    """
    with transaction.atomic():
        session = ComparisonSession.objects.select_for_update().filter(pk=session_id).first()
        if session is None or session.playback_state != PlaybackState.PLAYING:
            return
        now = session.now()
        if (now - session.anchored_at).total_seconds() < settings.MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS:
            return
        vods = list(session.vods.select_related("video"))
        clock = session.clock(vods, now)
        for vod, track in zip(vods, clock.tracks, strict=True):
            vod.position = track.position
        ComparisonVod.objects.bulk_update(vods, ["position"])
        ComparisonSession.objects.filter(pk=session_id).update(global_time=clock.global_time, anchored_at=now)


# Alignment


def start_alignment(session: ComparisonSession, method: str, roi: dict[str, Any] | None, game: str) -> Job:
    """Queue an alignment by a method of AlignmentMethod; roi: as the API takes it, which only the timer needs.

    Raises ``unknown_vod`` for a box on no VOD.
    """
    with transaction.atomic():
        lock(session)
        return _enqueue_alignment(session, method, roi, game)


def _enqueue_alignment(session: ComparisonSession, method: str, roi: dict[str, Any] | None, game: str) -> Job:
    vods = list(session.vods.select_related("video"))
    check_roi(vods, roi)
    params = {
        "session_id": session.session_id,
        "method": method,
        "roi": roi,
        "game": game,
        "reader": settings.TIMER_READER,
        "videos": [{"vod_id": vod.vod_id, "video_id": str(vod.video_id)} for vod in vods],
    }
    _drop_old_alignments(session)
    # The session's owner is the job's too, whoever asked: they see and cancel what runs on their session.
    job = jobs.enqueue(ALIGN_KIND, session.owner, params)
    Alignment.objects.create(session=session, job=job, method=method)
    return job


def _drop_old_alignments(session: ComparisonSession) -> None:
    """Leave room for one more: the oldest go with their jobs, cancelled where they have not ended."""
    for alignment in session.alignments.select_related("job")[MAX_ALIGNMENTS - 1 :]:
        if alignment.job.status not in FINISHED:
            jobs.cancel(alignment.job)
        alignment.delete()
        jobs.delete(alignment.job)


def check_roi(vods: list[ComparisonVod], roi: dict[str, Any] | None) -> None:
    """Refuse a box on an unknown VOD or at a time that the VOD does not have."""
    if roi is None:
        return
    vod = next((vod for vod in vods if vod.vod_id == roi["vod_id"]), None)
    if vod is None:
        raise DomainError("unknown_vod", f"The session has no VOD {roi['vod_id'][:100]!r}.")
    if roi["time"] > vod.video.duration:
        sentence = f"{vod.vod_id} is only {vod.video.duration:.3f} s long."
        raise DomainError("invalid", f"roi.time: {sentence}", errors={"roi": {"time": [sentence]}})


def find_alignment(session: ComparisonSession, job_id: UUID) -> Alignment:
    """The alignment of this session with that job. Raises ``alignment_not_found``."""
    alignment = session.alignments.select_related("job").filter(job_id=job_id).first()
    if alignment is None:
        raise DomainError("alignment_not_found")
    return alignment


def latest_alignment_id(session: ComparisonSession) -> str | None:
    """The job of the session's newest alignment."""
    job_id = session.alignments.values_list("job_id", flat=True).first()
    return str(job_id) if job_id else None


def apply_alignment(session: ComparisonSession, by: User, job_id: UUID, vod_ids: list[str] | None) -> dict[str, Any]:
    """Write the proposals that the user confirms; ``vod_ids`` None means all of them."""
    alignment = find_alignment(session, job_id)
    proposals = alignment.result.get("proposals", [])
    if alignment.job.status != JobStatus.COMPLETED or not proposals:
        raise DomainError("nothing_to_apply", status=alignment.job.status)
    with edit_session(session, by) as change:
        for vod_id in vod_ids or []:
            change.index_of(vod_id)
        placements = alignment.proposed_placements(change.vods)
        chosen = {
            found["vod_id"]: NewPlacement(_rounded(placed), found.get("method", alignment.method), found["confidence"])
            for found, placed in zip(proposals, placements, strict=True)
            if vod_ids is None or found["vod_id"] in vod_ids
        }
        if not chosen or set(vod_ids or []) - set(chosen):
            raise DomainError("nothing_to_apply", "This alignment has no proposal for that VOD.")
        _place(change, by, chosen)
        change.session.auto_sync_result = {
            "job_id": str(job_id),
            "method": alignment.method,
            "reference": alignment.result["reference"],
            "offsets": {vod_id: item.placement.offset for vod_id, item in chosen.items()},
            "drifts": {vod_id: item.placement.drift_ppm for vod_id, item in chosen.items()},
            "confidences": {vod_id: item.confidence for vod_id, item in chosen.items()},
            "refused": [item["vod_id"] for item in alignment.result.get("refused") or []],
            "applied_by": by.username,
        }
    return change.shown


def _rounded(placement: Placement) -> Placement:
    """To the microsecond and to a ten-thousandth of a ppm, which no picture shows."""
    return Placement(round(placement.offset, 6), round(placement.drift_ppm, 4), round(placement.anchor, 6))


def preview_prefix(session_id: str) -> str:
    """Where a session's preview pictures are kept; the next preview replaces them."""
    return f"previews/{session_id}"


def preview_timer(
    session: ComparisonSession, by: User, roi: dict[str, Any], times: list[float] | dict[str, list[float]] | None
) -> list[dict[str, Any]]:
    """What the box reads at some moments of each VOD, at once. Raises ``vod_file_not_found``, ``vod_unreadable``."""
    vods = list(session.vods.select_related("video"))
    check_roi(vods, roi)
    for vod_id in times if isinstance(times, dict) else ():
        if vod_id not in {vod.vod_id for vod in vods}:
            raise DomainError("unknown_vod", f"The session has no VOD {vod_id[:100]!r}.", vod_id=vod_id[:100])
    with waiting_room.turn(str(by.pk)):
        return _preview(session, by, vods, roi, times)


def _preview(
    session: ComparisonSession, by: User, vods: list[ComparisonVod], roi: dict[str, Any],
    times: list[float] | dict[str, list[float]] | None,
) -> list[dict[str, Any]]:  # fmt: skip
    limits = replace(default_limits(), wall_seconds=PREVIEW_SECONDS)
    folder = settings.DATA_DIR / "tmp" / f"preview-{secrets.token_hex(8)}"
    folder.mkdir(parents=True, mode=0o700)
    try:
        room.check_disk(sum(vod.video.file_size for vod in vods if not is_local(vod.video)))
        videos = [
            {
                "vod_id": vod.vod_id,
                "path": str(_path_of(vod, folder, by)),
                "times": times.get(vod.vod_id) if isinstance(times, dict) else times,
            }
            for vod in vods
        ]
        request = {
            "op": "preview",
            "videos": videos,
            "roi": roi,
            "reader": settings.TIMER_READER,
            "crop_dir": str(folder),
        }
        result = run_aligner(
            request,
            lambda argv, **more: waiting_room.run_child(argv, caller=str(by.pk), limits=limits, **more).messages,
        )
        return _keep_crops(session.session_id, folder, result["readings"])
    except ChildError as exc:
        if exc.returncode is not None and exc.returncode > 0:
            raise  # an exception in our own code, not a video that took the reader down
        raise DomainError("vod_unreadable", f"Reading the videos broke. {exc}") from exc
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop_if_client_gone(moved: int) -> None:
    """Ends a copy that nobody waits for any more."""
    if (gone := caller_gone.get()) is not None and gone.is_set():
        raise DomainError("unavailable", "Nobody waits for the answer any more.")


def _path_of(vod: ComparisonVod, folder: Path, reader: User) -> Path:
    try:
        return path_for_work(vod.video, folder, _stop_if_client_gone, reader=reader)
    except FileNotFoundError as exc:
        raise DomainError("vod_file_not_found", f"{vod.vod_id}: the file is not there any more.") from exc


def _keep_crops(session_id: str, folder: Path, readings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    prefix = preview_prefix(session_id)
    outputs.delete_folder(prefix)
    batch = secrets.token_hex(8)
    kept = []
    for reading in readings:
        crop = reading.pop("crop", None)
        url = None
        if crop:
            url = made_url(outputs.keep(f"{prefix}/{batch}/{crop}", child_files.read(folder, crop)))
        kept.append({**reading, "crop_url": url})
    return kept


def run_aligner(request: dict[str, Any], run: Callable[..., list[dict[str, Any]]]) -> dict[str, Any]:
    """Give the aligner's child a request and return its result. Raises :class:`DomainError` in its words.

    run: is called with the child's ``argv`` and, by name, what it reads (``stdin``) and may see (``access``); returns
    its messages.
    """
    folders = [request[name] for name in ("evidence_dir", "crop_dir") if request.get(name)]
    reads = [video["path"] for video in request["videos"]]
    if settings.EASYOCR_MODELS and request.get("reader") == "easyocr":
        request = {**request, "models": str(settings.EASYOCR_MODELS)}
        reads.append(request["models"])
    try:
        messages = run(ALIGNER, stdin=json.dumps(request).encode(), access=Access(reads=reads, writes=folders))
    except ChildError as exc:
        if exc.kind == ChildError.TIMEOUT:
            raise DomainError("vod_unreadable", f"Reading the videos took too long. {exc}") from exc
        if exc.kind == ChildError.BUSY:
            raise DomainError("unavailable", f"{exc} Try again in a moment.") from exc
        raise
    last = messages[-1] if messages else {}
    if "error" in last:
        raise DomainError("vod_unreadable", last["error"]["message"])
    result: dict[str, Any] = last["result"]
    return result

from __future__ import annotations

import json
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from jobs_app import outputs, scratch
from jobs_app import services as jobs
from jobs_app.context import JobFailed, default_limits
from jobs_app.models import FINISHED, Job, JobStatus
from media_app.videos.child_inputs import open_child_inputs
from media_app.videos.media_urls import made_url
from media_app.videos.models import Video
from media_app.videos.recordings import notes_of
from media_app.videos.services import CopyPending
from sessions_app.comparison.models import Alignment, AlignmentMethod, ComparisonSession, ComparisonVod
from sessions_app.comparison.services import NewPlacement, edit_session, lock_session, place_vods, preview_prefix
from sessions_app.comparison.timeline import Placement
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.files import untrusted_files
from vodplatform.core.processes.child_pool import ChildPool
from vodplatform.core.processes.process import Access, ChildError

MAX_ALIGNMENTS = 20
ALIGN_KIND = "comparison.align"
ALIGNER = [sys.executable, "-m", "sessions_app.comparison.alignment.child"]
REASONS_OF_INTERRUPTION = (
    "sound_unrelated",
    "sound_uncertain",
    "sound_agrees_in_part",
    "no_overlap",
    "no_common_clock",
)
# error code for interrupted recordings, also used by the aligner process
INTERRUPTED_REASON = "not_one_recording"
PREVIEW_SECONDS = 60.0
PREVIEWS_AT_ONCE = 2
waiting_room = ChildPool(PREVIEWS_AT_ONCE)


def start_alignment(session: ComparisonSession, method: str, roi: dict[str, Any] | None, game: str) -> Job:
    """Queue an alignment. Raises ``unknown_vod`` and ``invalid``."""
    with transaction.atomic():
        lock_session(session)
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
    # The job belongs to the session's owner, who can therefore see and cancel it.
    job = jobs.enqueue(ALIGN_KIND, session.owner, params, is_limited=True)
    Alignment.objects.create(session=session, job=job, method=method)
    return job


def _drop_old_alignments(session: ComparisonSession) -> None:
    for alignment in session.alignments.select_related("job")[MAX_ALIGNMENTS - 1 :]:
        if alignment.job.status not in FINISHED:
            jobs.cancel(alignment.job)
        alignment.delete()
        jobs.delete(alignment.job)


def check_roi(vods: list[ComparisonVod], roi: dict[str, Any] | None) -> None:
    if roi is None:
        return
    vod = next((vod for vod in vods if vod.vod_id == roi["vod_id"]), None)
    if vod is None:
        raise DomainError("unknown_vod", f"The comparison has no VOD {roi['vod_id'][:100]!r}.")
    if roi["time"] > vod.video.duration:
        sentence = f"Choose an earlier time: {vod.vod_id} ends at {vod.video.duration:.3f} s."
        raise DomainError("invalid", f"roi.time: {sentence}", errors={"roi": {"time": [sentence]}})


def find_alignment(session: ComparisonSession, job_id: UUID) -> Alignment:
    alignment = session.alignments.select_related("job").filter(job_id=job_id).first()
    if alignment is None:
        raise DomainError("alignment_not_found")
    return alignment


def latest_alignment_id(session: ComparisonSession) -> str | None:
    job_id = session.alignments.values_list("job_id", flat=True).first()
    return str(job_id) if job_id else None


def apply_alignment(session: ComparisonSession, by: User, job_id: UUID, vod_ids: list[str] | None) -> dict[str, Any]:
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
            raise DomainError(
                "nothing_to_apply", "This alignment proposes no offset for at least one of the chosen VODs."
            )
        place_vods(change, by, chosen)
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
    return Placement(round(placement.offset, 6), round(placement.drift_ppm, 4), round(placement.anchor, 6))


def preview_timer(
    session: ComparisonSession, by: User, roi: dict[str, Any], times: list[float] | dict[str, list[float]] | None
) -> list[dict[str, Any]]:
    """Read the timer at some times of each VOD, before an alignment.

    Raises ``unknown_vod``, ``invalid``, ``video_not_ready``, ``vod_file_not_found``, ``vod_unreadable``,
    ``unavailable``.
    """
    vods = list(session.vods.select_related("video"))
    check_roi(vods, roi)
    for vod_id in times if isinstance(times, dict) else ():
        if vod_id not in {vod.vod_id for vod in vods}:
            raise DomainError("unknown_vod", f"The comparison has no VOD {vod_id[:100]!r}.", vod_id=vod_id[:100])
    limits = replace(default_limits(), wall_seconds=PREVIEW_SECONDS)
    viewer = by if by.is_admin else session.owner  # editors read the videos with the owner's rights
    folder = scratch.scratch_root() / f"preview-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700)
    try:
        with open_child_inputs([vod.video for vod in vods], viewer=viewer) as files:
            videos = [
                {
                    "vod_id": vod.vod_id,
                    "path": path,
                    "times": times.get(vod.vod_id) if isinstance(times, dict) else times,
                }
                for vod, path in zip(vods, files.paths, strict=True)
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
                lambda argv, **more: (
                    waiting_room.run_child(argv, caller=str(by.pk), limits=limits, ranged=files.ranged, **more).messages
                ),
            )
        return _keep_crops(session.session_id, folder, result["readings"])
    except (CopyPending, JobFailed) as exc:
        raise DomainError("video_not_ready", str(exc)) from exc
    except FileNotFoundError as exc:
        lost = ", ".join(vod.vod_id for vod in vods if vod.video.location == str(exc))
        if not lost:
            raise
        raise DomainError("vod_file_not_found", f"{lost}: the file no longer exists. Choose another video.") from exc
    except ChildError as exc:
        if exc.returncode is not None and exc.returncode > 0:
            # A positive exit code means a bug in our code; damaged videos end in an error message or a killed process.
            raise
        raise DomainError("vod_unreadable", f"The videos could not be read. {exc}") from exc
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep_crops(session_id: str, folder: Path, readings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    prefix = preview_prefix(session_id)
    outputs.delete_folder(prefix)
    batch = secrets.token_hex(8)
    kept = []
    for reading in readings:
        crop = reading.pop("crop", None)
        url = None
        if crop:
            url = made_url(outputs.save_bytes(f"{prefix}/{batch}/{crop}", untrusted_files.read(folder, crop)))
        kept.append({**reading, "crop_url": url})
    return kept


def refuse_interrupted(result: dict[str, Any], videos: Mapping[str, Video]) -> None:
    """Refuse proposals by timer alone for interrupted recordings, because each part needs its own offset.

    Give the interruption as the reason of other refusals that it may have caused.
    """
    reference = result["reference"]
    kept = []
    for found in result["proposals"]:
        vod_id = found["vod_id"]
        broken = next((one for one in (vod_id, reference) if one and videos[one].recording.get("breaks")), None)
        if broken is None or vod_id == reference or found["method"] != AlignmentMethod.TIMER_OCR:
            kept.append(found)
            continue
        message = (
            f"{vod_id}: the recording of {broken} was interrupted. {notes_of(videos[broken])[0]} "
            f"By the timer, the offset of one part of the recording is {found['offset']:+.3f} s. Align by sound, or "
            "compare the parts separately."
        )
        refusal = {name: found[name] for name in ("vod_id", "readings", "evidence", "findings")}
        result["refused"] = [
            *(result.get("refused") or []),
            {**refusal, "reason": INTERRUPTED_REASON, "message": message},
        ]
    result["proposals"] = kept
    for refusal in result.get("refused") or []:
        vod_id = refusal["vod_id"]
        broken = next((one for one in (vod_id, reference) if one and videos[one].recording.get("breaks")), None)
        if broken is not None and refusal["reason"] in REASONS_OF_INTERRUPTION:
            note = notes_of(videos[broken])[0]
            refusal |= {
                "reason": INTERRUPTED_REASON,
                "message": f"{vod_id}: the recording of {broken} was interrupted. {note} Compare its parts separately.",
            }


def run_aligner(request: dict[str, Any], run: Callable[..., list[dict[str, Any]]]) -> dict[str, Any]:
    """Run the alignment process and return its result. Raises :class:`DomainError`."""
    folders = [request[name] for name in ("evidence_dir", "crop_dir") if request.get(name)]
    reads = [video["path"] for video in request["videos"]]
    if settings.EASYOCR_MODELS and request.get("reader") == "easyocr":
        request = {**request, "models": str(settings.EASYOCR_MODELS)}
        reads.append(request["models"])
    try:
        messages = run(ALIGNER, stdin=json.dumps(request).encode(), access=Access(reads=reads, writes=folders))
    except ChildError as exc:
        # A preview reads only a few pictures: if that takes too long, the machine is busy.
        if exc.kind == ChildError.BUSY or (exc.kind == ChildError.TIMEOUT and request["op"] == "preview"):
            raise DomainError("unavailable", f"{exc} Try again in a moment.") from exc
        if exc.kind == ChildError.TIMEOUT:
            raise DomainError("vod_unreadable", f"Reading the videos took too long. {exc}") from exc
        raise
    last = messages[-1] if messages else {}
    if "error" in last:
        raise DomainError("vod_unreadable", last["error"]["message"])
    result: dict[str, Any] = last["result"]
    return result

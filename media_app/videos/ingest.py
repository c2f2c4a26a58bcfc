"""Ingest steps shared by several kinds of jobs."""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.db.models.functions import Now

from jobs_app.context import JobContext, JobFailed, TransientFault
from jobs_app.models import Priority
from jobs_app.services import enqueue
from media_app.storage import files as store
from media_app.uploads import assemble, scan
from media_app.uploads.handlers import handler_named
from media_app.uploads.models import Upload
from media_app.uploads.services import drop_pieces
from media_app.videos import rendition_quota, work_limit
from media_app.videos.models import TRANSITIONS, Rendition, RenditionKind, Video, VideoStatus
from media_app.videos.services import (
    PROBE,
    RENDER_KIND,
    columns_of,
    copy_name,
    delete_other_files,
    local_original_path,
    mime_type_of,
    write_guard_of,
)
from vodplatform.core.errors import DomainError
from vodplatform.core.files import untrusted_files
from vodplatform.core.logs import event
from vodplatform.core.processes.process import Access, ChildError, Limits
from vodplatform.core.records.transitions import transition

INGEST = [sys.executable, "-m", "media_app.av.ingest"]
# maximum length of the shorter side, in pixels, of a rendition that replaces an unplayable source
MAX_LINES = 1080
POSTER_SECONDS = 120.0
COPIED_BYTES = 1_000_000  # assumed minimum bytes per second of a normalisation; sets its time limit
HASH_BYTES = 4 * 1024**2
SCANNER_SECONDS, SCANNER_DEADLINE = 30.0, 86_400.0
NO_SHIM = 127  # exit code of the sandbox if it could not start the program
# errors of a child process after which a retry may succeed
MACHINE_FAULTS = ("disk_full", "unavailable", "out_of_memory")
BROKE = "The file cannot be read as a video. Check that it plays, or convert it, then upload it again."
DELETED = "The video has been deleted."
MIME_TYPES = {
    ".jpg": "image/jpeg", ".vtt": "text/vtt", ".json": "application/json", ".mp4": "video/mp4",
    ".m3u8": "application/vnd.apple.mpegurl",
}  # fmt: skip


@contextmanager
def map_storage_errors() -> Iterator[None]:
    try:
        yield
    except store.StoreFull as exc:
        raise TransientFault(exc.type.name, exc.message) from exc
    except FileNotFoundError as exc:
        raise JobFailed("not_found", "The file no longer exists.") from exc


@contextmanager
def locked_for_write(context: JobContext, video: Video, purpose: str) -> Iterator[None]:
    """Lock the video for a write by the job's current attempt.

    Raise :class:`jobs_app.context.LeaseLost`.
    """
    with context.lock_lease():
        try:
            with write_guard_of(purpose)(video.pk):
                yield
        except DomainError as exc:
            if exc.type.name != "not_found":
                raise
            raise JobFailed("not_found", DELETED) from exc


@dataclass(frozen=True, slots=True)
class IngestedFile:
    """Ingested file. path: the playable file, which is the original or its normalised copy.

    sha256: hash of the original if the client sent one, else empty.
    """

    path: Path
    original: Path
    facts: dict[str, Any]
    mime_type: str
    sha256: str

    @property
    def columns(self) -> dict[str, Any]:
        return columns_of(self.facts) | {"mime_type": self.mime_type}


def ingest(
    context: JobContext, video: Video, upload: Upload | None, folder: Path, *, needs_end: bool = True
) -> IngestedFile:
    """Join, scan and probe a video's file. Return the file and its facts.

    If the probe finds a :class:`media_app.av.copy_reasons.CopyReason`, such as a truncated file, make a playable copy.

    needs_end: reject a truncated file instead of copying it. Raise :class:`JobFailed`.
    """
    if upload:
        _join_parts(context, video, upload, folder)
    await_scanner(context)
    path = original = local_original_path(video, folder, checking(context))
    scan_file(context, path)
    if upload:
        _check_type(path, upload)
    context.progress(15, "Reading the file")
    facts = facts_of(context, path)
    # A file with recording faults may claim a wrong duration, so the limits are checked on its copy.
    if not facts["recording"]["reasons"]:
        _check(facts, needs_end)
    expected = upload.metadata.get("sha256", "") if upload else ""
    digest = digest_of(context, path) if expected else ""
    if digest != expected:
        raise JobFailed("checksum_mismatch", "The received file differs from the file that was sent. Upload it again.")
    if facts["recording"]["reasons"]:
        path, facts = make_copy(context, video, path, folder, share=(15, 25), purpose=upload.purpose if upload else "")
        _check(facts, needs_end)
    return IngestedFile(path, original, facts, mime_type_of(original, video.mime_type), digest)


def make_copy(
    context: JobContext,
    video: Video,
    path: Path,
    folder: Path,
    *,
    share: tuple[float, float] = (0, 100),
    purpose: str = "",
) -> tuple[Path, dict[str, Any]]:
    check_rendition_room(video)
    out = folder / "normalized"
    out.mkdir()
    request = {
        "source": str(path), "folder": str(out), "tasks": [{"do": "normalized"}], "threads": settings.CHILD_THREADS
    }  # fmt: skip

    def hear(message: dict[str, Any]) -> None:
        if left_out := message.get("left_out"):
            raise JobFailed("vod_unreadable", left_out["reason"])
        if made := message.get("made"):
            store_rendition(context, video, out, made, purpose, name=copy_name(video))
            recordings.append(made["recording"])

    recordings: list[dict[str, Any]] = []
    try:
        finished = context.run_child(
            INGEST, stdin=json.dumps(request).encode(), limits=limits(600 + path.stat().st_size / COPIED_BYTES),
            share=share, on_message=hear, access=Access(reads=[path], writes=[out]),
        )  # fmt: skip
    except ChildError as exc:
        raise_if_machine_fault(exc)
        raise JobFailed("vod_unreadable", BROKE) from exc
    if error := (finished.messages[-1] if finished.messages else {}).get("error"):
        raise (TransientFault if error["type"] in MACHINE_FAULTS else JobFailed)(error["type"], error["message"])
    row = video.renditions.get(kind=RenditionKind.NORMALIZED, name=copy_name(video))
    key = row.key_of("video")
    copy = store.local_path(key) if store.is_local() else store.local_copy(key, out, checking(context))
    return copy, facts_of(context, copy) | {"recording": recordings[0]}


def _check_type(path: Path, upload: Upload) -> None:
    purpose = handler_named(upload.purpose)
    if not upload.mime_type and not purpose.takes_type(mime_type_of(path, "")):
        refused = purpose.refusal()
        raise JobFailed(refused.type.name, refused.message)


def check_budget(context: JobContext, facts: dict[str, Any]) -> None:
    if error := work_limit.refusal(context.owner, facts):
        raise JobFailed(error.type.name, error.message)


def check_rendition_room(video: Video) -> None:
    if error := rendition_quota.refusal(video.owner):
        raise JobFailed(error.type.name, error.message)


def make_ready(video: Video, columns: dict[str, Any]) -> None:
    rows = Video.objects.filter(pk=video.pk)
    columns = columns | {"error_type": "", "error_message": "", "updated_at": Now()}
    if not transition(rows, TRANSITIONS, VideoStatus.READY, **columns):
        rows.update(**columns)


def checking(context: JobContext) -> Callable[[int], None]:
    """Return a progress callback that aborts a transfer once its job has ended."""
    return lambda moved: context.check()


def _join_parts(context: JobContext, video: Video, upload: Upload, folder: Path) -> None:
    if not assemble.is_in_pieces(upload):
        assemble.finish_multipart_uploads(upload)
        drop_pieces(upload)
        return
    if video.location == f"uploads/{upload.pk}/":
        key = handler_named(upload.purpose).key_of(upload)
        assemble.assemble(upload, key, folder, lambda share: _report_progress(context, 10 * share, "Joining the parts"))
        with locked_for_write(context, video, upload.purpose):
            Video.objects.filter(pk=video.pk).update(location=key)
        video.location = key
    if not context.params.get("previous"):
        delete_other_files(video.pk, video.location)
    drop_pieces(upload)


def _report_progress(context: JobContext, percent: float, message: str) -> None:
    context.check()
    context.progress(percent, message)


def await_scanner(context: JobContext) -> None:
    if scan.is_configured():
        try:
            scan.ping()
        except scan.ScannerDown:
            _wait_for_scanner(context)


def _wait_for_scanner(context: JobContext) -> NoReturn:
    context.wait(
        {}, seconds=SCANNER_SECONDS, deadline_seconds=SCANNER_DEADLINE,
        message="Waiting for the virus scanner, which is unavailable",
    )  # fmt: skip


def scan_file(context: JobContext, path: Path) -> None:
    """Scan a file if a virus scanner is configured. Wait for an unavailable scanner. Raise :class:`JobFailed`."""
    if not scan.is_configured():
        return
    context.progress(11, "Scanning for viruses")
    try:
        found = scan.scan(path, context.check)
    except scan.ScannerDown:
        _wait_for_scanner(context)
    except scan.NotScanned as exc:
        raise JobFailed("not_scanned", str(exc)) from exc
    if found:
        raise JobFailed("malware_found", f"The virus scanner found {found} in this file.")


def facts_of(context: JobContext, path: Path) -> dict[str, Any]:
    try:
        request = json.dumps({"paths": [str(path)]}).encode()
        finished = context.run_child(PROBE, stdin=request, limits=limits(120), access=Access(reads=[path]))
        answer: dict[str, Any] = finished.messages[-1]["result"][0]
    except ChildError as exc:
        raise_if_machine_fault(exc)
        raise JobFailed("vod_unreadable", BROKE) from exc
    except (IndexError, KeyError) as exc:
        raise JobFailed("vod_unreadable", BROKE) from exc
    if error := answer.get("error"):
        raise JobFailed(error["code"], error["message"])
    return dict(answer["facts"])


def raise_if_machine_fault(exc: ChildError) -> None:
    """Raise :class:`TransientFault` if a child process failed because of the server, not of the video."""
    if exc.kind == ChildError.START or exc.returncode == NO_SHIM:
        raise TransientFault("unavailable", "The server could not start a helper process.") from exc
    if exc.kind == ChildError.CRASHED and exc.returncode == -signal.SIGKILL:
        raise TransientFault("out_of_memory", "The server ran out of memory during processing.") from exc
    if exc.kind not in (ChildError.CRASHED, ChildError.TIMEOUT, ChildError.MEMORY):
        raise exc


def _check(facts: dict[str, Any], needs_end: bool) -> None:
    if needs_end and facts.get("truncated"):
        raise JobFailed("vod_unreadable", "The file is incomplete: its end is missing. Upload the complete file.")
    if facts["duration"] > settings.MAX_VIDEO_SECONDS:
        hours = settings.MAX_VIDEO_SECONDS / 3600
        raise JobFailed("video_too_long", f"The video is longer than {hours:g} hours.")


def digest_of(context: JobContext, path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_BYTES):
            digest.update(chunk)
            context.check()
    return digest.hexdigest()


def store_rendition(
    context: JobContext, video: Video, folder: Path, made: dict[str, Any], purpose: str, *, name: str | None = None
) -> None:
    """Store the files that a job attempt made, and save the rendition.

    made: the child process's message. folder: parent of the files' folder ``{kind}`` or ``{kind}-{name}``.
    name: name of the rendition; by default, the name in ``made``.
    """
    own = f"{made['kind']}-{made['name']}" if made["name"] else made["kind"]
    name = made["name"] if name is None else name
    target = f"renditions/{video.pk}/{context.lease.token.hex}/{own}/"
    for file in made["files"].values():
        path = untrusted_files.move_out(folder, own, file)
        store.put_file(target + file, path, MIME_TYPES.get(path.suffix) or made["mime_type"], checking(context))
    with locked_for_write(context, video, purpose):
        before = Rendition.with_lost.filter(video=video, kind=made["kind"], name=name).first()
        columns = {
            column: made[column] for column in ("files", "mime_type", "codecs", "width", "height", "bit_rate", "size")
        }
        Rendition.with_lost.update_or_create(
            video=video, kind=made["kind"], name=name, defaults={"folder": target, "lost_at": None, **columns}
        )
    if before and before.folder != target:
        store.delete_folder(before.folder)


def make_poster(context: JobContext, video: Video, path: Path, folder: Path, *, share: tuple[float, float]) -> None:
    make_stills(context, video, path, folder, (RenditionKind.POSTER,), share=share)


def make_stills(
    context: JobContext, video: Video, path: Path, folder: Path, kinds: Sequence[str], *, share: tuple[float, float]
) -> None:
    """Make a video's missing pictures and waveform peaks. A failure due to the video is only logged.

    share: percent of the job's progress at the start and at the end.
    """
    there = set(video.renditions.filter(kind__in=kinds).values_list("kind", flat=True))
    missing = [kind for kind in kinds if kind not in there]
    if not missing:
        return
    out = folder / "stills"
    out.mkdir()
    tasks = [{"do": kind} for kind in missing]
    request = {"source": str(path), "folder": str(out), "tasks": tasks, "threads": settings.CHILD_THREADS}

    def hear(message: dict[str, Any]) -> None:
        if made := message.get("made"):
            store_rendition(context, video, out, made, "")

    try:
        finished = context.run_child(
            INGEST, stdin=json.dumps(request).encode(), limits=limits(POSTER_SECONDS), share=share, on_message=hear,
            access=Access(reads=[path], writes=[out]),
        )  # fmt: skip
    except ChildError as exc:
        if context.has_tries_left() or exc.kind not in (ChildError.CRASHED, ChildError.TIMEOUT, ChildError.MEMORY):
            raise_if_machine_fault(exc)
        event("poster.left", video=str(video.pk), reason=str(exc))
        return
    if error := (finished.messages[-1] if finished.messages else {}).get("error"):
        if error["type"] in MACHINE_FAULTS and context.has_tries_left():
            raise TransientFault(error["type"], error["message"])
        event("poster.left", video=str(video.pk), reason=error["message"])


def plan_rungs(
    context: JobContext, video: Video, facts: dict[str, Any], *, full: bool = False, source: bool = False,
    purpose: str = "",
) -> None:  # fmt: skip
    """Queue a low-priority job for the smaller HLS renditions. full: whether to add the video's own size."""
    lines = min(facts["width"], facts["height"])
    rungs: list[int | str] = [rung for rung in settings.HLS_RUNGS if rung < lines]
    if full and (most := min(lines, MAX_LINES)) not in rungs:
        rungs.insert(0, most)
    if not rungs:
        return
    if rendition_quota.refusal(video.owner):
        return
    if work_limit.refusal(context.owner, video):
        event("video.too_much", video=str(video.pk), gigapixels=round(work_limit.gigapixels(video)))
        return
    tasks = [{"do": "hls", "rung": rung} for rung in (["source", *rungs] if source else rungs)]
    params = {"video_id": str(video.pk), "tasks": tasks, **({"purpose": purpose} if purpose else {})}
    # With a valid lease, the video exists: its deletion first cancels this job.
    with context.lock_lease():
        enqueue(RENDER_KIND, context.owner, params, priority=Priority.LOW)


def limits(seconds: float) -> Limits:
    return Limits(wall_seconds=seconds, memory_bytes=settings.CHILD_MEMORY_BYTES, threads=settings.CHILD_THREADS)

"""Taking a file in, for whichever job does it: join what came in pieces, scan it, read its facts; keep what was made.

Every kind of job whose video came by an upload begins with :func:`take_in`; what follows is its own.
"""

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
from media_app.uploads.handlers import purpose_of
from media_app.uploads.models import Upload
from media_app.uploads.services import drop_pieces
from media_app.videos import work_limit
from media_app.videos.models import TRANSITIONS, Rendition, RenditionKind, Video, VideoStatus
from media_app.videos.services import (
    PROBE,
    RENDER_KIND,
    columns_of,
    copy_name,
    delete_other_files,
    mime_type_of,
    original_for_work,
    write_guard_of,
)
from vodplatform.core.errors import DomainError
from vodplatform.core.files import untrusted_files
from vodplatform.core.logs import event
from vodplatform.core.processes.process import Access, ChildError, Limits
from vodplatform.core.records.transitions import transition

INGEST = [sys.executable, "-m", "media_app.av.ingest"]
MAX_LINES = 1080  # maximum lines of a rendition that replaces a source that browsers cannot play
POSTER_SECONDS = 120.0
COPIED_BYTES = 1_000_000  # minimum bytes that a normalisation with encoding reads in a second
HASH_BYTES = 4 * 1024**2
SCANNER_SECONDS, SCANNER_DEADLINE = 30.0, 86_400.0
NO_SHIM = 127  # the exit code with which the shim says that it could not start the program
MACHINE_FAULTS = ("disk_full", "unavailable", "out_of_memory")  # what a child may say that another time is not so
BROKE = "The file cannot be read as a video: reading it broke."
DELETED = "The video has been deleted."
MIME_TYPES = {
    ".jpg": "image/jpeg", ".vtt": "text/vtt", ".json": "application/json", ".mp4": "video/mp4",
    ".m3u8": "application/vnd.apple.mpegurl",
}  # fmt: skip


@contextmanager
def map_storage_errors() -> Iterator[None]:
    """A storage that is full is a reason to try again, a file that is gone is none."""
    try:
        yield
    except store.StoreFull as exc:
        raise TransientFault(exc.type.name, exc.message) from exc
    except FileNotFoundError as exc:
        raise JobFailed("not_found", "The file no longer exists.") from exc


@contextmanager
def writing(context: JobContext, video: Video, purpose: str) -> Iterator[None]:
    """A transaction in which the video's row is written, by the attempt that holds the job, and told where it is shown.

    The job is locked before the video, as wherever both are. Raises :class:`jobs_app.context.LeaseLost`.
    """
    with context.holding():
        try:
            with write_guard_of(purpose)(video.pk):
                yield
        except DomainError as exc:
            if exc.type.name != "not_found":
                raise
            raise JobFailed("not_found", DELETED) from exc


@dataclass(frozen=True, slots=True)
class TakenIn:
    """An ingested file.

    path: the file that is played and read, the original or its normalised copy. original: the original. facts: the
    probe's facts of ``path``. mime_type, sha256: of the original; sha256 is empty if the sender gave none.
    """

    path: Path
    original: Path
    facts: dict[str, Any]
    mime_type: str
    sha256: str

    @property
    def columns(self) -> dict[str, Any]:
        """Return the columns of its video."""
        return columns_of(self.facts) | {"mime_type": self.mime_type}


def take_in(
    context: JobContext, video: Video, upload: Upload | None, folder: Path, *, needs_end: bool = True
) -> TakenIn:
    """Return the complete file with the probe's facts. Normalise it if programs would read it differently.

    needs_end: whether a file that is cut short is refused. Raises :class:`JobFailed` and as :func:`map_storage_errors`.
    """
    if upload:
        _make_whole(context, video, upload, folder)
    await_scanner(context)
    path = original = original_for_work(video, folder, checking(context))
    scan_file(context, path)
    if upload:
        _check_type(path, upload)
    context.progress(15, "Reading the file")
    facts = facts_of(context, path)
    if not facts["recording"]["reasons"]:  # otherwise the claimed duration may be wrong
        _check(facts, needs_end)
    expected = upload.metadata.get("sha256", "") if upload else ""
    digest = digest_of(context, path) if expected else ""
    if digest != expected:
        raise JobFailed("checksum_mismatch", "The file that came is not the one that was sent; send it again.")
    if facts["recording"]["reasons"]:
        path, facts = make_copy(context, video, path, folder, share=(15, 25), purpose=upload.purpose if upload else "")
        _check(facts, needs_end)
    return TakenIn(path, original, facts, mime_type_of(original, video.mime_type), digest)


def make_copy(
    context: JobContext,
    video: Video,
    path: Path,
    folder: Path,
    *,
    share: tuple[float, float] = (0, 100),
    purpose: str = "",
) -> tuple[Path, dict[str, Any]]:
    """Make and store the normalised copy of the file at ``path``. Return a local path of it and the probe's facts.

    folder: scratch folder of the attempt. share: as in :meth:`jobs_app.context.JobContext.run_child`. Raises
    :class:`JobFailed`.
    """
    out = folder / "normalized"
    out.mkdir()
    request = {
        "source": str(path), "folder": str(out), "tasks": [{"do": "normalized"}], "threads": settings.CHILD_THREADS
    }  # fmt: skip

    def hear(message: dict[str, Any]) -> None:
        if left_out := message.get("left_out"):
            raise JobFailed("vod_unreadable", left_out["reason"])
        if made := message.get("made"):
            keep(context, video, out, made, purpose, name=copy_name(video))
            recordings.append(made["recording"])

    recordings: list[dict[str, Any]] = []
    try:
        finished = context.run_child(
            INGEST, stdin=json.dumps(request).encode(), limits=limits(600 + path.stat().st_size / COPIED_BYTES),
            share=share, on_message=hear, access=Access(reads=[path], writes=[out]),
        )  # fmt: skip
    except ChildError as exc:
        raise_if_not_media(exc)
        raise JobFailed("vod_unreadable", BROKE) from exc
    if error := (finished.messages[-1] if finished.messages else {}).get("error"):
        raise (TransientFault if error["type"] in MACHINE_FAULTS else JobFailed)(error["type"], error["message"])
    row = video.renditions.get(kind=RenditionKind.NORMALIZED, name=copy_name(video))
    key = row.key_of("video")
    copy = store.local_path(key) if store.is_local() else store.local_copy(key, out, checking(context))
    return copy, facts_of(context, copy) | {"recording": recordings[0]}


def _check_type(path: Path, upload: Upload) -> None:
    """Look at the first bytes of a file whose first bytes nobody has seen: it went straight to the bucket, or came in
    parts too short to tell. Raises :class:`JobFailed`.
    """
    purpose = purpose_of(upload.purpose)
    if not upload.mime_type and not purpose.takes_type(mime_type_of(path, "")):
        refused = purpose.refusal()
        raise JobFailed(refused.type.name, refused.message)


def check_budget(context: JobContext, facts: dict[str, Any]) -> None:
    """Raises :class:`JobFailed` where a video is more work than its owner's plan allows."""
    if error := work_limit.refusal(context.owner, facts):
        raise JobFailed(error.type.name, error.message)


def make_ready(video: Video, columns: dict[str, Any]) -> None:
    """Let a video be played, with these columns for its file."""
    rows = Video.objects.filter(pk=video.pk)
    columns = columns | {"error_type": "", "error_message": "", "updated_at": Now()}
    if not transition(rows, TRANSITIONS, VideoStatus.READY, **columns):
        rows.update(**columns)


def checking(context: JobContext) -> Callable[[int], None]:
    """For whoever moves bytes for long: ends it when the job has to stop."""
    return lambda moved: context.check()


def _make_whole(context: JobContext, video: Video, upload: Upload, folder: Path) -> None:
    if not assemble.is_in_pieces(upload):
        assemble.finish_multipart_uploads(upload)
        # What waited on S3 to be a part, where it could not be deleted in time.
        drop_pieces(upload)
        return
    if video.location == f"uploads/{upload.pk}/":
        key = purpose_of(upload.purpose).key_of(upload)
        assemble.join(upload, key, folder, lambda share: _go_on(context, 10 * share, "Joining the parts"))
        with writing(context, video, upload.purpose):
            Video.objects.filter(pk=video.pk).update(location=key)
        video.location = key
    if not context.params.get("previous"):
        # What attempts had joined so far that were killed: every attempt has a key of its own.
        delete_other_files(video.pk, video.location)
    drop_pieces(upload)


def _go_on(context: JobContext, percent: float, message: str) -> None:
    context.check()
    context.progress(percent, message)


def await_scanner(context: JobContext) -> None:
    """While the scanner is away nothing is fetched for it."""
    if scan.is_configured():
        try:
            scan.ping()
        except scan.ScannerDown:
            _wait_for_scanner(context)


def _wait_for_scanner(context: JobContext) -> NoReturn:
    context.wait(
        {}, seconds=SCANNER_SECONDS, deadline_seconds=SCANNER_DEADLINE,
        message="Waiting for the virus scanner, which does not answer",
    )  # fmt: skip


def scan_file(context: JobContext, path: Path) -> None:
    """Have a file looked at where there is a scanner; waits while that is away. Raises :class:`JobFailed`."""
    if not scan.is_configured():
        return
    context.progress(11, "Looking for viruses")
    try:
        found = scan.scan(path, context.check)
    except scan.ScannerDown:
        _wait_for_scanner(context)
    except scan.NotScanned as exc:
        raise JobFailed("not_scanned", str(exc)) from exc
    if found:
        raise JobFailed("malware_found", f"The virus scanner found {found} in this file.")


def facts_of(context: JobContext, path: Path) -> dict[str, Any]:
    """What the probe says of a file. Raises :class:`JobFailed`."""
    try:
        request = json.dumps({"paths": [str(path)]}).encode()
        finished = context.run_child(PROBE, stdin=request, limits=limits(120), access=Access(reads=[path]))
        answer: dict[str, Any] = finished.messages[-1]["result"][0]
    except ChildError as exc:
        raise_if_not_media(exc)
        raise JobFailed("vod_unreadable", BROKE) from exc
    except (IndexError, KeyError) as exc:
        raise JobFailed("vod_unreadable", BROKE) from exc
    if error := answer.get("error"):
        raise JobFailed(error["code"], error["message"])
    return dict(answer["facts"])


def raise_if_not_media(exc: ChildError) -> None:
    """Raises :class:`TransientFault` where a child's end says nothing of the media: not started, or killed by others.

    SIGKILL comes from the system when memory is short, or from somebody who tidies up.
    """
    if exc.kind == ChildError.START or exc.returncode == NO_SHIM:
        raise TransientFault("unavailable", "The server could not start a helper process.") from exc
    if exc.kind == ChildError.CRASHED and exc.returncode == -signal.SIGKILL:
        raise TransientFault("out_of_memory", "A helper process was ended by the system, short of memory.") from exc
    if exc.kind not in (ChildError.CRASHED, ChildError.TIMEOUT, ChildError.MEMORY):
        raise exc


def _check(facts: dict[str, Any], needs_end: bool) -> None:
    if needs_end and facts.get("truncated"):
        raise JobFailed("vod_unreadable", "The file is cut short: its end is missing.")
    if facts["duration"] > settings.MAX_VIDEO_SECONDS:
        hours = settings.MAX_VIDEO_SECONDS / 3600
        raise JobFailed("video_too_long", f"The video is longer than {hours:g} hours.")


def digest_of(context: JobContext, path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_BYTES):
            digest.update(chunk)
            context.check()
    return digest.hexdigest()


def keep(
    context: JobContext, video: Video, folder: Path, made: dict[str, Any], purpose: str, *, name: str | None = None
) -> None:
    """Put what an attempt made into the store, and let the video's rendition point at it.

    made: as media_app.av's children tell it: kind, name, files by role, and the columns of a rendition. folder: below
    it lies ``{kind}`` or ``{kind}-{name}`` with the files; what is beside it only this process may write. name: of the
    rendition where it is another than that.
    """
    own = f"{made['kind']}-{made['name']}" if made["name"] else made["kind"]
    name = made["name"] if name is None else name
    target = f"renditions/{video.pk}/{context.lease.token.hex}/{own}/"
    for file in made["files"].values():
        path = untrusted_files.move_out(folder, own, file)
        store.put_file(target + file, path, MIME_TYPES.get(path.suffix) or made["mime_type"], checking(context))
    with writing(context, video, purpose):
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
    """:func:`make_stills` of the picture for the lists alone."""
    make_stills(context, video, path, folder, (RenditionKind.POSTER,), share=share)


def make_stills(
    context: JobContext, video: Video, path: Path, folder: Path, kinds: Sequence[str], *, share: tuple[float, float]
) -> None:
    """What players and lists show of a video beside it, unless it is there; that none can be made is no failure.

    path: of its file. folder: of the attempt's own. kinds: of poster, peaks, sprite. share: the percent at which that
    begins and ends. Raises :class:`TransientFault`, but in the last try, where that is not the video's fault.
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
            keep(context, video, out, made, "")

    try:
        finished = context.run_child(
            INGEST, stdin=json.dumps(request).encode(), limits=limits(POSTER_SECONDS), share=share, on_message=hear,
            access=Access(reads=[path], writes=[out]),
        )  # fmt: skip
    except ChildError as exc:
        if context.has_tries_left() or exc.kind not in (ChildError.CRASHED, ChildError.TIMEOUT, ChildError.MEMORY):
            raise_if_not_media(exc)
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
    """Enqueue a job of low priority for the smaller HLS renditions.

    full: whether to add one of the video's own size. source: whether to add the video itself. purpose: as in
    :func:`keep`.
    """
    lines = min(facts["width"], facts["height"])
    rungs: list[int | str] = [rung for rung in settings.HLS_RUNGS if rung < lines]
    if full and (most := min(lines, MAX_LINES)) not in rungs:
        rungs.insert(0, most)
    if not rungs:
        return
    if work_limit.refusal(context.owner, video):
        event("video.too_much", video=str(video.pk), gigapixels=round(work_limit.gigapixels(video)))
        return
    tasks = [{"do": "hls", "rung": rung} for rung in (["source", *rungs] if source else rungs)]
    params = {"video_id": str(video.pk), "tasks": tasks, **({"purpose": purpose} if purpose else {})}
    # Deleting the video cancels this job first, so that no new one starts afterwards.
    with context.holding():
        enqueue(RENDER_KIND, context.owner, params, priority=Priority.LOW)


def limits(seconds: float) -> Limits:
    """The limits of a child that may take so long."""
    return Limits(wall_seconds=seconds, memory_bytes=settings.CHILD_MEMORY_BYTES, threads=settings.CHILD_THREADS)

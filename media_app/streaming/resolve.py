"""Lookup of the content that a streaming URL names, after checking signature and permission."""

from __future__ import annotations

import os
import stat
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ObjectDoesNotExist

from jobs_app import outputs
from jobs_app.context import JobFailed
from media_app.storage import files as store
from media_app.streaming import cdn, grants, io_pools, names, x_accel
from media_app.streaming.availability import Use, use_of
from media_app.streaming.playlists import Rung, master_playlist, with_address
from media_app.videos.library_roots import is_inside, roots_of
from media_app.videos.media_urls import HLS, OUTPUT, PLAYLIST, RENDITION, STREAM, is_restricted, lifetime, signed_name
from media_app.videos.models import Rendition, RenditionKind, Video, VideoScope, VideoSource, VideoStatus
from media_app.videos.services import CopyPending, normalized_copy
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.web import signing

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
MEDIA_TYPE = "video/mp4"
MAX_PLAYLIST_BYTES = 8 * 1024**2
MIN_SECONDS = 60
MAX_KEPT_SECONDS = 3600
# Cache-Control for URLs without a signature or with a grant: browsers revalidate their copy before each use.
KEPT_UNTIL_ASKED = "private, no-cache"
FOR_EVER = ", immutable"
# Cache-Control for master playlists, which change while smaller renditions are being made.
KEPT_SHORTLY = "private, max-age=10"
# Cache-Control for redirects: a cached redirect would bypass the check of the signature.
NOT_KEPT = "private, no-store"
SOURCE_RUNG = "source"
STREAM_COLUMNS = (
    "status", "source", "location", "owner", "title", "mime_type", "duration", "place", "is_hidden", "deleted_at",
    "recording",
)  # fmt: skip
WATCHABLE = (VideoStatus.PROCESSING, VideoStatus.READY)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open local file. The receiver must close ``descriptor``.

    place: thread pool that reads the file. can_read_nonblocking: whether the file system supports reads that return
    only cached bytes.
    """

    descriptor: int
    size: int
    modified_ns: int
    place: str = io_pools.MEDIA
    can_read_nonblocking: bool = False

    @property
    def etag(self) -> str:
        return f'"{self.size:x}-{self.modified_ns:x}"'

    @property
    def modified(self) -> float:
        return self.modified_ns / 1e9

    def has_changed(self) -> bool:
        found = os.fstat(self.descriptor)
        return (found.st_size, found.st_mtime_ns) != (self.size, self.modified_ns)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """S3 object whose bytes pass through this server. modified: epoch seconds."""

    key: str
    size: int
    etag: str
    modified: float


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Local file that nginx sends for this server."""

    address: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    address: str


@dataclass(frozen=True, slots=True)
class Pending:
    """Content whose lookup may block on a disk or S3. place: thread pool in which to call ``load``."""

    load: Callable[[], OpenFile | HandedOver | StoredObject | bytes]
    place: str


@dataclass(frozen=True, slots=True)
class Found:
    """Content and headers of an answer.

    disposition: value of the header Content-Disposition, empty unless the file is downloaded. shows: id of the
    catalogue video whose content this is, or None. A successful GET from the first byte counts as a view of this video.
    """

    content: OpenFile | StoredObject | HandedOver | Elsewhere | bytes | Pending
    content_type: str
    cache: str
    disposition: str = ""
    shows: uuid.UUID | None = None
    granted: tuple[str, uuid.UUID] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Streaming request. parts: variables in the URL's path. headers: lower-case names."""

    method: str
    route: str
    parts: Mapping[str, str]
    options: Mapping[str, str]
    headers: Mapping[str, str]

    def wants(self, option: str) -> bool:
        return self.options.get(option, "") in ("1", "true")

    @property
    def grant(self) -> str:
        return self.options.get("grant", "")

    @property
    def must_proxy(self) -> bool:
        """Return whether this server must send the bytes instead of redirecting to S3.

        A redirect would fail for HEAD (S3 URLs are signed for GET) and for ``fetch`` (the bucket may not allow CORS).
        Under a grant, it would let the client read on after the grant has ended.
        """
        return self.method == "HEAD" or self.wants("proxy") or bool(self.grant)


@contextmanager
def as_refusals() -> Iterator[None]:
    try:
        yield
    except signing.ExpiredSignature as exc:
        raise DomainError("gone") from exc
    except (signing.BadSignature, FileNotFoundError, KeyError, ObjectDoesNotExist) as exc:
        raise DomainError("not_found") from exc


def find_stream(request: Request, user: User | AnonymousUser | None) -> Found:
    """Return a video's file or normalised copy, if the user may see it. If ``user`` is None, the signature decides.

    Raise ``unauthenticated``, ``not_found``, ``gone``, ``video_not_ready``, ``unavailable``.
    """
    with as_refusals():
        video_id = _uuid(request.parts["video_id"])
        rows = Video.objects.all() if user is None else Video.objects.watchable_by(user)
        signed = None if user is not None else _Signed.of(request.options["sig"], STREAM, video_id, request.grant)
        video = rows.only(*STREAM_COLUMNS).filter(pk=video_id, deleted_at=None).first()
        if video is None:
            # Anonymous callers may get access by signing in. Other callers get "not found", because they must not learn
            # whether the video exists.
            raise DomainError("unauthenticated") if isinstance(user, AnonymousUser) else FileNotFoundError(video_id)
        until = signed.until_of(video) if signed else time.time() + lifetime(video)
        use = use_of(video)
        if use == Use.NEVER:
            raise FileNotFoundError(video_id)
        if use == Use.LATER:
            raise DomainError("video_not_ready", "The video's file is not available yet. Try again later.")
        failed = use == Use.SAVE
        content_type = names.PLAIN_TYPE if failed else names.media_type(video.mime_type)
        saved = failed or request.wants("download")
        disposition = names.attachment(video.title, video.location) if saved else ""
        cache = _kept(until) if signed and not signed.grant else KEPT_UNTIL_ASKED
        if video.needs_copy and not saved:
            found = _copy(request, video, cache, until)
        elif video.source == VideoSource.REFERENCE or store.is_local():
            found = Found(_original(video, not request.grant), content_type, cache, disposition)
        else:
            found = _remote(request, video.location, content_type, cache, until=until, disposition=disposition)
        return replace(found, shows=_shown(video), granted=_granted(signed, video.pk))


@dataclass(frozen=True, slots=True)
class _Signed:
    """Verified signature. until: expiry in epoch seconds. opens_restricted: whether it also opens restricted videos."""

    until: int
    opens_restricted: bool = False
    grant: str = ""

    @classmethod
    def of(cls, token: str, purpose: str, key: uuid.UUID, grant: str = "") -> _Signed:
        if grant:
            return cls(signing.verify(token, purpose, signed_name(key, grant=grant)), grant=grant)
        try:
            return cls(signing.verify(token, purpose, signed_name(key, False)))
        except signing.ExpiredSignature:
            raise
        except signing.BadSignature:
            return cls(signing.verify(token, purpose, signed_name(key, True)), True)

    def until_of(self, video: Video) -> int:
        if is_restricted(video) and not self.opens_restricted:
            raise FileNotFoundError(video.pk)
        if self.grant and not grants.is_valid(self.grant, video.pk):
            raise FileNotFoundError(video.pk)
        return self.until


def _granted(signed: _Signed | None, video_id: uuid.UUID) -> tuple[str, uuid.UUID] | None:
    return (signed.grant, video_id) if signed and signed.grant else None


def find_rendition(request: Request) -> Found:
    with as_refusals():
        rendition_id = _uuid(request.parts["rendition_id"])
        signed = _Signed.of(request.parts["token"], RENDITION, rendition_id, request.grant)
        rows = Rendition.objects.exclude(kind=RenditionKind.HLS).select_related("video")
        row = rows.get(pk=rendition_id, video__deleted_at=None)
        _check_folder(row.video)
        until = signed.until_of(row.video)
        name = request.parts["name"]
        content_type = names.made_type(name)
        if name not in row.files.values() or content_type is None:
            raise FileNotFoundError(name)
        found = _made(request, row, name, content_type, until)
        if not signed.grant:
            return found
        return replace(found, cache=KEPT_UNTIL_ASKED, granted=_granted(signed, row.video_id))


def find_output(request: Request) -> Found:
    with as_refusals():
        job_id, attempt, name = (request.parts[part] for part in ("job_id", "attempt", "name"))
        key = f"{outputs.prefix_of(job_id)}/{attempt}/{name}"
        until = signing.verify(request.parts["token"], OUTPUT, key)
        content_type = names.made_type(name)
        if content_type is None:
            raise FileNotFoundError(name)
        if store.is_local():
            return Found(_stored(key, True), content_type, _kept(until, FOR_EVER))
        return _remote(request, key, content_type, _kept(until), until=until)


def find_hls(request: Request) -> Found:
    with as_refusals():
        video_id, name = _uuid(request.parts["video_id"]), request.parts["name"]
        signed = _Signed.of(request.parts["token"], HLS, video_id)
        video = Video.objects.get(pk=video_id, status__in=WATCHABLE, deleted_at=None)
        _check_folder(video)
        until = signed.until_of(video)
        rows = ladder(video, list(video.renditions.filter(kind=RenditionKind.HLS)))
        # Players that use fetch need ``proxy=1`` in all URLs, because the bucket may lack CORS.
        suffix = "?proxy=1" if request.wants("proxy") else ""
        if "rung" not in request.parts:
            frame_rate = 0.0 if video.is_variable_frame_rate else float(video.fps)
            text = master_playlist([_rung(row, video) for row in rows], frame_rate, suffix)
            return Found(text.encode(), PLAYLIST_TYPE, KEPT_SHORTLY, shows=_shown(video))
        row = {row.name: row for row in rows}[request.parts["rung"]]
        if name == PLAYLIST:
            key, media = row.key_of("playlist"), row.files["media"]
            address = media + suffix
            if not (store.is_local() or request.must_proxy):
                # Write the bucket's URL into the playlist, to save players the redirects.
                address = redirect_url(f"{row.folder}{media}", MEDIA_TYPE, until)
            return Found(_later(lambda: _playlist(key, media, address)), PLAYLIST_TYPE, _kept(until, FOR_EVER))
        if name != row.files["media"]:
            raise FileNotFoundError(name)
        return _made(request, row, name, MEDIA_TYPE, until)


def _check_folder(video: Video) -> None:
    if video.source == VideoSource.REFERENCE and not is_inside(
        Path(os.path.realpath(video.location)), roots_of(video.owner)
    ):
        raise FileNotFoundError(video.location)


def ladder(video: Video, rows: list[Rendition]) -> list[Rendition]:
    """Return the HLS renditions that are not taller than the source.

    Raise ``FileNotFoundError`` if all HLS renditions are taller, or if the video has no HLS rendition.
    """
    found = [row for row in rows if row.name == SOURCE_RUNG or not video.height or row.height <= video.height]
    if not found:
        raise FileNotFoundError(video.pk)
    return found


def redirect_url(key: str, content_type: str, until: float, disposition: str = "") -> str:
    now = time.time()
    seconds = max(MIN_SECONDS, round(until - now))
    if cdn.is_set() and not disposition:
        return cdn.signed_url(key, round(now) + seconds)
    return store.presigned(key, seconds, content_type, disposition)


def _shown(video: Video) -> uuid.UUID | None:
    return video.pk if video.place == VideoScope.CATALOGUE else None


def _kept(until: float, more: str = "") -> str:
    return f"private, max-age={max(0, min(MAX_KEPT_SECONDS, int(until - time.time())))}{more}"


def _made(request: Request, row: Rendition, name: str, content_type: str, until: float) -> Found:
    key = f"{row.folder}{name}"
    if store.is_local():
        return Found(_stored(key, not request.grant), content_type, _kept(until, FOR_EVER))
    if not content_type.startswith("video/"):
        # Page scripts read some of these files, such as WebVTT, so send them from the page's origin.
        return Found(_object(key), content_type, _kept(until, FOR_EVER))
    return _remote(request, key, content_type, _kept(until), until=until)


def _remote(request: Request, key: str, content_type: str, cache: str, *, until: float, disposition: str = "") -> Found:
    if request.must_proxy:
        return Found(_object(key), content_type, cache, disposition)
    return Found(Elsewhere(redirect_url(key, content_type, until, disposition)), content_type, NOT_KEPT)


def _copy(request: Request, video: Video, cache: str, until: float) -> Found:
    try:
        row = normalized_copy(video)
    except CopyPending as exc:
        raise DomainError("video_not_ready", "A playable copy is being created. Try again later.") from exc
    except JobFailed as exc:
        raise DomainError("video_not_ready", f"No playable copy could be created: {exc}") from exc
    assert row is not None
    _check_folder(video)
    key, content_type = row.key_of("video"), names.media_type(row.mime_type)
    if store.is_local():
        return Found(_stored(key, not request.grant), content_type, cache)
    return _remote(request, key, content_type, cache, until=until)


def _original(video: Video, hands_over: bool) -> Pending:
    if video.source == VideoSource.STORED:
        return _stored(video.location, hands_over)
    location, roots = video.location, roots_of(video.owner)

    def load() -> OpenFile | HandedOver:
        path = Path(os.path.realpath(location))
        if not is_inside(path, roots):
            raise FileNotFoundError(location)
        return _local(path, in_place=True, place=place, hands_over=hands_over)

    place = io_pools.place_of(location)
    return _pending(load, place)


def _stored(key: str, hands_over: bool) -> Pending:
    def load() -> OpenFile | HandedOver:
        return _local(store.local_path(key), in_place=False, place=io_pools.MEDIA, hands_over=hands_over)

    return _pending(load, io_pools.MEDIA)


def _local(path: Path, *, in_place: bool, place: str, hands_over: bool) -> OpenFile | HandedOver:
    """Open a local file. Raise ``FileNotFoundError`` if its path has become a link."""
    if hands_over and x_accel.is_on():
        with store.storage_errors(str(path)):
            found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(path)
        return HandedOver(x_accel.internal_address(path))
    with store.storage_errors(str(path)):
        try:
            # O_NONBLOCK: a pipe, which would block, may have replaced the file.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (PermissionError, IsADirectoryError) as exc:
            raise FileNotFoundError(path) from exc
        found, opened = os.fstat(descriptor), Path(f"/proc/self/fd/{descriptor}").readlink()
    expected = opened == path if in_place else is_inside(opened, [Path(os.path.realpath(settings.MEDIA_ROOT))])
    if not stat.S_ISREG(found.st_mode) or not expected:
        os.close(descriptor)
        raise FileNotFoundError(path)
    return OpenFile(descriptor, found.st_size, found.st_mtime_ns, place, _supports_nonblocking_reads(descriptor))


def _supports_nonblocking_reads(descriptor: int) -> bool:
    try:
        os.preadv(descriptor, [bytearray(1)], 0, os.RWF_NOWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def _rung(row: Rendition, video: Video) -> Rung:
    peak = max(1, row.bit_rate)
    average = round(8 * row.size / video.duration) if video.duration else peak
    return Rung(row.name, row.width, row.height, peak, max(1, min(peak, average)), row.codecs)


def _playlist(key: str, media: str, address: str) -> bytes:
    content = b"".join(store.read_chunks(key, 0, MAX_PLAYLIST_BYTES))
    return with_address(content.decode("utf-8", errors="replace"), media, address).encode()


def _object(key: str) -> Pending:
    def load() -> StoredObject:
        facts = store.stat(key)
        return StoredObject(key, facts.size, facts.etag, facts.modified.timestamp())

    return _later(load)


def _later(load: Callable[[], StoredObject | bytes]) -> Pending:
    return _pending(load, io_pools.MEDIA if store.is_local() else io_pools.BUCKET)


def _pending(load: Callable[[], OpenFile | HandedOver | StoredObject | bytes], place: str) -> Pending:
    def refusing() -> OpenFile | HandedOver | StoredObject | bytes:
        with as_refusals():
            return load()

    return Pending(refusing, place)


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as exc:
        raise FileNotFoundError(text) from exc

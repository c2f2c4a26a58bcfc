"""What children read of videos: files of this machine by their paths, those in the bucket in parts, through us.

Who needs a whole file on this machine asks :func:`media_app.videos.services.path_for_work`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs_app.context import JobFailed
from media_app.storage import files as store
from media_app.videos.models import Video
from media_app.videos.services import check_file, check_watchable, is_local, local_path, normalized_copy
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.processes.process import ChildError
from vodplatform.core.processes.ranged import RangeServer


@dataclass(frozen=True, slots=True)
class Readable:
    """paths: of the videos in order, as the child opens them. ranged: to be handed to ``run_child`` with them."""

    paths: list[str]
    ranged: RangeServer | None


@contextmanager
def readable(videos: Sequence[Video], *, viewer: User | None) -> Iterator[Readable]:
    """Let a child read these videos for as long as the block lasts.

    viewer: who is shown the result, and has to be allowed to see them now; None where the program works for the videos
    themselves. Raises ``FileNotFoundError``, also for what the viewer may not see any more, ``StoreUnavailable``, also
    in place of what the child made of a bucket that did not answer, and as
    :func:`media_app.videos.services.normalized_copy`.
    """
    check_watchable(videos, viewer)
    sources = [_source(video) for video in videos]
    remote = [source for source in sources if isinstance(source, str)]
    if not remote:
        yield Readable([str(source) for source in sources], None)
        return
    with store.open_ranges(remote) as server:
        paths = iter(server.paths)
        try:
            yield Readable([next(paths) if isinstance(one, str) else str(one) for one in sources], server)
        except (ChildError, DomainError, JobFailed) as exc:
            if server.error is not None:
                raise server.error from exc
            raise
        if server.error is not None:
            raise server.error


def _source(video: Video) -> Path | str:
    """Return the local path that a video is read from, or its key in the bucket."""
    if (made := normalized_copy(video)) is not None:
        check_file(video)
        key = made.key_of("video")
        return store.local_path(key) if store.is_local() else key
    return local_path(video) if is_local(video) else video.location

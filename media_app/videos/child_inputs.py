"""Videos as input of child processes: local paths, or S3 objects read through the parent process."""

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
class ChildInputs:
    paths: list[str]
    ranged: RangeServer | None


@contextmanager
def open_child_inputs(videos: Sequence[Video], *, viewer: User | None) -> Iterator[ChildInputs]:
    """Give a child process access to videos during the block. viewer: user who sees the result, None for no check.

    Raise ``FileNotFoundError`` (also if the viewer may not see a video), ``StoreUnavailable``, and the errors of
    :func:`media_app.videos.services.normalized_copy`.
    """
    check_watchable(videos, viewer)
    sources = [_source(video) for video in videos]
    remote = [source for source in sources if isinstance(source, str)]
    if not remote:
        yield ChildInputs([str(source) for source in sources], None)
        return
    with store.start_range_server(remote) as server:
        paths = iter(server.paths)
        try:
            yield ChildInputs([next(paths) if isinstance(one, str) else str(one) for one in sources], server)
        except (ChildError, DomainError, JobFailed) as exc:
            if server.error is not None:
                raise server.error from exc
            raise
        if server.error is not None:
            raise server.error


def _source(video: Video) -> Path | str:
    if (made := normalized_copy(video)) is not None:
        check_file(video)
        key = made.key_of("video")
        return store.local_path(key) if store.is_local() else key
    return local_path(video) if is_local(video) else video.location

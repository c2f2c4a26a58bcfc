from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import av.error

from media_app.av.container import MediaError
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg
from media_app.av.frames import Picture, VideoFile
from media_app.av.picture import write_jpeg
from media_app.av.smart_cut import PlacedPart, cut_parts
from media_app.av.source import Source
from sessions_app.analysis.pipelines.task import AnalysisFailed, Result, Task

REEL = "reel.mp4"
THUMBNAIL_WIDTH, THUMBNAIL_BYTES = 640, 120_000
CUT_SHARE = 70.0


def cut_moments(task: Task) -> Result:
    """Cut a reel of ``params["moments"]``: (start, end) pairs in seconds, in the order of the reel.

    ``params["edits"]``, if present, has a ``title`` and a ``transition`` of each moment. ``placed`` in the result lists
    each moment's number, and its times in the video and in the reel. Raises :class:`AnalysisFailed`.
    """
    moments = [(float(start), float(end)) for start, end in task.params["moments"]]
    files: dict[str, str] = {}
    try:
        placed = cut_reel(task, Source.open(task.path), moments, lambda share: _tell(task, share), give=0.0)
        edits = task.params.get("edits") or []
        if placed and any(one.get("title") or one.get("transition") == "fade" for one in edits):
            placed = _with_effects(task, placed, edits)
        if not placed:
            raise AnalysisFailed("invalid", "The video has no frames at any of these moments. Choose other moments.")
        files["reel"] = REEL
        with VideoFile(task.path, 1) as video:
            for one in placed:
                if picture := _middle(video, one):
                    files[f"thumb-{one.part}"] = write_thumbnail(task, one.part, picture)
    except (ConversionFailed, MediaError, av.error.FFmpegError) as exc:
        why = str(exc) if isinstance(exc, ConversionFailed) else "The video data is damaged at one of these moments."
        raise AnalysisFailed("vod_unreadable", f"The reel could not be cut. {why}") from exc
    told = [
        {"part": one.part, "source": [one.source_start, one.source_end], "reel": [one.start, one.end]}
        for one in placed
    ]  # fmt: skip
    return Result({"placed": told}, files)


def cut_reel(
    task: Task, source: Source, moments: Sequence[tuple[float, float]], tell: Callable[[float], None], *, give: float
) -> list[PlacedPart]:
    """Write the reel; return the position of each moment in it.

    give: maximum seconds by which a moment may end early to avoid encoding. Raises ``ConversionFailed``,
    ``MediaError`` and PyAV's errors.
    """
    return cut_parts(task.folder / REEL, source, moments, Ffmpeg.default(threads=task.threads), tell, give=give)


def _with_effects(task: Task, placed: list[PlacedPart], edits: Sequence[Mapping[str, Any]]) -> list[PlacedPart]:
    # Import only here: the import is slow, and most reels have no effects.
    from sessions_app.analysis.pipelines.reel_effects import add_effects

    def tell(share: float) -> None:
        task.progress(CUT_SHARE + (100.0 - CUT_SHARE) * share, "Adding title cards and fades")

    plain = (task.folder / REEL).rename(task.folder / "plain.mp4")
    program = Ffmpeg.default(threads=task.threads)
    placed = add_effects(task.folder / REEL, plain, placed, edits, program, on_progress=tell)
    plain.unlink()
    for card in task.folder.glob("title-*.png"):
        card.unlink()
    return placed


def write_thumbnail(task: Task, number: int, picture: Picture) -> str:
    name = f"thumb-{number}.jpg"
    write_jpeg(task.folder / name, picture.scaled(THUMBNAIL_WIDTH), THUMBNAIL_BYTES)
    return name


def _tell(task: Task, share: float) -> None:
    task.progress(CUT_SHARE * share, "Cutting the reel")


def _middle(video: VideoFile, one: PlacedPart) -> Picture | None:
    try:
        return video.frame_at((one.source_start + one.source_end) / 2)
    except av.error.FFmpegError:
        return None

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from media_app.videos.ingest import limits
from vodplatform.core.processes.cli_progress import DAY_SECONDS, check_output, run_with_progress, table, usage_error
from vodplatform.core.processes.process import Access

WORK = [sys.executable, "-m", "media_app.av.merge"]
MIN_CLIPS, MAX_CLIPS = 2, 10
REFUSALS = frozenset({"no_video", "vod_unreadable", "vod_codec_unsupported", "merge_failed"})


def check(clips: Sequence[Path], output: Path, *, force: bool) -> None:
    if not MIN_CLIPS <= len(clips) <= MAX_CLIPS:
        usage_error(f"Specify {MIN_CLIPS} to {MAX_CLIPS} videos.")
    for clip in clips:
        if not clip.is_file():
            usage_error(f"The file {clip} does not exist.")
    check_output(output, clips, force=force)


def merge(clips: Sequence[Path], output: Path, *, level: bool, verbosity: int) -> dict[str, Any]:
    """Write ``output`` atomically; return the child process's result. Raises ``CommandError``."""
    # Use a folder on the output's disk, so that moving the result needs no copy.
    folder = Path(tempfile.mkdtemp(prefix=".vod-merge-", dir=output.parent))
    try:
        made = folder / "merged.mp4"
        result = _run(clips, made, folder, level=level, verbosity=verbosity)
        made.replace(output)
        return result
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(clips: Sequence[Path], made: Path, folder: Path, *, level: bool, verbosity: int) -> dict[str, Any]:
    request = {
        "clips": [{"path": str(clip.resolve()), "name": clip.name} for clip in clips], "target": str(made.resolve()),
        "folder": str(folder.resolve()), "threads": settings.CHILD_THREADS, "level": level,
    }  # fmt: skip
    return run_with_progress(
        WORK, request, limits=limits(DAY_SECONDS), name="The merge", refusals=REFUSALS, verbosity=verbosity,
        access=Access(reads=[clip.resolve() for clip in clips], writes=[folder.resolve(), made.resolve().parent]),
    )  # fmt: skip


def lines(clips: Sequence[Path], output: Path, result: dict[str, Any]) -> Iterator[str]:
    rows = [("Clip", "From", "To")]
    rows += [
        (clip.name, f"{one['start']:.3f} s", f"{one['end']:.3f} s")
        for clip, one in zip(clips, result["segments"], strict=True)
    ]
    yield from table(rows, numbers_from=1)
    yield ""
    rate = result["fps"][0] / result["fps"][1]
    sound = {"none": "no sound"}.get(result["sound"], f"sound {result['sound']}")
    yield f"{result['width']}×{result['height']}, {rate:g} fps; picture {result['picture']}, {sound}."
    if result["why"]:
        yield f"Note: {result['why']}"
    yield f"The video was saved as {output}"

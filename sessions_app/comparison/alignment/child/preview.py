from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2

from media_app.av.frames import Box, Picture
from sessions_app.comparison.alignment.child.answer import safe_name
from sessions_app.comparison.alignment.child.by_timer import Roi
from sessions_app.comparison.alignment.child.locate import Candidate, Locator, fallback
from sessions_app.comparison.alignment.child.reader import TextFinder, TimerReader
from sessions_app.comparison.alignment.child.sample import Source
from sessions_app.comparison.alignment.child.timer_text import PROFILES

MOMENTS = 8
LOOKS = 3
CANDIDATES = 3


def preview_timers(
    paths: Sequence[tuple[str, str | os.PathLike[str]]],
    roi: Roi | None,
    game: str,
    reader: TimerReader,
    *,
    times: Mapping[str, Sequence[float]],
    crop_dir: str | os.PathLike[str] | None,
    threads: int = 2,
) -> list[dict[str, Any]]:
    """Return one reading per moment and video: ``vod_id, time, text, value, confidence, crop``.

    times: seconds by ``vod_id``, at most :data:`MOMENTS` each; by default, evenly spread keyframes.
    Raises :class:`media_app.av.container.MediaError`.
    """
    cv2.setNumThreads(1)
    finder = TextFinder()
    folder = Path(crop_dir) if crop_dir else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)

    def look(video: tuple[str, str | os.PathLike[str]]) -> list[dict[str, Any]]:
        vod_id, path = video
        with Source(vod_id, path, reader, PROFILES[game]) as source:
            wanted = times.get(vod_id)
            if wanted:
                pictures = [p for t in list(wanted)[:MOMENTS] if (p := source.file.frame_at(t)) is not None]
            else:
                pictures = list(source.pictures(source.spread(MOMENTS)))
            source.set_box(_find_box(source, Locator(finder, reader, PROFILES[game]), pictures, roi))
            return [_entry(source, picture, number, folder) for number, picture in enumerate(pictures)]

    with ThreadPoolExecutor(max(1, min(threads, len(paths)))) as pool:
        return [entry for entries in pool.map(look, paths) for entry in entries]


def _find_box(source: Source, locator: Locator, pictures: Sequence[Picture], roi: Roi | None) -> Box:
    found = locator.near(roi.box, pictures[:LOOKS]) if roi else []
    if not found and pictures:
        found = locator.find_anywhere(pictures[len(pictures) // 2], fine=False)[:CANDIDATES]

    def values(candidate: Candidate) -> int:
        source.set_box(candidate.box)
        return len({s.value for s in source.read(pictures[:LOOKS]) if s.usable})

    best = found[0] if len(found) == 1 else max(found, key=values, default=None)
    return best.box if best is not None else fallback(roi.box if roi else None)


def _entry(source: Source, picture: Picture, number: int, folder: Path | None) -> dict[str, Any]:
    crop = source.crop(picture)
    reading = source.read_crops([picture.time], [crop])[0].reading
    name = None
    if folder is not None:
        done, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 90])
        name = f"{safe_name(source.vod_id)}-{number}.jpg" if done else None
        if name is not None:
            (folder / name).write_bytes(data.tobytes())
    return {
        "vod_id": source.vod_id,
        "time": round(picture.time, 6),
        "text": reading.text,
        "value": reading.value,
        "confidence": round(reading.confidence, 4),
        "crop": name,
    }

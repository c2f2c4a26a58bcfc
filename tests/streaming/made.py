"""A real clip with all that ingest makes of one, put into whatever store the test has."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media_app.storage import files as store
from media_app.videos.models import Rendition, Video, VideoSource
from tests.support.clips import render_clip
from tests.support.factories import make_rendition, make_video
from vodplatform.accounts.models import User
from vodplatform.settings.variables import PROJECT_ROOT

SECONDS = 8.0
SIZE = 700_000  # bytes of the library file of the fixture `path`
# Headers that ask for a part of that file: the first byte, and the one after the last.
RANGES = (
    ("bytes=0-0", 0, 1), ("bytes=-500", SIZE - 500, SIZE), ("bytes=500-", 500, SIZE),
    ("bytes=262143-262145", 262_143, 262_146), (f"bytes=0-{SIZE * 9}", 0, SIZE),
)  # fmt: skip
TASKS = [{"do": "poster"}, {"do": "sprite"}, {"do": "peaks"}, {"do": "hls", "rung": "source"}, {"do": "proxy"}]


@dataclass(frozen=True, slots=True)
class Made:
    """original: the clip. folder, items: what the ingest's child wrote, and said of it."""

    original: Path
    folder: Path
    items: list[dict[str, Any]]


def make_all(folder: Path) -> Made:
    """Render a clip and let the ingest's child make of it what it makes."""
    import imageio_ffmpeg

    original, out = render_clip(folder / "original.mp4", seconds=SECONDS), folder / "out"
    out.mkdir()
    request = {
        "source": str(original), "folder": str(out), "tasks": TASKS, "ffmpeg": imageio_ffmpeg.get_ffmpeg_exe(),
        "threads": 1,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "media_app.av.ingest"], input=json.dumps(request), capture_output=True, text=True,
        cwd=PROJECT_ROOT, check=True, timeout=120,
    )  # fmt: skip
    return Made(original, out, json.loads(done.stdout.splitlines()[-1])["result"]["made"])


def stored_video(owner: User, made: Made, scratch: Path, **fields: Any) -> Video:
    """A video of the store with every rendition. scratch: a folder for copies on their way."""
    values: dict[str, Any] = {"duration": SECONDS, "width": 320, "height": 180, "title": "A stored clip"}
    values["audio_tracks"] = [{"codec": "aac", "sample_rate": 48_000, "channels": 1}]
    video = make_video(owner, source=VideoSource.STORED, **{**values, **fields})
    size = made.original.stat().st_size
    Video.objects.filter(pk=video.pk).update(location=f"videos/{video.pk}/original.mp4", file_size=size)
    video.refresh_from_db()
    put(video.location, made.original, scratch)
    for item in made.items:
        names = ("files", "width", "height", "bit_rate", "codecs", "mime_type", "size")
        row = make_rendition(video, item["kind"], item["name"], **{name: item[name] for name in names})
        part = row.folder.rstrip("/").rpartition("/")[2]
        for name in row.files.values():
            put(f"{row.folder}{name}", made.folder / part / name, scratch)
    return video


def put(key: str, path: Path, scratch: Path) -> None:
    copy = scratch / "copy"
    shutil.copyfile(path, copy)
    store.put_file(key, copy)


def of_kind(video: Video, kind: str) -> Rendition:
    found: Rendition = video.renditions.get(kind=kind)
    return found

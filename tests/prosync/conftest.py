"""What the tests of pro jobs share: a video with sound, sounds, and the form that sends them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.factories import make_key, make_user
from tests.support.footage import convert
from tests.support.streams import Answer, ask
from tests.uploads.forms import FORM, Part, form_of
from vodplatform.accounts.models import User

URL = "/api/v1/sync/pro-sync-process"
SECONDS = 6.0


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_footage(tmp_path_factory.mktemp("pro"))


def make_footage(folder: Path) -> Path:
    """A folder with ``talk.mp4`` (six seconds, with sound), ``line.wav`` (two), ``long.mp3`` and ``note.flac``."""
    convert(
        None, folder / "talk.mp4", "-f", "lavfi", "-i", f"testsrc2=s=320x180:r=25:d={SECONDS:g}", "-f", "lavfi", "-i",
        f"aevalsrc=0.3*sin(2*PI*t*(300+40*t)):s=48000:d={SECONDS:g}", "-c:v", "libx264", "-preset", "ultrafast",
        "-pix_fmt", "yuv420p", "-g", "50", "-c:a", "aac", "-b:a", "128k",
    )  # fmt: skip
    for name, pitch, seconds in (("line.wav", 700, 2), ("long.mp3", 500, 5), ("note.flac", 900, 1)):
        convert(
            None, folder / name, "-f", "lavfi", "-i", f"aevalsrc=0.4*sin(2*PI*t*({pitch}+90*t)):s=48000:d={seconds}"
        )
    return folder


@pytest.fixture
def pro(db: None) -> User:
    """Somebody with the plan ``pro``."""
    return make_user("pro", tier="pro")


@pytest.fixture
def key(pro: User) -> str:
    return make_key(pro)


def segment(start: Any = 1.0, end: Any = 3.0, ref: Any = "audio-1", **crop: Any) -> dict[str, Any]:
    return {"startTime": start, "endTime": end, "audioInput": {"refId": ref, **crop}}


def parts_of(footage: Path, *segments: Any, sounds: tuple[str, ...] = ("line.wav",), **fields: Any) -> list[Part]:
    """A form: its video, its sounds and its fields, those that are no text as JSON."""
    parts: list[Part] = [("video", (footage / "talk.mp4").read_bytes(), "Talk.mp4")]
    parts += [("audio_files", (footage / name).read_bytes(), name) for name in sounds]
    given = {"segments": list(segments), **fields}
    return [*parts, *((name, value if isinstance(value, str) else json.dumps(value)) for name, value in given.items())]


async def post(key: str, parts: list[Part], headers: dict[str, str] | None = None) -> Answer:
    return await ask("POST", URL, {**FORM, **(headers or {})}, form_of(parts), key=key)


async def status_of(key: str, job_id: str) -> Answer:
    return await ask("GET", f"/api/v1/sync/pro-job/{job_id}/status", key=key)

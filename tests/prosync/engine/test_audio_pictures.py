"""The dubbing child with pictures: mouths move in their segment, text goes, every other picture stays bit for bit."""

import json
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest

from sessions_app.prosync.engine.audio.__main__ import serve
from tests.av.encoded import write_sound
from tests.prosync.engine.test_lipsync import RATE, SOUND_RATE, babble, drawn_face, placed, swaying, syllables
from tests.support.footage import convert, write_pictures

pytestmark = [pytest.mark.full, pytest.mark.pure]
SECONDS = 6.0
SPOKEN = (2.0, 4.0)  # between keyframes, which come every second


def dubbed(source: Path, folder: Path, lines: list[dict[str, Any]], **more: Any) -> tuple[Path, dict[str, Any]]:
    """What the child writes and says."""
    work = folder / "work"
    work.mkdir(parents=True)
    target = folder / "made.mp4"
    request = {"source": str(source), "target": str(target), "folder": str(work), "lines": lines, "threads": 2, **more}
    reports: Any = SimpleNamespace(progress=lambda percent, message: json.dumps([percent, message]))
    return target, serve(request, reports)


def pictures(path: Path) -> tuple[list[float], list[np.ndarray]]:
    with av.open(str(path)) as container:
        frames = [(frame.time, frame.to_ndarray()) for frame in container.decode(video=0)]
    return [time for time, _ in frames], [picture for _, picture in frames]


def changed(one: Path, other: Path) -> list[float]:
    """When the pictures shown are not the same; both have as many, at the same times."""
    (times, before), (others, after) = pictures(one), pictures(other)
    assert times == pytest.approx(others, abs=1e-4)
    return [time for time, left, right in zip(times, before, after, strict=True) if not np.array_equal(left, right)]


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of somebody who speaks, a keyframe a second, with sound."""
    folder = tmp_path_factory.mktemp("speaker")
    faces = [placed(drawn_face(opening), *swaying(number)) for number, opening in enumerate(babble(SECONDS))]
    silent = write_pictures(folder / "silent.mp4", faces, fps=Fraction(RATE), gop=RATE)
    write_sound(folder / "line.wav", syllables(2.0), SOUND_RATE)
    return convert(
        silent, folder / "speaker.mp4", "-f", "lavfi", "-i", f"sine=300:r=48000:d={SECONDS:g}", "-c:v", "copy",
        "-c:a", "aac",
    )  # fmt: skip


def line(folder: Path) -> dict[str, Any]:
    return {"start": SPOKEN[0], "end": SPOKEN[1], "sound": str(folder / "line.wav"), "from": None, "to": None}


def test_a_mouth_moves_in_its_segment_alone(speaker: Path, tmp_path: Path) -> None:
    made, said = dubbed(speaker, tmp_path / "moved", [line(speaker.parent)], mouths=True)
    mouth = said["segments"][0]["mouth"]
    assert (mouth["label"], said["picture"], said["sound"]) == ("basic", "painted", "spliced")
    assert mouth["moved"] > 0.9 * mouth["frames"]
    times = changed(speaker, made)
    assert SPOKEN[0] <= times[0] < SPOKEN[0] + 0.3
    assert SPOKEN[1] - 0.3 < times[-1] < SPOKEN[1]
    assert mouth["encoded"][1] == pytest.approx(SPOKEN[1], abs=0.16)


def test_without_mouths_or_text_no_picture_is_touched(speaker: Path, tmp_path: Path) -> None:
    made, said = dubbed(speaker, tmp_path / "sound", [line(speaker.parent)], mouths=False)
    assert (said["picture"], "mouth" in said["segments"][0]) == ("copied", False)
    assert changed(speaker, made) == []
    made, said = dubbed(speaker, tmp_path / "none", [], remove_text={"start": 1.0, "end": 2.0})
    assert (made.exists(), said["text"]["found"], said["text"]["why"]) == (False, [], "No text was found.")


def test_where_nobody_is_it_is_said_and_no_picture_is_touched(speaker: Path, tmp_path: Path) -> None:
    bare = convert(
        None, tmp_path / "bare.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=6", "-c:v", "libx264", "-preset",
        "ultrafast", "-pix_fmt", "yuv420p",
    )  # fmt: skip
    made, said = dubbed(bare, tmp_path / "nobody", [line(speaker.parent)], mouths=True)
    mouth = said["segments"][0]["mouth"]
    assert (mouth["label"], mouth["why"][-1], said["picture"]) == (None, ".", "copied")
    assert changed(bare, made) == []


def test_a_picture_that_could_only_be_encoded_as_a_whole_is_left_alone(speaker: Path, tmp_path: Path) -> None:
    vp9 = convert(
        speaker, tmp_path / "speaker.webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a",
        "libopus",
    )  # fmt: skip
    made, said = dubbed(vp9, tmp_path / "vp9", [line(speaker.parent)], mouths=True)
    assert said["segments"][0]["mouth"]["why"].startswith("The video codec is vp9")
    assert (said["picture"], changed(vp9, made)) == ("copied", [])


def test_text_goes_with_the_mouths_or_alone(speaker: Path, tmp_path: Path) -> None:
    _, plain = pictures(speaker)
    shown = []
    for number, picture in enumerate(plain):
        image = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)
        if RATE <= number < 3 * RATE:
            cv2.putText(
                image, "WELCOME BACK", (30, 340), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, 255, 255), 3, cv2.LINE_AA
            )
        shown.append(image)
    written = write_pictures(tmp_path / "written.mp4", shown, fps=Fraction(RATE), gop=RATE)
    made, said = dubbed(written, tmp_path / "text", [], remove_text={})
    (text,) = said["text"]["found"]
    assert (text["start"], text["end"]) == (pytest.approx(1.0, abs=0.05), pytest.approx(3.0, abs=0.05))
    times = changed(written, made)
    assert (times[0], times[-1]) == (pytest.approx(1.0, abs=0.13), pytest.approx(3.0, abs=0.13))
    both, said = dubbed(written, tmp_path / "both", [line(speaker.parent)], remove_text={}, mouths=True)
    assert (said["segments"][0]["mouth"]["label"], len(said["text"]["found"])) == ("basic", 1)
    times = changed(written, both)
    assert times[0] == pytest.approx(1.0, abs=0.13)
    assert times[-1] == pytest.approx(4.0, abs=0.2)

"""What the program marks on a timeline by itself: highlights, shots and loud moments of one small video."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sessions_app.analysis.pipelines.marks import find_marks
from sessions_app.analysis.pipelines.task import AnalysisFailed, Task
from tests.support.clips import write_sound
from tests.support.footage import convert, noise, write_pictures

pytestmark = pytest.mark.pure
RATE, SECONDS = 10, 30
CUT, BANG = 8.0, 17.35  # seconds
PARAMS = {"segment_length": 10.0, "target_duration": 60.0, "max_highlights": 10, "min_score": 0.2}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots, and one bang over a low noise."""
    folder = tmp_path_factory.mktemp("marks")
    shots = [noise(seed, 160, 90) for seed in (1, 2)]
    pictures = [shots[number >= CUT * RATE] for number in range(RATE * SECONDS)]
    silent = write_pictures(folder / "silent.mp4", pictures, fps=Fraction(RATE), gop=3 * RATE)
    bang = f"if(between(t,{BANG - 0.05},{BANG + 0.05}),0.6*sin(2*PI*900*t),0)"
    sound = f"aevalsrc='0.004*(random(0)-0.5)+{bang}':s=32000:d={SECONDS}"
    return convert(
        silent, folder / "loud.mp4", "-f", "lavfi", "-i", sound, "-map", "0:v", "-map", "1:a", "-c:v", "copy",
        "-c:a", "aac",
    )  # fmt: skip


def marks(path: Path, *kinds: str, **more: Any) -> dict[str, Any]:
    found = find_marks(Task(path, path.parent, {**PARAMS, "kinds": list(kinds)}, **more))
    assert found.files == {}
    return found.data


def test_each_kind_is_found_where_it_is(recording: Path) -> None:
    told: list[tuple[float, str]] = []
    found = marks(recording, "highlights", "shots", "sound_peaks", progress=lambda *said: told.append(said))
    [shot] = found["shots"]
    assert (shot["time"], shot["label"]) == (CUT, "Cut")
    [peak] = found["sound_peaks"]
    assert peak["time"] == pytest.approx(BANG, abs=0.11)
    assert 0.5 < peak["confidence"] <= 1
    [highlight] = found["highlights"]
    assert highlight["time"] <= BANG <= highlight["end"]
    percents = [percent for percent, _ in told]
    assert percents == sorted(percents)
    assert percents[-1] == 100


def test_nothing_else_than_what_is_asked_for_is_looked_for(recording: Path, tmp_path: Path) -> None:
    for kind in ("highlights", "shots", "sound_peaks"):
        assert list(marks(recording, kind)) == [kind]
    assert marks(recording.with_name("silent.mp4"), "sound_peaks") == {"sound_peaks": []}
    write_sound(tmp_path / "sound.mp4")
    with pytest.raises(AnalysisFailed, match="contains no video"):
        marks(tmp_path / "sound.mp4", "shots")

"""One pass over a file: when its packets are, how loud it is when, what its keyframes show."""

import threading
from fractions import Fraction
from pathlib import Path

import av.error
import numpy as np
import pytest

from media_app.av.container import MediaError
from sessions_app.analysis.pipelines import signal_pass as surveying
from sessions_app.analysis.pipelines.signal_pass import SILENCE, histograms, survey
from tests.support.footage import convert, noise, write_pictures
from tests.support.waiting import wait_until

pytestmark = pytest.mark.pure
SECONDS, RATE, GOP = 6, 10, 10


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds at ten frames a second, another picture each second, a keyframe each second."""
    pictures = [noise(number // GOP, 160, 90) for number in range(SECONDS * RATE)]
    return write_pictures(tmp_path_factory.mktemp("survey") / "silent.mp4", pictures, fps=Fraction(RATE), gop=GOP)


def with_sound(silent: Path, name: str, sound: str, *options: str) -> Path:
    return convert(
        silent, silent.with_name(name), "-f", "lavfi", "-i", sound, "-map", "0:v", "-map", "1:a", "-c:v", "copy",
        "-c:a", "aac", "-shortest", *options,
    )  # fmt: skip


def seconds_of(levels: np.ndarray) -> list[float]:
    """The mean level of each whole second."""
    return [float(levels[10 * number + 2 : 10 * number + 9].mean()) for number in range(SECONDS)]


def test_packets_and_keyframes_are_read_in_order(silent: Path) -> None:
    found = survey(silent, SECONDS)
    assert found.times == pytest.approx(np.arange(60) / RATE)
    assert np.flatnonzero(found.keys).tolist() == [0, 10, 20, 30, 40, 50]
    assert (found.sizes > 0).all()
    assert found.sizes[found.keys].min() > 3 * np.median(found.sizes[~found.keys])
    assert found.key_times == pytest.approx([0, 1, 2, 3, 4, 5])
    assert found.key_pictures.shape == (6, 54, 96, 3)
    assert found.end == pytest.approx(5.9)
    assert not found.damaged
    assert not found.has_sound
    # Each keyframe is the picture of its moment.
    shares = histograms(found.key_pictures)
    assert shares.shape == (6, 48)
    assert shares.sum(1) == pytest.approx(np.full(6, 3.0))
    means = found.key_pictures.reshape(6, -1).mean(1)
    expected = [float(noise(number, 160, 90).mean()) for number in range(6)]
    assert np.argsort(means).tolist() == np.argsort(expected).tolist()


def test_speech_is_loud_in_its_band_and_hum_is_not(silent: Path) -> None:
    tone = "aevalsrc='if(lt(mod(t,2),1),0.5*sin(2*PI*1000*t),0.5*sin(2*PI*60*t))':s=44100"
    found = survey(with_sound(silent, "tones.mp4", tone), SECONDS)
    assert len(found.band) == len(found.loudness)
    for number, (band, whole) in enumerate(zip(seconds_of(found.band), seconds_of(found.loudness), strict=True)):
        assert whole == pytest.approx(-9.0, abs=1.5)
        assert (band > -12) if number % 2 == 0 else (band < -35)


def test_a_sound_that_begins_late_keeps_its_place(silent: Path) -> None:
    loud = with_sound(silent, "late.mp4", "sine=frequency=1000:sample_rate=48000")
    shifted = ("-itsoffset", "3", "-i", str(loud), "-map", "0:v", "-map", "1:a", "-c", "copy")
    late = convert(loud, loud.with_name("later.mkv"), *shifted)
    levels = seconds_of(survey(late, SECONDS).loudness)
    assert max(levels[:2]) == SILENCE
    assert min(levels[4:]) > -30


def test_how_many_frames_are_seen(silent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another picture each second, at a keyframe: only there does anything change."""
    found = survey(silent, SECONDS)
    assert len(found.changes) == SECONDS * RATE - 1
    changed = found.change_times[found.changes > 5]
    assert changed == pytest.approx(np.arange(1, 6) - 0.05)
    monkeypatch.setattr(surveying, "DENSE_PIXELS", 0.0)
    large = survey(silent, SECONDS)
    assert large.key_times == pytest.approx(found.key_times)
    assert large.change_times == pytest.approx(np.arange(6) + 0.05)
    # Of very many keyframes every second one is kept.
    monkeypatch.setattr(surveying, "MAX_KEYFRAMES", 4)
    found = survey(silent, SECONDS)
    assert 2 <= len(found.key_times) <= 4
    assert len(found.key_pictures) == len(found.key_times)


def test_progress_never_goes_back(silent: Path) -> None:
    path = convert(silent, silent.with_name("reordered.mp4"), "-c:v", "libx264", "-bf", "3", "-g", "20")
    told: list[float] = []
    survey(path, SECONDS, told.append)
    assert told == sorted(told)
    assert told[0] >= 0
    assert told[-1] <= 1


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    with pytest.raises(MediaError):
        survey(path, 1.0)


class TestBeside:
    def test_no_more_than_some_wait(self) -> None:
        goes_on = threading.Event()
        given: list[int] = []
        beside = surveying._DecoderThread(lambda packet: goes_on.wait(60))

        def give() -> None:
            for number in range(2 * surveying.MAX_WAITING):
                beside.give(number)
                given.append(number)

        giver = threading.Thread(target=give)
        giver.start()
        wait_until(lambda: len(given) >= surveying.MAX_WAITING)
        giver.join(0.2)
        assert len(given) == surveying.MAX_WAITING
        goes_on.set()
        giver.join()
        beside.end()
        assert len(given) == 2 * surveying.MAX_WAITING

    @pytest.mark.parametrize("count", [1, 100])
    def test_what_breaks_is_told(self, count: int) -> None:
        def broken(packet: int) -> None:
            raise av.error.InvalidDataError(1, "broken")

        beside = surveying._DecoderThread(broken)
        with pytest.raises(av.error.InvalidDataError):
            for number in range(count):
                beside.give(number)
            beside.end()
        beside._pool.shutdown()

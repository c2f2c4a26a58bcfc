"""The exporting child on small videos whose frames carry their numbers: the right frame, place and sound each time."""

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from media_app.av.probe import probe
from sessions_app.comparison.export.child import captions
from sessions_app.comparison.export.child.captions import write_captions
from sessions_app.comparison.export.child.graph import PCM_BYTES_PER_SECOND, rates_of
from sessions_app.comparison.export.child.layouts import LAYOUTS, Box, arrange
from sessions_app.comparison.export.child.plan import Caption, Clock
from sessions_app.comparison.samples.rendering.barcode import decode_barcode, draw_barcode
from sessions_app.comparison.timeline import Placement
from tests.support.footage import convert, write_pictures

pytestmark = pytest.mark.pure
WIDTH, HEIGHT, SECONDS = 320, 180, 4
RATES = {"a": Fraction(60), "b": Fraction(30_000, 1001), "c": Fraction(25)}
CHIRP = "aevalsrc='0.5*sin(2*PI*(200*t+150*t*t))':s=48000"


def numbered(count: int) -> list[np.ndarray]:
    pictures = [np.full((HEIGHT, WIDTH, 3), 60 + number % 100, np.uint8) for number in range(count)]
    for number, picture in enumerate(pictures):
        draw_barcode(picture, number)
    return pictures


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """a at 60 frames a second and with sound, b at 29.97, c at 25; v with frames of different length."""
    folder = tmp_path_factory.mktemp("export")
    found = {}
    for name, rate in RATES.items():
        path = folder / f"{name}.mp4"
        found[name] = write_pictures(path, numbered(round(SECONDS * rate)), fps=rate, gop=40)
    heard = folder / "heard.mp4"
    sound = ("-f", "lavfi", "-i", f"{CHIRP}:d={SECONDS}", "-map", "0:v", "-map", "1:a")
    found["a"] = convert(found["a"], heard, *sound, "-c:v", "copy", "-c:a", "aac")
    # Frames 0 to 99, each third of them twice as long, on a time line of milliseconds.
    steps = "setpts='(N+floor(N/3))/30/TB'"
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "14", "-fps_mode", "passthrough")
    found["v"] = convert(found["b"], folder / "v.mkv", "-vf", steps, "-frames:v", "90", *coding)
    return found


def answers_to(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the exporting child and return its messages in order."""
    done = subprocess.run(
        [sys.executable, "-m", "sessions_app.comparison.export.child"], input=json.dumps(request), text=True,
        stdout=subprocess.PIPE, timeout=120, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def request_for(folder: Path, videos: Sequence[tuple[Path, Placement, float]], **fields: Any) -> dict[str, Any]:
    """A request for an export side by side into ``folder``, of files with their places and durations in seconds."""
    return {
        "videos": [
            {"path": str(path), "offset": place.offset, "drift_ppm": place.drift_ppm, "drift_anchor": place.anchor,
             "duration": duration}
            for path, place, duration in videos
        ],
        "panes": list(range(len(videos))), "sounds": [], "layout": "side_by_side", "fps": [60, 1], "height": 360,
        "captions": [], "target": str(folder / "out.mp4"), "folder": str(folder), "threads": 1,
        "max_bytes": 1 << 30, **fields,
    }  # fmt: skip


Export = Callable[..., Path]


@pytest.fixture
def export(videos: dict[str, Path], tmp_path: Path) -> Export:
    """Makes an export of videos by their names, each with its place on the clock."""

    def make(
        places: dict[str, Placement], start: float, end: float, among: dict[str, Path] = videos, **more: Any
    ) -> Path:
        found = [(among[name], place, probe(among[name]).duration) for name, place in places.items()]
        answers = answers_to(request_for(tmp_path, found, start=start, end=end, **more))
        assert "result" in answers[-1], answers
        shares = [one["progress"] for one in answers[:-1]]
        assert shares == sorted(shares)
        return tmp_path / "out.mp4"

    return make


def pictures_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def moments_of(path: Path) -> list[float]:
    """When each frame of a file begins, in seconds."""
    with av.open(str(path)) as container:
        return sorted(float(frame.pts * frame.time_base) for frame in container.decode(video=0))


def shown_at(moments: Sequence[float], time: float) -> int:
    """The number of the frame that a player shows."""
    return int(np.searchsorted(moments, time + 1e-3 / 60, side="right")) - 1


@pytest.mark.parametrize(("start", "end", "fps", "places"), [
    (1.013, 2.5, (60, 1), {"a": Placement(), "b": Placement(0.4837), "c": Placement(-1.2)}),
    (0.0, 1.4, (30_000, 1001), {"b": Placement(-0.731), "a": Placement(0.5)}),
    (2.2, 5.0, (25, 1), {"a": Placement(), "c": Placement(0.333), "b": Placement(-0.5)}),
    (1.0, 3.9, (60, 1), {"a": Placement(0.0, 900.0), "b": Placement(0.1, -1000.0, 2.0)}),
    (0.7, 2.3, (50, 1), {"v": Placement(0.05), "a": Placement(-0.3)}),
], ids=["three rates", "one has not begun", "some have ended", "drift", "variable rate"])  # fmt: skip
def test_each_frame_shows_what_the_page_shows_at_its_moment(
    export: Export, videos: dict[str, Path], start: float, end: float, fps: tuple[int, int],
    places: dict[str, Placement],
) -> None:  # fmt: skip
    made = pictures_of(export(places, start, end, fps=list(fps)))
    assert len(made) == int(np.ceil((end - start) * fps[0] / fps[1] - 1e-6))
    boxes = arrange("side_by_side", [(WIDTH, HEIGHT)] * len(places), 360).boxes
    for (name, place), box in zip(places.items(), boxes, strict=True):
        moments, duration = moments_of(videos[name]), probe(videos[name]).duration
        found, expected = [], []
        for number, picture in enumerate(made):
            time = place.time_at(start + number * fps[1] / fps[0])
            crop = picture[box.y : box.y + box.height, box.x : box.x + box.width]
            if 0 <= time < duration:
                expected.append(shown_at(moments, time))
                found.append(decode_barcode(crop))
            else:
                assert crop.max() < 30, (name, number)
        assert found == expected
        assert found


def samples_of(path: Path) -> np.ndarray:
    resampler = av.AudioResampler("flt", "mono", 48_000)
    with av.open(str(path)) as container:
        blocks = [block.to_ndarray()[0] for frame in container.decode(audio=0) for block in resampler.resample(frame)]
    return np.concatenate(blocks)


@pytest.mark.parametrize(("start", "place"), [
    (0.0, Placement(0.7)), (1.4142, Placement()), (1.0, Placement(-0.5, 900.0)), (0.2, Placement(0.1, -700.0, 3.0)),
], ids=["not begun", "within", "drift", "drift backwards"])  # fmt: skip
def test_the_sound_is_where_the_clock_is(export: Export, start: float, place: Placement) -> None:
    """What is heard is a tone that rises: its pitch tells the moment."""
    end = 3.4
    heard = samples_of(export({"a": place}, start, end, layout="single", sounds=[0]))
    assert abs(len(heard) / 48_000 - (end - start)) < 0.05
    for at in np.arange(0.1, end - start - 0.3, 0.4):
        time = place.time_at(start + at)
        block = heard[round(at * 48_000) : round((at + 0.1) * 48_000)]
        if time < -0.11:
            assert np.abs(block).max() < 1e-3
        elif time > 0.05:
            own = time + place.rate * np.arange(len(block)) / 48_000
            best = max(np.arange(-0.003, 0.003, 0.0002), key=lambda by: float(np.dot(block, tone(own + by))))
            assert abs(best) <= 0.001


def tone(times: np.ndarray) -> np.ndarray:
    """What :data:`CHIRP` sounds like."""
    return np.sin(2 * np.pi * (200 * times + 150 * times**2))


def test_several_sounds_are_mixed_and_none_makes_no_track(export: Export, tmp_path: Path) -> None:
    places = {"a": Placement(), "b": Placement()}
    assert not probe(export(places, 0, 0.5)).audio_tracks
    # b has no sound: what is asked of it is left out.
    assert len(probe(export(places, 0, 0.5, sounds=[0, 1])).audio_tracks) == 1


@pytest.mark.parametrize("ppm", [0.0, 0.5, 80.0, -333.3, 1000.0])
def test_sound_is_sped_up_so_exactly_that_it_is_in_step_after_four_hours(ppm: float) -> None:
    rate = math.prod(fast / slow for slow, fast in rates_of(1 + ppm * 1e-6))
    assert abs(rate - (1 + ppm * 1e-6)) * 14_400 < 1e-3  # seconds


@pytest.mark.parametrize(
    ("layout", "expected"),
    [("wipe", {"left": 30, "right": 12}), ("stack", {"left": 30, "right": 30}), ("single", {"left": 30, "right": 30})],
)
def test_which_video_is_where(export: Export, layout: str, expected: dict[str, int]) -> None:
    places = {"a": Placement(), "c": Placement()} if layout != "single" else {"a": Placement()}
    picture = pictures_of(export(places, 0.5, 0.6, layout=layout))[0]
    # The grey of a frame is its number and 60.
    row = picture[20, :, 1].astype(int)
    found = {"left": row[: len(row) // 3].mean() - 60, "right": row[-len(row) // 3 :].mean() - 60}
    assert found == pytest.approx(expected, abs=3)


def test_a_reel_has_the_frames_and_the_sound_of_its_parts(export: Export) -> None:
    parts = [[0.5, 1.0], [2.0, 2.52], [3.5, 3.75]]
    path = export({"a": Placement()}, 0, 4, layout="single", sounds=[0], parts=parts)
    numbers = [number for since, until in parts for number in range(round(since * 60), math.ceil(until * 60 - 1e-6))]
    assert [decode_barcode(picture) for picture in pictures_of(path)] == numbers
    assert np.diff(moments_of(path)) == pytest.approx(1 / 60, abs=1e-4)
    heard, passed = samples_of(path), 0.0
    for since, until in parts:
        block = heard[round((passed + 0.05) * 48_000) : round((passed + 0.2) * 48_000)]
        own = since + 0.05 + np.arange(len(block)) / 48_000
        best = max(np.arange(-0.003, 0.003, 0.0002), key=lambda by: float(np.dot(block, tone(own + by))))
        assert abs(best) <= 0.001, since
        passed += math.ceil((until - since) * 60 - 1e-6) / 60


def test_a_reel_without_an_index_has_the_same_frames(export: Export, videos: dict[str, Path], tmp_path: Path) -> None:
    videos = {**videos, "t": convert(videos["a"], tmp_path / "a.ts", "-c", "copy")}
    parts = [[0.5, 0.75], [2.0, 2.25]]
    plain = {"layout": "single", "sounds": [0], "among": videos}
    alone = [
        decode_barcode(one)
        for since, until in parts
        for one in pictures_of(export({"t": Placement()}, since, until, **plain))
    ]
    path = export({"t": Placement()}, 0, 4, parts=parts, **plain)
    assert [decode_barcode(picture) for picture in pictures_of(path)] == alone
    assert (tmp_path / "whole-0.mov").exists()


def test_a_reel_is_written_on_part_by_part(export: Export) -> None:
    caption = {"pane": 0, "begin": 2.1, "end": 2.2, "text": "Here", "is_name": True}
    plain = {"layout": "single", "parts": [[0.5, 1.0], [2.0, 2.5]], "burn": {}}
    bare = pictures_of(export({"a": Placement()}, 0, 4, **plain))
    written = pictures_of(export({"a": Placement()}, 0, 4, captions=[caption], **plain))
    changed = [number for number, (one, other) in enumerate(zip(bare, written, strict=True))
               if np.abs(one.astype(int) - other).max() > 60]  # fmt: skip
    assert changed == list(range(36, 42))


def test_two_in_one_place_are_their_mean_or_what_they_differ_by(export: Export) -> None:
    places = {"a": Placement(), "c": Placement()}
    for layout, level in (("overlay", (90 + 72) / 2), ("difference", 90 - 72)):
        picture = pictures_of(export(places, 0.5, 0.55, layout=layout))[0]
        assert picture[20:300, :, 1].mean() == pytest.approx(level, abs=3)


def test_words_and_drawings_lie_on_their_video_for_their_time(export: Export) -> None:
    stroke = {"tool": "line", "color": "#ff0000", "width": 40, "points": [[0.25, 0.5], [0.75, 0.5]]}
    captions = [
        {"pane": 1, "begin": 0.25, "end": 0.75, "strokes": [stroke]},
        {"pane": 0, "begin": 0.0, "end": 9.0, "text": "Zoë 日本", "is_name": True},
    ]
    places = {"a": Placement(), "c": Placement()}
    made = pictures_of(export(places, 0, 1, fps=[20, 1], captions=captions, has_clock=True))
    assert len(made) == 20
    reds = [picture[180, 960].astype(int) for picture in made]
    is_red = [blue < 90 and red > 180 for blue, _, red in reds]
    assert is_red == [5 <= number < 15 for number in range(20)]
    assert all(picture[:60, :200].max() > 200 for picture in made)  # the name
    assert all(picture[:60, 540:740].max() > 200 for picture in made)  # the clock, in the middle
    assert all(picture[60:300, :200].max() < 200 for picture in made)


class TestCaptions:
    CLOCK = Clock(0.0, Fraction(30), 300)

    def write(self, path: Path, found: Sequence[Caption]) -> list[float]:
        """Write the captions on a small picture; return the reported shares."""
        arrangement = arrange("single", [(640, 360)], 360)
        told: list[float] = []
        frames = [box.fitted((640, 360)) for box in arrangement.boxes]
        write_captions(path, arrangement, frames, found, self.CLOCK, on_progress=told.append)
        return told

    def test_each_drawing_is_drawn_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        drawn: list[int] = []
        real = captions.draw_strokes
        monkeypatch.setattr(captions, "draw_strokes", lambda *args: (drawn.append(1), real(*args)))
        stroke = {"tool": "line", "color": "#ff0000", "width": 4, "points": [[0, 0], [1, 1]]}
        told = self.write(tmp_path / "c.mov", [Caption(0, n, n + 50, strokes=(stroke,)) for n in range(0, 200, 5)])
        assert len(drawn) == 40
        assert told == sorted(told)
        assert told[0] == 0

    def test_letters_outside_the_picture_cost_nothing(self) -> None:
        picture = np.zeros((360, 640, 4), np.uint8)
        put: list[str] = []
        stroke = {"tool": "text", "color": "#ff0000", "width": 500, "points": [[0.5, 0.5]], "text": "W" * 65_000}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(captions, "_put", lambda picture, text, *rest: put.append(text))
            captions.draw_strokes(picture, Box(0, 0, 640, 360), [stroke])
        assert max(map(len, put)) < 10

    def test_strokes_that_take_too_long_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(captions, "SECONDS_AT_LEAST", 0.0)
        monkeypatch.setattr(captions, "SECONDS_PER_GIGAPIXEL", 0.0)
        stroke = {"tool": "line", "color": "#ff0000", "width": 4, "points": [[0, 0], [1, 1]]}
        with pytest.raises(captions.TooManyStrokes, match="export without the events"):
            self.write(tmp_path / "c.mov", [Caption(0, 0, 50, strokes=(stroke,))])


def test_one_video_alone_is_copied_where_it_can_be(export: Export, videos: dict[str, Path]) -> None:
    made = export({"c": Placement(-0.4)}, 0.2, 3.0, layout="single", fps=[25, 1], height=HEIGHT)
    numbers = [decode_barcode(picture) for picture in pictures_of(made)]
    assert numbers == list(range(15, 85))
    with av.open(str(made)) as copy:
        packets = {bytes(packet) for packet in copy.demux(video=0) if packet.size}
    with av.open(str(videos["c"])) as source:
        shared = packets & {bytes(packet) for packet in source.demux(video=0) if packet.size}
    assert len(shared) >= 40


@pytest.mark.parametrize(("source", "parts", "error"), [
    ("broken", [], "vod_unreadable"), ("a", [], "storage_full"), ("a", [[0, 1], [2, 3]], "storage_full"),
])  # fmt: skip
def test_what_cannot_be_made_is_said(
    videos: dict[str, Path], tmp_path: Path, source: str, parts: list[list[float]], error: str
) -> None:
    """A file that cannot be read, and one that outgrows its owner's storage while it is made."""
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    path = videos.get(source, tmp_path / "broken.mp4")
    room = 1 - 2 * PCM_BYTES_PER_SECOND if parts else 1
    request = request_for(tmp_path, [(path, Placement(), SECONDS)], start=0, end=3, parts=parts, max_bytes=room)
    assert answers_to(request)[-1]["error"]["type"] == error


def test_a_part_that_begins_before_the_picture_is_as_long_as_was_asked(export: Export, videos: dict[str, Path]) -> None:
    late = videos["a"].with_name("late.mp4")
    convert(None, late, "-i", str(videos["a"]), "-itsoffset", "1.5", "-i", str(videos["a"]), "-map", "1:v", "-map",
            "0:a", "-c", "copy")  # fmt: skip
    made = export({"a": Placement(0)}, 0.0, 3.0, {"a": late}, layout="single", sounds=[0], height=HEIGHT)
    numbers = [decode_barcode(picture) for picture in pictures_of(made)]
    assert numbers == [0] * 90 + list(range(90))
    assert probe(made).duration == pytest.approx(3.0, abs=0.05)


LANDSCAPE, PORTRAIT = (1920, 1080), (1080, 1920)


@pytest.mark.parametrize(("layout", "count", "size"), [
    ("side_by_side", 2, (2560, 720)), ("side_by_side", 3, (3840, 720)), ("stack", 2, (640, 720)),
    ("main_and_side", 3, (1920, 720)), ("main_and_side", 2, (1920, 720)), ("main_and_side", 1, (1280, 720)),
    ("single", 1, (1280, 720)), ("wipe", 2, (1280, 720)),
])  # fmt: skip
def test_the_picture_is_as_high_as_was_asked_for(layout: str, count: int, size: tuple[int, int]) -> None:
    found = arrange(layout, [LANDSCAPE] * count, 720)
    assert (found.width, found.height) == size


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("height", [361, 720, 1080])
def test_no_two_overlap_and_all_lie_within_on_even_pixels(layout: str, height: int) -> None:
    found = arrange(layout, [LANDSCAPE, (640, 363), PORTRAIT], height)
    taken: set[tuple[int, int]] = set()
    for box in found.boxes:
        assert all(side % 2 == 0 for side in (box.x, box.y, box.width, box.height))
        assert 0 <= box.x <= box.x + box.width <= found.width
        assert 0 <= box.y <= box.y + box.height <= found.height
        cells = {(x, y) for x in range(box.x, box.x + box.width, 2) for y in range(box.y, box.y + box.height, 2)}
        if layout not in ("single", "wipe", "overlay", "difference"):
            assert not cells & taken
        taken |= cells


def test_a_picture_of_another_shape_stands_in_the_middle() -> None:
    assert Box(100, 0, 640, 360).fitted(PORTRAIT) == Box(318, 0, 202, 360)
    assert Box(0, 20, 640, 360).fitted((400, 100)) == Box(0, 120, 640, 160)


def test_what_nobody_could_play_is_refused() -> None:
    with pytest.raises(ValueError, match="11520×2160"):
        arrange("side_by_side", [LANDSCAPE] * 3, 2160)

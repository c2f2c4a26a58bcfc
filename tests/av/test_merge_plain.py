"""Plain MP4 files are joined by their tables alone: the same as packet by packet, and nothing else of them is taken."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from media_app.av.merge import plain, tables
from media_app.av.merge.joining import Merge
from media_app.av.merge.outcome import ClipFailed, Merged
from media_app.av.merge.parameters import Unusual, picture_parameters, sound_parameters
from media_app.av.merge.tables import NotPlain
from tests.av.statements import Statement, complaints, heard, request, statement
from tests.av.test_merge_copying import converted
from tests.support.footage import FFMPEG, write_pictures
from vodplatform.settings.environment import PROJECT_ROOT

pytestmark = [pytest.mark.full, pytest.mark.pure]
MUTATIONS = 400


def quietly(percent: float, message: str) -> None:
    """Told how far it is."""


def copied(clips: list[Statement], target: Path) -> Merged:
    return plain.copy([(clip.path, clip.path.name) for clip in clips], target, quietly, level=False)


def by_packets(clips: list[Statement], target: Path) -> Merged:
    files = [(clip.path, clip.path.name) for clip in clips]
    return Merge(files, target, target.parent, FFMPEG, 1, False, quietly).make()


def timed(path: Path) -> list[tuple[float, float, bytes]]:
    with av.open(str(path)) as container:
        return [
            (float(packet.pts * packet.time_base), float(packet.dts * packet.time_base), bytes(packet))
            for packet in container.demux(video=0)
            if packet.size
        ]


@pytest.mark.parametrize(
    "options",
    [{}, {"priming": 2112}, {"sound": None}, {"rotation": 270}, {"steps": (1, 2), "video": {"bf": "0"}}],
)
def test_it_is_the_same_as_packet_by_packet(tmp_path: Path, options: dict[str, object]) -> None:
    clips = [statement(tmp_path, n, seconds=0.6 + 0.2 * n, **options) for n in (1, 2, 3)]  # type: ignore[arg-type]
    one, other = copied(clips, tmp_path / "one.mp4"), by_packets(clips, tmp_path / "other.mp4")
    assert one.segments == [pytest.approx(segment, abs=2e-5) for segment in other.segments]
    for mine, theirs in zip(timed(tmp_path / "one.mp4"), timed(tmp_path / "other.mp4"), strict=True):
        assert mine[:2] == pytest.approx(theirs[:2], abs=2e-5)
        assert mine[2] == theirs[2]
    assert complaints(tmp_path / "one.mp4") == ""
    if options.get("sound", True):
        assert np.array_equal(*(heard(tmp_path / f"{name}.mp4") for name in ("one", "other")))
    said = [{key: made.as_json()[key] for key in made.as_json() if key != "segments"} for made in (one, other)]
    for mine in said:
        mine.pop("size"), mine.pop("duration")
    if "steps" not in options:
        assert said[0] == said[1]


def test_nothing_of_ffmpeg_is_loaded(tmp_path: Path) -> None:
    """That alone would take as long as all the rest."""
    clips = [statement(tmp_path, n).path for n in (1, 2)]
    script = (
        "import runpy, sys; runpy.run_module('media_app.av.merge', run_name='__main__'); "
        "print([name for name in sys.modules if name.split('.')[0] in ('av', 'numpy', 'ffmpeg')], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(request(tmp_path / "made.mp4", clips, tmp_path)),
        capture_output=True, text=True, cwd=PROJECT_ROOT, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1])["result"]["picture"] == "copied"
    assert done.stderr.splitlines()[-1] == "[]"


def test_other_tracks_and_what_is_cut_away_are_not_taken(tmp_path: Path) -> None:
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nthe secret of the clip\n")
    clip = statement(tmp_path, 1)
    more = converted(
        clip, "mp4", "-i", str(words), "-map", "0", "-map", "1", "-c", "copy", "-c:s", "mov_text",
        "-metadata", "title=secret title",
    )  # fmt: skip
    assert b"the secret" in more.path.read_bytes()
    copied([more, statement(tmp_path, 2)], tmp_path / "made.mp4")
    content = (tmp_path / "made.mp4").read_bytes()
    assert b"secret" not in content
    assert b"x264" not in content[: content.index(b"mdat")]
    assert complaints(tmp_path / "made.mp4") == ""


def test_long_media_has_long_places() -> None:
    track = tables.NewTrack(
        kind=b"vide", entry=b"", timescale=90_000, media_start=0, seconds=1, starts=[0, 45_000], end=90_000,
        shifts=None, sizes=[3_000_000_000] * 2, keys=[1], chunks=[(0, 1), (6_000_000_000, 1)],
    )  # type: ignore[arg-type]  # fmt: skip
    header = tables.header([track], 90_000, 9_000_000_000)
    assert b"co64" in header
    assert header[-16:-8] == b"\x00\x00\x00\x01mdat"
    assert int.from_bytes(header[-8:]) == 9_000_000_016


def test_a_damaged_header_is_refused_or_joined_and_nothing_else(tmp_path: Path) -> None:
    good, other = statement(tmp_path, 1).path, statement(tmp_path, 2).path
    content, dice, refused = other.read_bytes(), random.Random(7), 0
    begin, target = content.index(b"moov"), tmp_path / "made.mp4"
    for _ in range(MUTATIONS):
        damaged = bytearray(content)
        for _ in range(dice.choice((1, 2, 4))):
            damaged[dice.randrange(begin, len(damaged))] = dice.choice((0, 1, 127, 128, 255))
        other.write_bytes(damaged)
        try:
            plain.copy([(good, "a"), (other, "b")], target, quietly, level=False)
        except (NotPlain, ClipFailed):
            refused += 1
            assert not target.exists()
        target.unlink(missing_ok=True)
    assert 0.2 * MUTATIONS < refused < MUTATIONS


@pytest.mark.parametrize("size", [(224, 126), (320, 180), (1920, 1080), (34, 18)])
def test_parameters_say_how_large_the_pictures_are(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_pictures(tmp_path / "a.mp4", [np.zeros((size[1], size[0], 3), np.uint8)])
    with av.open(str(path)) as container:
        record = bytes(container.streams.video[0].codec_context.extradata or b"")
    found = picture_parameters(record)
    assert (found.width, found.height) == size


@pytest.mark.parametrize(
    ("config", "wanted"),
    [("1190", (48_000, 2)), ("118856e500", (48_000, 1)), ("1208", (44_100, 1)), ("2b92", None), ("1310", None),
     ("118856e5a5", None), ("", None), ("11a8", None)],
)  # fmt: skip
def test_parameters_say_what_sound_it_is(config: str, wanted: tuple[int, int] | None) -> None:
    if wanted is None:
        with pytest.raises(Unusual):
            sound_parameters(bytes.fromhex(config))
    else:
        assert sound_parameters(bytes.fromhex(config)) == wanted

"""Merges of clips that a phone sends to a running program, and checks of the results."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.av.statements import Statement, shown, statement
from tests.support.phone import Phone
from tests.support.program import Place, Program
from tests.support.program_files import orphans, stored
from tests.support.senders import sha256_of
from tests.support.waiting import wait_until

SIZE = (320, 180)
# x264 option for a high bit rate, so that each clip has many chunks.
MANY_BYTES = {"crf": "3"}
ENDS_SECONDS = 120.0
GONE_SECONDS = 20.0
EXACT = 0.001  # maximum difference of times, seconds


def make_alike(folder: Path) -> list[Statement]:
    """Make three clips in the same format, which can be merged by copying."""
    return [
        statement(folder, number, seconds=seconds, size=SIZE, video=MANY_BYTES)
        for number, seconds in ((1, 2.0), (2, 3.0), (3, 2.4))
    ]


def make_unlike(folder: Path) -> list[Statement]:
    """Make three clips in different formats, so that pictures and sound must be encoded."""
    return [
        statement(folder, 4, seconds=2.0, size=SIZE, video=MANY_BYTES),
        statement(folder, 5, seconds=4.0, size=(640, 360), fps=30, rate=44_100, channels=2),
        statement(folder, 6, seconds=2.0, size=(256, 144), sound=None),
    ]


def phone_of(program: Program, *, seed: int = 1, **more: Any) -> Phone:
    """Return a phone that drops every third request, and that follows the program if its address changes."""
    return Phone(lambda: program.address, program.place.key, seed, **more)


def paths_of(clips: Sequence[Statement]) -> list[Path]:
    return [clip.path for clip in clips]


def begin(phone: Phone, clips: Sequence[Statement], **more: Any) -> dict[str, Any]:
    return phone.initiate(paths_of(clips), [clip.seconds for clip in clips], **more)


def sent(phone: Phone, clips: Sequence[Statement]) -> dict[str, Any]:
    """Start a merge and upload all of its clips."""
    begun = begin(phone, clips)
    phone.send(begun, paths_of(clips))
    phone.complete(begun)
    return begun


def judge(phone: Phone, program: Program, begun: Mapping[str, Any], clips: Sequence[Statement], folder: Path) -> Path:
    """Wait for the merge, check its result and the challenge made of it; return the video as a player downloads it."""
    merge = begun["merge_session_id"]
    state = wait_until(lambda: phone.ended(merge), ENDS_SECONDS, "the end of the merge")
    assert state is not None
    assert (state["overall_status"], state["progress"], state["error_type"]) == ("completed", 100.0, None), state
    merged = state["merged_video"]
    ids = [one["session_id"] for one in begun["upload_sessions"]]
    challenge = phone.challenge(ids, merged)
    found = phone.segments(challenge["id"])
    assert found == {"video_file_id": merged["video_file_id"], "segments": merged["segments"]}
    played = phone.optimized(found["video_file_id"])
    assert played["supports_range"]
    path = phone.fetch(played["streaming_url"], folder / f"{merge}.mp4")
    check_segments(path, found["segments"], clips)
    assert path.stat().st_size == merged["file_size"]
    assert merged["total_duration"] == pytest.approx(found["segments"][-1]["end_time"], abs=EXACT)
    [(location,)] = program.place.query("SELECT location FROM catalog_video WHERE id = ?", UUID(found["video_file_id"]))
    assert sha256_of(stored(program.place, location)) == sha256_of(path)
    return path


def check_segments(path: Path, segments: Sequence[Mapping[str, Any]], clips: Sequence[Statement]) -> None:
    """Check that each segment shows all pictures of its clip, in order, and no other pictures."""
    pictures = shown(path, SIZE[0])
    assert [segment["statement_index"] for segment in segments] == list(range(len(clips)))
    assert segments[0]["start_time"] == pytest.approx(0, abs=EXACT)
    for segment, later in pairwise(segments):
        assert segment["end_time"] == later["start_time"]
    for segment, clip in zip(segments, clips, strict=True):
        inside = [
            (time, number)
            for time, number in pictures
            if segment["start_time"] - EXACT <= time < segment["end_time"] - EXACT
        ]
        assert inside[0][0] == pytest.approx(segment["start_time"], abs=EXACT)
        assert (inside[0][1], inside[-1][1]) == (clip.numbers[0], clip.numbers[-1])
        # If another clip has a higher frame rate, some pictures are shown twice.
        assert list(dict.fromkeys(number for _, number in inside)) == clip.numbers
        assert segment["duration"] == pytest.approx(clip.seconds, abs=0.05)
    assert sum(len(clip.numbers) for clip in clips) <= len(pictures)


def merges(place: Place) -> int:
    return int(place.query("SELECT count(*) FROM merging_mergesession")[0][0])


def nothing_is_left_over(place: Place) -> None:
    """Check that each merge has left one video with a poster, and no data of clips or job attempts."""
    count = merges(place)
    uploads = place.data_dir / "media" / "uploads"

    def pieces() -> list[Path]:
        return [path for path in uploads.rglob("*") if path.is_file()]

    wait_until(lambda: not pieces() and not orphans(place), GONE_SECONDS, f"the end of {pieces()} {orphans(place)}")
    assert [path.name for path in (place.data_dir / "tmp" / "uploads").glob("*")] == []
    assert place.query("SELECT count(*) FROM uploads_uploadchunk") == [(0,)]
    assert place.query("SELECT count(*) FROM catalog_video") == [(count,)]
    assert place.query("SELECT kind FROM catalog_rendition") == [("poster",)] * count
    assert len(list((place.data_dir / "media" / "videos").rglob("*.mp4"))) == count
    jobs = place.query("SELECT status FROM video_jobs")
    assert jobs == [("completed",)] * count
    assert place.query("SELECT name FROM jobs_event WHERE name = 'completed'") == jobs

"""kill −9 while clips are sent and while they are merged, of the worker alone and of the whole program: one result."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.av.statements import Statement
from tests.support import merges
from tests.support.phone import CHUNK_BYTES, HALF, UNHEARD, UNSENT
from tests.support.program import Program, is_alive
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services

RUNS_AGAIN_SECONDS = 30  # goals.md R1
VERY_MANY_CHUNKS, TRIES = 80, 5


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> list[Statement]:
    return merges.make_alike(tmp_path_factory.mktemp("alike"))


@pytest.fixture(scope="module")
def unlike(tmp_path_factory: pytest.TempPathFactory) -> list[Statement]:
    return merges.make_unlike(tmp_path_factory.mktemp("unlike"))


def padded(clips: Sequence[Statement], folder: Path, chunks: int) -> list[Statement]:
    """The same clips with so many chunks more, in which there is nothing."""
    found, size = [], chunks * CHUNK_BYTES
    for clip in clips:
        path = folder / clip.path.name
        path.write_bytes(clip.path.read_bytes() + size.to_bytes(4) + b"free" + bytes(size - 8))
        found.append(replace(clip, path=path))
    return found


def is_encoding(program: Program) -> bool:
    rows = program.place.query("SELECT message FROM video_jobs WHERE status = 'processing'")
    return any("Encoding" in message for (message,) in rows)


@pytest.mark.parametrize("victim", ["worker", pytest.param("everything", marks=pytest.mark.exhaustive)])
def test_what_is_killed_while_it_merges_makes_one_video_after_all(
    program: Program, alike: list[Statement], unlike: list[Statement], tmp_path: Path, victim: str
) -> None:
    """Two merges at once: one is encoding, the other has stored its video and looks for a poster."""
    phone, place = merges.phone_of(program), program.place
    before = merges.merges(place)
    begun = [merges.sent(phone, alike)]
    program.freeze_child("media_app.av.ingest")
    begun.append(merges.sent(phone, unlike))
    program.freeze_child("media_app.av.merge", lambda: is_encoding(program))
    states = [phone.status(one["merge_session_id"]) for one in begun]
    assert [state["overall_status"] for state in states] == ["processing", "processing"]
    program.kill(victim)
    jobs = [state["job_id"] for state in states]
    wait_until(
        lambda: all(place.events(job).count("processing") == 2 for job in jobs), RUNS_AGAIN_SECONDS, "the second starts"
    )
    for one, clips in zip(begun, (alike, unlike), strict=True):
        merges.judge(phone, program, one, clips, tmp_path)
    for job in jobs:
        assert place.events(job) == ["queued", "processing", "crashed", "processing", "completed"]
        assert place.job(job)["crashes"] == 1
    assert merges.merges(place) - before == 2
    made = [phone.status(one["merge_session_id"])["merged_video"] for one in begun]
    assert [video["compression_applied"] for video in made] == [False, True]
    # The line was as bad as it was meant to be.
    assert set(phone.dropped) == {UNSENT, HALF, UNHEARD}
    merges.nothing_is_left_over(place)


def pieces(program: Program) -> list[Path]:
    return list((program.place.data_dir / "media" / "uploads").glob("*/*"))


def stopped_at_the_end(program: Program, job: str) -> psutil.Process | None:
    """The worker, stopped when a merge has just ended and its clips lie there still; None where it was quicker."""
    worker = program.worker()
    assert worker is not None
    wait_until(lambda: program.place.job(job)["status"] == "completed", merges.ENDS_SECONDS, "the end of the merge")
    worker.suspend()
    if pieces(program):
        return worker
    worker.resume()
    return None


def test_chores_delete_the_clips_of_a_killed_worker(program: Program, alike: list[Statement], tmp_path: Path) -> None:
    phone = merges.phone_of(program, every=0)
    clips = padded(alike[:2], tmp_path, VERY_MANY_CHUNKS)
    for _ in range(TRIES):
        begun = merges.sent(phone, clips)
        worker = stopped_at_the_end(program, phone.status(begun["merge_session_id"])["job_id"])
        if worker is not None:
            break
    assert worker is not None, f"the end was missed {TRIES} times"
    worker.kill()
    wait_until(lambda: not is_alive(worker), 5, "the end of the worker")
    program.place.manage("expire")
    assert pieces(program) == []
    merges.judge(phone, program, begun, clips, tmp_path)

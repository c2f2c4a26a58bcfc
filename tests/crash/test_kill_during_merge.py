"""kill −9 while clips are sent and while they are merged, of the worker alone and of the whole program: one result."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.av.statements import Statement
from tests.crash.test_uploads_survive import frozen_child
from tests.support.merges import (
    ENDS_SECONDS,
    begin,
    judge,
    make_alike,
    make_unlike,
    merges,
    nothing_is_left_over,
    paths_of,
    phone_of,
    sent,
)
from tests.support.phone import CHUNK_BYTES
from tests.support.program import Program, is_alive, manage
from tests.support.waiting import wait_until

MERGING = ["-m", "media_app.av.merge"]
AT_WORK_SECONDS = 60
RUNS_AGAIN_SECONDS = 30  # goals.md R1
KILLS = (0.25, 0.6)  # of what is to be sent
MANY_CHUNKS = 30  # more of each clip: the last has not arrived by the time that everything is killed
# So many files that deleting them can be cut off, and how often that may be missed.
VERY_MANY_CHUNKS, TRIES = 80, 5


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> list[Statement]:
    return make_alike(tmp_path_factory.mktemp("alike"))


@pytest.fixture(scope="module")
def unlike(tmp_path_factory: pytest.TempPathFactory) -> list[Statement]:
    return make_unlike(tmp_path_factory.mktemp("unlike"))


def padded(clips: Sequence[Statement], folder: Path, chunks: int) -> list[Statement]:
    """The same clips with so many chunks more, in which there is nothing."""
    found, size = [], chunks * CHUNK_BYTES
    for clip in clips:
        path = folder / clip.path.name
        path.write_bytes(clip.path.read_bytes() + size.to_bytes(4) + b"free" + bytes(size - 8))
        found.append(replace(clip, path=path))
    return found


def kill_everything(program: Program) -> None:
    """kill −9 of the program and of all that it has started: who would start another goes first."""
    assert program.process is not None
    for process in [psutil.Process(program.pid), *program.descendants()]:
        with suppress(psutil.Error):
            process.kill()
    program.process.wait(10)
    wait_until(lambda: not program.survivors(), 10, "the end of the whole program")


def merging(program: Program) -> list[psutil.Process]:
    """The children that merge."""
    found = []
    for process in program.descendants():
        with suppress(psutil.Error):
            if process.cmdline()[1:3] == MERGING:
                found.append(process)
    return found


def frozen_merge(program: Program) -> psutil.Process:
    """The merging child, stopped while it encodes."""

    def caught() -> psutil.Process | None:
        rows = program.place.query("SELECT message FROM video_jobs WHERE status = 'processing'")
        if not any("Encoding" in message for (message,) in rows):
            return None
        for process in merging(program):
            process.suspend()
            return process
        return None

    process = wait_until(caught, AT_WORK_SECONDS, "a merge that encodes")
    assert process is not None
    return process


def test_the_whole_program_is_killed_twice_while_a_phone_sends(
    program: Program, alike: list[Statement], tmp_path: Path
) -> None:
    phone, clips = phone_of(program), padded(alike, tmp_path, MANY_CHUNKS)
    before = merges(program.place)
    begun = begin(phone, clips)
    total = sum(one["total_chunks"] for one in begun["upload_sessions"])

    def there() -> int:
        return sum(len(numbers) for numbers in list(phone.kept.values()))

    with ThreadPoolExecutor(1) as pool, closing(phone):
        sending = pool.submit(phone.send, begun, paths_of(clips), times=2)
        for share in KILLS:
            wait_until(lambda share=share: sending.done() or there() >= share * total, ENDS_SECONDS)  # type: ignore[misc]
            kill_everything(program)
            assert not sending.done(), sending.result()
            assert there() < total
            program.start()
        sending.result(ENDS_SECONDS)
        phone.complete(begun)
        judge(phone, program, begun, clips, tmp_path)
    assert merges(program.place) - before == 1
    nothing_is_left_over(program.place)


@pytest.mark.parametrize("victim", ["worker", "everything"])
def test_what_is_killed_while_it_merges_makes_one_video_after_all(
    program: Program, alike: list[Statement], unlike: list[Statement], tmp_path: Path, victim: str
) -> None:
    """Two merges at once: one is encoding, the other has stored its video and looks for a poster."""
    phone, place = phone_of(program), program.place
    before = merges(place)
    begun = [sent(phone, alike)]
    poster = frozen_child(program)
    begun.append(sent(phone, unlike))
    encoding, worker = frozen_merge(program), program.worker()
    states = [phone.status(one["merge_session_id"]) for one in begun]
    assert [state["overall_status"] for state in states] == ["processing", "processing"]
    assert worker is not None
    if victim == "worker":
        worker.kill()
        wait_until(lambda: not is_alive(encoding) and not is_alive(poster), 5, "the end of its children")
    else:
        kill_everything(program)
        program.start()
    jobs = [state["job_id"] for state in states]
    wait_until(
        lambda: all(place.events(job).count("processing") == 2 for job in jobs), RUNS_AGAIN_SECONDS, "the second starts"
    )
    for one, clips in zip(begun, (alike, unlike), strict=True):
        judge(phone, program, one, clips, tmp_path)
    for job in jobs:
        assert place.events(job) == ["queued", "processing", "crashed", "processing", "completed"]
        assert place.job(job)["crashes"] == 1
    assert merges(place) - before == 2
    nothing_is_left_over(place)


def pieces(program: Program) -> list[Path]:
    return list((program.place.data_dir / "media" / "uploads").glob("*/*"))


def stopped_at_the_end(program: Program, job: str) -> psutil.Process | None:
    """The worker, stopped when a merge has just ended and its clips lie there still; None where it was quicker."""
    worker = program.worker()
    assert worker is not None
    wait_until(lambda: program.place.job(job)["status"] == "completed", ENDS_SECONDS, "the end of the merge")
    worker.suspend()
    if pieces(program):
        return worker
    worker.resume()
    return None


def test_clips_that_a_killed_worker_could_not_delete_go_with_the_chores(
    program: Program, alike: list[Statement], tmp_path: Path
) -> None:
    phone = phone_of(program, every=0)
    clips = padded(alike[:2], tmp_path, VERY_MANY_CHUNKS)
    for _ in range(TRIES):
        begun = sent(phone, clips)
        worker = stopped_at_the_end(program, phone.status(begun["merge_session_id"])["job_id"])
        if worker is not None:
            break
    assert worker is not None, f"the end was missed {TRIES} times"
    worker.kill()
    wait_until(lambda: not is_alive(worker), 5, "the end of the worker")
    ended = manage("expire", "--data-dir", str(program.place.data_dir), environment=program.place.environment)
    assert ended.returncode == 0, ended.stderr
    assert pieces(program) == []
    judge(phone, program, begun, clips, tmp_path)

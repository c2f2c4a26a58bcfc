"""The job on this machine, through the real child: what is heard where, and that all else is as it was."""

from pathlib import Path

import av
import numpy as np
import pytest

from jobs_app.models import Job
from jobs_app.runner import run_queue
from jobs_app.services import retry
from sessions_app.prosync.models import ProJob
from tests.av.statements import RATE, heard, lag
from tests.prosync.conftest import parts_of, post, segment, status_of
from tests.support.sockets import ask as ask_rows
from tests.support.streams import ask
from vodplatform.accounts.models import User

pytestmark = [
    pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media", "running_keeper"), pytest.mark.full,
]  # fmt: skip


def pictures_of(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        return [(round(frame.time, 4), frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]


async def test_each_sound_is_heard_in_its_segment_alone(key: str, pro: User, footage: Path, tmp_path: Path) -> None:
    """Even if the plan has ended meanwhile."""
    parts = parts_of(
        footage, segment(4, 5, "b"), segment(1, 3, "a"), sounds=("line.wav", "note.flac"), audio_ref_ids=["a", "b"]
    )
    answer = await post(key, parts)
    assert answer.status == 202, answer.content
    await ask_rows(lambda: pro.subscriptions.all().delete())
    (await post(key, parts)).refused(403, "tier_required")
    assert await ask_rows(lambda: run_queue("prosync")) == 1
    body = (await status_of(key, answer.json()["job_id"])).json()
    assert body["status"] == "completed", body
    assert [one["status"] for one in body["segments_data"]] == ["completed", "completed"]
    assert (body["progress"], body["outcome"]["engine"], len(body["outcome"]["segments"])) == (100.0, "local", 2)
    source = body["source"]
    assert (source["width"], source["height"], source["duration"]) == (320, 180, 6.0)
    assert (await ask("GET", source["stream_url"])).content == (footage / "talk.mp4").read_bytes()
    for name in ("poster_url", "peaks_url", "sprite_vtt_url"):
        assert (await ask("GET", source[name])).status == 200
    path = tmp_path / "result.mp4"
    path.write_bytes((await ask("GET", body["result_url"])).content)
    before, after = heard(footage / "talk.mp4"), heard(path)
    for start, name in ((1, "line.wav"), (4, "note.flac")):
        assert abs(lag(after, start, heard(footage / name))) < 0.001
    # An AAC frame lasts 21 ms; the new ones reach a few beyond the segments.
    for start, end in ((0, 0.8), (3.2, 3.8), (5.2, 5.9)):
        part = slice(round(start * RATE), round(end * RATE))
        assert np.array_equal(after[part], before[part])
    assert pictures_of(path) == pictures_of(footage / "talk.mp4")


async def test_a_lost_sound_fails_until_it_is_back(key: str, pro: User, footage: Path, media: Path) -> None:
    job_id = (await post(key, parts_of(footage, segment()))).json()["job_id"]
    (sound,) = media.glob("sounds/*/*/sound.wav")
    hidden = sound.rename(sound.with_suffix(".hidden"))
    await ask_rows(lambda: run_queue("prosync"))
    body = (await status_of(key, job_id)).json()
    assert (body["status"], body["error"]["type"]) == ("failed", "not_found")
    assert [one["status"] for one in body["segments_data"]] == ["failed"]
    hidden.rename(sound)
    await ask_rows(lambda: retry(Job.objects.get()))
    await ask_rows(lambda: run_queue("prosync"))
    assert (await status_of(key, job_id)).json()["status"] == "completed"
    assert await ask_rows(lambda: ProJob.objects.get().outcome is not None)

"""A pro job whose files lie in a bucket: looked at, made, heard, watched and deleted there."""

from pathlib import Path

import pytest

from jobs_app.runner import run_queue
from tests.prosync.conftest import parts_of, post, segment, status_of
from tests.support.s3 import Bucket, get
from tests.support.sockets import ask as ask_rows
from tests.support.streams import ask

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full, pytest.mark.services]


async def test_it_goes_all_the_way_in_a_bucket(key: str, footage: Path, s3_storage: Bucket) -> None:
    answer = await post(key, parts_of(footage, segment(), sounds=("line.wav", "note.flac")))
    assert answer.status == 202, answer.content
    job_id = answer.json()["job_id"]
    for address, name in zip(answer.json()["audio_refs"].values(), ("line.wav", "note.flac"), strict=True):
        sent_on = await ask("GET", address)
        content = sent_on.content
        if sent_on.status in (302, 307):
            status, _, content = get(sent_on.headers["location"])
            assert status == 200
        assert content == (footage / name).read_bytes()
    assert s3_storage.unfinished() == []
    assert await ask_rows(lambda: run_queue("prosync")) == 1
    body = (await status_of(key, job_id)).json()
    assert body["status"] == "completed", body
    sent_on = await ask("GET", body["result_url"])
    assert sent_on.status in (302, 307)
    status, _, content = get(sent_on.headers["location"])
    assert (status, content[4:8]) == (200, b"ftyp")
    assert (await ask("DELETE", f"/api/v1/sync/pro-job/{job_id}", key=key)).status == 200
    assert s3_storage.keys() == []


async def test_what_is_refused_leaves_nothing_there(key: str, footage: Path, s3_storage: Bucket) -> None:
    (await post(key, parts_of(footage, segment(5, 99)))).refused(400, "invalid")
    assert (s3_storage.keys(), s3_storage.unfinished()) == ([], [])

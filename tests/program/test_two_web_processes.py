"""Two web processes that share nothing but PostgreSQL, Redis and a bucket serve one upload between them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.places import SHARED_REDIS
from tests.support.program import PROJECT_ROOT, Place, clean_environment
from tests.support.s3 import Bucket, fresh_bucket
from tests.support.senders import SPEAKS, Sender, long_video, stalled
from tests.support.waiting import wait_until
from vodplatform.site.management.commands.up import free_port, web_child, worker_child
from vodplatform.site.supervisor import Child, Supervisor

pytestmark = [pytest.mark.services, pytest.mark.postgresql]
MIB = 1024**2
HOST = "127.0.0.1"
TAKE_IN_SECONDS = 60.0
Hosts = tuple[Sender, Sender]


def host_of(folder: Path, child: Child, place: Place, bucket: Bucket) -> Supervisor:
    """A host that runs one part of the program, with a data folder and a temporary folder of its own."""
    assert SHARED_REDIS, "REDIS_URL is missing: give both, as scripts/test does"
    (folder / "tmp").mkdir(parents=True)
    variables = {
        **place.environment, **bucket.environment, "PYTHONPATH": str(PROJECT_ROOT),
        "SECRET_KEY": (place.data_dir / "secret.key").read_text().strip(), "TMPDIR": str(folder / "tmp"),
        "VOD_DATA_DIR": str(folder / "data"),
    }  # fmt: skip
    child.log = (folder / "log").open("ab")
    return Supervisor([child], clean_environment(variables))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture(scope="module")
def s3(s3_server: str) -> Iterator[Bucket]:
    with fresh_bucket(s3_server) as bucket:
        yield bucket


@pytest.fixture(scope="module")
def hosts(place: Place, s3: Bucket, folder: Path) -> Iterator[Hosts]:
    """A client for each of the two web processes; a worker runs on a third host."""
    ports = [free_port(HOST, 0), free_port(HOST, 0)]
    children = [*(web_child(HOST, port) for port in ports), worker_child(1)]
    started = [host_of(folder / f"host-{number}", child, place, s3) for number, child in enumerate(children)]
    try:
        for host in started:
            host.start()
        first, second = (Sender(f"http://{HOST}:{port}", place.key) for port in ports)
        yield first, second
    finally:
        for host in reversed(started):
            host.stop()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return long_video(tmp_path_factory.mktemp("source") / "match.mp4", 30 * MIB + 4321)


def taken_in(sender: Sender, video: str) -> dict[str, Any]:
    """A video as the API shows it once the job that takes it in has ended."""

    def ended() -> bool:
        job = sender.ask("GET", f"/api/v1/jobs/{shown()['job_id']}").json()
        assert job["status"] in ("queued", "processing", "completed"), job
        return bool(job["status"] == "completed")

    def shown() -> dict[str, Any]:
        answer = sender.ask("GET", f"/api/v1/library/{video}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    wait_until(ended, TAKE_IN_SECONDS, "a video that has been taken in")
    assert shown()["status"] == "ready"
    return shown()


def is_left(folder: Path) -> list[Path]:
    """Files that uploads have left on the hosts: all should be in the bucket."""
    return [
        path for path in folder.glob("host-*/**/*")
        if path.is_file() and {"media", "uploads", "tmp"} & set(path.relative_to(folder).parts)
    ]  # fmt: skip


def test_tus_goes_on_elsewhere(hosts: Hosts, source: Path, place: Place, s3: Bucket, folder: Path) -> None:
    content = source.read_bytes()
    upload = hosts[0].begin_tus(len(content))
    offset, turn = 0, 0
    # Some fill a part of the multipart upload, some only its tail, which the other process goes on with.
    for length in (1000, 9 * MIB, 3 * MIB + 1, 2 * MIB, 7 * MIB + 5):
        sender, other = hosts[turn % 2], hosts[(turn + 1) % 2]
        answer = sender.patch(upload, offset, content[offset : offset + length])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(offset + length)), answer.text
        offset, turn = offset + length, turn + 1
        assert other.offset(upload) == offset
        assert other.patch(upload, offset - 1, b"x").status_code == 409
    locked = "SELECT lock_token FROM uploads_upload WHERE id = ?"
    with stalled(hosts[0], upload, offset, content[offset : offset + 4 * MIB], len(content) - offset) as line:
        wait_until(
            lambda: place.query(locked, UUID(upload.rstrip("/").rpartition("/")[2])) != [(None,)], 10, "the lock"
        )
        kept = hosts[1].offset(upload)
        assert b" 423 " in line.recv(4096).partition(b"\r\n")[0]
    assert offset <= kept <= offset + 4 * MIB
    offset = kept
    answer = hosts[1].patch(upload, offset, content[offset:])
    assert answer.status_code == 204, answer.text
    done = hosts[0].ask("HEAD", upload, SPEAKS).headers
    assert (done["upload-offset"], done["x-resource-id"]) == (str(len(content)), answer.headers["x-resource-id"])
    video = taken_in(hosts[0], answer.headers["x-resource-id"])
    assert hosts[0].fetch(video["video_url"]) == hosts[1].fetch(video["video_url"]) == content
    assert s3.unfinished() == s3.keys("uploads/") == is_left(folder) == []


def test_chunks_go_on_elsewhere(hosts: Hosts, source: Path, s3: Bucket, folder: Path) -> None:
    content, chunk = source.read_bytes(), 5 * MIB
    pieces = [content[start : start + chunk] for start in range(0, len(content), chunk)]
    upload = hosts[0].begin_chunks(len(content), chunk)
    for number in (3, 0, 6, 5, 1, 4, 2):
        sender, other = hosts[number % 2], hosts[(number + 1) % 2]
        assert number in sender.send_chunk(upload, number, pieces[number]).json()["uploaded_chunks"]
        assert number in other.status(upload)["uploaded_chunks"]
        assert other.send_chunk(upload, number, pieces[number]).status_code == 200
        assert other.send_chunk(upload, number, pieces[number][::-1]).json()["type"] == "chunk_conflict"
    answer = hosts[0].complete(upload)
    assert answer.status_code == 200, answer.text
    assert hosts[1].status(upload)["status"] == "completed"
    assert hosts[1].complete(upload).json() == answer.json()
    video = taken_in(hosts[1], answer.headers["x-resource-id"])
    assert hosts[0].fetch(video["video_url"]) == hosts[1].fetch(video["video_url"]) == content
    wait_until(
        lambda: s3.unfinished() == s3.keys("uploads/") == is_left(folder) == [], 10, "no file that is not needed"
    )

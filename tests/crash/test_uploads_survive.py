"""kill −9 of the web process during uploads by every door that can be gone on with, and of the worker after them.

UPLOAD_TEST_MB says how large the files are, in megabytes: 60 by default, so that the suite stays quick.
"""

import json
import os
import random
import secrets
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from tusclient.client import TusClient

from tests.support import nginx, node
from tests.support.faults import faulty, reset
from tests.support.program import Place, Program, is_alive
from tests.support.program_files import orphans, stored
from tests.support.senders import TUS, Sender, long_video, sha256_of, stalled
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services

MIB = 1024**2
SIZE = int(os.environ.get("UPLOAD_TEST_MB", "60")) * 10**6
CHUNK = max(MIB, SIZE // 24)
AT_ONCE = 4
# When the web process is killed: somewhere in each of these shares of what is to be sent.
ONE_KILL = ((0.35, 0.6),)
KILLS = ((0.05, 0.3), *ONE_KILL, (0.65, 0.8))
Shares = tuple[tuple[float, float], ...]
# The head of a request, and what a form puts around a chunk.
AROUND_BYTES = 1500
SEND_SECONDS = 240.0
START_SECONDS = 30.0
TAKE_IN_SECONDS = 60.0
RUNS_AGAIN_SECONDS = 30  # goals.md R1
INGEST = "media_app.av.ingest"
# Enough for the joining to be seen while it lasts, and how often it may be missed.
JOINED_BYTES, JOINED_CHUNK, TRIES = 96 * MIB, 16 * MIB, 5


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is sent."""
    return long_video(tmp_path_factory.mktemp("source") / "match.mp4", SIZE)


def sender_of(program: Program) -> Sender:
    return Sender(program.address, program.place.key)


def taken_in(program: Program, video: str) -> str:
    """The SHA-256 of a video's stored file, once it can be played and the program has noted the same."""

    def found() -> tuple[str, str] | None:
        [(status, digest, location)] = program.place.query(
            "SELECT status, sha256, location FROM catalog_video WHERE id = ?", UUID(video)
        )
        assert status in ("processing", "ready")
        return (digest, location) if status == "ready" and digest else None

    noted, location = wait_until(found, TAKE_IN_SECONDS, "a video that is ready") or ("", "")
    digest = sha256_of(stored(program.place, location))
    assert digest == noted
    return digest


class Client:
    """Sends a file, whatever breaks. amount: bytes that it means to send. at_stake: those that one kill may cost."""

    amount = SIZE
    at_stake = CHUNK

    def send(self, program: Program, address: str, source: Path) -> str:
        """Send ``source`` to the program at ``address``; returns the id of the video."""
        raise NotImplementedError

    def answered(self) -> set[int]:
        """What has been sent and answered so far; none where the server keeps the count."""
        return set()

    def listed(self, program: Program) -> set[int]:
        """The same, as the program says now."""
        return set()


class TusJsClient(Client):
    """tus-js-client under node."""

    def send(self, program: Program, address: str, source: Path) -> str:
        argv = [node.program("node"), node.FOLDER / "upload.js", node.packages(), address + TUS, source, CHUNK]
        done = subprocess.run(
            [str(word) for word in argv], env={"PATH": os.environ["PATH"], "TOKEN": program.place.key},
            capture_output=True, text=True, timeout=SEND_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        # A kill between two requests is not noticed: the next one waits until the new process takes it.
        assert found["went_on"] >= 1
        return str(found["resource"])


class Tuspy(Client):
    """tuspy."""

    def send(self, program: Program, address: str, source: Path) -> str:
        client = TusClient(address + TUS, headers={"Authorization": f"Token {program.place.key}"})
        uploader = client.uploader(
            str(source), chunk_size=CHUNK, metadata={"filename": source.name}, retries=200, retry_delay=1.0
        )
        uploader.upload()
        return str(uploader.request.response_headers["x-resource-id"])


class Chunks(Client):
    """The chunk protocol: each chunk twice, in any order, four at a time."""

    amount = 2 * SIZE
    at_stake = AT_ONCE * CHUNK

    def __init__(self, rng: random.Random) -> None:
        self.numbers = 2 * list(range(-(-SIZE // CHUNK)))
        rng.shuffle(self.numbers)
        self.kept: list[int] = []
        self.upload = ""

    def send(self, program: Program, address: str, source: Path) -> str:
        sender = Sender(address, program.place.key)
        self.upload = sender.begin_chunks(SIZE, CHUNK)

        def send_one(number: int) -> None:
            with source.open("rb") as file:
                file.seek(number * CHUNK)
                data = file.read(CHUNK)
            while True:
                with suppress(httpx.TransportError):
                    answer = sender.send_chunk(self.upload, number, data)
                    assert answer.status_code == 200, answer.text
                    assert number in answer.json()["uploaded_chunks"]
                    self.kept.append(number)
                    return
                wait_until(program.lives, START_SECONDS, "another web process")

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(send_one, self.numbers))
        assert sender.status(self.upload)["remaining_chunks"] == []
        first, second = sender.complete(self.upload), sender.complete(self.upload)
        assert (first.status_code, first.json()) == (200, second.json()), first.text
        assert first.json()["media_file_id"] == self.upload
        return first.headers["x-resource-id"]

    def answered(self) -> set[int]:
        return set(self.kept)

    def listed(self, program: Program) -> set[int]:
        return set(sender_of(program).status(self.upload)["uploaded_chunks"])


def survives(client: Client, program: Program, source: Path, rng: random.Random, kills: Shares) -> None:
    """Send the file while the web process is killed, and judge what has come of it."""
    program.start()
    shares = [rng.uniform(*share) for share in kills]
    with faulty(program.address) as proxy, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(client.send, program, proxy.url, source)
        for share in shares:
            web = wait_until(program.web, START_SECONDS)
            assert web is not None
            enough = share * client.amount
            wait_until(lambda enough=enough: sending.done() or proxy.sent >= enough, SEND_SECONDS)  # type: ignore[misc]
            answered = client.answered()
            web.kill()
            assert not sending.done(), sending.result()
            wait_until(lambda web=web: not is_alive(web), 5)  # type: ignore[misc]
            wait_until(program.lives, START_SECONDS, "another web process")
            assert answered <= client.listed(program)
        video = sending.result(SEND_SECONDS)
        again = proxy.sent - client.amount
    at = ", ".join(f"{share:.0%}" for share in shares)
    print(
        f"{type(client).__name__}: killed at {at}; {again} bytes beside those of the file, {client.at_stake} at stake"
    )
    assert again <= len(kills) * client.at_stake + AROUND_BYTES * len(proxy.requests)
    assert taken_in(program, video) == sha256_of(source)
    assert program.place.query("SELECT count(*) FROM catalog_video") == [(1,)]
    assert '"level": "ERROR"' not in program.log.read_text()
    program.end()


@pytest.mark.parametrize("kills", [ONE_KILL, pytest.param(KILLS, marks=pytest.mark.exhaustive)], ids=["once", "thrice"])
def test_uploads_by_every_client_survive_kills_of_the_web_process(
    new_place: Callable[[], Place], new_program: Callable[..., Program], source: Path, kills: Shares
) -> None:
    seed = secrets.randbelow(100_000)
    print(f"seed {seed}")
    clients = [TusJsClient(), Tuspy(), Chunks(random.Random(seed))]
    programs = [new_program(new_place()) for _ in clients]
    with ThreadPoolExecutor(len(clients)) as pool:
        stories = [
            pool.submit(survives, client, program, source, random.Random(f"{seed} {number}"), kills)
            for number, (client, program) in enumerate(zip(clients, programs, strict=True))
        ]
    for story in stories:
        story.result()


def test_patch_that_is_cut_keeps_every_byte_that_had_arrived(program: Program, source: Path) -> None:
    sender, content = sender_of(program), source.read_bytes()[: 12 * MIB + 345]
    upload = sender.begin_tus(len(content))
    id_of_upload = UUID(upload.rstrip("/").rpartition("/")[2])
    [(key,)] = program.place.query("SELECT key FROM uploads_upload WHERE id = ?", id_of_upload)
    port = int(urlsplit(program.address).port or 0)

    def stop_serving(line: socket.socket) -> None:
        """A web process that is restarted, as by a deploy."""
        web = program.web()
        assert web is not None
        web.terminate()
        web.wait(20)
        line.close()
        wait_until(lambda: nginx.is_open(port), 20, "another web process")

    for cut in (reset, socket.socket.close, stop_serving):
        before = sender.offset(upload)
        arrived = before + 3 * MIB + 6789
        with stalled(sender, upload, before, content[before:arrived], len(content) - before) as line:
            # A reset destroys what the process has not read yet: that has not arrived.
            path = stored(program.place, key)
            wait_until(lambda path=path, arrived=arrived: path.exists() and path.stat().st_size == arrived, 10)  # type: ignore[misc]
            cut(line)
        assert sender.offset(upload) == arrived
    answer = sender.patch(upload, arrived, content[arrived:])
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(content)))
    assert stored(program.place, key).read_bytes() == content


def frozen_joining(program: Program, source: Path) -> str:
    """A video whose chunks are being joined by a worker that has been stopped in the middle of it: its id."""
    sender, worker = sender_of(program), program.worker()
    assert worker is not None
    for _ in range(TRIES):
        upload = sender.begin_chunks(JOINED_BYTES, JOINED_CHUNK)
        with source.open("rb") as file:
            for number in range(JOINED_BYTES // JOINED_CHUNK):
                assert sender.send_chunk(upload, number, file.read(JOINED_CHUNK)).status_code == 200
        [(given,)] = program.place.query("SELECT resource_id FROM uploads_upload WHERE id = ?", UUID(upload))
        video = UUID(str(given))
        folder = stored(program.place, f"videos/{video}")
        assert sender.complete(upload).status_code == 200
        wait_until(lambda folder=folder: folder.is_dir() and any(folder.iterdir()), 30, "the whole")  # type: ignore[misc]
        worker.suspend()
        [(location,)] = program.place.query("SELECT location FROM catalog_video WHERE id = ?", video)
        if location == f"uploads/{upload}/":
            return str(video)
        worker.resume()
    raise AssertionError(f"the joining was missed {TRIES} times")


def job_of(program: Program, video: str) -> str:
    [(job,)] = program.place.query("SELECT job_id FROM catalog_video WHERE id = ?", UUID(video))
    return str(UUID(str(job)))


def test_taking_in_runs_again_and_leaves_nothing_when_its_worker_is_killed(program: Program, tmp_path: Path) -> None:
    sender, place = sender_of(program), program.place
    short, long = long_video(tmp_path / "short.mp4", MIB), long_video(tmp_path / "long.mp4", JOINED_BYTES)
    wait_until(program.worker, START_SECONDS)
    answer = sender.patch(sender.begin_tus(MIB), 0, short.read_bytes())
    rendered = answer.headers["x-resource-id"]
    program.freeze_child(INGEST)
    joined = frozen_joining(program, long)
    program.kill_worker()
    for video, content in ((rendered, short), (joined, long)):
        job = job_of(program, video)
        wait_until(lambda job=job: place.events(job).count("processing") == 2, RUNS_AGAIN_SECONDS, "the second start")  # type: ignore[misc]
        wait_until(lambda job=job: place.job(job)["status"] == "completed", TAKE_IN_SECONDS, "the end of the job")  # type: ignore[misc]
        assert place.events(job) == ["queued", "processing", "crashed", "processing", "completed"]
        assert place.job(job)["crashes"] == 1
        assert taken_in(program, video) == sha256_of(content)
        kinds = [kind for (kind,) in place.query("SELECT kind FROM catalog_rendition WHERE video_id = ?", UUID(video))]
        assert sorted(kinds) == ["hls", "peaks", "poster", "sprite"]
    for folder in (place.data_dir / "tmp").glob("job-*"):
        # Scratch is kept for a minute after its last change.
        os.utime(folder, (0, 0))
    place.manage("expire")
    assert orphans(place) == set()

"""People who send videos and look at them while hosts come and go: each asks once more when a request fails.

And one who watches all jobs over a WebSocket, and opens another where one ends; analyses and merges of theirs.
"""

import itertools
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from tests.cluster.topology import BY_TLS, Cluster, Host
from tests.support.clips import render_clip
from tests.support.merges import begin, make_alike, paths_of
from tests.support.phone import Phone
from tests.support.senders import Sender, long_video
from tests.support.waiting import wait_until
from tests.torture.story import check_each_ended_once

PEOPLE = 3
SIZE, CHUNK = 700_000, 256_000
AGAIN_SECONDS = 1.0
LATER = (502, 503, 504)
JOBS_SECONDS = 120.0


@dataclass(slots=True)
class Load:
    """patience: seconds for which a request is made again where it fails; 0 for once more and no longer.

    rest: seconds that each person does nothing after a video. sent: ids of the videos that were sent whole. repeated:
    why requests were made again. failed: those that were not answered in the end. slowest: seconds until the slowest
    answer.
    """

    cluster: Cluster
    folder: Path
    patience: float = 0.0
    rest: float = 2.0
    requests: int = 0
    slowest: float = 0.0
    sent: list[str] = field(default_factory=list)
    repeated: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for number in range(PEOPLE):
            content = long_video(self.folder / f"{number}.mp4", SIZE, number).read_bytes()
            self._threads.append(threading.Thread(target=self._work, args=(content,), daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(self.patience + 60)
            if thread.is_alive():
                self.failed.append("a request without an end")

    def wait_for_more(self, count: int) -> None:
        """Until so many videos more have been sent."""
        wanted = len(self.sent) + count
        wait_until(lambda: len(self.sent) >= wanted or self.failed, 60 + self.patience, f"{count} videos more")

    def judge(self, repeats: int | None = 30) -> None:
        """No request failed, and every video that was sent is there and taken in. repeats: the most requests that may
        have been made again; None for any number.
        """
        assert not self.failed, self.failed
        assert repeats is None or sum(self.repeated.values()) <= repeats, self.repeated
        sender = self.cluster.sender()
        for video in self.sent:
            wait_until(lambda video=video: self._is_ready(sender, video), JOBS_SECONDS, f"video {video}")  # type: ignore[misc]

    def told(self) -> str:
        """What there was, in a line."""
        again = ", ".join(f"{count} × {why}" for why, count in self.repeated.most_common()) or "none"
        counted = f"{self.requests} requests, {len(self.sent)} videos"
        return f"{counted}, slowest answer {self.slowest:.1f} s, made again: {again}"

    @staticmethod
    def _is_ready(sender: Sender, video: str) -> bool:
        shown = sender.ask("GET", f"/api/v1/library/{video}").json()
        assert shown["status"] in ("processing", "ready"), shown
        return bool(shown["status"] == "ready")

    def _work(self, content: bytes) -> None:
        sender = self.cluster.sender()
        while not self._stop.is_set():
            try:
                self._send(sender, content)
            except Exception as exc:  # whatever it is, the test names it
                self.failed.append(repr(exc))
                return

    def _send(self, sender: Sender, content: bytes) -> None:
        body = {"filename": "match.mp4", "size": len(content), "chunk_size": CHUNK}
        upload = self._ask(lambda: sender.ask("POST", "/api/v1/uploads", json=body)).json()["session_id"]
        for number in range(-(-len(content) // CHUNK)):
            piece = content[number * CHUNK : (number + 1) * CHUNK]
            self._ask(lambda number=number, piece=piece: sender.send_chunk(upload, number, piece))  # type: ignore[misc]
        video = self._ask(lambda: sender.complete(upload)).headers["x-resource-id"]
        self._ask(lambda: sender.ask("GET", f"/api/v1/library/{video}"))
        self._ask(lambda: sender.ask("GET", "/api/v1/jobs?limit=5"))
        with self._lock:
            self.sent.append(video)
        self._stop.wait(self.rest)

    def _ask(self, request: Any) -> httpx.Response:
        """The answer of a request that is made again where none comes, or one that says "later"."""
        until, tries = time.monotonic() + self.patience, 0
        while True:
            tries += 1
            with self._lock:
                self.requests += 1
            began = time.monotonic()
            try:
                answer: httpx.Response = request()
                if answer.status_code not in LATER:
                    assert answer.status_code < 400, f"{answer.status_code}: {answer.text}"
                    return answer
                why = f"{answer.status_code} {answer.json().get('type')}"
            except httpx.TransportError as exc:
                why = type(exc).__name__
            finally:
                with self._lock:
                    self.slowest = max(self.slowest, time.monotonic() - began)
            with self._lock:
                self.repeated[why] += 1
            assert tries == 1 or time.monotonic() < until, f"no answer after {tries} tries: {why}"
            time.sleep(AGAIN_SECONDS)


@dataclass(slots=True)
class Watcher:
    """What the page of all jobs knows. ended: ids of the jobs that it heard have ended well. opened: how many sockets
    it took. refused: why one could not be opened; it tries again.
    """

    cluster: Cluster
    ended: set[str] = field(default_factory=set)
    opened: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads.append(threading.Thread(target=self._watch, daemon=True))
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._threads[0].join()

    def wait_for(self, jobs: set[str]) -> None:
        """Until it has heard that each of these has ended well."""
        wait_until(lambda: jobs <= self.ended, JOBS_SECONDS, f"word of the end of {len(jobs)} jobs")

    def _watch(self) -> None:
        trusted = ssl.create_default_context(cafile=str(self.cluster.certificate))
        address = self.cluster.address.replace("https://", "wss://") + "/ws/jobs/"
        headers = {"Authorization": f"Token {self.cluster.place.key}"}
        while not self._stop.is_set():
            try:
                with connect(address, ssl=trusted, additional_headers=headers) as socket:
                    self.opened += 1
                    while not self._stop.is_set():
                        try:
                            self._hear(json.loads(socket.recv(timeout=0.5)))
                        except TimeoutError:
                            continue
            except ConnectionClosed:
                pass  # its host ends
            except (OSError, InvalidHandshake) as exc:
                self.refused[f"{type(exc).__name__}: {exc}"[:80]] += 1
            self._stop.wait(AGAIN_SECONDS)

    def _hear(self, message: dict[str, Any]) -> None:
        jobs = message["jobs"] if message["type"] == "jobs" else [message["job"]]
        self.ended |= {job["id"] for job in jobs if job["status"] == "completed"}


def analyse(sender: Sender, path: Path) -> str:
    """The id of an analysis of the file."""
    with path.open("rb") as file:
        begun = sender.ask(
            "POST", "/api/v1/video/upload", data={"analysis_type": "highlights"}, files={"video": (path.name, file)}
        )
    assert begun.status_code == 202, begun.text
    return str(begun.json()["sessionId"])


def is_analysed(sender: Sender, session: str) -> bool:
    """Whether it has ended; it may not have failed."""
    state = sender.ask("GET", f"/api/v1/video/status/{session}").json()
    assert state["status"] in ("queued", "processing", "completed"), state
    return bool(state["status"] == "completed")


def phone_of(cluster: Cluster) -> Phone:
    """A phone with a bad line, whose requests go to both web hosts in turn."""
    ports = itertools.cycle(cluster.hosts[name].port for name in ("web-1", "web-2"))
    return Phone(lambda: f"http://127.0.0.1:{next(ports)}", cluster.place.key, 1, headers=BY_TLS)


def work_while_hosts_change(cluster: Cluster, folder: Path, change: Callable[[Host], None]) -> None:
    """Stop each host in turn, change it and start it again, while people send videos, have them analysed and merged,
    and watch their jobs. Nobody may notice.
    """
    match, clips, phone = render_clip(folder / "match.mp4", seconds=20.0), make_alike(folder), phone_of(cluster)
    analyses, merges = [], []
    with Watcher(cluster) as watcher:
        with Load(cluster, folder) as load:
            for host in cluster.hosts.values():
                load.wait_for_more(3)
                analyses.append(analyse(cluster.sender(), match))
                merges.append(begin(phone, clips))
                phone.send(merges[-1], paths_of(clips))
                phone.complete(merges[-1])
                host.stop()
                change(host)
                load.wait_for_more(2)  # the others serve meanwhile
                host.start()
        load.judge()
        for session in analyses:
            wait_until(lambda session=session: is_analysed(cluster.sender(), session), JOBS_SECONDS, "an analysis")  # type: ignore[misc]
        for begun in merges:
            state = wait_until(lambda begun=begun: phone.ended(begun["merge_session_id"]), JOBS_SECONDS, "a merge")  # type: ignore[misc]
            assert state and state["overall_status"] == "completed", state
        jobs = cluster.sender().ask("GET", "/api/v1/jobs?limit=50").json()["jobs"]
        watcher.wait_for({job["id"] for job in jobs if job["status"] == "completed"})
    assert not watcher.refused
    print(f"{load.told()}; {len(analyses)} analyses and {len(merges)} merges; {watcher.opened} sockets")


def check_nothing_is_wrong(cluster: Cluster) -> None:
    """All hosts are there, doctor finds nothing, and each job was done once and well."""
    wait_until(lambda: cluster.present() == set(cluster.hosts), 60, "all hosts")
    said = cluster.sender().ask("GET", "/health").json()
    assert said["status"] == "healthy", said
    cluster.place.manage("doctor")
    check_each_ended_once(cluster.place)
    assert cluster.place.query("SELECT count(*) FROM video_jobs WHERE status <> 'completed'") == [(0,)]

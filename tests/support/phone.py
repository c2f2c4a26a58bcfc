"""Phone with a bad connection: a client that uploads clips, merges them and makes a challenge of the result.

It uses only the API of contract section 5. The connection drops at every third request: before the request is sent, in
the middle of it, or when the answer begins.
"""

import hashlib
import itertools
import json
import random
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.support.faults import reset
from tests.support.waiting import PATIENCE
from tests.uploads.forms import FORM, form_of

MERGES, UPLOADS, CHALLENGES = "/api/v1/challenge-videos", "/api/v1/challenge-videos/upload", "/api/v1/challenges"
CHUNK_BYTES = 64 * 1024
EVERY = 3
AT_ONCE = 4
ANSWER_SECONDS = 30
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5  # seconds before the first retry, doubled for each retry up to the maximum
GIVES_UP_SECONDS = 120.0  # seconds of retries after which a request fails, multiplied by PATIENCE
UNSENT, HALF, UNHEARD = "unsent", "half", "unheard"
ENDS = ("completed", "failed", "cancelled", "expired")


class Dropped(OSError):
    """The connection was dropped."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int
    headers: Message
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(slots=True)
class Phone:
    """A phone.

    - address: function that returns the server's current URL; empty while no server runs.
    - key: API token of the phone's user.
    - every: the connection drops at every n-th request; 0 for never.
    - kept: numbers of the chunks that the server has confirmed, by upload.
    - dropped: number of drops by kind.
    - headers: headers of every request.
    """

    address: Callable[[], str]
    key: str
    seed: int
    every: int = EVERY
    kept: dict[str, set[int]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    headers: Mapping[str, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # Connection

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"",
    ) -> Answer:  # fmt: skip
        """Send a request, and retry it after drops and after errors with Retry-After.

        Raises AssertionError for other errors.
        """
        pause, until = FIRST_PAUSE, time.monotonic() + GIVES_UP_SECONDS * PATIENCE
        while True:
            with suppress(OSError, HTTPException):
                answer = self._once(method, path, headers or {}, body)
                later = answer.headers.get("Retry-After")
                if answer.status < 400:
                    return answer
                assert later is not None, f"{method} {path}: {answer.status} {answer.content!r}"
                pause = max(pause, min(float(later), LONGEST_PAUSE))
            assert time.monotonic() < until, f"{method} {path} was not answered for {GIVES_UP_SECONDS * PATIENCE:g} s"
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def ask_json(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a JSON body as :meth:`ask` does; return the decoded JSON answer."""
        content = b"" if body is None else json.dumps(body).encode()
        return self.ask(method, path, headers={"Content-Type": "application/json", **headers}, body=content).json()

    def _once(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request once, over a new connection, which may be dropped. Raises OSError, ``HTTPException``."""
        place = urlsplit(self.address())
        fate = self._fate()
        if fate == UNSENT or not place.port:
            raise Dropped
        head = {
            "Host": place.netloc, "Connection": "close", "Content-Length": str(len(body)),
            "Authorization": f"Token {self.key}", **self.headers, **headers,
        }  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        said = f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
        with socket.create_connection(("127.0.0.1", place.port), ANSWER_SECONDS) as line:
            if fate == HALF:
                line.sendall(said[: len(said) // 2])
                raise _reset(line)
            line.sendall(said)
            if fate == UNHEARD:
                line.recv(1)
                raise _reset(line)
            response = HTTPResponse(line, method=method)
            response.begin()
            return Answer(response.status, response.headers, response.read())

    def _fate(self) -> str:
        """Return the kind of drop of the next request, or an empty text. The kinds take turns."""
        with self._lock:
            number = next(self._numbers)
            if not self.every or number % self.every != self.every - 1:
                return ""
            found = (UNHEARD, HALF, UNSENT)[number // self.every % 3]
            self.dropped[found] += 1
            return found

    # Clips

    def initiate(self, clips: Sequence[Path], durations: Sequence[float], **more: Any) -> dict[str, Any]:
        """Start a merge. Retries have the same idempotency key, so that only one merge is started."""
        body = {
            "video_count": len(clips), "video_filenames": [clip.name for clip in clips],
            "video_file_sizes": [clip.stat().st_size for clip in clips], "video_durations": list(durations),
            "video_mime_types": ["video/mp4"] * len(clips), "chunk_size": CHUNK_BYTES, **more,
        }  # fmt: skip
        found: dict[str, Any] = self.ask_json(
            "POST", f"{MERGES}/upload-for-merge/initiate", body, **{"Idempotency-Key": secrets.token_hex(8)}
        )
        return found

    def send(self, begun: Mapping[str, Any], clips: Sequence[Path]) -> None:
        """Send every chunk of every clip twice, in random order, several at once; then send missing chunks."""
        sessions = {one["session_id"]: clips[one["video_index"]] for one in begun["upload_sessions"]}
        queue = [
            (one["session_id"], number)
            for one in begun["upload_sessions"]
            for number in [*range(one["total_chunks"])] * 2
        ]
        random.Random(self.seed).shuffle(queue)
        while queue:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda item: self._send_chunk(*item, sessions[item[0]]), queue))
            queue = [(session, number) for session in sessions for number in self.resume(session)["remaining_chunks"]]

    def _send_chunk(self, session: str, number: int, clip: Path) -> None:
        with clip.open("rb") as file:
            file.seek(number * CHUNK_BYTES)
            data = file.read(CHUNK_BYTES)
        digest = hashlib.sha256(data).hexdigest()
        body = form_of([("chunk_number", str(number)), ("checksum", digest), ("chunk", data, "blob")])
        answer = self.ask("POST", f"{UPLOADS}/{session}/chunk", headers=FORM, body=body).json()
        assert number in answer["uploaded_chunks"], answer
        with self._lock:
            self.kept.setdefault(session, set()).add(number)

    def resume(self, session: str) -> dict[str, Any]:
        """Return which chunks have arrived and which are missing; check that no confirmed chunk is missing."""
        kept = set(self.kept.get(session, ()))
        found: dict[str, Any] = self.ask_json("POST", f"{UPLOADS}/{session}/resume")
        assert kept <= set(found["uploaded_chunks"]), (kept, found)
        return found

    def complete(self, begun: Mapping[str, Any]) -> list[str]:
        """Complete the uploads of all clips at once; return the clips' ids."""
        ids = [one["session_id"] for one in begun["upload_sessions"]]
        with ThreadPoolExecutor(len(ids)) as pool:
            answers = list(pool.map(lambda session: self.ask_json("POST", f"{UPLOADS}/{session}/complete"), ids))
        return [str(answer["media_file_id"]) for answer in answers]

    # Merge and challenge

    def status(self, merge: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask_json("GET", f"{MERGES}/merge-session/{merge}/status")
        return found

    def ended(self, merge: str) -> dict[str, Any] | None:
        """Return the merge's status if the merge has ended, else None."""
        found = self.status(merge)
        return found if found["overall_status"] in ENDS else None

    def challenge(self, ids: Sequence[str], merged: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Make a challenge from a merged video. Retries have the same idempotency key."""
        body = {
            "title": "Two truths", "lie_statement_index": 1, "is_merged_video": True,
            "statements": [
                {"media_file_id": one, "duration_seconds": segment["duration"]}
                for one, segment in zip(ids, merged["segments"], strict=True)
            ],
            "merged_video_metadata": {
                name: merged[name] for name in ("video_file_id", "total_duration", "segments", "compression_applied")
            },
            **more,
        }  # fmt: skip
        found: dict[str, Any] = self.ask_json("POST", CHALLENGES, body, **{"Idempotency-Key": secrets.token_hex(8)})
        return found

    def segments(self, challenge: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask_json("GET", f"{CHALLENGES}/{challenge}/segments")
        return found

    def optimized(self, video: str) -> dict[str, Any]:
        """Return the answer with the URL from which a phone plays a video."""
        query = urlencode({"device_type": "mobile", "prefer_signed": "true"})
        found: dict[str, Any] = self.ask_json("GET", f"/api/v1/media/optimized/{video}?{query}")
        return found

    def fetch(self, url: str, path: Path) -> Path:
        """Download ``url`` to ``path`` in byte ranges, in random order."""
        whole = bytearray(_size(self.ask("GET", url, headers={"Range": "bytes=0-0"})))
        starts = list(range(0, len(whole), CHUNK_BYTES))
        random.Random(self.seed).shuffle(starts)
        for start in starts:
            end = min(start + CHUNK_BYTES, len(whole)) - 1
            answer = self.ask("GET", url, headers={"Range": f"bytes={start}-{end}"})
            assert (answer.status, _size(answer)) == (206, len(whole))
            whole[start : end + 1] = answer.content
        path.write_bytes(whole)
        return path


def _size(answer: Answer) -> int:
    """Return the complete file's size from the answer to a range request."""
    return int(answer.headers["Content-Range"].rpartition("/")[2])


def _reset(line: socket.socket) -> Dropped:
    """Reset a connection, so that data in transit is lost; return the exception to raise."""
    reset(line)
    return Dropped()

"""curl, PyAV and ffmpeg seek in a private file by its signed address, through a real server; nobody can without."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import pytest

from media_app.delivery import addresses
from media_app.videos.models import Video
from tests.delivery.made import SECONDS
from tests.support import nginx
from vodplatform.asgi import application

pytestmark = pytest.mark.django_db(transaction=True)


class Watched:
    """The application; notes the status and the range of every answer."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def noting_send(message: Any) -> None:
            if message["type"] == "http.response.start":
                found = dict(message["headers"])
                self.answers.append((message["status"], found.get(b"content-range", b"").decode()))
            await send(message)

        await application(scope, receive, noting_send)


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def site(watched: Watched) -> Iterator[str]:
    with nginx.served(watched) as port:
        yield f"http://127.0.0.1:{port}"


def curl(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["curl", "-sS", *words], capture_output=True, timeout=120, check=False)


def test_curl_reads_any_part_and_continues(site: str, clip: Video, content: bytes, tmp_path: Path) -> None:
    address = site + addresses.stream_url(clip)
    assert curl(address).stdout == content
    assert curl("-r", "-500", address).stdout == content[-500:]
    assert curl("-r", "0-1,5-6", address).stdout == content
    part = tmp_path / "part.mp4"
    part.write_bytes(content[:12_345])
    assert curl("-C", "-", "-o", str(part), address).returncode == 0
    assert part.read_bytes() == content
    assert curl("-OJ", "--output-dir", str(tmp_path), f"{address}&download=1").returncode == 0
    assert (tmp_path / "A stored clip.mp4").read_bytes() == content


class TestFfmpeg:
    def test_demuxer_seeks_to_index_and_moment(self, site: str, clip: Video, content: bytes, watched: Watched) -> None:
        """As ffprobe does; the index of this file stands at its end."""
        assert content.index(b"moov") > len(content) / 2
        with av.open(site + addresses.stream_url(clip)) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == (320, 180)
            assert stream.duration is not None
            assert float(stream.duration * stream.time_base) == pytest.approx(SECONDS, abs=0.1)
            container.seek(int(5 / stream.time_base), stream=stream)
            frame = next(container.decode(stream))
            assert frame.pts * stream.time_base == pytest.approx(5, abs=0.6)
        assert sum(status == 206 for status, _ in watched.answers) >= 2
        assert any(not answer.startswith("bytes 0-") for _, answer in watched.answers)

    def test_it_follows_a_ladder_to_a_moment(self, site: str, clip: Video) -> None:
        with av.open(site + addresses.hls_url(clip), options={"allowed_extensions": "ALL"}) as container:
            stream = container.streams.video[0]
            container.seek(7_000_000)
            frame = next(container.decode(stream))
            assert frame.time == pytest.approx(6, abs=1.1)
            assert len(container.streams.audio) == 1

    def test_it_cuts_out_of_it(self, site: str, clip: Video, tmp_path: Path) -> None:
        done = subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-ss", "6",
             "-i", site + addresses.stream_url(clip), "-frames:v", "1", str(tmp_path / "frame.png")],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / "frame.png").stat().st_size > 100

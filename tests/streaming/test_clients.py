"""PyAV, and so ffmpeg, seeks in a private file and in a ladder by their signed addresses, through a real server."""

from collections.abc import Iterator
from typing import Any

import av
import pytest

from media_app.videos import media_urls
from media_app.videos.models import Video
from tests.streaming.made import SECONDS
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


class TestFfmpeg:
    def test_demuxer_seeks_to_index_and_moment(self, site: str, clip: Video, content: bytes, watched: Watched) -> None:
        """As ffprobe does; the index of this file stands at its end."""
        assert content.index(b"moov") > len(content) / 2
        with av.open(site + media_urls.stream_url(clip)) as container:
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
        with av.open(site + media_urls.hls_url(clip), options={"allowed_extensions": "ALL"}) as container:
            stream = container.streams.video[0]
            container.seek(7_000_000)
            frame = next(container.decode(stream))
            assert frame.time == pytest.approx(6, abs=1.1)
            assert len(container.streams.audio) == 1

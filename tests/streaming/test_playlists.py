"""HLS playlists as texts: the master of a ladder, and what every address in one inherits."""

import pytest

from media_app.streaming.playlists import Rung, master_playlist, with_address

pytestmark = pytest.mark.pure
SOURCE = Rung("source", 1920, 1080, 6_000_000, 5_000_000, "avc1.640028,mp4a.40.2")
SMALL = Rung("480", 854, 480, 900_000, 800_000, "avc1.64001e,mp4a.40.2")


def test_a_master_names_its_rungs_from_the_least() -> None:
    assert master_playlist([SOURCE, SMALL], 30_000 / 1001) == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=800000,RESOLUTION=854x480,CODECS="avc1.64001e,mp4a.40.2",'
        "FRAME-RATE=29.970\n480/index.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=6000000,AVERAGE-BANDWIDTH=5000000,RESOLUTION=1920x1080,"
        'CODECS="avc1.640028,mp4a.40.2",FRAME-RATE=29.970\nsource/index.m3u8\n'
    )


def test_what_is_not_known_is_not_claimed() -> None:
    text = master_playlist([Rung("source", 0, 0, 1, 1)], 0)
    assert "#EXT-X-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=1\nsource/index.m3u8" in text


def test_another_address_stands_wherever_the_file_is_named() -> None:
    """tests/streaming/test_s3.py does it in the playlist of a video."""
    text = '#EXTM3U\n#EXT-X-MAP:URI="media.mp4",BYTERANGE="800@0"\n#EXTINF:4,\n#EXT-X-BYTERANGE:9@800\nmedia.mp4\n'
    address = r"https://bucket.example/media.mp4?a=1&b=\1"
    assert with_address(text, "media.mp4", address).split(address) == text.split("media.mp4")

"""Which form of a video a device is given."""

from itertools import chain, combinations

import pytest

from media_app.streaming.format_selection import Device, Facts, Form, choose, is_web_playable

pytestmark = pytest.mark.pure
ALL = frozenset({Form.LADDER, Form.PROXY})


def facts(
    mime_type: str = "video/mp4", codec: str = "h264", sound: tuple[str, ...] = ("aac",), made: frozenset[Form] = ALL
) -> Facts:
    return Facts(mime_type, codec, sound, made)


@pytest.mark.parametrize(("found", "playable"), [
    (facts(), True), (facts(sound=()), True), (facts(codec="av1"), True),
    (facts("video/webm", "vp9", ("opus",)), True),
    (facts("video/webm", "vp8", ("vorbis",)), True), (facts(codec="hevc"), False), (facts(sound=("ac3",)), False),
    (facts(sound=("aac", "dts")), False), (facts("video/quicktime"), False), (facts("video/x-matroska"), False),
    (facts("video/webm", "h264", ()), False), (facts(codec=""), False), (facts("application/octet-stream"), False),
    (facts("video/webm", "vp9", ("aac",)), False),
])  # fmt: skip
def test_what_a_browser_plays_as_it_is(found: Facts, playable: bool) -> None:
    assert is_web_playable(found) is playable


@pytest.mark.parametrize(("device", "found", "form"), [
    (Device.DESKTOP, facts(), Form.ORIGINAL),
    (Device.TV, facts(), Form.ORIGINAL),
    (Device.MOBILE, facts(), Form.LADDER),
    (Device.TABLET, facts(), Form.LADDER),
    (Device.MOBILE, facts(made=frozenset()), Form.ORIGINAL),
    (Device.MOBILE, facts(made=frozenset({Form.PROXY})), Form.ORIGINAL),
    (Device.DESKTOP, facts(codec="hevc"), Form.LADDER),
    (Device.DESKTOP, facts(codec="hevc", made=frozenset({Form.PROXY})), Form.PROXY),
    (Device.DESKTOP, facts(codec="hevc", made=frozenset()), Form.ORIGINAL),
])  # fmt: skip
def test_what_a_device_is_given(device: Device, found: Facts, form: Form) -> None:
    assert choose(found, device) == form


def test_nothing_is_given_that_is_not_there() -> None:
    for device in Device:
        for made in chain.from_iterable(combinations(ALL, count) for count in range(3)):
            for codec in ("h264", "hevc"):
                form = choose(facts(codec=codec, made=frozenset(made)), device)
                assert form in {Form.ORIGINAL, *made}

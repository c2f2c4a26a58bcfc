"""Choice of the form in which a device gets a video: original, HLS or proxy; free of Django."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# Codecs that the supported browsers (README) play, by container.
WEB_VIDEO = {
    "video/mp4": {"h264", "av1", "vp9"},
    "video/webm": {"vp8", "vp9", "av1"},
}
WEB_SOUND = {
    "video/mp4": {"aac", "mp3", "opus", "flac"},
    "video/webm": {"opus", "vorbis"},
}


class Device(StrEnum):
    MOBILE = "mobile"
    TABLET = "tablet"
    DESKTOP = "desktop"
    TV = "tv"


class Form(StrEnum):
    ORIGINAL = "original"
    LADDER = "hls"
    PROXY = "proxy"


# Devices that get HLS, because their bandwidth varies.
ADAPTIVE_DEVICES = {Device.MOBILE, Device.TABLET}


@dataclass(frozen=True, slots=True)
class Facts:
    mime_type: str
    codec: str
    sound: Sequence[str]
    made: frozenset[Form]


def is_web_playable(facts: Facts) -> bool:
    return facts.codec in WEB_VIDEO.get(facts.mime_type, ()) and all(
        codec in WEB_SOUND[facts.mime_type] for codec in facts.sound
    )


def choose(facts: Facts, device: Device) -> Form:
    playable = is_web_playable(facts)
    if Form.LADDER in facts.made and (device in ADAPTIVE_DEVICES or not playable):
        return Form.LADDER
    if not playable and Form.PROXY in facts.made:
        return Form.PROXY
    return Form.ORIGINAL

"""Which form of a video a device is given; arithmetic on its facts alone, free of Django."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# What the browsers that the pages need (README) play without help, by container.
WEB_VIDEO = {
    "video/mp4": {"h264", "av1", "vp9"},
    "video/webm": {"vp8", "vp9", "av1"},
}
WEB_SOUND = {
    "video/mp4": {"aac", "mp3", "opus", "flac"},
    "video/webm": {"opus", "vorbis"},
}


class Device(StrEnum):
    """What somebody watches on."""

    MOBILE = "mobile"
    TABLET = "tablet"
    DESKTOP = "desktop"
    TV = "tv"


class Form(StrEnum):
    """What of a video is sent: its own file, its ladder, or the proxy."""

    ORIGINAL = "original"
    LADDER = "hls"
    PROXY = "proxy"


# Their bandwidth comes and goes: they are better off with a ladder.
WANDERERS = {Device.MOBILE, Device.TABLET}


@dataclass(frozen=True, slots=True)
class Facts:
    """mime_type: the container's. codec, sound: usual names, as the probe gives them. made: what else there is."""

    mime_type: str
    codec: str
    sound: Sequence[str]
    made: frozenset[Form]


def is_web_playable(facts: Facts) -> bool:
    """Whether a browser plays the original as it is: container, picture and every sound track."""
    return facts.codec in WEB_VIDEO.get(facts.mime_type, ()) and all(
        codec in WEB_SOUND[facts.mime_type] for codec in facts.sound
    )


def choose(facts: Facts, device: Device) -> Form:
    """The form for a device: the ladder for who is on the move or where the original cannot be played, else the file.

    The original is also the answer where nothing better has been made.
    """
    playable = is_web_playable(facts)
    if Form.LADDER in facts.made and (device in WANDERERS or not playable):
        return Form.LADDER
    if not playable and Form.PROXY in facts.made:
        return Form.PROXY
    return Form.ORIGINAL

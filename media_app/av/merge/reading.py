"""Reading of the packets of files to join, without decoding them."""

from __future__ import annotations

import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from media_app.av.container import MediaError, demux, first_video, open_media, presentation_origin
from media_app.av.merge.survey import Colours, Pictures, SoundSurvey, Survey

USUAL_SECONDS = Fraction(1, 30)  # seconds assumed for a picture whose duration is unknown


def survey_of(path: str | os.PathLike[str], sound: int | None = None) -> Survey:
    with open_media(path) as container:
        return _survey(container, str(path), sound)


def times_of(path: Path) -> list[Fraction]:
    with open_media(path) as container:
        video = container.streams.video[0]
        base, origin = Fraction(video.time_base or 0), presentation_origin(container)
        shown = sorted(
            (packet.pts, packet.duration or 0) for packet in demux(container, video)
            if packet.size and packet.pts is not None and not packet.is_discard
        )  # fmt: skip
    return [stamp * base - origin for stamp in [*(stamp for stamp, _ in shown), *(sum(one) for one in shown[-1:])]]


def _survey(container: InputContainer, path: str, sound: int | None) -> Survey:
    video = first_video(container)
    pictures = Pictures(video.codec_context.extradata or b"")
    stamps: list[int] = []
    shown_for: list[int] = []
    why_not: str | None = None
    tracks = [video] if sound is None else [video, container.streams[sound]]
    starts: list[int] = []
    lengths: list[int] = []
    try:
        for packet in container.demux(tracks):
            if not packet.size:
                continue
            if packet.stream_index == video.index:
                stamp = packet.pts if packet.pts is not None else packet.dts
                why_not = why_not or _why_not(packet, stamp, pictures)
                if stamp is not None and not packet.is_discard:
                    stamps.append(stamp)
                    shown_for.append(packet.duration or 0)
            elif packet.pts is not None:
                starts.append(packet.pts)
                lengths.append(packet.duration or 0)
    except IndexError:
        pass  # PyAV's error at the end of some files, see :func:`media_app.av.container.demux`
    except av.error.FFmpegError as exc:
        raise MediaError(MediaError.UNREADABLE, "The video's data is incomplete or damaged.") from exc
    base = Fraction(video.time_base or 0)
    if not base or not stamps:
        raise MediaError(MediaError.NO_PICTURE, "The video has no frames.")
    shown = sorted(stamps)
    context: Any = video.codec_context
    return Survey(
        path=path,
        track=video.index,
        base=base,
        origin=presentation_origin(container),
        decoded=stamps,
        shown=shown,
        last_length=_last_length(shown, shown_for[stamps.index(shown[-1])], base),
        extradata=bytes(context.extradata or b""),
        colours=Colours(
            int(context.color_primaries), int(context.color_trc), int(context.colorspace), int(context.color_range) == 2
        ),
        why_not="Several frames have the same timestamp." if len(set(shown)) < len(shown) else why_not,
        sound=None if sound is None or not starts else _sound(container.streams[sound], starts, lengths),
    )


def _why_not(packet: Packet[Any], stamp: int | None, pictures: Pictures) -> str | None:
    if stamp is None:
        return "Some frames have no timestamp."
    if packet.is_discard:
        return "Some frames are marked as not to be shown."
    if packet.has_sidedata("new_extradata"):
        return "The format changes during the video."
    return pictures.why(memoryview(packet), 0, packet.size, is_key=packet.is_keyframe, stamp=stamp)


def _sound(stream: Any, starts: list[int], lengths: list[int]) -> SoundSurvey:
    assert isinstance(stream, AudioStream)
    config = bytes(stream.codec_context.extradata or b"")
    return SoundSurvey(stream.index, Fraction(stream.time_base or 1), starts, lengths, config)


def _last_length(shown: list[int], last: int, base: Fraction) -> int:
    if last > 0:
        return last
    steps = sorted(later - earlier for earlier, later in pairwise(shown))
    usual = steps[len(steps) // 2] if steps else 0
    return max(1, usual or round(USUAL_SECONDS / base))

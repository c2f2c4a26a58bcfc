from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice
from typing import Any, NamedTuple

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from media_app.av.audio_splice import BLOCK, ROUNDING, Samples
from media_app.av.container import demux, open_media
from media_app.av.merge.copying import silent_packet
from media_app.av.source import Source
from sessions_app.prosync.engine.audio.aac import (
    SINE,
    Damaged,
    Unusual,
    decoded,
    sound_parameters,
    with_shape,
    without_adts,
)

MARGIN = 20
BEGIN = 64
WARM_UP = 2  # number of packets decoded before the wanted blocks, to fill the decoder


class NotSpliced(Exception):
    """Error: the packets cannot be copied, so the sound must be encoded."""


@dataclass(slots=True)
class OwnSound:
    """An AAC-LC track without gaps. config: bytes of its AudioSpecificConfig.

    head: start of the first packet relative to ``currentTime`` 0, in samples, usually −1024. last: number of audible
    samples in the last packet.
    """

    source: Source
    rate: int
    channels: int
    config: bytes
    head: int = 0
    count: int = 0
    last: int = BLOCK
    kept: dict[int, bytes] = field(default_factory=dict)
    silent: bytes = b""

    def block(self, sample: int) -> int:
        return (sample - self.head) // BLOCK

    def packet(self, number: int) -> bytes | None:
        return self.kept.get(number) if 0 <= number < self.count else self.silent

    def samples(self, first: int, end: int) -> Samples:
        """Return the samples of blocks. Their packets and :data:`WARM_UP` packets before must be stored."""
        packets = [self.packet(number) or self.silent for number in range(first - WARM_UP, end)]
        return decoded(packets, self.config, self.channels)[:, WARM_UP * BLOCK :]

    def packets(self) -> Iterator[bytes]:
        assert self.source.sound is not None
        with open_media(self.source.path) as container:
            for row in _rows(container, container.streams[self.source.sound.track]):
                yield row.content


def read_track(source: Source, edges: Sequence[float]) -> OwnSound:
    """Read all packets; store those near ``edges`` (seconds). Raise :class:`NotSpliced`."""
    sound = source.sound
    if sound is None:
        raise NotSpliced("The video has no sound.")
    if sound.codec != "aac" or sound.profile not in ("LC", ""):
        raise NotSpliced(f"The sound is {_name(sound.codec, sound.profile)}, not AAC-LC.")
    if sound.channels > 2:
        raise NotSpliced("The sound has more than two channels.")
    try:
        with open_media(source.path) as container:
            found = _survey(container, source, edges)
        # Use a sine window, because a new decoder assumes one before its first packet.
        found.silent = with_shape(silent_packet(found.rate, found.channels), SINE)
        decoded([packet for _, packet in sorted(found.kept.items())[:8]], found.config, found.channels)
    except (Damaged, Unusual, av.error.FFmpegError) as exc:
        raise NotSpliced("The sound is not standard AAC-LC.") from exc
    return found


def _name(codec: str, profile: str) -> str:
    return f"{codec} ({profile})" if profile else codec


def _survey(container: InputContainer, source: Source, edges: Sequence[float]) -> OwnSound:
    assert source.sound is not None
    stream = container.streams[source.sound.track]
    base = Fraction(stream.time_base or 1)
    rows = _rows(container, stream)
    begin = list(islice(rows, BEGIN))
    if not begin:
        raise NotSpliced("The video's sound track is empty.")
    config = bytes(stream.codec_context.extradata or b"") or begin[0].config
    rate, channels = sound_parameters(config)
    found = OwnSound(source, rate, channels, config)

    step, shift = float(base * rate), float(source.origin * rate)

    def place(row: _Row) -> float:
        return row.stamp * step - shift

    # If times are rounded, players position the sound by its first audible packet, so that packet determines `head`.
    heard = next((number for number, row in enumerate(begin) if place(row) > -BLOCK / 2), 0)
    found.head = round(place(begin[heard])) - heard * BLOCK
    blocks = [found.block(round(edge * rate)) for edge in edges]
    wanted = {block + at for block in blocks for at in range(-MARGIN, MARGIN + 1)}
    for number, row in enumerate(chain(begin, rows)):
        if abs(place(row) - found.head - number * BLOCK) > ROUNDING * rate:
            raise NotSpliced("The sound has gaps.")
        if row.is_other or row.config != begin[0].config:
            raise NotSpliced("The sound's format changes during the video.")
        if number in wanted:
            found.kept[number] = row.content
        # Matroska rounds the packet's duration, but stores the number of inaudible samples exactly. If the packet has
        # this number, compute the number of audible samples from it.
        found.count, found.last = number + 1, BLOCK - row.hidden if row.hidden else round(row.length * step)
    found.last = min(BLOCK, found.last) if found.last > 0 else BLOCK
    return found


class _Row(NamedTuple):
    """A packet of sound. stamp, length: start and duration in ticks. hidden: number of inaudible samples at its end.

    config: decoder configuration from the packet's ADTS header. is_other: whether the format changes at this packet.
    """

    stamp: int
    length: int
    hidden: int
    content: bytes
    config: bytes
    is_other: bool


def _rows(container: InputContainer, stream: Stream) -> Iterator[_Row]:
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    try:
        for packet in demux(container, stream):
            if not packet.size:
                continue
            if packet.pts is None:
                raise NotSpliced("The sound has no timestamps.")
            content, config = without_adts(bytes(packet))
            yield _Row(
                packet.pts, packet.duration or 0, _hidden(packet), content, config,
                packet.has_sidedata("new_extradata"),
            )  # fmt: skip
    except av.error.FFmpegError as exc:
        raise NotSpliced("The file ends in the middle of its sound.") from exc


def _hidden(packet: Packet[Any]) -> int:
    if not packet.has_sidedata("skip_samples"):
        return 0
    return int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[4:8], "little")

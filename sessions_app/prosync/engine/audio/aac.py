"""AAC-LC packets: windows, decoding and encoding.

A packet shares each of its two blocks of 1024 samples with a neighbour (ISO/IEC 14496-3, 4.6.11).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.codec import CodecContext
from av.packet import Packet
from numpy.typing import NDArray

from media_app.av.audio_splice import BLOCK, LAYOUTS, Samples

ONLY_LONG, LONG_START, EIGHT_SHORT, LONG_STOP = range(4)  # values of window_sequence (ISO/IEC 14496-3, table 4.2)
SINE = 0  # window_shape of sine windows; 1 is Kaiser-Bessel derived
LONG_BEGIN, LONG_END = (ONLY_LONG, LONG_START), (ONLY_LONG, LONG_STOP)
SINGLE, PAIR, FILL = 0, 1, 6  # values of id_syn_ele (ISO/IEC 14496-3, table 4.71)
SIGHT = 64  # number of bytes at a packet's start that are searched for its channel element
ADTS_HEADER, ADTS_CHECKED = 7, 9  # length of an ADTS header in bytes, without and with checksum (ISO/IEC 13818-7, 6.2)
# Encoder options for the smallest error: no noise substitution, no intensity stereo.
FAITHFUL = {"aac_pns": "0", "aac_is": "0", "aac_coder": "fast", "flags": "+qscale", "global_quality": "1000"}
MAX_WIDTH = 20_000
KAISER_ALPHA = 4.0
# Values in an AudioSpecificConfig (ISO/IEC 14496-3, 1.6).
RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
LOW_COMPLEXITY = 2
WITHOUT_SBR = bytes.fromhex("56e500")  # bytes that some encoders append to the config of plain AAC-LC
MIN_PLAIN_RATE = 32_000  # minimum sampling rate in Hz; sound at a lower rate may use SBR without declaring it


class Damaged(Exception):
    """Error: the packets contradict their headers."""


class Unusual(ValueError):
    """Error: the sound is not plain AAC-LC."""


class Windows(NamedTuple):
    sequence: int
    shape: int
    place: int


def windows_of(packet: bytes) -> Windows | None:
    """Return the windows of the packet's first channel, or None if its channel element is not found."""
    content = packet[:SIGHT]
    value, left = int.from_bytes(content), 8 * len(content)
    total = left

    def take(count: int) -> int:
        nonlocal left
        left -= count
        return value >> left & (1 << count) - 1 if left >= 0 else -1

    kind = take(3)
    while kind == FILL:
        count = take(4)
        take(8 * (count if count < 15 else 14 + take(8)))
        kind = take(3)
    if kind not in (SINGLE, PAIR):
        return None
    take(4)
    if kind == SINGLE or not take(1):
        take(8)  # skip the global gain
    take(1)
    sequence, place = take(2), total - left
    shape = take(1)
    return Windows(sequence, shape, place) if left >= 0 else None


def with_shape(packet: bytes, shape: int) -> bytes:
    windows = windows_of(packet)
    assert windows is not None
    changed = bytearray(packet)
    place, bit = windows.place // 8, 0x80 >> windows.place % 8
    changed[place] = changed[place] | bit if shape else changed[place] & ~bit
    return bytes(changed)


def _rising() -> NDArray[np.float64]:
    sine = np.sin(np.pi / (2 * BLOCK) * (np.arange(BLOCK) + 0.5))
    kaiser = np.cumsum(np.kaiser(BLOCK + 1, np.pi * KAISER_ALPHA))
    return np.stack([sine, np.sqrt(kaiser[:BLOCK] / kaiser[-1])])


RISING = _rising()


def before_joint(samples: Samples, theirs: int, ours: int) -> Samples:
    """Adapt the block of samples that the first new packet shares with the original packet before it.

    Change ``samples`` as little as possible, so that the aliasing of the two packets cancels out (Princen and Bradley
    1986). theirs, ours: window shapes of the original and of the new packet.
    """
    there, here = RISING[theirs], RISING[ours]
    wanted = there * samples - here * samples
    return np.asarray(samples + here * (wanted - wanted[:, ::-1]), np.float32)


def behind_joint(samples: Samples, theirs: int, ours: int) -> Samples:
    """Adapt the block shared by the last new packet and the original packet after it, as in :func:`before_joint`."""
    there, here = RISING[theirs][::-1], RISING[ours][::-1]
    wanted = there * samples - here * samples
    return np.asarray(samples + here * (wanted + wanted[:, ::-1]), np.float32)


def sound_parameters(config: bytes) -> tuple[int, int]:
    if len(config) < 2 or config[2:] not in (b"", WITHOUT_SBR):
        raise Unusual
    bits = int.from_bytes(config[:2])
    kind, rate, channels, rest = bits >> 11, bits >> 7 & 0b1111, bits >> 3 & 0b1111, bits & 0b111
    if kind != LOW_COMPLEXITY or rate >= len(RATES) or channels not in (1, 2) or rest:
        raise Unusual
    if RATES[rate] < MIN_PLAIN_RATE:
        raise Unusual
    return RATES[rate], channels


def without_adts(packet: bytes) -> tuple[bytes, bytes]:
    if len(packet) < ADTS_HEADER or packet[0] != 0xFF or packet[1] & 0xF6 != 0xF0:
        return packet, b""
    profile, rate, channels = packet[2] >> 6, packet[2] >> 2 & 15, (packet[2] & 1) << 2 | packet[3] >> 6
    if packet[6] & 3:
        raise Damaged("an AAC frame contains several blocks")
    config = (profile + 1) << 11 | rate << 7 | channels << 3
    return packet[ADTS_HEADER if packet[1] & 1 else ADTS_CHECKED :], config.to_bytes(2)


def decoded(packets: Sequence[bytes], config: bytes, channels: int) -> Samples:
    """Decode packets; return the first of each packet's two blocks, shape (channels, n).

    Damaged packets become silence. Raise :class:`Damaged` if the packets are not AAC-LC.
    """
    decoder: Any = CodecContext.create("aac", "r")
    decoder.extradata = config
    decoder.thread_count = 1
    found = np.zeros((channels, len(packets) * BLOCK), np.float32)
    for number, packet in enumerate(packets):
        try:
            frames = decoder.decode(Packet(packet))
        except av.error.FFmpegError:
            continue
        for frame in frames:
            if frame.samples != BLOCK or frame.layout.nb_channels != channels or frame.format.name != "fltp":
                raise Damaged("the decoded blocks are not AAC-LC")
            found[:, number * BLOCK : (number + 1) * BLOCK] = frame.to_ndarray()
    return found


class Encoder:
    """An AAC-LC encoder. Packet n holds blocks n - 1 and n.

    bits: bits per second; None for near-lossless quality.
    """

    def __init__(self, rate: int, channels: int, bits: int | None = None) -> None:
        context: Any = CodecContext.create("aac", "w")
        context.sample_rate, context.layout, context.format = rate, LAYOUTS[channels], "fltp"
        context.time_base, context.thread_count = Fraction(1, rate), 1
        if bits is None:
            context.options = {**FAITHFUL, "cutoff": str(min(MAX_WIDTH, rate // 2))}
        else:
            context.bit_rate = bits
        self._context = context
        self._rate, self._layout, self._at = rate, LAYOUTS[channels], 0

    @property
    def config(self) -> bytes:
        return bytes(self._context.extradata or b"")

    def put(self, block: Samples) -> list[bytes]:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block, np.float32), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._at, Fraction(1, self._rate)
        self._at += block.shape[1]
        return [bytes(packet) for packet in self._context.encode(frame)]

    def end(self) -> list[bytes]:
        return [bytes(packet) for packet in self._context.encode(None)]


def encoded(blocks: Iterator[Samples], rate: int, channels: int, bits: int | None = None) -> Iterator[bytes]:
    encoder = Encoder(rate, channels, bits)
    for block in blocks:
        yield from encoder.put(block)
    yield from encoder.end()

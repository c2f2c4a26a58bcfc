"""What the parameters of H.264 and AAC in an MP4 say of its pictures and its sound.

ITU-T H.264, 7.3.2.1; ISO/IEC 14496-3, 1.6.
"""

from __future__ import annotations

from dataclasses import dataclass

from media_app.av.avcc import HIGH_PROFILES, Avcc

PROFILES = frozenset({66, 77, 100})  # what every player takes
SQUARE = 1  # aspect_ratio_idc
UNSPECIFIED, OWN = 0, 255
RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
LOW_COMPLEXITY = 2
WITHOUT_SBR = bytes.fromhex("56e500")  # what some encoders say at the end of plain AAC-LC
LEAST_PLAIN_RATE = 32_000  # below it spectral bands may be replicated without a word


class Unusual(ValueError):
    """These are parameters that are not read here."""


@dataclass(frozen=True, slots=True)
class PictureParameters:
    """Of progressive 4:2:0 pictures of 8 bits with square pixels."""

    width: int
    height: int


class _Bits:
    def __init__(self, content: bytes) -> None:
        content = content.replace(b"\0\0\3", b"\0\0")
        self.value, self.left = int.from_bytes(content), 8 * len(content)

    def take(self, count: int) -> int:
        self.left -= count
        if self.left < 0:
            raise Unusual
        return self.value >> self.left & (1 << count) - 1

    def number(self) -> int:
        """An Exp-Golomb code (9.1); a signed one has as many bits."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def picture_parameters(record: bytes) -> PictureParameters:
    """record: an AVCDecoderConfigurationRecord. Raises :class:`Unusual`."""
    parsed = Avcc.parse(record)
    if parsed is None or len(parsed.sps) != 1 or parsed.profile not in PROFILES:
        raise Unusual
    bits = _Bits(parsed.sps[0][1:])
    profile = bits.take(8)
    bits.take(16)  # constraints and level
    bits.number()
    if profile in HIGH_PROFILES and (bits.number(), bits.number(), bits.number(), bits.take(2)) != (1, 0, 0, 0):
        raise Unusual  # another format of samples, or matrices of its own
    bits.number()
    order = bits.number()
    if order == 0:
        bits.number()
    elif order != 2:
        raise Unusual
    bits.number()
    bits.take(1)
    width, height = 16 * (bits.number() + 1), 16 * (bits.number() + 1)
    if not bits.take(1):
        raise Unusual  # fields
    bits.take(1)
    if bits.take(1):
        left, right, top, bottom = (2 * bits.number() for _ in range(4))
        width, height = width - left - right, height - top - bottom
    if bits.take(1) and bits.take(1):
        ratio = bits.take(8)
        if ratio not in (UNSPECIFIED, SQUARE) and not (ratio == OWN and bits.take(16) == bits.take(16)):
            raise Unusual
    return PictureParameters(width, height)


def sound_parameters(config: bytes) -> tuple[int, int]:
    """Samples a second and channels of an AudioSpecificConfig that is plain AAC-LC. Raises :class:`Unusual`."""
    if config[2:] not in (b"", WITHOUT_SBR):
        raise Unusual
    bits = _Bits(config[:2])
    kind, rate, channels, rest = bits.take(5), bits.take(4), bits.take(4), bits.take(3)
    if kind != LOW_COMPLEXITY or rate >= len(RATES) or channels not in (1, 2) or rest:
        raise Unusual
    if RATES[rate] < LEAST_PLAIN_RATE:
        raise Unusual
    return RATES[rate], channels

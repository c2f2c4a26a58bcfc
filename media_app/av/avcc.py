"""H.264 decoder configurations in MP4 (ISO/IEC 14496-15, 5.3.3.1; ITU-T H.264)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

LENGTH_BYTES = 4
IDR, SPS, PPS = 5, 7, 8  # NAL unit types (ITU-T H.264, table 7-1)
MAX_SPS, MAX_PPS = 31, 255  # maximum numbers of SPS and PPS in one decoder configuration record
HIGH_PROFILES = (100, 110, 122, 144)  # H.264 profiles whose record ends with chroma format and bit depths
SAMPLES_420_8 = bytes([0xFC | 1, 0xF8, 0xF8, 0])


@dataclass(frozen=True, slots=True)
class Avcc:
    profile: int
    compatibility: int
    level: int
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]

    @classmethod
    def parse(cls, record: bytes) -> Self | None:
        """Parse a decoder configuration; return None if damaged or if NAL unit lengths are not four bytes."""
        if len(record) < 7 or record[0] != 1 or (record[4] & 3) + 1 != LENGTH_BYTES:
            return None
        try:
            sps, at = _sets(record, 6, record[5] & 31)
            pps, _ = _sets(record, at + 1, record[at])
        except (IndexError, ValueError):
            return None
        return cls(record[1], record[2], record[3], sps, pps) if sps and pps else None

    def unused_set_number(self) -> int:
        taken = {_exp_golomb(unit[4:]) for unit in self.sps} | {_exp_golomb(unit[1:]) for unit in self.pps}
        return next(iter(sorted(set(range(32)) - taken)), 31)

    def joined(self, other: bytes) -> bytes | None:
        """Return a record with the parameter sets of this record and ``other``; None if they conflict."""
        second = Avcc.parse(other)
        if second is None:
            return None
        sps, pps = (tuple(dict.fromkeys(own + new)) for own, new in ((self.sps, second.sps), (self.pps, second.pps)))
        numbers = [_exp_golomb(unit[4:]) for unit in sps], [_exp_golomb(unit[1:]) for unit in pps]
        if any(len(set(one)) < len(one) for one in numbers) or len(sps) > MAX_SPS or len(pps) > MAX_PPS:
            return None
        profile = max(self.profile, second.profile)
        head = [1, profile, self.compatibility & second.compatibility, max(self.level, second.level), 0xFC | 3]
        record = bytes([*head, 0xE0 | len(sps)]) + _listed(sps) + bytes([len(pps)]) + _listed(pps)
        return record + SAMPLES_420_8 if profile in HIGH_PROFILES else record


def nal_units(sample: bytes) -> Iterator[bytes]:
    """Yield a sample's NAL units, without their length fields, up to the first damaged unit."""
    at = 0
    while at + LENGTH_BYTES < len(sample):
        length = int.from_bytes(sample[at : at + LENGTH_BYTES])
        at += LENGTH_BYTES
        if not length or at + length > len(sample):
            return
        yield sample[at : at + length]
        at += length


def unit_types(head: bytes) -> Iterator[int]:
    at = 0
    while at + LENGTH_BYTES < len(head) and (length := int.from_bytes(head[at : at + LENGTH_BYTES])):
        yield head[at + LENGTH_BYTES] & 31
        at += LENGTH_BYTES + length


def _sets(record: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    found = []
    for _ in range(count):
        length = int.from_bytes(record[at : at + 2])
        unit = record[at + 2 : at + 2 + length]
        if len(unit) < max(2, length):
            raise ValueError("the H.264 configuration record ends in the middle of a parameter set")
        found.append(unit)
        at += 2 + length
    return tuple(found), at


def _listed(units: tuple[bytes, ...]) -> bytes:
    return b"".join(len(unit).to_bytes(2) + unit for unit in units)


def _exp_golomb(data: bytes) -> int:
    bits = "".join(f"{byte:08b}" for byte in data[:8])
    zeros = bits.find("1")
    if zeros < 0 or 2 * zeros + 1 > len(bits):
        return -1
    return int(bits[zeros : 2 * zeros + 1], 2) - 1

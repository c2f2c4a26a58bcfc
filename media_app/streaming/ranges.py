"""HTTP byte ranges (RFC 9110 section 14); free of Django."""

from __future__ import annotations

from dataclasses import dataclass

ENDLESS = 10**19
MAX_DIGITS = 19


@dataclass(frozen=True, slots=True)
class ByteRange:
    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


class Unsatisfiable(Exception):
    """The requested range is outside the file; the answer is 416."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Parse a Range header for a file of ``size`` bytes; None means the complete file.

    Malformed headers, other units and several ranges are ignored. Raise :class:`Unsatisfiable`.
    """
    if not header:
        return None
    unit, equals, text = header.partition("=")
    if unit.strip().lower() != "bytes" or not equals or "," in text:
        return None
    first, dash, last = (part.strip() for part in text.partition("-"))
    if not dash or not (first or last) or not all(_is_number(part) for part in (first, last) if part):
        return None
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise Unsatisfiable
        return ByteRange(size - length, size)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return ByteRange(start, min(int(last) + 1, size) if last else size)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


def begins_with_the_first_byte(header: str | None) -> bool:
    try:
        part = parse_range(header, ENDLESS)
    except Unsatisfiable:
        return False
    return part is None or part.start == 0


def etag_matches(header: str | None, etag: str, *, weak: bool) -> bool:
    if not header:
        return False
    if header.strip() == "*":
        return weak
    for candidate in header.split(","):
        text = candidate.strip()
        if weak and text.startswith("W/"):
            text = text[2:]
        if text == etag:
            return True
    return False

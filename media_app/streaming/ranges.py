"""HTTP byte ranges (RFC 9110 section 14) on numbers and header texts alone; free of Django."""

from __future__ import annotations

import re
from dataclasses import dataclass

ENDLESS = 10**19
_SINGLE = re.compile(r"\s*(\d*)\s*-\s*(\d*)\s*")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``start`` to ``stop``, ``stop`` not included."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


class Unsatisfiable(Exception):
    """The one range asked for lies outside the file: 416."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The single range that ``header`` asks for in a file of ``size`` bytes, or None for the whole file.

    None also where the header is malformed, names another unit or asks for several ranges: a server may
    ignore what it does not do. Raises :class:`Unsatisfiable`.
    """
    if not header:
        return None
    unit, equals, text = header.partition("=")
    if unit.strip().lower() != "bytes" or not equals or "," in text:
        return None
    match = _SINGLE.fullmatch(text)
    if match is None or not any(match.groups()) or any(len(digits) > 19 for digits in match.groups()):
        return None
    first, last = match.groups()
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


def begins_with_the_first_byte(header: str | None) -> bool:
    """Whether what a Range header asks for, in a file of whatever size, begins where the file does."""
    try:
        part = parse_range(header, ENDLESS)
    except Unsatisfiable:
        return False
    return part is None or part.start == 0


def etag_matches(header: str | None, etag: str, *, weak: bool) -> bool:
    """Whether ``etag`` is named by an If-None-Match (``weak``) or If-Match (strong) header; ``*`` names it if weak."""
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

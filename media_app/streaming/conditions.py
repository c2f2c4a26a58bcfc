"""Conditional and range requests (RFC 9110 sections 13 and 14); free of Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime

from media_app.streaming.ranges import ByteRange, Unsatisfiable, etag_matches, parse_range

MAX_DATE_LETTERS = 40  # maximum number of characters in a date; the longest HTTP date has 33 (RFC 9110, 5.6.7)


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    part: ByteRange | None = None


def decide(headers: Mapping[str, str], size: int, etag: str, modified: float) -> Outcome:
    """Return status and range of the answer to a file request, by RFC 9110 section 13.2.2.

    headers: by lower-case name, repeated ones joined by commas. etag: in quotes. modified: epoch seconds.
    """
    second = int(modified)
    if "if-match" in headers:
        if not _named(headers["if-match"], etag):
            return Outcome(412)
    elif (limit := http_date(headers.get("if-unmodified-since"))) is not None and second > limit:
        return Outcome(412)
    if "if-none-match" in headers:
        if etag_matches(headers["if-none-match"], etag, weak=True):
            return Outcome(304)
    elif (known := http_date(headers.get("if-modified-since"))) is not None and second <= known:
        return Outcome(304)
    wanted = headers.get("range")
    if wanted and "if-range" in headers and not _is_same(headers["if-range"], etag, second):
        wanted = None
    try:
        part = parse_range(wanted, size)
    except Unsatisfiable:
        return Outcome(416)
    return Outcome(206, part) if part is not None else Outcome(200, ByteRange(0, size))


def http_date(text: str | None) -> int | None:
    """Return the epoch seconds of an HTTP date in any of the three formats, or None."""
    if not text or len(text) > MAX_DATE_LETTERS or not text.isascii():
        return None
    try:
        moment = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return None if moment.utcoffset() else int(moment.replace(tzinfo=UTC).timestamp())


def show_date(moment: float) -> str:
    return formatdate(moment, usegmt=True)


def _named(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag_matches(header, etag, weak=False)


def _is_same(header: str, etag: str, second: int) -> bool:
    text = header.strip()
    if text.startswith(('"', "W/")):
        return text == etag
    return http_date(text) == second

"""What conditional and range headers ask of a file (RFC 9110 sections 13 and 14), on texts and numbers; no Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime

from media_app.streaming.ranges import ByteRange, Unsatisfiable, etag_matches, parse_range

MAX_DATE_LETTERS = 40  # the longest form of RFC 9110 section 5.6.7 has 33


@dataclass(frozen=True, slots=True)
class Outcome:
    """status: 200, 206, 304, 412 or 416. part: the bytes to send with 200 and 206."""

    status: int
    part: ByteRange | None = None


def decide(headers: Mapping[str, str], size: int, etag: str, modified: float) -> Outcome:
    """What to answer about a file of ``size`` bytes, in the order of RFC 9110 section 13.2.2.

    headers: small names, repeated ones joined by commas. etag: strong, with its quotes. modified: epoch seconds.
    Malformed dates and ranges count as not sent.
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
    """Epoch seconds of an HTTP date in any of its three forms; None for anything else."""
    if not text or len(text) > MAX_DATE_LETTERS or not text.isascii():
        return None
    try:
        moment = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return None if moment.utcoffset() else int(moment.replace(tzinfo=UTC).timestamp())


def show_date(moment: float) -> str:
    """An instant (epoch seconds) as ``Last-Modified`` shows it."""
    return formatdate(moment, usegmt=True)


def _named(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag_matches(header, etag, weak=False)


def _is_same(header: str, etag: str, second: int) -> bool:
    """Whether If-Range names the file as it is: its ETag, or exactly its date (section 13.1.5)."""
    text = header.strip()
    if text.startswith(('"', "W/")):
        return text == etag
    return http_date(text) == second

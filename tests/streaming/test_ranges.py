"""HTTP byte ranges by the table of RFC 9110 section 14, and by any header at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_app.streaming.ranges import ByteRange, Unsatisfiable, begins_with_the_first_byte, etag_matches, parse_range

pytestmark = pytest.mark.pure
sizes = st.integers(0, 10**12)


@pytest.mark.parametrize(("header", "start", "stop"), [
    ("bytes=0-499", 0, 500), ("bytes=500-999", 500, 1000), ("bytes=0-0", 0, 1), ("bytes=-500", 9500, 10_000),
    ("bytes=9500-", 9500, 10_000), ("bytes=0-", 0, 10_000), ("bytes=9999-", 9999, 10_000),
    ("bytes=0-99999", 0, 10_000), ("bytes=-99999", 0, 10_000), ("bytes=-1", 9999, 10_000),
    ("BYTES=1-2", 1, 3), ("bytes= 1 - 2 ", 1, 3), ("bytes=0001-0002", 1, 3),
])  # fmt: skip
def test_one_range_is_served(header: str, start: int, stop: int) -> None:
    assert parse_range(header, 10_000) == ByteRange(start, stop)


@pytest.mark.parametrize(("size", "header"), [
    *((10_000, header) for header in ("bytes=10000-", "bytes=10000-10001", "bytes=99999-", "bytes=-0")),
    *((0, header) for header in ("bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0")),
])  # fmt: skip
def test_a_range_outside_is_unsatisfiable_as_any_of_an_empty_file(size: int, header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, size)


@pytest.mark.parametrize("header", [
    None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-2,4-5", "bytes=0-0,-1", "bytes=2-1", "items=0-1",
    "bytes=--1", "bytes=1--2", "bytes=1-2-3", "bytes=+1-2", "bytes=0x1-0x2", "bytes=1.5-2", "0-1", "bytes 0-1",
    "bytes==0-1", "bytes=0-1;", "bytes=,", "bytes=1-,", "bytes=0-²", f"bytes=-{' ' * 1_000_000}x",
])  # fmt: skip
def test_anything_else_is_the_whole_file(header: str | None) -> None:
    assert parse_range(header, 10_000) is None


@given(st.one_of(st.text(max_size=40), st.from_regex(r"bytes ?= ?-?[0-9]{0,25}-?[0-9]{0,25}", fullmatch=True)), sizes)
def test_any_header_gives_a_range_inside_the_file_or_none(header: str, size: int) -> None:
    try:
        found = parse_range(header, size)
    except Unsatisfiable:
        return
    if found is not None:
        assert 0 <= found.start < found.stop <= size
        assert found.length == found.stop - found.start >= 1


@given(sizes.filter(bool), st.data())
def test_first_and_last_are_both_served(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, 2 * size))
    assert parse_range(f"bytes={first}-{last}", size) == ByteRange(first, min(last + 1, size))
    assert parse_range(f"bytes={first}-", size) == ByteRange(first, size)
    assert parse_range(f"bytes=-{last + 1}", size) == ByteRange(max(0, size - last - 1), size)
    with pytest.raises(Unsatisfiable):
        parse_range(f"bytes={size + first}-", size)


@pytest.mark.parametrize(("header", "weak", "strong"), [
    ('"a"', True, True), ('W/"a"', True, False), ('"b", "a"', True, True), ("*", True, False), (None, False, False),
    ("", False, False), ('"b"', False, False), ("a", False, False), (' "a" ', True, True),
])  # fmt: skip
def test_etags_are_compared_as_asked(header: str | None, weak: bool, strong: bool) -> None:
    assert etag_matches(header, '"a"', weak=True) == weak
    assert etag_matches(header, '"a"', weak=False) == strong


@given(st.text(max_size=20) | st.from_regex(r"bytes=\d{0,3}-\d{0,3}", fullmatch=True), st.integers(1000, 10**12))
def test_whether_it_begins_with_the_first_byte_is_known_before_the_size(header: str, size: int) -> None:
    try:
        part = parse_range(header, size)
    except Unsatisfiable:
        assert not begins_with_the_first_byte(header)
    else:
        assert begins_with_the_first_byte(header) == (part is None or part.start == 0)

"""What conditional and range headers ask of a file: by the tables of RFC 9110 sections 13 and 14, and by any header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_app.streaming.conditions import Outcome, decide, http_date, show_date
from media_app.streaming.ranges import ByteRange

pytestmark = pytest.mark.pure
SIZE, ETAG, MODIFIED = 10_000, '"a"', 1_700_000_000.7
DATE, EARLIER, LATER = (show_date(MODIFIED + seconds) for seconds in (0, -1, 1))
WHOLE, PART = Outcome(200, ByteRange(0, SIZE)), Outcome(206, ByteRange(0, 10))


@pytest.mark.parametrize(("headers", "outcome"), [
    ({}, WHOLE),
    ({"range": "bytes=0-9"}, PART),
    ({"range": "bytes=10000-"}, Outcome(416)),
    ({"if-none-match": '"a"', "range": "bytes=0-9"}, Outcome(304)),
    ({"if-none-match": 'W/"a"'}, Outcome(304)),
    ({"if-none-match": '"b"', "range": "bytes=0-9"}, PART),
    ({"if-modified-since": DATE}, Outcome(304)),
    ({"if-modified-since": LATER}, Outcome(304)),
    ({"if-modified-since": EARLIER}, WHOLE),
    ({"if-modified-since": "nonsense"}, WHOLE),
    ({"if-modified-since": ""}, WHOLE),
    ({"if-none-match": '"b"', "if-modified-since": LATER}, WHOLE),
    ({"if-match": '"a"', "if-unmodified-since": EARLIER}, WHOLE),
    ({"if-match": '"b"'}, Outcome(412)),
    ({"if-match": 'W/"a"'}, Outcome(412)),
    ({"if-match": "*"}, WHOLE),
    ({"if-unmodified-since": EARLIER}, Outcome(412)),
    ({"if-unmodified-since": DATE}, WHOLE),
    ({"if-unmodified-since": "nonsense"}, WHOLE),
    ({"if-match": '"b"', "if-none-match": '"a"'}, Outcome(412)),
    ({"range": "bytes=0-9", "if-range": '"a"'}, PART),
    ({"range": "bytes=0-9", "if-range": DATE}, PART),
    ({"range": "bytes=0-9", "if-range": '"b"'}, WHOLE),
    ({"range": "bytes=0-9", "if-range": 'W/"a"'}, WHOLE),
    ({"range": "bytes=0-9", "if-range": LATER}, WHOLE),
    ({"range": "bytes=0-9", "if-range": EARLIER}, WHOLE),
    ({"range": "bytes=0-9", "if-range": "nonsense"}, WHOLE),
    ({"range": "bytes=0-9", "if-range": "*"}, WHOLE),
    ({"range": "bytes=0-9", "if-range": '"a", "b"'}, WHOLE),
    ({"range": "bytes=10000-", "if-range": '"b"'}, WHOLE),
    ({"if-range": '"a"'}, WHOLE),
    ({"range": "bytes=0-9, bytes=20-29"}, WHOLE),
], ids=str)  # fmt: skip
def test_what_is_answered(headers: dict[str, str], outcome: Outcome) -> None:
    assert decide(headers, SIZE, ETAG, MODIFIED) == outcome


@pytest.mark.parametrize(("text", "seconds"), [
    ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
    ("Sun Nov  6 08:49:37 1994", 784_111_777), (" Sun, 06 Nov 1994 08:49:37 GMT ", 784_111_777),
    ("Sun, 06 Nov 1994 08:49:37 +0100", None), ("Sun, 99 Nov 1994 08:49:37 GMT", None), ("1994", None),
    ("", None), (None, None), ("0", None), ("ü", None), ("Sun, 06 Nov 1994 08:49:37 GMT" + " " * 50, None),
])  # fmt: skip
def test_a_date_has_one_of_three_forms(text: str | None, seconds: int | None) -> None:
    assert http_date(text) == seconds


@given(st.integers(0, 253_402_300_799))
def test_a_date_that_is_shown_is_read_as_the_same(moment: int) -> None:
    assert http_date(show_date(moment)) == moment


NAMES = ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]
VALUES = st.one_of(
    st.text(max_size=50),
    st.sampled_from([ETAG, f"W/{ETAG}", "*", DATE, EARLIER, LATER, "bytes=0-", "bytes=-1", "bytes=5-2"]),
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.integers(0, 10**12), st.floats(0, 4e9))
def test_any_headers_are_answered(headers: dict[str, str], size: int, modified: float) -> None:
    outcome = decide(headers, size, ETAG, modified)
    assert outcome.status in (200, 206, 304, 412, 416)
    assert (outcome.part is not None) == (outcome.status in (200, 206))
    if outcome.part is not None:
        assert 0 <= outcome.part.start <= outcome.part.stop <= size

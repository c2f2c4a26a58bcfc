"""The headers of tus, read strictly: what a client means is understood, and what means nothing is refused."""

import base64
import contextlib
import hashlib
import string
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_app.uploads.protocols import tus_headers as protocol
from media_app.uploads.protocols.tus_headers import Malformed
from tests.uploads.tus import write_metadata

pytestmark = pytest.mark.pure
PREFIX = "/api/v1/uploads/tus"
KEYS = st.text(
    st.sampled_from([sign for sign in string.printable if "!" <= sign <= "~" and sign != ","]), min_size=1, max_size=20
)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
PAIRS = st.dictionaries(KEYS, TEXTS, max_size=10)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


class TestNumbers:
    @given(st.integers(0, protocol.MAX_BYTES))
    def test_a_whole_number_is_read(self, number: int) -> None:
        assert protocol.parse_number("Upload-Offset", str(number)) == number

    @pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1_000", "١", "²", "1, 1", str(2**63), "\u00a01", "1 "])
    def test_anything_else_is_not(self, text: str) -> None:
        with pytest.raises(Malformed, match="Upload-Offset"):
            protocol.parse_number("Upload-Offset", text)

    def test_a_header_that_is_missing_is_named(self) -> None:
        with pytest.raises(Malformed, match="Upload-Length: This header is required"):
            protocol.parse_number("Upload-Length", None)


class TestMetadata:
    @given(PAIRS)
    def test_what_is_written_is_read(self, pairs: dict[str, str]) -> None:
        assert protocol.parse_metadata(write_metadata(pairs)) == pairs

    def test_the_example_of_the_protocol(self) -> None:
        text = "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential"
        assert protocol.parse_metadata(text) == {"filename": "world_domination_plan.pdf", "is_confidential": ""}

    @pytest.mark.parametrize("text", ["", "  ", "a YQ==", "a YQ==, b Yg==", "a YQ== ,b", "a  YQ=="])
    def test_blanks_around_pairs_do_not_matter(self, text: str) -> None:
        assert set(protocol.parse_metadata(text).values()) <= {"a", "b", ""}

    @pytest.mark.parametrize("text", [
        ",", "a,", ",a", "a YQ==,,b", "a YQ", "a YQ=", "a YQ===", "a Y Q==", "a YQ==,a Yg==", "ä YQ==", "a ä",
        "a !!!!", "a YQ==;b", f"a {encoded(bytes([0xFF]))}", f"a {encoded(b'x' + bytes(1))}",
        f"a {encoded(b'a' * 20_000)}",
        ",".join(f"k{number}" for number in range(100)), "a\tYQ==", "k" * 300,
    ])  # fmt: skip
    def test_what_is_malformed_is_refused(self, text: str) -> None:
        with pytest.raises(Malformed, match="Upload-Metadata"):
            protocol.parse_metadata(text)


class TestChecksum:
    @pytest.mark.parametrize("name", ["sha1", "sha256", "md5", "SHA1"])
    def test_a_digest_is_read(self, name: str) -> None:
        digest = hashlib.new(name.lower(), b"bytes").digest()
        found = protocol.parse_checksum(f"{name} {base64.b64encode(digest).decode()}")
        assert found == protocol.Checksum(name.lower(), digest)

    @pytest.mark.parametrize("text", ["", "sha1", "sha1 !", "sha1 YQ==", "sha512 YQ==", "sha1 Kq5sNclPz7QV2+lf"])
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(Malformed, match="Upload-Checksum"):
            protocol.parse_checksum(text)


class TestConcatenation:
    def test_a_partial_upload(self) -> None:
        assert protocol.parse_concat("partial", PREFIX).parts == ()

    @given(st.lists(st.uuids(), min_size=1, max_size=5), st.booleans())
    def test_the_parts_of_a_final_one(self, parts: list[uuid.UUID], is_whole: bool) -> None:
        start = "https://vod.example" if is_whole else ""
        text = "final;" + " ".join(f"{start}{PREFIX}/{part}" for part in parts)
        assert protocol.parse_concat(text, PREFIX).parts == tuple(parts)
        written = protocol.write_final(PREFIX, [str(part) for part in parts])
        assert protocol.parse_concat(written, PREFIX).parts == tuple(parts)

    @pytest.mark.parametrize("text", [
        "", "final", "final;", "final; ", "Partial", "partial;", "partial;/a", "whole", f"final;{PREFIX}/",
        f"final;{PREFIX}/1", f"final;/other/{uuid.UUID(int=1)}", f"final;{uuid.UUID(int=1)}",
        f"final;{PREFIX}/x/{uuid.UUID(int=1)}",
        f"final;https://[::1/{uuid.UUID(int=1)}", f"final;{PREFIX}/../{uuid.UUID(int=1)}",
    ])  # fmt: skip
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(Malformed, match="Upload-Concat"):
            protocol.parse_concat(text, PREFIX)


@pytest.mark.parametrize(("method", "override", "meant"), [
    ("POST", "PATCH", "PATCH"), ("POST", " patch ", "PATCH"), ("POST", None, "POST"), ("POST", "", "POST"),
    ("PATCH", "DELETE", "PATCH"), ("GET", "PATCH", "GET"),
])  # fmt: skip
def test_only_a_post_can_mean_something_else(method: str, override: str | None, meant: str) -> None:
    assert protocol.method_of(method, override) == meant


@given(st.text(max_size=60))
def test_no_text_breaks_a_parser(text: str) -> None:
    with contextlib.suppress(Malformed):
        assert protocol.parse_number("Upload-Length", text) >= 0
    with contextlib.suppress(Malformed):
        found = protocol.parse_metadata(text)
        assert all(key and "\0" not in value for key, value in found.items())
    with contextlib.suppress(Malformed):
        assert protocol.parse_checksum(text).algorithm in protocol.ALGORITHMS
    with contextlib.suppress(Malformed):
        protocol.parse_concat(f"final;{text}", PREFIX)


def test_an_instant_is_shown_as_http_shows_dates() -> None:
    here = timezone(timedelta(hours=2))
    assert protocol.show_instant(datetime(2014, 6, 25, 18, tzinfo=here)) == "Wed, 25 Jun 2014 16:00:00 GMT"
    assert protocol.show_instant(datetime(2014, 6, 25, 16, tzinfo=UTC)) == "Wed, 25 Jun 2014 16:00:00 GMT"

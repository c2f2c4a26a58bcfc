"""What headers say of a file's name and type: nothing that acts, whatever a title holds."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_app.streaming.names import PLAIN_TYPE, attachment, made_type, media_type

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(("title", "location", "name"), [
    ("A title", "videos/1/a.mp4", "A title.mp4"), ("clip.mp4", "/srv/b.mp4", "clip.mp4"),
    ("clip.MP4", "/srv/b.mp4", "clip.MP4"), ("A", "videos/1/nothing", "A"), ("A", "b.verylong", "A"),
    ("", "b.webm", "video.webm"), ("...", "b.mp4", "video.mp4"), ("a/b\\c:d", "b.mp4", "a_b_c_d.mp4"),
    ("../../etc/passwd", "b.mp4", "_.._etc_passwd.mp4"), ("a\r\nX-Evil: 1", "b.mp4", "a X-Evil_ 1.mp4"),
    ("a\x00b", "b.mp4", "a b.mp4"), ("50%", "b.mp4", "50%.mp4"), ("x" * 300, "b.mp4", "x" * 150 + ".mp4"),
    ('a"; filename="b.exe', "b.mp4", "a_; filename=_b.exe.mp4"), ("\u202egpj.exe", "b.mp4", "gpj.exe.mp4"),
    ("Ünïcode 🎮", "b.mp4", "Ünïcode 🎮.mp4"), ("a", "b.html", "a.html"), ("a", "b.m\np4", "a"),
])  # fmt: skip
def test_a_file_is_saved_under_its_title(title: str, location: str, name: str) -> None:
    header = attachment(title, location)
    found = re.fullmatch(r"attachment; filename=\"([^\"\\]*)\"(?:; filename\*=UTF-8''([^;\s]*))?", header)
    assert found, header
    assert unquote(found[2] or found[1]) == name
    assert found[2] or "%" not in found[1]


@given(st.text(max_size=400), st.text(max_size=40))
def test_any_title_is_one_harmless_header(title: str, location: str) -> None:
    header = attachment(title, location)
    assert header.isascii()
    assert header.isprintable()
    assert re.fullmatch(r"attachment; filename=\"[^\"\\%/]*\"(; filename\*=UTF-8''[A-Za-z0-9%._~-]+)?", header)
    assert len(header) < 2500


@pytest.mark.parametrize(("claimed", "sent"), [
    ("video/mp4", "video/mp4"), ("video/x-matroska", "video/x-matroska"), ("audio/mp4", "audio/mp4"),
    ("text/html", PLAIN_TYPE), ("image/svg+xml", PLAIN_TYPE), ("application/xhtml+xml", PLAIN_TYPE),
    ("", PLAIN_TYPE),
    ("video/mp4\r\nX-Evil: 1", PLAIN_TYPE), ("video/mp4; charset=x", PLAIN_TYPE), ("video/ü", PLAIN_TYPE),
    ("VIDEO/MP4", PLAIN_TYPE), ("video/", PLAIN_TYPE), ("video/mp4\n", PLAIN_TYPE),
])  # fmt: skip
def test_a_video_is_sent_as_a_video_or_as_bytes(claimed: str, sent: str) -> None:
    assert media_type(claimed) == sent


@pytest.mark.parametrize(("name", "sent"), [
    ("poster.jpg", "image/jpeg"), ("sprite.vtt", "text/vtt; charset=utf-8"), ("peaks.json", "application/json"),
    ("proxy.mp4", "video/mp4"), ("a.png", "image/png"), ("a.webp", "image/webp"), ("a.html", None), ("a.svg", None),
    ("a.js", None), ("a", None), ("a.jpg.html", None), ("", None), ("a.JPG", None),
])  # fmt: skip
def test_child_files_are_of_few_kinds(name: str, sent: str | None) -> None:
    assert made_type(name) == sent

"""Signed addresses: one name, one purpose, until an instant."""

from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vodplatform.core.web import signing
from vodplatform.core.web.signing import BadSignature, ExpiredSignature, daily_pseudonym, sign, verify

pytestmark = pytest.mark.pure
NOW = 1_800_000_000.0


@given(st.floats(60, 86_400), st.floats(0, 4e9))
def test_a_token_lives_as_long_as_it_says_and_not_much_longer(seconds: float, now: float) -> None:
    token = sign("stream", "a", seconds=seconds, now=now)
    expires = verify(token, "stream", "a", now=now)
    assert now + seconds <= expires < now + seconds + min(signing.ROUND_SECONDS, max(10, seconds / 10)) + 1
    assert verify(token, "stream", "a", now=expires) == expires
    with pytest.raises(ExpiredSignature):
        verify(token, "stream", "a", now=expires + 0.001)


def test_the_same_page_gets_the_same_address_for_a_while() -> None:
    assert sign("stream", "a", seconds=7200, now=NOW + 1) == sign("stream", "a", seconds=7200, now=NOW + 200)


@pytest.mark.parametrize(
    ("purpose", "name"), [("stream", "b"), ("made", "a"), ("", "a"), ("stream", ""), ("stream\x1fa", "")]
)
def test_it_names_one_file_and_one_purpose(purpose: str, name: str) -> None:
    with pytest.raises(BadSignature):
        verify(sign("stream", "a", seconds=60, now=NOW), purpose, name, now=NOW)


def test_a_later_expiry_cannot_be_written_into_it() -> None:
    head, _, mac = sign("stream", "a", seconds=60, now=NOW).partition(".")
    with pytest.raises(BadSignature):
        verify(f"{int(head, 16) + 3600:x}.{mac}", "stream", "a", now=NOW)


def test_only_the_present_and_former_keys_open_what_was_signed_with_them(settings: Any) -> None:
    token, former = sign("stream", "a", seconds=60, now=NOW), settings.SECRET_KEY
    name = daily_pseudonym("203.0.113.9", now=NOW)
    settings.SECRET_KEY = "another key that is long enough for this"
    assert daily_pseudonym("203.0.113.9", now=NOW) != name
    with pytest.raises(BadSignature):
        verify(token, "stream", "a", now=NOW)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert verify(token, "stream", "a", now=NOW) > NOW
    assert sign("stream", "a", seconds=60, now=NOW) != token
    with pytest.raises(BadSignature):
        verify(token, "stream", "b", now=NOW)
    with pytest.raises(ExpiredSignature):
        verify(token, "stream", "a", now=NOW + 1000)


def test_each_day_has_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What signs one day's addresses signs no other's; an address across midnight is verified by the day it ends."""
    midnight = NOW - NOW % signing.KEY_SECONDS + signing.KEY_SECONDS
    noted = Mock(wraps=signing.hmac.new)
    monkeypatch.setattr(signing.hmac, "new", noted)
    for now in (midnight - 7200, midnight - 3600, midnight + 3600):
        token = sign("stream", "a", seconds=60, now=now)
        assert verify(token, "stream", "a", now=now + 60)
    used = [call.args[0] for call in noted.call_args_list if len(call.args[0]) == 32]
    assert used[0] == used[1] == used[2] == used[3] != used[4] == used[5]
    across = sign("stream", "a", seconds=3600, now=midnight - 60)
    assert verify(across, "stream", "a", now=midnight + 60) == signing.expiry_of(across)


def test_garbage_is_a_bad_signature_and_nothing_worse() -> None:
    for token in (
        "", ".", "x", "7", "7.", ".mac", "zz.mac", "-1.mac", "0x7.mac", "7.\u00e9", "7.mac.more", "f" * 5000 + ".mac",
        "\ud800.mac", "7.\ud800", " 7.mac", "7_7.mac", "٧.mac", "7" * 100_000,
    ):  # fmt: skip
        with pytest.raises(BadSignature):
            verify(token, "stream", "a", now=NOW)


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_text_is_a_bad_signature_and_nothing_worse(token: str, name: str) -> None:
    with pytest.raises(BadSignature):
        verify(token, "stream", name, now=NOW)


@given(st.text(max_size=40), st.text(max_size=40), st.floats(0, 4e9))
def test_a_pseudonym_is_one_names_on_one_day(name: str, other: str, now: float) -> None:
    found = daily_pseudonym(name, now=now)
    assert len(found) == 32
    assert (found == daily_pseudonym(other, now=now)) == (name == other)
    assert found == daily_pseudonym(name, now=now // signing.KEY_SECONDS * signing.KEY_SECONDS)
    assert found != daily_pseudonym(name, now=now + signing.KEY_SECONDS)

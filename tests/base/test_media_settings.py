"""Settings of bytes out: former keys, nginx's prefix, and the origins that pages may play from."""

from __future__ import annotations

import pytest

from vodplatform.settings.environment import Environment, SettingsError

pytestmark = pytest.mark.pure
KEY = "k" * 32


def test_former_keys_are_separated_by_commas() -> None:
    for given, keys in {"": [], KEY: [KEY], f" {KEY} , {KEY}2 ,": [KEY, f"{KEY}2"]}.items():
        assert Environment({"SECRET_KEY_FALLBACKS": given}).former_keys() == keys
    with pytest.raises(SettingsError, match="SECRET_KEY_FALLBACKS"):
        Environment({"SECRET_KEY_FALLBACKS": f"{KEY},short"}).former_keys()


def test_the_prefix_begins_and_ends_with_a_slash() -> None:
    for given in ("", "/_media/", "/a/b-c/"):
        assert Environment({"VOD_X_ACCEL_PREFIX": given}).text("VOD_X_ACCEL_PREFIX") == given
    for given in ("/", "_media/", "/_media", "//", "/a//b/", "/a b/", "/../", "https://a/", "/a%/"):
        with pytest.raises(SettingsError, match="/_media/"):
            Environment({"VOD_X_ACCEL_PREFIX": given}).text("VOD_X_ACCEL_PREFIX")


@pytest.mark.parametrize(
    ("variables", "origins"),
    [
        ({}, ""),
        ({"AWS_S3_ENDPOINT_URL": "https://a.example"}, ""),
        (
            {"AWS_STORAGE_BUCKET_NAME": "vods"},
            "https://vods.s3.amazonaws.com https://vods.s3.us-east-1.amazonaws.com",
        ),
        (
            {"AWS_STORAGE_BUCKET_NAME": "my.vods", "AWS_S3_REGION_NAME": "eu-central-1"},
            "https://s3.amazonaws.com https://s3.eu-central-1.amazonaws.com",
        ),
        (
            {"AWS_STORAGE_BUCKET_NAME": "vods", "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9000/path"},
            "http://127.0.0.1:9000",
        ),
        ({"CDN_BASE_URL": "https://cdn.example.org/vod"}, "https://cdn.example.org"),
    ],
)
def test_pages_may_play_from_where_players_are_sent(variables: dict[str, str], origins: str) -> None:
    assert Environment(variables).media_origins() == origins.split()


def test_the_provider_has_its_key_and_knows_where_we_are() -> None:
    key, public = {"SYNCSO_API_KEY": "sk-1"}, {"VOD_PUBLIC_URL": "https://vod.example/"}
    environment = Environment({**key, **public})
    assert environment.syncso("syncso")["key"] == "sk-1"
    assert environment.text("VOD_PUBLIC_URL") == "https://vod.example"
    assert Environment({}).syncso("local")["key"] == ""
    for given, name in ((public, "SYNCSO_API_KEY"), (key, "VOD_PUBLIC_URL")):
        with pytest.raises(SettingsError, match=name):
            Environment(given).syncso("syncso")

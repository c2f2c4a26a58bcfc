"""Settings of bytes out: former keys, nginx's prefix, and the origins that pages may play from."""

from __future__ import annotations

import pytest

from vodplatform.settings.environment import Environment, SettingsError

pytestmark = pytest.mark.pure
KEY = "k" * 32


class TestFormerKeys:
    @pytest.mark.parametrize(("given", "keys"), [("", []), (KEY, [KEY]), (f" {KEY} , {KEY}2 ,", [KEY, f"{KEY}2"])])
    def test_they_are_separated_by_commas(self, given: str, keys: list[str]) -> None:
        assert Environment({"SECRET_KEY_FALLBACKS": given}).former_keys() == keys
        with pytest.raises(SettingsError, match="SECRET_KEY_FALLBACKS"):
            Environment({"SECRET_KEY_FALLBACKS": f"{KEY},short"}).former_keys()


class TestPrefix:
    @pytest.mark.parametrize(("given", "prefix"), [("", ""), ("/_media/", "/_media/"), ("/a/b-c/", "/a/b-c/")])
    def test_it_begins_and_ends_with_a_slash(self, given: str, prefix: str) -> None:
        assert Environment({"VOD_X_ACCEL_PREFIX": given}).text("VOD_X_ACCEL_PREFIX") == prefix

    @pytest.mark.parametrize(
        "given", ["/", "_media/", "/_media", "//", "/a//b/", "/a b/", "/../", "https://a/", "/a%/"]
    )
    def test_anything_else_stops_the_start(self, given: str) -> None:
        with pytest.raises(SettingsError, match="/_media/"):
            Environment({"VOD_X_ACCEL_PREFIX": given}).text("VOD_X_ACCEL_PREFIX")


class TestOrigins:
    @pytest.mark.parametrize(
        ("variables", "origins"),
        [
            ({}, []),
            ({"AWS_S3_ENDPOINT_URL": "https://a.example"}, []),
            (
                {"AWS_STORAGE_BUCKET_NAME": "vods"},
                ["https://vods.s3.amazonaws.com", "https://vods.s3.us-east-1.amazonaws.com"],
            ),
            (
                {"AWS_STORAGE_BUCKET_NAME": "my.vods", "AWS_S3_REGION_NAME": "eu-central-1"},
                ["https://s3.amazonaws.com", "https://s3.eu-central-1.amazonaws.com"],
            ),
            (
                {"AWS_STORAGE_BUCKET_NAME": "vods", "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9000/path"},
                ["http://127.0.0.1:9000"],
            ),
            ({"CDN_BASE_URL": "https://cdn.example.org/vod"}, ["https://cdn.example.org"]),
        ],
    )
    def test_pages_may_play_from_where_players_are_sent(self, variables: dict[str, str], origins: list[str]) -> None:
        assert Environment(variables).media_origins() == origins


class TestTheProvider:
    KEY, PUBLIC = {"SYNCSO_API_KEY": "sk-1"}, {"VOD_PUBLIC_URL": "https://vod.example/"}

    def test_it_has_its_key_and_knows_where_we_are(self) -> None:
        environment = Environment({**self.KEY, **self.PUBLIC})
        assert environment.syncso("syncso")["key"] == "sk-1"
        assert environment.text("VOD_PUBLIC_URL") == "https://vod.example"
        assert Environment({}).syncso("local")["key"] == ""

    @pytest.mark.parametrize(("given", "name"), [(PUBLIC, "SYNCSO_API_KEY"), (KEY, "VOD_PUBLIC_URL")])
    def test_without_one_of_them_the_start_is_stopped(self, given: dict[str, str], name: str) -> None:
        with pytest.raises(SettingsError, match=name):
            Environment(given).syncso("syncso")

"""Settings from the environment: typed, checked at start, each mistake a sentence that names it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from vodplatform.settings.environment import (
    PRIVATE_FILES,
    Environment,
    SettingsError,
    channel_prefix,
    is_accessible_to_others,
    private_redis_socket,
)
from vodplatform.settings.variables import PROJECT_ROOT, VARIABLES

pytestmark = pytest.mark.pure
KEY = "k" * 32


def pem_of(key: Any, passphrase: bytes = b"") -> bytes:
    """A private key as PEM."""
    kept = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    written: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kept)
    return written


class TestLibraryRoots:
    def test_each_is_a_path_for_staff_or_for_groups(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "a")
        given = f"{tmp_path}/link:{tmp_path}/b=crew:{tmp_path}/c=x+y:"
        people: list[set[str]] = [set(), {"crew"}, {"x", "y"}]
        roots = [(tmp_path / name, frozenset(groups)) for name, groups in zip("abc", people, strict=True)]
        assert Environment({"VOD_LIBRARY_ROOTS": given}).library_roots() == roots
        assert Environment({}).library_roots() == []

    @pytest.mark.parametrize("value", ["relative/folder", "a=crew", "/", "/tmp/..", "=crew"])
    def test_what_would_open_too_much_stops_the_start(self, value: str) -> None:
        with pytest.raises(SettingsError, match="VOD_LIBRARY_ROOTS"):
            Environment({"VOD_LIBRARY_ROOTS": value}).library_roots()


# Prints how each wrong value ends the reading of the settings.
READ_SETTINGS = """
import json, os, sys
from vodplatform.settings.environment import SettingsError
said = []
for name, value in json.loads(sys.argv[1]):
    kept = dict(os.environ)
    os.environ[name] = value
    for module in [name for name in sys.modules if name.startswith("vodplatform.settings.") and "env" not in name]:
        del sys.modules[module]
    try:
        import vodplatform.settings.embedded
        said.append("")
    except SettingsError as exc:
        said.append(str(exc))
    os.environ.clear()
    os.environ.update(kept)
print(json.dumps(said))
"""


class TestValues:
    WRONG = (
        ("VOD_MULTI_VOD_ENABLED", "maybe"), ("VOD_MULTI_VOD_MAX_SESSIONS_CACHED", "many"),
            ("VOD_MULTI_VOD_MAX_SESSIONS_CACHED", "-1"), ("VOD_MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS", "nan"),
            ("VOD_MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS", "0"), ("VOD_TIMER_READER", "tesseract"),
            ("VOD_ALIGN_CONCURRENCY", "0"), ("VOD_ALIGN_CONCURRENCY", "2.5"), ("VOD_SIGNED_URL_SECONDS", "5"),
            ("VOD_LOG_LEVEL", "LOUD"), ("REDIS_URL", "localhost:6379"), ("DATABASE_URL", "mysql://a/b"),
            ("DATABASE_URL", "nonsense"), ("SECRET_KEY", "short"), ("VOD_LIBRARY_ROOTS", "here"),
            ("VOD_DATA_DIR", "/proc/none"), ("VOD_CLAMD", "clamd.ctl"), ("VOD_CLAMD", "127.0.0.1:"),
            ("VOD_CLAMD", "127.0.0.1:99999"), ("AWS_STORAGE_BUCKET_NAME", "s3://videos"),
            ("AWS_S3_ENDPOINT_URL", "minio:9000"), ("CDN_BASE_URL", "https://cdn.example"),
            ("CDN_PRIVATE_KEY_PATH", "/none/key.pem"), ("VOD_EASYOCR_MODELS", "models"),
    )  # fmt: skip

    def test_a_wrong_one_stops_the_start_with_a_sentence(self, tmp_path: Path) -> None:
        environment = {"PATH": os.environ["PATH"], "VOD_DATA_DIR": str(tmp_path)}
        argv = [sys.executable, "-c", READ_SETTINGS, json.dumps(self.WRONG)]
        done = subprocess.run(argv, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
        sentences = json.loads(done.stdout)
        assert [pair for pair, said in zip(self.WRONG, sentences, strict=True) if pair[0] not in said] == []

    def test_an_empty_one_is_the_default_and_one_that_is_not_in_the_list_cannot_be_read(self) -> None:
        assert Environment({"VOD_ALIGN_CONCURRENCY": " "}).integer("VOD_ALIGN_CONCURRENCY") == 2
        with pytest.raises(SettingsError):
            Environment({}).text("VOD_SECRET_SWITCH")
        names = [variable.name for variable in VARIABLES]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize(
        ("value", "is_on"), [("1", True), ("on", True), ("TRUE", True), ("0", False), ("No", False)]
    )
    def test_a_switch_has_several_words(self, value: str, is_on: bool) -> None:
        assert Environment({"VOD_MULTI_VOD_ENABLED": value}).flag("VOD_MULTI_VOD_ENABLED") is is_on


class TestSecrets:
    def test_a_key_is_made_once_and_is_the_owners_alone(self, tmp_path: Path) -> None:
        first, second = (Environment({}).secret_key(tmp_path) for _ in range(2))
        assert first == second
        assert len(first) >= 48
        assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600

    def test_one_that_was_made_for_others_too_is_closed_with_what_is_secret_in_it(self, tmp_path: Path) -> None:
        new = Environment({"VOD_DATA_DIR": str(tmp_path / "new")}).data_dir()
        assert stat.S_IMODE(new.stat().st_mode) == 0o700
        secret = [tmp_path / name for name in PRIVATE_FILES]
        for path in secret:
            path.touch(0o644)
        tmp_path.chmod(0o755)
        Environment({"VOD_DATA_DIR": str(tmp_path)}).data_dir()
        assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path, *secret)] == [0o700] + [0o600] * len(secret)
        assert not any(map(is_accessible_to_others, (tmp_path, *secret)))
        tmp_path.chmod(0o1777)  # a folder for everybody stays one
        Environment({"VOD_DATA_DIR": str(tmp_path)}).data_dir()
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777
        assert is_accessible_to_others(tmp_path)


class TestDatabases:
    def test_sqlite_stands_several_writers(self, tmp_path: Path) -> None:
        options = Environment({}).database(tmp_path)["OPTIONS"]
        assert options["transaction_mode"] == "IMMEDIATE"
        assert options["timeout"] >= 5
        assert "journal_mode=WAL" in options["init_command"]
        assert "foreign_keys=ON" in options["init_command"]

    def test_postgresql_comes_by_its_url(self, tmp_path: Path) -> None:
        found = Environment({"DATABASE_URL": "postgres://u:p@db.example:5433/name"}).database(tmp_path)
        assert (found["HOST"], found["PORT"], found["NAME"]) == ("db.example", 5433, "name")

    def test_a_redis_socket_fits_the_kernel_however_deep_the_folder(self, tmp_path: Path) -> None:
        deep = tmp_path / ("x" * 90)
        assert len(os.fsencode(private_redis_socket(deep))) < 108
        assert private_redis_socket(deep) != private_redis_socket(tmp_path / ("y" * 90))


def test_clamd_is_a_socket_s_path_or_host_and_port() -> None:
    for value, means in {
        "/run/clamav/clamd.ctl": "/run/clamav/clamd.ctl", "127.0.0.1:3310": ("127.0.0.1", 3310), "": None,
        "scanner.example:3310": ("scanner.example", 3310), "[::1]:3310": ("::1", 3310),
    }.items():  # fmt: skip
        assert Environment({"VOD_CLAMD": value}).value("VOD_CLAMD") == means


class TestS3:
    NAMES = {"AWS_STORAGE_BUCKET_NAME": "videos", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}

    def options(self, variables: dict[str, str]) -> dict[str, Any]:
        found = Environment(variables).s3()
        assert found is not None
        return found

    def test_urls_are_signed_nothing_is_public_and_nothing_is_waited_for_long(self) -> None:
        options = self.options(self.NAMES)
        assert (options["bucket_name"], options["region_name"]) == ("videos", "us-east-1")
        assert (options["querystring_auth"], options["default_acl"]) == (True, None)
        config = options["client_config"]
        assert config.signature_version == "s3v4"
        assert config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout) <= 30
        for left_out in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
                Environment({**self.NAMES, left_out: ""}).s3()

    def test_buckets_of_another_server_go_by_path(self) -> None:
        assert Environment({**self.NAMES, "AWS_STORAGE_BUCKET_NAME": ""}).s3() is None
        # Without credentials the host's own are used.
        options = self.options({"AWS_STORAGE_BUCKET_NAME": "videos"})
        assert options["client_config"].s3["addressing_style"] == "auto"
        assert (options["access_key"], options["secret_key"]) == (None, None)
        options = self.options({**self.NAMES, "AWS_S3_ENDPOINT_URL": "https://minio.example:9000/"})
        assert options["endpoint_url"] == "https://minio.example:9000"
        assert options["client_config"].s3["addressing_style"] == "path"


def test_with_a_bucket_every_thread_shares_its_client(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "VOD_DATA_DIR": str(tmp_path), "AWS_STORAGE_BUCKET_NAME": "videos"}
    code = "from vodplatform.settings.embedded import STORAGES; print(STORAGES['default']['BACKEND'])"
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, env=environment, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "media_app.storage.bucket.SharedS3Storage\n"


class TestCdn:
    NAMES = ("CDN_BASE_URL", "CDN_KEY_PAIR_ID", "CDN_PRIVATE_KEY_PATH")

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, str]:
        path = tmp_path / "key.pem"
        path.write_bytes(pem_of(rsa.generate_private_key(65537, 2048)))
        return dict(zip(self.NAMES, ("https://cdn.example/", "K2JCJMDEHXQW5F", str(path)), strict=True))

    def test_all_three_are_one_setting(self, values: dict[str, str], tmp_path: Path) -> None:
        key = (tmp_path / "key.pem").read_text()
        found = {"base_url": "https://cdn.example", "key_pair_id": "K2JCJMDEHXQW5F", "private_key": key}
        assert Environment(values).cdn() == found
        assert Environment({}).cdn() is None
        for left_out in self.NAMES:
            with pytest.raises(SettingsError, match=f"Set {left_out} too"):
                Environment({name: value for name, value in values.items() if name != left_out}).cdn()
        for address in ("cdn.example", "ftp://cdn.example", "https://", "https://cdn.example/?a=b"):
            with pytest.raises(SettingsError, match="CDN_BASE_URL"):
                Environment({**values, "CDN_BASE_URL": address}).cdn()

    @pytest.mark.parametrize("content", [
        b"", b"not a key", b"\xff\xfe",
        pem_of(ec.generate_private_key(ec.SECP256R1())), pem_of(ed25519.Ed25519PrivateKey.generate()),
        pem_of(rsa.generate_private_key(65537, 2048), b"passphrase"),
        rsa.generate_private_key(65537, 2048).public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    ], ids=["empty", "text", "bytes", "EC", "Ed25519", "with a passphrase", "public"])  # fmt: skip
    def test_only_an_rsa_key_that_signs_will_do(self, values: dict[str, str], tmp_path: Path, content: bytes) -> None:
        (tmp_path / "key.pem").write_bytes(content)
        with pytest.raises(SettingsError, match=r"CDN_PRIVATE_KEY_PATH.*RSA"):
            Environment(values).cdn()


def test_installations_on_one_redis_hear_only_their_own() -> None:
    own = ("key", "redis://127.0.0.1:6379/3", "vod")
    others = [("another", *own[1:]), (own[0], "redis://127.0.0.1:6379/4", own[2]), (*own[:2], "vod_restored")]
    assert len({channel_prefix(*one) for one in [own, *others]}) == 4
    assert channel_prefix(*own) == channel_prefix("key", "redis://redis.example:6379/3", "vod")
    assert channel_prefix("key", "redis://127.0.0.1:6379", "vod") == channel_prefix("key", "redis://a/0", "vod")


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


@pytest.mark.parametrize(("variables", "origins"), [
    ({}, ""),
    ({"AWS_S3_ENDPOINT_URL": "https://a.example"}, ""),
    ({"AWS_STORAGE_BUCKET_NAME": "vods"}, "https://vods.s3.amazonaws.com https://vods.s3.us-east-1.amazonaws.com"),
    (
        {"AWS_STORAGE_BUCKET_NAME": "my.vods", "AWS_S3_REGION_NAME": "eu-central-1"},
        "https://s3.amazonaws.com https://s3.eu-central-1.amazonaws.com",
    ),
    (
        {"AWS_STORAGE_BUCKET_NAME": "vods", "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9000/path"},
        "http://127.0.0.1:9000",
    ),
    ({"CDN_BASE_URL": "https://cdn.example.org/vod"}, "https://cdn.example.org"),
])  # fmt: skip
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

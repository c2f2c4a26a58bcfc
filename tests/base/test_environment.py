"""Settings from the environment: typed, checked at start, each mistake a sentence that names it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vodplatform.settings.environment import (
    PROJECT_ROOT,
    VARIABLES,
    Environment,
    SettingsError,
    private_redis_socket,
)

pytestmark = pytest.mark.pure


class TestLibraryRoots:
    def test_each_is_a_path_for_staff_or_for_groups(self, tmp_path: Path) -> None:
        found = Environment({"VOD_LIBRARY_ROOTS": f"{tmp_path}/a:{tmp_path}/b=crew:{tmp_path}/c=x+y:"}).library_roots()
        assert found == [
            (tmp_path / "a", frozenset()),
            (tmp_path / "b", frozenset({"crew"})),
            (tmp_path / "c", frozenset({"x", "y"})),
        ]

    def test_symlinks_are_resolved(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        assert Environment({"VOD_LIBRARY_ROOTS": f"{tmp_path}/link"}).library_roots()[0][0] == tmp_path / "real"

    def test_none_are_none(self) -> None:
        assert Environment({}).library_roots() == []

    @pytest.mark.parametrize("value", ["relative/folder", "a=crew", "/", "/tmp/..", "=crew"])
    def test_what_would_open_too_much_stops_the_start(self, value: str) -> None:
        with pytest.raises(SettingsError, match="VOD_LIBRARY_ROOTS"):
            Environment({"VOD_LIBRARY_ROOTS": value}).library_roots()


class TestValues:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("VOD_MULTI_VOD_ENABLED", "maybe"), ("VOD_MULTI_VOD_MAX_SESSIONS_CACHED", "many"),
            ("VOD_MULTI_VOD_MAX_SESSIONS_CACHED", "-1"), ("VOD_MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS", "nan"),
            ("VOD_MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS", "0"), ("VOD_TIMER_READER", "tesseract"),
            ("VOD_ALIGN_CONCURRENCY", "0"), ("VOD_ALIGN_CONCURRENCY", "2.5"), ("VOD_SIGNED_URL_SECONDS", "5"),
            ("VOD_LOG_LEVEL", "LOUD"), ("REDIS_URL", "localhost:6379"), ("DATABASE_URL", "mysql://a/b"),
            ("DATABASE_URL", "nonsense"), ("SECRET_KEY", "short"), ("VOD_LIBRARY_ROOTS", "here"),
            ("VOD_DATA_DIR", "/proc/none"),
        ],
    )  # fmt: skip
    def test_a_wrong_one_stops_the_start_with_a_sentence(self, tmp_path: Path, name: str, value: str) -> None:
        environment = {"PATH": os.environ["PATH"], "VOD_DATA_DIR": str(tmp_path), name: value}
        argv = [sys.executable, str(PROJECT_ROOT / "manage.py"), "check"]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert name in done.stderr

    def test_an_empty_one_is_the_default(self) -> None:
        assert Environment({"VOD_ALIGN_CONCURRENCY": " "}).integer("VOD_ALIGN_CONCURRENCY", 2, 1, 64) == 2

    @pytest.mark.parametrize(
        ("value", "is_on"), [("1", True), ("on", True), ("TRUE", True), ("0", False), ("No", False)]
    )
    def test_a_switch_has_several_words(self, value: str, is_on: bool) -> None:
        assert Environment({"VOD_MULTI_VOD_ENABLED": value}).flag("VOD_MULTI_VOD_ENABLED", True) is is_on

    def test_a_variable_that_is_not_in_the_list_cannot_be_read(self) -> None:
        with pytest.raises(SettingsError):
            Environment({}).text("VOD_SECRET_SWITCH")

    def test_the_list_names_each_once(self) -> None:
        names = [variable.name for variable in VARIABLES]
        assert len(names) == len(set(names))


class TestSecrets:
    def test_a_key_is_made_once_and_is_the_owners_alone(self, tmp_path: Path) -> None:
        first, second = (Environment({}).secret_key(tmp_path) for _ in range(2))
        assert first == second
        assert len(first) >= 48
        assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600

    def test_the_data_folder_is_the_owners_alone(self, tmp_path: Path) -> None:
        folder = Environment({"VOD_DATA_DIR": str(tmp_path / "new")}).data_dir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


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


class TestDataDirOption:
    @pytest.mark.parametrize("words", [["--data-dir", "{}"], ["--data-dir={}"]])
    def test_every_command_takes_it(self, tmp_path: Path, words: list[str]) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "VOD_DATA_DIR": str(tmp_path / "wrong")}
        given = [word.format(tmp_path / "right") for word in words]
        argv = [sys.executable, str(PROJECT_ROOT / "manage.py"), "check", *given]
        subprocess.run(argv, env=environment, check=True, capture_output=True)
        assert (tmp_path / "right" / "secret.key").exists()
        assert not (tmp_path / "wrong").exists()

"""The entry point of every command: `--version`, `--data-dir`, wrong settings, and `manage.py test`."""

import os
import sys
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from vodplatform import __main__ as entry
from vodplatform.settings.environment import SettingsError
from vodplatform.site.management.commands import test as test_command

pytestmark = pytest.mark.pure


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))


@pytest.mark.parametrize(("words", "rest", "folder"), [
    (["up", "--data-dir", "/a"], ["up"], "/a"), (["--data-dir=/b", "up"], ["up"], "/b"),
    (["up", "--port", "1"], ["up", "--port", "1"], "before"),
    (["shell", "--", "--data-dir", "/c"], ["shell", "--", "--data-dir", "/c"], "before"),
])  # fmt: skip
def test_the_data_folder_is_taken_out_of_the_words(words: list[str], rest: list[str], folder: str) -> None:
    os.environ["VOD_DATA_DIR"] = "before"
    assert entry.extract_data_dir(words) == rest
    assert os.environ["VOD_DATA_DIR"] == folder


def test_a_data_folder_without_its_name_is_refused() -> None:
    with pytest.raises(SystemExit, match="--data-dir needs a folder"):
        entry.extract_data_dir(["up", "--data-dir"])


def test_a_wrong_setting_ends_the_command_with_its_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    execute = Mock(side_effect=SettingsError("VOD_PORT is 'x'; it must be a number."))
    monkeypatch.setattr("django.core.management.execute_from_command_line", execute)
    monkeypatch.setattr(sys, "argv", ["/somewhere/__main__.py", "check"])
    with pytest.raises(SystemExit, match=r"^manage\.py: VOD_PORT is 'x'"):
        entry.main()
    execute.assert_called_once_with(["python -m vodplatform", "check"])


def test_the_command_test_is_pytest_with_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *given: started.append(given))
    monkeypatch.setattr(os, "chdir", started.append)
    os.environ["DJANGO_SETTINGS_MODULE"] = "vodplatform.settings.embedded"
    test_command.Command().run_from_argv(["manage.py", "test", "tests/jobs", "-k", "pause"])
    folder, (program, words, environment) = started
    assert folder == test_command.PROJECT_ROOT
    assert (program, words) == (sys.executable, [sys.executable, "-m", "pytest", "tests/jobs", "-k", "pause"])
    assert "DJANGO_SETTINGS_MODULE" not in environment


def test_without_the_tests_or_pytest_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(CommandError, match="make develop"):
            call_command("test")
        with pytest.raises(SystemExit, match="make develop"):
            test_command.Command().run_from_argv(["manage.py", "test"])
    monkeypatch.setattr(test_command, "PROJECT_ROOT", tmp_path)
    with pytest.raises(CommandError, match="source tree"):
        call_command("test")

"""The terminal output of `up`: warnings before it serves, and requests only with `--verbose`."""

from pathlib import Path
from typing import Any

import pytest

from vodplatform.site.management.commands import up


def test_it_warns_of_a_missing_library_folder_and_of_a_full_disk(settings: Any, tmp_path: Path) -> None:
    settings.LIBRARY_ROOTS, settings.DISK_RESERVE_BYTES = [(tmp_path / "none", "crew"), (tmp_path, "crew")], 0
    [warning] = up.warnings()
    assert f"are missing or cannot be read: {tmp_path / 'none'}." in warning
    settings.LIBRARY_ROOTS, settings.DISK_RESERVE_BYTES = [], 1 << 60
    [warning] = up.warnings()
    assert "Uploads are refused" in warning


def test_requests_are_shown_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOD_LOG_LEVEL", raising=False)
    assert (up.log_level(is_verbose=False), up.log_level(is_verbose=True)) == ("WARNING", "INFO")
    monkeypatch.setenv("VOD_LOG_LEVEL", "ERROR")
    assert up.log_level(is_verbose=True) == "ERROR"

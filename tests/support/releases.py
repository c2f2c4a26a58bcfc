"""Code of an earlier release from git's history, run with the current packages."""

import subprocess
from pathlib import Path

import pytest

from tests.support.program import PROJECT_ROOT

LAST_RELEASE = "3d91feaa0f00924b678c1822a0da109fe32cd8c0"  # commit of 1.0.0; update it with each release


def unpack_release(commit: str, folder: Path) -> Path:
    """Unpack a commit's files into a new folder; return it.

    Skips the test if git's history is missing or incomplete. Any other failure of git fails the test.
    """
    packed = subprocess.run(
        ["git", "archive", "--format=tar", commit], cwd=PROJECT_ROOT, capture_output=True, check=False
    )
    if packed.returncode:
        asked = ["git", "rev-parse", "--is-shallow-repository"]
        is_whole = subprocess.run(asked, cwd=PROJECT_ROOT, capture_output=True, check=False).stdout == b"false\n"
        assert not is_whole, packed.stderr.decode()
        pytest.skip("needs git's history: git fetch --unshallow")
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return folder

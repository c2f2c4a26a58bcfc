"""Code of an earlier release, out of git's history; it runs with today's packages."""

import subprocess
from pathlib import Path

import pytest

from tests.support.program import PROJECT_ROOT

LAST_RELEASE = "3d91feaa0f00924b678c1822a0da109fe32cd8c0"  # the commit of 1.0.0; each release replaces it by its own


def unpack_release(commit: str, folder: Path) -> Path:
    """The tree of this commit in a folder that does not exist yet. Skips the test where there is no git history, or not
    all of it; any other failure of git fails the test.
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

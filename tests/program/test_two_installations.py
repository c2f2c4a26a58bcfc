"""A copy of the database and a restored backup beside an installation in use: they harm nothing.

On PostgreSQL and S3, with the processes that a host runs. tests/core/test_installation.py has the other refusals.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.places import new_database
from tests.support.program import PROJECT_ROOT, Place, clean_environment, manage
from tests.support.s3 import Bucket
from vodplatform.site.management.commands.up import free_port, web_child, worker_child

pytestmark = [pytest.mark.services, pytest.mark.postgresql]
POSTER = "renditions/11111111-1111-4111-8111-111111111111/22222222222242228222222222222222/poster/p.jpg"
HOST = "127.0.0.1"


@pytest.fixture
def original(new_place: Callable[[], Place], s3: Bucket, tmp_path: Path) -> dict[str, str]:
    """The variables of an installation that has begun."""
    variables = {
        **new_place().environment, **s3.environment, "VOD_DATA_DIR": str(tmp_path / "original"),
        "SECRET_KEY": "the-key-of-the-original-installation", "PYTHONPATH": str(PROJECT_ROOT),
    }  # fmt: skip
    assert manage("installation", environment=variables).returncode == 0
    return variables


@pytest.fixture
def copy(original: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """The same with a copy of the database, which knows nothing of what the original makes from now on."""
    with new_database(original["DATABASE_URL"]) as url:
        yield {**original, "DATABASE_URL": url, "VOD_DATA_DIR": str(tmp_path / "copy")}


def refused(variables: dict[str, str], *words: str) -> str:
    ended = manage(*words, environment=variables)
    assert ended.returncode == 1, ended.stdout
    return ended.stderr


def refused_start(variables: dict[str, str], kind: str) -> str:
    child = web_child(HOST, free_port(HOST, 0)) if kind == "web" else worker_child(1)
    ended = subprocess.run(
        child.argv, env=clean_environment(variables), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    return ended.stderr


def test_a_copy_deletes_nothing_of_the_original(original: dict[str, str], copy: dict[str, str], s3: Bucket) -> None:
    s3.client().put_object(Bucket=s3.name, Key=POSTER, Body=b"made by the original since")
    for words in (("expire",), ("doctor", "--fix", "--yes")):
        assert "This database is a copy" in refused(copy, *words)
    for kind in ("web", "worker"):
        assert "This database is a copy" in refused_start(copy, kind)
    assert POSTER in s3.keys("renditions/")
    assert manage("installation", "--adopt", environment=copy).returncode == 0
    assert "needs its own file storage" in refused(original, "expire")
    assert manage("expire", environment=copy).returncode == 0
    assert POSTER not in s3.keys("renditions/")


def test_a_backup_takes_the_bucket_over_only_on_purpose(original: dict[str, str], s3: Bucket, tmp_path: Path) -> None:
    archive = str(tmp_path / "all.tar")
    assert manage("backup", archive, environment=original).returncode == 0
    elsewhere = {**original, "VOD_DATA_DIR": str(tmp_path / "elsewhere")}
    del elsewhere["DATABASE_URL"]
    assert "needs its own file storage" in refused(elsewhere, "restore", archive)
    restored = manage("restore", "--adopt", archive, environment=elsewhere)
    assert restored.returncode == 0, restored.stderr
    assert manage("installation", environment=elsewhere).returncode == 0
    assert "needs its own file storage" in refused(original, "installation")

"""Each host cleans up its own data folder, whichever of its processes run: nobody else sees it."""

import os
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jobs_app import periodic
from jobs_app.maintenance import Sweep
from tests.support.factories import lease_of, make_job
from tests.support.program import PROJECT_ROOT, clean_environment, manage
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User
from vodplatform.site import host_tasks
from vodplatform.site.management.commands.up import free_port


def left(data: Path, name: str) -> Path:
    """A scratch folder that nobody has written to for two days."""
    folder = data / "tmp" / name
    folder.mkdir(parents=True)
    (folder / "part").write_bytes(b"of something")
    os.utime(folder, (time.time() - 2 * host_tasks.SCRATCH_SECONDS,) * 2)
    return folder


def metrics_at(port: int) -> str:
    """Return the answer of the host's metrics address; empty while nothing listens there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            return str(answer.read().decode())
    except urllib.error.URLError:
        return ""


@pytest.mark.django_db(transaction=True)
def test_a_worker_cleans_its_own_host_whoever_does_chores_of_all(owner: User, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR, settings.HOST_CHORE = tmp_path, f"{host_tasks.__name__}.{host_tasks.run_due_tasks.__name__}"
    host_tasks._next_clean = 0.0
    running = lease_of(make_job(owner, "processing"))
    dead = [left(tmp_path, f"job-{uuid.uuid4().hex}"), left(tmp_path, "preview-1")]
    alive = left(tmp_path, f"job-{running.token.hex}")
    assert periodic.claim_due("expire", 3600)  # by another host
    Sweep()()
    wait_until(lambda: not any(folder.exists() for folder in dead), 20)
    assert alive.exists()


@pytest.mark.services
@pytest.mark.full
def test_a_host_that_only_serves_cleans_its_own_too(tmp_path: Path) -> None:
    port = free_port("127.0.0.1", 0)
    environment = {"VOD_DATA_DIR": str(tmp_path), "VOD_METRICS_ADDRESS": f"127.0.0.1:{port}"}
    assert manage("migrate", "--verbosity", "0", environment=environment).returncode == 0
    dead = left(tmp_path, f"job-{uuid.uuid4().hex}")
    serving = subprocess.Popen(
        [sys.executable, "-c", "import time, vodplatform.asgi; time.sleep(60)"], cwd=PROJECT_ROOT,
        env=clean_environment(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: not dead.exists(), 60)
        metrics = wait_until(lambda: metrics_at(port), 20)
        assert "vod_disk_free_bytes " in metrics
        assert "vod_jobs{" not in metrics  # what is the same on each host, its web processes answer
        with closing(sqlite3.connect(tmp_path / "vodplatform.sqlite3")) as database:
            wait_until(lambda: database.execute("SELECT kind FROM running_process").fetchall() == [("web",)], 20)
    finally:
        serving.kill()
        serving.wait()

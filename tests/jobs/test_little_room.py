"""While there is little room on the disk no job begins, and doctor says why."""

from __future__ import annotations

from typing import Any

import pytest

from jobs_app.runner import run_queue
from tests.support.factories import make_job
from vodplatform.accounts.models import User
from vodplatform.base.files import disk
from vodplatform.management.commands import doctor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]


def test_jobs_wait_while_there_is_little_room(owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_job(owner, "queued", kind="test.echo", lane="test")
    monkeypatch.setattr(disk, "free_bytes", lambda: settings.DISK_RESERVE_BYTES - 1)
    assert run_queue("test") == 0
    assert "less than VOD_DISK_RESERVE_MB" in (doctor.room() or "")
    monkeypatch.setattr(disk, "free_bytes", lambda: settings.DISK_RESERVE_BYTES)
    assert run_queue("test") == 1
    assert doctor.room() is None

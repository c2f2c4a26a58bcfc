"""The files of a pro job, looked at before it begins."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from sessions_app.prosync import upload_handlers
from vodplatform.accounts.models import User


def test_files_are_copied_and_looked_at_in_their_senders_turn(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[str] = []
    seen: list[list[str]] = []

    @contextmanager
    def turn(caller: str) -> Iterator[None]:
        inside.append(caller)
        yield
        inside.remove(caller)

    def local(upload: Any, folder: Any) -> Any:
        seen.append(list(inside))
        return folder

    monkeypatch.setattr(upload_handlers.waiting_room, "turn", turn)
    monkeypatch.setattr(upload_handlers, "_local", local)
    monkeypatch.setattr(upload_handlers, "_probe_sounds", lambda *_: [upload_handlers.NO_SOUND])
    sound: Any = SimpleNamespace(mime_type="audio/mpeg", filename="a.mp3", size=1)
    assert [name for name, _ in upload_handlers.inspect_files(owner, None, [sound]).refusals] == ["audio_files"]
    assert seen == [[str(owner.pk)]]

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings

from jobs_app.context import JobFailed, TransientFault
from media_app.videos.ingest import MACHINE_FAULTS, limits, raise_if_machine_fault
from sessions_app.prosync.providers.work import Made, Work
from vodplatform.core.files import untrusted_files
from vodplatform.core.processes.process import Access, ChildError

DUB_COMMAND = [sys.executable, "-m", "sessions_app.prosync.engine.audio"]
NAME = "made.mp4"
WRITABLE = "work"
SOUND_ONLY = "sound"  # value of the option ``model`` that changes only the sound, not the picture
# Time limit of the child process: base in seconds, and seconds added per second of video.
MIN_SECONDS, WORK_SECONDS_PER_SECOND = 600.0, 60.0
CHILD_FAILED_MESSAGE = "Replacing the speech failed or took too long."


def replace_speech(work: Work) -> Made:
    """Let a child process replace the speech.

    Raise :class:`TransientFault` after a temporary fault of the server, and :class:`JobFailed` after any other failure.
    """
    options, paths = work.row.options, work.bring_sounds()
    lines = []
    for segment in work.segments:
        sound = segment["audioInput"]
        lines.append({
            "start": segment["startTime"], "end": segment["endTime"], "sound": str(paths[sound["refId"]]),
            "from": sound.get("startTime"), "to": sound.get("endTime"), "mode": options["sync_mode"],
        })  # fmt: skip
    model = SOUND_ONLY if options["model"] == SOUND_ONLY else "basic"
    found = _run_dub_child(work, work.bring_video(), lines, mouths=model != SOUND_ONLY, share=work.share)
    return Made(untrusted_files.move_out(work.folder / WRITABLE, NAME), {"engine": "local", "model": model, **found})


def remove_text_if_requested(work: Work, path: Path, share: tuple[float, float]) -> tuple[Path, dict[str, Any]]:
    if work.row.options["remove_text"] is None:
        return path, {}
    found = _run_dub_child(work, path, [], mouths=False, share=share)
    with contextlib.suppress(FileNotFoundError):  # the child process writes no file if it finds no text
        path = untrusted_files.move_out(work.folder / WRITABLE, NAME)
    return path, {name: found[name] for name in ("picture", "text") if name in found}


def _run_dub_child(
    work: Work, path: Path, lines: list[dict[str, Any]], *, mouths: bool, share: tuple[float, float]
) -> dict[str, Any]:
    folder = work.folder / WRITABLE
    folder.mkdir()
    request = {
        "source": str(path), "target": str(folder / NAME), "folder": str(folder), "lines": lines,
        "mouths": mouths, "remove_text": work.row.options["remove_text"], "threads": settings.CHILD_THREADS,
    }  # fmt: skip
    seconds = MIN_SECONDS + WORK_SECONDS_PER_SECOND * work.row.video.duration
    try:
        finished = work.context.run_child(
            DUB_COMMAND, stdin=json.dumps(request).encode(), limits=limits(seconds), share=share,
            access=Access(reads=[path, *(line["sound"] for line in lines)], writes=[folder]),
        )  # fmt: skip
    except ChildError as exc:
        raise_if_machine_fault(exc)
        kind = {ChildError.TIMEOUT: "timeout", ChildError.MEMORY: "out_of_memory"}.get(exc.kind, "dub_failed")
        raise JobFailed(kind, f"{CHILD_FAILED_MESSAGE} {exc}") from exc
    answer: dict[str, Any] = finished.messages[-1] if finished.messages else {}
    if error := answer.get("error"):
        raise (TransientFault if error["type"] in MACHINE_FAULTS else JobFailed)(error["type"], error["message"])
    result: dict[str, Any] = answer["result"]
    return result

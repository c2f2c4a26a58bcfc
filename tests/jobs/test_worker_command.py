"""`manage.py worker`: which program it becomes, and what that loads. Which jobs it takes is in tests/torture."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from jobs_app.management.commands.worker import dramatiq_argv
from vodplatform.settings.variables import PROJECT_ROOT


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the process was replaced by, which goes on here."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(os, "execve", lambda *given: calls.append(given))
    return calls


def option(argv: list[str], name: str) -> str:
    return argv[argv.index(name) + 1]


def test_a_thread_for_each_job(started: list[tuple[Any, ...]], settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes all queues, with a thread for each job that they allow."""
    settings.JOB_LANES = {"merge": 4, "align": 2}
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    call_command("worker")
    [(program, argv, environment)] = started
    assert (program, argv[:4]) == (sys.executable, [sys.executable, "-m", "dramatiq", "jobs_app.worker"])
    assert argv[argv.index("--queues") + 1 :] == ["align", "merge"]
    assert int(option(argv, "--threads")) == 6 + 3
    assert option(argv, "--processes") == "1"
    # Less than any worker takes to start: no master waits for one that is killed while it says that it has.
    assert option(argv, "--worker-fork-timeout") == "10"
    assert environment["PYTHONPATH"] == f"{PROJECT_ROOT}:/elsewhere"
    assert argv == dramatiq_argv(1)


def test_it_takes_named_queues_and_jobs_as_memory_allows(started: list[tuple[Any, ...]], settings: Any) -> None:
    """It takes no more jobs at once than its memory has room for."""
    settings.JOB_LANES = {"merge": 4, "align": 2, "render": 1}
    call_command("worker", "--queues", "render, align,align", "--threads", "3", "--processes", "2")
    settings.JOB_LANES, settings.CHILD_MEMORY_BYTES = {"merge": 4, "align": 8}, 2048 * 1024**2
    call_command("worker", "--memory", "16384", "--processes", "2")
    call_command("worker", "--memory", "100", "--threads", "3")
    argv = started[0][1]
    assert argv[argv.index("--queues") + 1 :] == ["align", "render"]
    assert option(argv, "--processes") == "2"
    # Three more threads than jobs: for the first job of the other queue, a job that passes long ones, and wake-ups.
    assert [option(argv, "--threads") for _, argv, _ in started] == [str(3 + 3), str(2 + 3), str(1 + 3)]


@pytest.mark.parametrize(("words", "sentence"), [
    (("--queues", "ingest,encode"), "no such queue: encode"), (("--queues", ","), "no such queue: ','"),
    (("--threads", "0"), "at least 1"), (("--processes", "two"), "at least 1"),
])  # fmt: skip
def test_bad_options_fail_in_a_sentence(started: list[tuple[Any, ...]], words: tuple[str, str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("worker", *words)
    assert started == []


@pytest.mark.pure
def test_neither_web_process_nor_worker_loads_what_decodes() -> None:
    """Decoders belong to children: each process of the program would carry them, some 60 MB."""
    asked = (
        "import django, sys; django.setup(); from jobs_app.kinds import registry; registry();"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "print(sorted({'av', 'cv2', 'numpy', 'ffmpeg', 'PIL', 'opentimelineio'} & set(sys.modules)))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "vodplatform.settings.embedded"}
    assert subprocess.check_output([sys.executable, "-c", asked], text=True, env=environment) == "[]\n"

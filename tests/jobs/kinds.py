"""Job kinds for the tests: registered by the fixture ``kinds`` of conftest.py, each with one behaviour."""

from __future__ import annotations

import sys
import threading
from typing import Any

from jobs_app import services
from jobs_app.kinds import JobKind
from jobs_app.models import Job
from jobs_app.running import JobContext, JobFailed, TransientFault
from vodplatform.base.process import Limits

started = threading.Event()
go_on = threading.Event()


def echo(context: JobContext) -> dict[str, Any]:
    context.progress(40, "Half way")
    return {"params": context.params, "attempt": context.attempt}


def refuse(context: JobContext) -> dict[str, Any]:
    raise JobFailed("no_timer", "There is no timer.")


def break_down(context: JobContext) -> dict[str, Any]:
    raise RuntimeError("a fault of ours, not for users' eyes")


def wait_for_the_test(context: JobContext) -> dict[str, Any]:
    started.set()
    assert go_on.wait(20)
    context.check()
    return {"late": True}


def steps(context: JobContext) -> dict[str, Any]:
    """Three steps with a checkpoint after each; between the steps it waits for the test."""
    done = list((context.saved or {}).get("done", []))
    while len(done) < 3:
        done.append(context.attempt)
        context.checkpoint({"done": done})
        started.set()
        assert go_on.wait(20)
        context.check()
    return {"done": done}


def ask(context: JobContext) -> dict[str, Any]:
    """Ask somebody else's service, which has an answer the ``params["asks"]``-th time."""
    state = context.saved or {"asked": 0}
    asked = state["asked"] + 1
    if context.params.get("poked_meanwhile") and asked == 1:
        services.poke(context.job_id)
    if asked < context.params["asks"]:
        context.wait({"asked": asked}, seconds=300, deadline_seconds=3600, message="Waiting for the service")
    return {"asked": asked, "attempt": context.attempt}


def stumble(context: JobContext) -> dict[str, Any]:
    """A transient fault in the first ``params["faults"]`` attempts."""
    if context.attempt <= context.params["faults"]:
        raise TransientFault("storage_down", "The storage does not answer.")
    return {"attempt": context.attempt}


def store_and_fail(context: JobContext) -> dict[str, Any]:
    context.store("half.txt", b"half")
    raise JobFailed("no_timer", "There is no timer.")


def store(context: JobContext) -> dict[str, Any]:
    with context.scratch() as folder:
        (folder / "note.txt").write_text("scratch")
        return {"key": context.store("out.txt", b"made"), "scratch": str(folder)}


def child(context: JobContext) -> dict[str, Any]:
    """Run ``params["code"]`` in a child."""
    started.set()
    limits = Limits(wall_seconds=context.params.get("seconds", 20), memory_bytes=1 << 30)
    finished = context.run_child([sys.executable, "-c", context.params["code"]], limits=limits)
    return {"messages": finished.messages}


# Says who it is as its progress message, then sleeps.
SLEEPS = (
    'import json, os, time; print(json.dumps({"progress": 5, "message": str(os.getpid())}), flush=True); time.sleep(60)'
)
DIES = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def inputs_exist(job: Job) -> bool:
    return not job.params.get("inputs_gone")


ECHO = JobKind("test.echo", "test", echo, inputs_exist=inputs_exist)
REFUSE = JobKind("test.refuse", "test", refuse)
BREAK = JobKind("test.break", "test", break_down)
WAIT = JobKind("test.wait", "test", wait_for_the_test)
STORE = JobKind("test.store", "test", store)
CHILD = JobKind("test.child", "test", child)
STEPS = JobKind("test.steps", "test", steps, pausable=True)
ASK = JobKind("test.ask", "test", ask, pausable=True)
STUMBLE = JobKind("test.stumble", "test", stumble, max_retries=2, retry_seconds=5.0)
HALF = JobKind("test.half", "test", store_and_fail)
PAUSABLE_CHILD = JobKind("test.pausable_child", "test", child, pausable=True)
NAMES = ("PAUSABLE_CHILD", "STEPS", "ASK", "STUMBLE", "HALF", "ECHO", "REFUSE", "BREAK", "WAIT", "STORE", "CHILD")

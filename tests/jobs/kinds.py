"""Job kinds for the tests: registered by the fixture ``kinds`` of conftest.py, each with one behaviour."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from django.db import connections

from jobs_app import services
from jobs_app.actors import job_actor
from jobs_app.context import JobContext, JobFailed, TransientFault
from jobs_app.kinds import JobHooks
from jobs_app.models import Job, JobEvent
from jobs_app.runner import run_queue
from tests.support.factories import make_job
from vodplatform.accounts.models import User
from vodplatform.core.processes.process import Limits

started = threading.Event()
go_on = threading.Event()


class EchoJobs(JobHooks):
    def inputs_exist(self, job: Job) -> bool:
        return not job.params.get("inputs_gone")


@job_actor("test.echo", queue="test", hooks=EchoJobs())
def echo(context: JobContext) -> dict[str, Any]:
    context.progress(40, "Half way")
    return {"params": context.params, "attempt": context.attempt}


@job_actor("test.refuse", queue="test")
def refuse(context: JobContext) -> dict[str, Any]:
    raise JobFailed("no_timer", "There is no timer.")


@job_actor("test.break", queue="test")
def break_down(context: JobContext) -> dict[str, Any]:
    raise RuntimeError("a fault of ours, not for users' eyes")


@job_actor("test.wait", queue="test")
def wait_for_the_test(context: JobContext) -> dict[str, Any]:
    started.set()
    assert go_on.wait(20)
    context.check()
    return {"late": True}


@job_actor("test.steps", queue="test", pausable=True)
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


@job_actor("test.ask", queue="test", pausable=True)
def ask(context: JobContext) -> dict[str, Any]:
    """Ask somebody else's service, which has an answer the ``params["asks"]``-th time."""
    state = context.saved or {"asked": 0}
    asked = state["asked"] + 1
    if context.params.get("poked_meanwhile") and asked == 1:
        services.wake_waiting(context.job_id)
    if asked < context.params["asks"]:
        context.wait({"asked": asked}, seconds=300, deadline_seconds=3600, message="Waiting for the service")
    return {"asked": asked, "attempt": context.attempt}


@job_actor("test.stumble", queue="test", max_retries=2, retry_seconds=5.0)
def stumble(context: JobContext) -> dict[str, Any]:
    """A transient fault in the first ``params["faults"]`` attempts."""
    if context.attempt <= context.params["faults"]:
        raise TransientFault("storage_down", "The storage does not answer.")
    return {"attempt": context.attempt}


@job_actor("test.half", queue="test")
def store_and_fail(context: JobContext) -> dict[str, Any]:
    context.store("half.txt", b"half")
    raise JobFailed("no_timer", "There is no timer.")


@job_actor("test.store", queue="test")
def store(context: JobContext) -> dict[str, Any]:
    with context.scratch() as folder:
        (folder / "note.txt").write_text("scratch")
        return {"key": context.store("out.txt", b"made"), "scratch": str(folder)}


@job_actor("test.child", queue="test")
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


@job_actor("test.pausable_child", queue="test", pausable=True)
def pausable_child(context: JobContext) -> dict[str, Any]:
    return child.handler(context)


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Run ``work`` in a thread of its own beside the block; yields what it raised."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as exc:
            faults.append(exc)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield faults
    finally:
        thread.join(30)
        assert not thread.is_alive()


@contextmanager
def running_lane() -> Iterator[Thread]:
    """Run the lane ``test`` in a thread, as a worker does; wait for the thread at the end."""

    def run() -> None:
        try:
            run_queue("test")
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        go_on.set()
        thread.join(20)
        assert not thread.is_alive()


def make(owner: User, status: str = "queued", **fields: Any) -> Job:
    """A job in the lane ``test``, by default of the kind that answers at once."""
    return make_job(owner, status, **{"kind": "test.echo", "lane": "test", "params": {}, **fields})


def events_of(job: Job) -> list[str]:
    """The names of a job's events, in order."""
    return list(JobEvent.objects.filter(job=job).order_by("id").values_list("name", flat=True))


def again(job: Job) -> Job:
    """The job as its row is now."""
    job.refresh_from_db()
    return job


NAMES = (
    "pausable_child", "steps", "ask", "stumble", "store_and_fail", "echo", "refuse", "break_down", "wait_for_the_test",
    "store", "child",
)  # fmt: skip

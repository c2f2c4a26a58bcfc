"""A synthetic kind of job, for tests and benchmarks alone: it steps, sleeps, crashes, leaks and waits on demand."""

import json
import os
import signal
import sys
import time
from typing import Any

from jobs_app.actors import job_actor
from jobs_app.context import JobContext, JobFailed, TransientFault
from vodplatform.core.processes.process import Limits

DEFAULTS = {"steps": 4, "seconds": 0.1}
WAIT_DEADLINE_SECONDS = 600.0


def run(context: JobContext) -> dict[str, Any]:
    """Do what ``params`` say, all optional:

    steps, seconds: how many steps of how long. in_thread: in the worker's thread instead of a child.
    dies: attempts that end by a signal. kills_worker: attempts that take the worker process down.
    faults: attempts that end in a transient fault. fails: a reason to fail with.
    waits, wait_seconds: how often it waits for somebody else's service. leak_mb, flood_mb, forks: see work.py.
    stubborn: seconds for which it hears nothing.
    """
    params = {**DEFAULTS, **context.params}
    state = {"step": 0, "waits": 0, **(context.saved or {})}
    if params.get("fails"):
        raise JobFailed("synthetic", params["fails"])
    if context.attempt <= params.get("kills_worker", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if context.attempt <= params.get("faults", 0):
        raise TransientFault("synthetic", "The other side is not there.")
    time.sleep(params.get("stubborn", 0))
    if params.get("in_thread"):
        for step in range(state["step"], params["steps"]):
            context.check()
            time.sleep(params["seconds"])
            context.progress(100 * (step + 1) / params["steps"], f"Step {step + 1}")
    else:
        if context.attempt <= params.get("dies", 0):
            params["dies_at"] = params["steps"] // 2
        names = ("steps", "seconds", "dies_at", "leak_mb", "flood_mb", "forks", "fork_name")
        request = {"first": state["step"], **{name: params[name] for name in names if name in params}}
        limits = Limits(wall_seconds=600, memory_bytes=256 << 20)
        context.run_child(
            [sys.executable, "-m", "tests.torture.work"], stdin=json.dumps(request).encode(), limits=limits
        )
    if state["waits"] < params.get("waits", 0):
        context.wait(
            {"step": params["steps"], "waits": state["waits"] + 1}, seconds=params.get("wait_seconds", 0.5),
            deadline_seconds=WAIT_DEADLINE_SECONDS, message="Waiting for the other side",
        )  # fmt: skip
    return {"key": context.store("effect.txt", str(context.attempt).encode()), "attempt": context.attempt}


@job_actor("synthetic", queue="synthetic", max_attempts=50, pausable=True, max_retries=5, retry_seconds=0.2)
def synthetic(context: JobContext) -> dict[str, Any]:
    return run(context)


@job_actor("synthetic.elsewhere", queue="elsewhere")
def elsewhere(context: JobContext) -> dict[str, Any]:
    return run(context)

"""Measurement R8: check that no single request slows another account down or takes much memory."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.large_objects import OWNER, make_in_child
from bench.p1_timer_alignment import format_met
from bench.report import Table
from bench.request_meter import MAX_GROWTH, MAX_RATIO, Meter, Neighbour, Result
from tests.support.kept import kept
from tests.support.places import prepared_by
from tests.support.program import Place, Program

SHOWN = 40  # maximum number of results in the printed table
SETTINGS = "bench.small_requests_settings"
PARTS = (
    "operations",
    "parsers",
    "files",
    "pages",
    "admin",
    "sockets",
    "known",
    "large_events",
)  # names of the groups of requests, in the order of measurement


def measure(seed: int, parts: Sequence[str] = ()) -> list[Table]:
    """Measure the requests of some groups.

    parts: names from :data:`PARTS`; by default those in the environment variable ``VOD_BENCH_PARTS``, else all.
    """
    parts = parts or os.environ.get("VOD_BENCH_PARTS", "").split() or PARTS
    made = kept("small-requests", partial(make_in_child, seed=seed), prepared_by(), seed)
    about = json.loads((made / "about.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="bench-r8-") as folder, contextlib.ExitStack() as stack:
        data = Path(folder, "data")
        shutil.copytree(made / "data", data)
        environment = {
            "DJANGO_SETTINGS_MODULE": SETTINGS, "VOD_LOG_LEVEL": "ERROR",
            "VOD_LIBRARY_ROOTS": f"{made / 'library'}={OWNER}",
        }  # fmt: skip
        program = Program(Place(data, environment, about["key"]))
        stack.callback(program.end)
        program.start()
        os.environ |= {**environment, "VOD_DATA_DIR": str(data)}
        import django

        django.setup()
        from bench.request_walk import People, Walk
        from vodplatform.accounts.models import User

        owner = User.objects.get(username=OWNER)
        neighbour = Neighbour(program.address, about["other_key"])
        stack.callback(neighbour.end)
        meter = Meter(program, neighbour)
        people = People(owner, *(about[name] for name in ("key", "admin_key", "cookie", "admin_cookie")))
        walk = Walk(meter, people, about["ids"])
        for part in parts:
            began = time.monotonic()
            getattr(walk, part)()
            took = time.monotonic() - began
            print(f"{part}: {len(meter.results)} requests so far, {took:.0f} s", file=sys.stderr, flush=True)
        return [table_of(meter.results, meter.usual_p95)]


def table_of(results: Sequence[Result], usual: float) -> Table:
    missed = [one for one in results if not one.is_met]
    faults = [one for one in results if one.status >= 500 or not one.status]
    table = Table(
        f"{len(results)} requests, the worst first",
        ("request", "with", "status", "wall s", "CPU s", "memory MB", "answer MB", "stored kB", "others' p95", "met"),
        note=(
            f"{len(missed)} of {len(results)} miss the goal (another account's p95 ≤ {MAX_RATIO:g}×, memory ≤ "
            f"{MAX_GROWTH / 1e6:g} MB); {len(faults)} are answered by 5xx or not at all. The other account's p95 in "
            f"quiet: {usual * 1000:.0f} ms."
        ),
        is_met=not missed,
    )
    worst = sorted(results, key=lambda one: one.worst_goal_share, reverse=True)
    for one in [*worst[:SHOWN], *(one for one in worst[SHOWN:] if not one.is_met or one in faults)]:
        p95 = f"{one.p95 * 1000:.0f} ms = {one.ratio:.1f}×" if one.p95 else "not asked"
        table.add(
            one.name.replace("|", "/"), one.variant, one.status, f"{one.wall:.2f}", f"{one.cpu:.2f}",
            f"{one.growth / 1e6:.0f}", f"{one.size / 1e6:.2f}", f"{one.stored / 1e3:.0f}", p95, format_met(one.is_met),
        )  # fmt: skip
    return table

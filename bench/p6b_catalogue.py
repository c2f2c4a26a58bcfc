"""Measurement P6b: cost of catalogue lists with 100 000 videos against 1 000, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.catalogue_lists import LISTS
from bench.measure import percentile
from bench.p1_timer_alignment import format_met
from bench.report import PROJECT_ROOT, Table
from tests.support.services import fresh_database

GOAL = 1.5
COUNTS = (1_000, 100_000)
# Number of rounds. Each round measures the small and the large database, so that other load affects both.
ROUNDS = 8
# Searches whose ratio of costs (large to small database) is reported, but has no goal.
SEARCHES = ("a rare word", "two common words")

Costs = dict[str, list[tuple[int, float]]]


def measure(seed: int) -> list[Table]:
    tables = [_table("SQLite", _costs(["", ""], seed))]
    with ExitStack() as stack:
        urls = [stack.enter_context(fresh_database(f"vod_bench_lists_{count}")) for count in COUNTS]
        if all(urls):
            tables.append(_table("PostgreSQL", _costs([url or "" for url in urls], seed)))
    return tables


def _costs(databases: list[str], seed: int) -> Costs:
    with ExitStack() as stack:
        programs = [
            stack.enter_context(_filled(database, count, seed))
            for database, count in zip(databases, COUNTS, strict=True)
        ]
        found: Costs = {}
        for name in LISTS:
            took: list[list[float]] = [[], []]
            queries = [0, 0]
            for _ in range(ROUNDS):
                for number, program in enumerate(programs):
                    queries[number], times = _ask(program, name)
                    took[number] += times
            found[name] = [(queries[number], percentile(took[number], 0.95)) for number in (0, 1)]
        return found


@contextmanager
def _filled(database: str, count: int, seed: int) -> Iterator[subprocess.Popen[str]]:
    with tempfile.TemporaryDirectory(prefix="bench-lists-") as folder:
        environment = {**os.environ, "VOD_DATA_DIR": folder, "VOD_LOG_LEVEL": "ERROR"}
        environment.pop("DATABASE_URL", None)
        if database:
            environment["DATABASE_URL"] = database
        program = subprocess.Popen(
            [sys.executable, "-m", "bench.catalogue_lists", str(seed), str(count)], env=environment, cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with program:
            assert program.stdout
            assert program.stdout.readline() == "filled\n"
            yield program


def _ask(program: subprocess.Popen[str], name: str) -> tuple[int, list[float]]:
    assert program.stdin and program.stdout
    print(name, file=program.stdin, flush=True)
    queries, took = json.loads(program.stdout.readline())
    return queries, took


def _table(title: str, found: Costs) -> Table:
    table = Table(title, ("list", "queries", "p95 with 1 000", "p95 with 100 000", "ratio", "goal", "met"))
    for name, ((few_queries, few), (many_queries, many)) in found.items():
        # A large catalogue's total is cached, so a list of it may need one query less than a list of a small catalogue.
        ratio, is_constant = many / few, many_queries <= few_queries
        queries = str(many_queries) if few_queries == many_queries else f"{few_queries} → {many_queries}"
        is_goal = name not in SEARCHES
        table.add(
            name, queries, f"{few:.1f} ms", f"{many:.1f} ms", f"{ratio:.2f}×", f"≤ {GOAL}×" if is_goal else "reported",
            format_met(ratio <= GOAL and is_constant) if is_goal else "",
        )  # fmt: skip
    return table

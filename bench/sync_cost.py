"""Comparison of the costs of ``POST /sync`` and of reading the video, for growing numbers of stored operations.

Both calls are measured on SQLite and PostgreSQL.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

from bench.report import PROJECT_ROOT, Table
from tests.support.services import fresh_database


def measure(seed: int) -> list[Table]:
    tables = []
    with fresh_database("vod_bench_sync") as url:
        for name, database in (("SQLite", ""), ("PostgreSQL", url)):
            if database is not None:
                tables.append(_table(name, database))
    return tables


def _table(name: str, database: str) -> Table:
    with tempfile.TemporaryDirectory(prefix="bench-sync-") as folder:
        environment = {**os.environ, "VOD_DATA_DIR": folder, "VOD_LOG_LEVEL": "ERROR"}
        environment.pop("DATABASE_URL", None)
        if database:
            environment["DATABASE_URL"] = database
        ended = subprocess.run(
            [sys.executable, "-m", "bench.sync_calls"], env=environment, cwd=PROJECT_ROOT, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
    found = json.loads(ended.stdout.splitlines()[-1])
    queries, p50, read = found.pop("read")
    table = Table(
        name,
        ("operations sent", "operations kept", "queries", "p50", "p95", "against a read"),
        note=f"A read of the video: {queries:.0f} queries, p50 {p50:.1f} ms, p95 {read:.1f} ms.",
    )
    for sent, by_kept in found.items():
        for kept, (count, median, late) in by_kept.items():
            table.add(sent, kept, f"{count:.0f}", f"{median:.1f} ms", f"{late:.1f} ms", f"{late / read:.1f}×")
    return table

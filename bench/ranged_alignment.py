"""Alignment that reads two recordings in byte ranges, as from a bucket: duration, and share of bytes read."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from bench.p1_timer_alignment import format_met
from bench.recordings import long_pair
from bench.report import Table
from vodplatform.core.processes.process import Access, Limits, run_child
from vodplatform.core.processes.ranged import RangeServer

ALIGNER = [sys.executable, "-m", "sessions_app.comparison.alignment.child"]
GOAL = 0.10


def measure(seed: int) -> list[Table]:
    pair, first, second = long_pair(seed)
    paths = [first, second]
    table = Table(
        "",
        (
            "method",
            "duration with local files",
            "duration in parts",
            "bytes read",
            "share of the files' bytes",
            "goal for the share",
            "met",
            "error of the offset",
        ),
    )
    for method in ("timer_ocr", "audio", "auto"):
        whole, _, _ = align(method, paths)
        seconds, share, found = align(method, paths, in_parts=True)
        assert pair.offset is not None
        off = f"{1000 * abs(found - pair.offset):.2f} ms" if found is not None else "refused"
        table.add(
            method, f"{whole:.1f}", f"{seconds:.1f}", f"{share * sum(map(size, paths)) / 2**20:.1f} MiB",
            f"{share:.1%}", f"≤ {GOAL:.0%}", format_met(share <= GOAL), off,
        )  # fmt: skip
    table.note = (
        "The parent process reads the bytes from this machine's disk, so the durations do not include the delay of a "
        "bucket. The two recordings have no sound."
    )
    return [table]


def size(path: Path) -> int:
    return path.stat().st_size


def align(method: str, paths: list[Path], *, in_parts: bool = False) -> tuple[float, float, float | None]:
    def read(index: int, start: int, stop: int) -> bytes:
        with paths[index].open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    with tempfile.TemporaryDirectory() as folder, RangeServer([size(path) for path in paths], read) as server:
        named = server.paths if in_parts else [str(path) for path in paths]
        request = {
            "op": "align", "method": method, "evidence_dir": folder,
            "videos": [{"vod_id": name, "path": path} for name, path in zip("ab", named, strict=True)],
        }  # fmt: skip
        access = Access(reads=[] if in_parts else paths, writes=[folder])
        began = time.perf_counter()
        said = run_child(
            ALIGNER, stdin=json.dumps(request).encode(), access=access, ranged=server, limits=Limits(wall_seconds=600)
        )
        seconds = time.perf_counter() - began
    proposals = said.messages[-1]["result"]["proposals"]
    offset = proposals[0]["offset"] if proposals else None
    return seconds, server.count / sum(map(size, paths)), offset

"""Tables of measurements, printed and stored in bench/results.md, one section per measurement."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = PROJECT_ROOT / "bench" / "results.md"
OPENING = """# Results of the benchmarks

This file contains the tables that `python -m bench GOAL --write` printed last.
[docs/benchmarks.md](../docs/benchmarks.md) summarises the tables and compares them with the goals.
"""


@dataclass(slots=True)
class Table:
    """A table of text cells under a heading. is_met: False if a goal was missed and the command must fail."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    note: str = ""
    is_met: bool = True

    def add(self, *cells: object) -> None:
        self.rows.append([str(cell) for cell in cells])

    def markdown(self) -> str:
        lines = [f"### {self.title}", ""] if self.title else []
        lines += ["| " + " | ".join(row) + " |" for row in (self.columns, ["---"] * len(self.columns), *self.rows)]
        return "\n".join([*lines, *(["", self.note] if self.note else [])])


def machine() -> str:
    model = platform.processor() or platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        found = re.search(r"model name\s*:\s*(.+)", file.read())
    load = os.getloadavg()[0]
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{now} on {os.cpu_count()} × {found.group(1) if found else model}, with a load of {load:.1f}."


def section(goal: str, heading: str, seed: int, tables: Sequence[Table]) -> str:
    parts = [
        f"## {goal}: {heading}",
        f"Seed {seed}. The run ended on {machine()}",
        *(table.markdown() for table in tables),
    ]
    return "\n\n".join(parts) + "\n"


def write(goal: str, text: str) -> None:
    old = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else OPENING
    opening, *sections = re.split(r"(?m)^(?=## )", old)
    kept = {part.split(":", 1)[0].removeprefix("## "): part.rstrip() + "\n" for part in sections}
    kept[goal] = text
    DOCUMENT.write_text("\n".join([opening.rstrip() + "\n", *(kept[name] for name in sorted(kept))]), encoding="utf-8")

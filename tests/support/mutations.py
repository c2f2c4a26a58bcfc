"""Random mutations of the program's code; for each, a test case that runs the mutated line should fail.

``make mutations`` (COUNT=50, SEED=n) needs the results of `make coverage`, which record the cases that ran each line.
It prints one JSON line for each mutation, with the command in which a case fails. Lines that run only in other
processes are not mutated, because coverage does not record which cases run them.
"""

import argparse
import ast
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from coverage import CoverageData

PROJECT_ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("vodplatform", "jobs_app", "media_app", "sessions_app")
LEFT_OUT = {"migrations", "demo", "settings"}
MAX_CASES = 150
SECONDS = 900
# Commands in the order in which they are tried, each with the expression that selects its cases.
PARTS = {
    "make test": "not services and not exhaustive and not postgresql",
    "make test-services": "services and not exhaustive and not postgresql",
}
NO_CASE = 5  # pytest's exit code if no case was selected
OPPOSITES: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change of one expression. line: line number. start, end: columns. before, after: the expression's code."""

    file: str
    line: int
    start: int
    end: int
    before: str
    after: str


def mutated(node: ast.AST) -> ast.AST | None:
    """Return a node with another meaning, or None if there is no mutation for this kind of node."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPPOSITES:
        return ast.Compare(node.left, [OPPOSITES[type(node.ops[0])]()], node.comparators)  # type: ignore[list-item]
    if isinstance(node, ast.BoolOp):
        return ast.BoolOp(OPPOSITES[type(node.op)](), node.values)  # type: ignore[arg-type]
    if isinstance(node, ast.BinOp) and type(node.op) in OPPOSITES:
        return ast.BinOp(node.left, OPPOSITES[type(node.op)](), node.right)  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return ast.Constant(not node.value)
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return ast.Constant(node.value + 1)
    if isinstance(node, ast.IfExp):
        return ast.IfExp(node.test, node.orelse, node.body)
    return None


def mutations_of(path: Path, lines: set[int]) -> Iterator[Mutation]:
    """Yield the mutations of single-line expressions on ``lines``, except in annotations and f-strings."""
    source = path.read_text()
    tree = ast.parse(source)
    passed_over: set[ast.AST] = set()
    for node in ast.walk(tree):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            passed_over |= set(ast.walk(part)) if part else set()
        if isinstance(node, ast.JoinedStr):
            passed_over |= set(ast.walk(node))
    rows = source.splitlines()
    for node in ast.walk(tree):
        if node in passed_over or not isinstance(node, ast.expr) or node.lineno != node.end_lineno:
            continue
        other = mutated(node)
        if other is None or node.lineno not in lines or not rows[node.lineno - 1].isascii():
            continue
        before = rows[node.lineno - 1][node.col_offset : node.end_col_offset]
        after = f"({ast.unparse(ast.fix_missing_locations(other))})"
        where = str(path.relative_to(PROJECT_ROOT))
        yield Mutation(where, node.lineno, node.col_offset, node.end_col_offset or 0, before, after)


def cases_by_line(data: CoverageData, path: Path) -> dict[int, list[str]]:
    """Return the node ids of the cases that ran each line."""
    found = data.contexts_by_lineno(str(path))
    return {line: sorted({name.rpartition("|")[0] for name in names if name}) for line, names in found.items()}


def choose(data: CoverageData, count: int, rng: random.Random) -> list[tuple[Mutation, list[str]]]:
    """Return ``count`` random mutations, each with the cases that run its line."""
    possible: list[tuple[Mutation, list[str]]] = []
    for package in PACKAGES:
        for path in sorted((PROJECT_ROOT / package).rglob("*.py")):
            if LEFT_OUT & set(path.relative_to(PROJECT_ROOT).parts):
                continue
            cases = {line: names for line, names in cases_by_line(data, path).items() if names}
            possible += [(one, cases[one.line]) for one in mutations_of(path, set(cases))]
    return rng.sample(possible, count)


def caught_by(mutation: Mutation, cases: list[str], tree: Path) -> str | None:
    """Apply a mutation to the tree, run the cases, and restore the file.

    Return the command of :data:`PARTS` in which a case fails, or None.
    """
    path = tree / mutation.file
    source = path.read_text()
    rows = source.splitlines(keepends=True)
    row = rows[mutation.line - 1]
    rows[mutation.line - 1] = row[: mutation.start] + mutation.after + row[mutation.end :]
    path.write_text("".join(rows))
    try:
        return next((part for part, marks in PARTS.items() if has_failure(cases, marks, tree)), None)
    finally:
        path.write_text(source)


def has_failure(cases: list[str], marks: str, tree: Path) -> bool:
    """Run the cases that ``marks`` selects in the tree; return whether one fails or hangs."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "2", "--dist", "load", "-m", marks, *cases]
    try:
        ended = subprocess.run(
            command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    assert ended.returncode in (0, 1, 2, 3, 4, NO_CASE), ended.stdout[-2000:]
    return ended.returncode not in (0, NO_CASE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    data = CoverageData(str(PROJECT_ROOT / ".coverage"))
    data.read()
    chosen = choose(data, options.count, rng)
    found: Counter[str | None] = Counter()
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        tree = Path(folder) / "tree"
        left_out = shutil.ignore_patterns(".git", ".venv", "data", "__pycache__", ".*cache", ".coverage*")
        shutil.copytree(PROJECT_ROOT, tree, ignore=left_out, symlinks=True)
        for mutation, cases in chosen:
            some = rng.sample(cases, min(len(cases), MAX_CASES))
            part = caught_by(mutation, some, tree)
            found[part] += 1
            print(json.dumps({**asdict(mutation), "cases": len(cases), "caught by": part}), flush=True)
    print(", ".join(f"{found[part]} by {part}" for part in PARTS) + f", {found[None]} survived")
    return 0


if __name__ == "__main__":
    sys.exit(main())

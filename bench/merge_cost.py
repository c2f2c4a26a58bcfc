"""CPU cost of merging CRDT operations into a document.

Three cases: apply all operations in sequence, join two halves, and add one operation to the complete document.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable

from bench.report import Table
from media_app.catalogue.crdt import Document, Operation, OperationType

COUNTS = (10, 1_000, 100_000)
ROUNDS = 5
# Minimum operations merged per round. Merges of fewer operations are repeated to reach it, at most 2 000 times.
LEAST = 20_000
WRITERS = [f"writer-{number}" for number in range(8)]
TAGS = [f"tag-{number}" for number in range(30)]
FIRST_TAGS = ("tag-0", "tag-1")


def measure(seed: int) -> list[Table]:
    table = Table(
        "Merge",
        [
            "operations",
            "µs each, applied",
            "ratio",
            "µs each, halves joined",
            "ms, one more kept",
            "ratio",
            "bytes kept",
        ],
        note="8 writers, 30 tags, a third of what the others did unseen. Applied: to an empty document. One more: the "
        "document read from its JSON, an operation applied, written as JSON again, as a sync does it.",
    )
    first: list[float] = []
    for count in COUNTS:
        operations = history(random.Random(seed), count)
        kept = json.dumps(merged(operations).to_json())
        applied = each(count, lambda: merged(operations))  # noqa: B023 - called at once
        halves = merged(operations[::2]).to_json(), merged(operations[1::2]).to_json()
        joined = each(count, lambda: _join(*halves))  # noqa: B023
        more = Operation(OperationType.UPDATE_TITLE, "one more", 2 * count, "one-more", {"one-more": 1})
        on_top = each(1, lambda: _one_more(kept, more))  # noqa: B023
        first = first or [applied, on_top]
        table.add(
            f"{count:,}", f"{applied * 1e6:.1f}", f"{applied / first[0]:.2f}", f"{joined * 1e6:.2f}",
            f"{on_top * 1e3:.3f}", f"{on_top / first[1]:.2f}", f"{len(kept):,}",
        )  # fmt: skip
    return [table]


def each(count: int, work: Callable[[], object]) -> float:
    """Return the median seconds per operation. work: function that merges ``count`` operations."""
    times = max(1, LEAST // max(count, 10))
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(times):
            work()
        found.append((time.perf_counter() - begun) / times / count)
    return statistics.median(found)


def history(rng: random.Random, count: int) -> list[Operation]:
    """Return operations of several writers; each writer has seen most operations of the others."""
    counters = dict.fromkeys(WRITERS, 0)
    found = []
    for number in range(count):
        actor = rng.choice(WRITERS)
        counters[actor] += 1
        seen = {name: last if rng.random() < 2 / 3 else max(0, last - 3) for name, last in counters.items()}
        kind = rng.choice(list(OperationType))
        value: object = f"words {number}"
        if kind in (OperationType.ADD_TAG, OperationType.REMOVE_TAG):
            value = rng.choice(TAGS)
        elif kind == OperationType.SET_TAGS:
            value = rng.sample(TAGS, 5)
        elif kind == OperationType.UPDATE_FEATURED:
            value = rng.random() < 0.5
        found.append(Operation(kind, value, number + 1, actor, {**seen, actor: counters[actor]}))
    return found


def merged(operations: list[Operation]) -> Document:
    document = Document.begin(FIRST_TAGS)
    for operation in operations:
        document.apply(operation)
    return document


def _join(one: dict[str, object], other: dict[str, object]) -> None:
    Document.from_json(one).join(Document.from_json(other))


def _one_more(kept: str, operation: Operation) -> str:
    document = Document.from_json(json.loads(kept))
    document.apply(operation)
    return json.dumps(document.to_json())

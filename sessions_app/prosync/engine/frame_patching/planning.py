from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from sessions_app.prosync.engine.frame_patching.painting import Run
from sessions_app.prosync.engine.frame_patching.pictures import Pictures

# maximum seconds at the end of a `Run` (frames to paint) that may stay unpainted, so that fewer frames are re-encoded
MAX_EARLY_END = 0.15
NEAR = 1e-3


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames to encode again, from ``first`` (inclusive) to ``behind`` (exclusive).

    The track can be split before and after these frames.
    """

    first: int
    behind: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """The frames of a :class:`Run` that are really painted: from ``first`` (inclusive) to ``behind`` (exclusive).

    late: number of unpainted frames at the start of the :class:`Run`.
    """

    run: int
    first: int
    behind: int
    late: int
    piece: Piece | None


def holds(seconds: Sequence[float], run: Run) -> bool:
    return bisect_left(seconds, run.start - NEAR) < bisect_left(seconds, run.end - NEAR)


def plan(pictures: Pictures, seconds: Sequence[float], runs: Sequence[Run]) -> tuple[list[Piece], list[Stretch]]:
    """Return the frames to encode again, sorted, and the frames to paint for each of ``runs``."""
    pieces: list[Piece] = []
    painted: dict[int, tuple[int, int, int]] = {}
    for number, run in sorted(enumerate(runs), key=lambda one: one[1].start):
        first = max(pictures.hidden, bisect_left(seconds, run.start - NEAR))
        behind = max(first, bisect_left(seconds, run.end - NEAR))
        begin = first
        if not run.whole and _containing(pieces, first) is None:
            begin = min(behind, pictures.joints[bisect_left(pictures.joints, first)])
        if begin < behind and not run.whole:
            behind = _earlier_end(pictures, seconds, begin, behind, run.end - MAX_EARLY_END - NEAR)
        painted[number] = begin, behind, begin - first
        if begin < behind:
            joint = pictures.joints[bisect_right(pictures.joints, begin) - 1]
            pieces = _merged([*pieces, Piece(joint, _next_entry(pictures, behind))])
    stretches = []
    for number in range(len(runs)):
        begin, behind, late = painted[number]
        piece = _containing(pieces, begin) if begin < behind else None
        stretches.append(Stretch(number, begin, behind, late, piece))
    return pieces, stretches


def _containing(pieces: Sequence[Piece], frame: int) -> Piece | None:
    return next((piece for piece in pieces if piece.first <= frame < piece.behind), None)


def _merged(pieces: Sequence[Piece]) -> list[Piece]:
    found: list[Piece] = []
    for piece in sorted(pieces, key=lambda one: one.first):
        if found and piece.first < found[-1].behind:
            found[-1] = Piece(found[-1].first, max(found[-1].behind, piece.behind))
        else:
            found.append(piece)
    return found


def _earlier_end(pictures: Pictures, seconds: Sequence[float], begin: int, behind: int, least: float) -> int:
    at = bisect_left(pictures.entries, behind)
    if not at or _next_entry(pictures, behind) == behind:
        return behind
    entry = pictures.entries[at - 1]
    return entry if entry > begin and seconds[entry] >= least else behind


def _next_entry(pictures: Pictures, frame: int) -> int:
    at = bisect_left(pictures.entries, frame)
    return pictures.entries[at] if at < len(pictures.entries) else len(pictures.decoded)

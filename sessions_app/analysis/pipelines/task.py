"""What a pipeline is given, what it gives back, and how it says that it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class AnalysisFailed(Exception):
    """Nothing can be said of this file. type: stable, one of the errors registry. message: a sentence for its owner."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type
        self.message = message


def _unheard(percent: float, message: str) -> None:
    """Nobody listens."""


def _not_kept(state: dict[str, Any]) -> None:
    """Nobody goes on from there."""


@dataclass(frozen=True, slots=True)
class Task:
    """One analysis of one file.

    path: of the video. folder: empty, for what is made. params: checked, with all defaults. threads: for decoding.
    vision: of the model that describes windows (``url, model, key, seconds, calls, allow_private``), None for none.
    saved: what ``checkpoint`` was last given by an attempt that did not live to its end.
    progress: told percent (0 to 100) and a sentence. checkpoint: told what another attempt can go on from, JSON types,
    below a megabyte, every few seconds at most.
    """

    path: Path
    folder: Path
    params: Mapping[str, Any]
    threads: int = 2
    vision: Mapping[str, Any] | None = None
    saved: dict[str, Any] | None = None
    progress: Callable[[float, str], None] = _unheard
    checkpoint: Callable[[dict[str, Any]], None] = _not_kept


@dataclass(frozen=True, slots=True)
class Result:
    """data: JSON types, as the contract shows them but for the addresses of files. files: names in the task's folder by
    their role: ``reel``, ``preview``, ``thumb-0`` …
    """

    data: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)

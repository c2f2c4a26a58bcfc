from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class AnalysisFailed(Exception):
    """Error if a file cannot be analysed. type: registered error type. message: sentence for the user."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type
        self.message = message


def _ignore_progress(percent: float, message: str) -> None:
    pass


def _ignore_checkpoint(state: dict[str, Any]) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Task:
    """A request to analyse one file.

    vision: vision model (``url, model, key, seconds, calls, allow_private``) or None. saved: last checkpoint of the
    job's previous attempts, or None. checkpoint: function that saves JSON of less than a megabyte, at most every few
    seconds.
    """

    path: Path
    folder: Path
    params: Mapping[str, Any]
    threads: int = 2
    vision: Mapping[str, Any] | None = None
    saved: dict[str, Any] | None = None
    progress: Callable[[float, str], None] = _ignore_progress
    checkpoint: Callable[[dict[str, Any]], None] = _ignore_checkpoint


@dataclass(frozen=True, slots=True)
class Result:
    """A pipeline's result, in the API's format without URLs.

    files: names of the generated files by role: ``reel``, ``preview``, ``thumb-0`` …
    """

    data: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sessions_app.analysis.models import AnalysisType
from sessions_app.analysis.pipelines.exercises import EXERCISES
from vodplatform.core.errors import DomainError

AUTO = "auto"
MAX_WARNINGS, LONGEST_NAME = 20, 60
MAX_PARAMS_CHARACTERS = 10_000


@dataclass(frozen=True, slots=True)
class Number:
    """A number parameter. least, most: inclusive limits."""

    least: float
    most: float
    default: float
    is_whole: bool = False

    def of(self, value: Any) -> float | int:
        """Return the checked number. Raises ``ValueError`` with a sentence for the user."""
        is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
        if isinstance(value, bool) or not is_number:
            raise ValueError("Must be a number.")
        if self.is_whole and value != int(value):
            raise ValueError("Must be a whole number.")
        if not self.least <= value <= self.most:
            raise ValueError(f"Must be from {self.least:g} to {self.most:g}.")
        return int(value) if self.is_whole else float(value)


@dataclass(frozen=True, slots=True)
class Choice:
    values: tuple[str, ...]
    default: str

    def of(self, value: Any) -> str:
        found = value.strip().lower() if isinstance(value, str) else None
        if found not in self.values:
            raise ValueError(f"Must be one of {', '.join(self.values)}.")
        return found


PARAMS: dict[str, dict[str, Number | Choice]] = {
    AnalysisType.HIGHLIGHTS: {
        "segment_length": Number(2, 60, 10),
        "target_duration": Number(5, 600, 60),
        "max_highlights": Number(1, 50, 10, is_whole=True),
        "min_score": Number(0, 1, 0.2),
    },
    AnalysisType.WORKOUT: {
        "exercise": Choice((AUTO, *EXERCISES), AUTO),
        "min_repetitions": Number(2, 50, 2, is_whole=True),
    },
}


def check(analysis_type: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the parameters with defaults added, and a warning for each unknown name. Raises ``invalid``."""
    known = PARAMS[analysis_type]
    params: dict[str, Any] = {name: kind.of(kind.default) for name, kind in known.items()}
    wrong: dict[str, list[str]] = {}
    for name in known.keys() & given.keys():
        if given[name] is None:
            continue
        try:
            params[name] = known[name].of(given[name])
        except ValueError as exc:
            wrong[name] = [str(exc)]
    if wrong:
        name, (sentence,) = next(iter(wrong.items()))
        raise DomainError("invalid", f"{name}: {sentence}", errors={"params": wrong})
    unknown = sorted(str(name) for name in given.keys() - known.keys())[:MAX_WARNINGS]
    return params, [f"The parameter {name[:LONGEST_NAME]!r} is unknown and was ignored." for name in unknown]


def parse_params_field(text: Any) -> dict[str, Any]:
    """Return the JSON object in the form field ``params``. Raises ``invalid``."""
    if text is None or text == "":
        return {}
    try:
        # In a JSON request, ``params`` may be an object.
        found = json.loads(text) if isinstance(text, str) and len(text) <= MAX_PARAMS_CHARACTERS else text
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DomainError("invalid", "params must be a JSON object.", errors={"params": ["Send a JSON object."]})
    return found


def from_fields(analysis_type: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in PARAMS[analysis_type].items():
        value = fields.get(name)
        if value is None or value == "":
            continue
        if isinstance(kind, Number) and isinstance(value, str):
            with contextlib.suppress(ValueError):  # a text that is not a number is rejected later by `check`
                value = float(value)
        found[name] = value
    return found

"""Names of the exercises that are known, apart from their rules: whoever only lists them needs no numbers."""

from __future__ import annotations

EXERCISES = (
    "squat", "lunge", "push-up", "biceps curl", "shoulder press", "lateral raise", "jumping jack", "burpee", "sit-up",
    "high knees", "mountain climber", "pull-up", "pull-down",
)  # fmt: skip

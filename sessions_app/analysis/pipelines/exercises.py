"""Names of the known exercises, importable without numpy."""

from __future__ import annotations

EXERCISES = (
    "squat", "lunge", "push-up", "biceps curl", "shoulder press", "lateral raise", "jumping jack", "burpee", "sit-up",
    "high knees", "mountain climber", "pull-up", "pull-down",
)  # fmt: skip

"""Names of exercises: given for what the body does, with a confidence, and not given at all where no rule is sure."""

import numpy as np
import pytest

from sessions_app.analysis.pipelines import naming
from sessions_app.analysis.pipelines.counting import count, resample_evenly
from sessions_app.analysis.pipelines.exercises import EXERCISES
from sessions_app.analysis.pipelines.naming import UNNAMED, facts_of, name_of
from sessions_app.analysis.pipelines.poses import BODY_SIGNALS
from tests.support.bodies import Floats, bends, curling, figure, lying, seen, squatting

pytestmark = pytest.mark.pure


def named(joints: Floats) -> tuple[str, float]:
    even = resample_evenly(seen(joints))
    assert even is not None
    [one] = count(even, 2)
    return name_of(facts_of(even.times, even.joints, one.set))


def test_exercises_are_named_and_other_movements_are_not() -> None:
    name, confidence = named(squatting(bends(5)))
    assert name == "squat"
    assert naming.MIN_NAME_CONFIDENCE <= confidence <= naming.MAX_NAME_CONFIDENCE
    assert named(curling(bends(5)))[0] == "biceps curl"
    assert named(lying(squatting(bends(5))))[0] != "squat"
    assert named(squatting(0.45 * bends(6))) == (UNNAMED, 0.0)
    curve = bends(5)
    arms_up = figure(np.zeros(len(curve)), np.zeros(len(curve)), curve)
    assert named(arms_up)[0] not in {"squat", "biceps curl", "push-up"}


def test_nobody_has_no_name() -> None:
    even = resample_evenly(seen(squatting(bends(4))))
    assert even is not None
    [one] = count(even, 2)
    assert facts_of(even.times, np.full_like(even.joints, np.nan), one.set) is None
    assert name_of(None) == (UNNAMED, 0.0)


def test_conditions_are_soft_between_their_ends_and_several_are_said_as_several() -> None:
    assert [naming.rising_ramp(value, 10, 20) for value in (5, 10, 15, 20, 30)] == [0, 0, 0.5, 1, 1]
    assert [naming.falling_ramp(value, 10, 20) for value in (5, 10, 15, 20, 30)] == [1, 1, 0.5, 0, 0]
    assert [naming.plural(name) for name in ("squat", "high knees", "shoulder press", UNNAMED)] == [
        "squats", "high knees", "shoulder presses", "movements",
    ]  # fmt: skip


def test_every_exercise_has_signals_that_there_are() -> None:
    assert set(naming.SIGNALS) == set(naming.RULES) == set(EXERCISES)
    for name, signals in naming.SIGNALS.items():
        assert signals, name
        assert signals <= BODY_SIGNALS

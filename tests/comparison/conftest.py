"""What several files about comparisons share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def match(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, float]:
    """Two recordings of one match with timer and sound, and the second one's true offset in seconds."""
    from vodplatform.demo.clips import render_pair, timer_pairs

    pair = timer_pairs(7)[0]
    assert pair.offset is not None
    a, b = (replace(clip, spec=replace(clip.spec, audio=True)) for clip in (pair.a, pair.b))
    pair = replace(pair, name="heard", a=a, b=b)
    return *render_pair(pair, tmp_path_factory.mktemp("match")), pair.offset

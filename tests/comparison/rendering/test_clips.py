"""The demo's, the tests' and the bench's recordings: true offsets, enough in common, kept and renewed files."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

import sessions_app.comparison.samples.rendering
from sessions_app.comparison.samples.rendering import clips
from sessions_app.comparison.samples.rendering.clips import (
    Clip,
    Pair,
    bench_pair_specs,
    demo_specs,
    refusal_pairs,
    render_demo,
    timer_pairs,
)
from sessions_app.comparison.samples.rendering.specification import offset

pytestmark = pytest.mark.pure


def overlap(pair: Pair) -> float:
    a, b = pair.a.spec, pair.b.spec
    return min(a.start + a.duration, b.start + b.duration) - max(a.start, b.start)


@pytest.mark.parametrize("seed", range(5))
def test_the_demo_overlaps_substantially_but_not_fully(seed: int) -> None:
    found = demo_specs(seed)
    a, b, c = sorted(found, key=lambda clip: clip.spec.start)
    assert (found[0] is a) == (seed % 3 > 0)  # some comparisons begin before their first recording
    assert [float(clip.spec.fps) for clip in (a, b, c)] == pytest.approx([60, 30, 29.97], abs=0.001)
    assert len({clip.spec.style for clip in (a, b, c)}) == 3
    for other in (b, c):
        assert 45 <= overlap(Pair("", a, other, None)) < a.spec.duration
        assert 75 <= other.spec.duration <= 110
        assert offset(other.spec, a.spec) == other.spec.start - a.spec.start > 3


def test_pairs_to_be_aligned_know_their_offset_and_those_to_be_refused_have_none() -> None:
    pairs = timer_pairs(500)
    assert len({pair.name for pair in pairs}) == len(pairs) >= 12
    for pair in pairs:
        assert pair.a.match is pair.b.match
        assert pair.offset == pair.b.spec.start - pair.a.spec.start
        assert overlap(pair) >= 15, pair.name
    pairs = refusal_pairs(600)
    assert len({pair.name for pair in pairs}) == len(pairs) >= 6
    assert all(pair.offset is None for pair in pairs)
    pair = bench_pair_specs(1)
    sizes = [(clip.spec.width, clip.spec.height, float(clip.spec.fps), clip.spec.duration) for clip in (pair.a, pair.b)]
    assert sizes == [(1920, 1080, 60, 600.0), (1280, 720, 30, 600.0)]


def test_the_demo_is_rendered_once_and_anew_for_another_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(seed: int) -> list[Clip]:
        small = {"duration": 0.5, "width": 320, "height": 180}
        return [replace(clip, spec=replace(clip.spec, **small)) for clip in demo_specs(seed)[:2]]

    monkeypatch.setattr(clips, "demo_specs", short)
    truth_file = tmp_path / "truth" / "demo.json"
    paths = render_demo(tmp_path / "vods", truth_file, 1)
    before = [path.stat().st_ino for path in paths]
    truth = json.loads(truth_file.read_text())
    assert [recording["file"] for recording in truth["recordings"]] == [path.name for path in paths]
    assert truth["recordings"][0]["offset"] == 0
    truth_file.unlink()
    assert [path.stat().st_ino for path in render_demo(tmp_path / "vods", truth_file, 1)] == before
    assert truth_file.is_file()
    render_demo(tmp_path / "vods", truth_file, 2)
    assert json.loads(truth_file.read_text())["seed"] == 2
    assert [path.stat().st_ino for path in paths] != before
    with pytest.raises(ValueError, match="outside"):
        render_demo(tmp_path, tmp_path / "demo.json", 1)


def test_the_renderer_imports_nothing_of_the_program() -> None:
    folder = Path(sessions_app.comparison.samples.rendering.__file__ or "").parent
    for module in folder.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            banned = ("sessions_app", "media_app", "jobs_app", "django")
            others = [name for name in names if not name.startswith(sessions_app.comparison.samples.rendering.__name__)]
            assert not [name for name in others if name.split(".")[0] in banned], module

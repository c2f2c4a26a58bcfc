"""Shot edges on pictures whose edges are known: what is one, and what only looks like one."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.shots import Edge, EdgeKind, edges, find_edges
from sessions_app.analysis.pipelines.signal_pass import SMALL
from tests.support.footage import write_pictures

pytestmark = pytest.mark.pure
RATE = 30
Pictures = list[NDArray[np.float32]]


def scene(seed: int, count: int, *, drift: float = 0.4, size: tuple[int, int] = SMALL) -> Pictures:
    """A shot: boxes of all sizes in some colours, under a camera that moves by ``drift`` small pixels a frame."""
    random = np.random.default_rng(seed)
    width, height = size
    zoom = width // SMALL[0]
    plane = np.full((height, 2 * width, 3), random.uniform(40, 180, 3), np.float32)
    for _ in range(90):
        x, y = random.integers(0, 2 * width), random.integers(0, height)
        across, down = (random.uniform(0.02, 0.2, 2) * (width, height)).astype(int) + 1
        cv2.rectangle(plane, (int(x), int(y)), (int(x + across), int(y + down)), random.uniform(0, 255, 3).tolist(), -1)
    plane += random.normal(0, 3, plane.shape).astype(np.float32)
    steps = [round(drift * zoom * number) % width for number in range(count)]
    return [np.clip(plane[:, step : step + width], 0, 255) for step in steps]


def found_in(pictures: Pictures, rate: float = RATE) -> list[Edge]:
    return edges(np.arange(len(pictures)) / rate, np.array(pictures, np.uint8))


def dissolved(one: Pictures, other: Pictures, length: int) -> Pictures:
    """The last ``length`` frames of one turn into the first of the other."""
    shares = [(number + 1) / (length + 1) for number in range(length)]
    mixed = [a * (1 - s) + b * s for a, b, s in zip(one[-length:], other[:length], shares, strict=True)]
    return [*one[:-length], *mixed, *other[length:]]


def faded(one: Pictures, other: Pictures, length: int, level: float, hold: int = 2) -> Pictures:
    """One ends in a picture of one colour, the other comes out of it."""
    out = [picture * (1 - (n + 1) / length) + level * (n + 1) / length for n, picture in enumerate(one[-length:])]
    into = [picture * ((n + 1) / length) + level * (1 - (n + 1) / length) for n, picture in enumerate(other[:length])]
    plain = [np.full_like(one[0], level)] * hold
    return [*one[:-length], *out, *plain, *into, *other[length:]]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("rate", [25, 30, 60])
def test_a_cut_is_at_the_first_frame_of_the_new_shot(seed: int, rate: int) -> None:
    [edge] = found_in([*scene(seed, 50), *scene(seed + 100, 60)], rate)
    assert (edge.kind, edge.start, edge.end) == (EdgeKind.CUT, pytest.approx(50 / rate), pytest.approx(50 / rate))


def test_short_shots_are_told_apart_and_black_bars_do_not_hide_a_dissolve() -> None:
    shots = [scene(seed, count) for seed, count in ((1, 40), (2, 12), (3, 12), (4, 40))]
    found = found_in([picture for shot in shots for picture in shot])
    assert [round(edge.middle * RATE) for edge in found] == [40, 52, 64]
    pictures = dissolved(scene(5, 80), scene(6, 80), 20)
    for picture in pictures:
        picture[:, : SMALL[0] // 3] = picture[:, -SMALL[0] // 3 :] = 0
    [edge] = found_in(pictures)
    assert edge.kind == EdgeKind.DISSOLVE


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("length", [10, 20, 40])
def test_a_dissolve_is_found_around_its_middle(seed: int, length: int) -> None:
    [edge] = found_in(dissolved(scene(seed, 80, drift=0.15), scene(seed + 50, 80, drift=0.15), length))
    assert edge.kind == EdgeKind.DISSOLVE
    assert 80 - length - 3 <= edge.middle * RATE <= 83


@pytest.mark.parametrize("level", [0.0, 255.0])
@pytest.mark.parametrize("hold", [1, 8])
def test_a_fade_passes_through_black_or_white(level: float, hold: int) -> None:
    [edge] = found_in(faded(scene(1, 70), scene(2, 70), 12, level, hold))
    assert edge.kind == EdgeKind.FADE
    assert edge.middle * RATE == pytest.approx(70 + hold / 2, abs=4)


@pytest.mark.parametrize(("flash", "crossing"), [(1, 5), (4, 14)])
def test_a_flash_and_what_crosses_the_picture_are_no_edges(flash: int, crossing: int) -> None:
    pictures = scene(1, 120)
    for number in range(60, 60 + flash):
        pictures[number] = np.clip(pictures[number] * 0.3 + 170, 0, 255)
    assert found_in(pictures) == []
    pictures = scene(2, 120)
    for number in range(crossing):
        right = int(SMALL[0] * 1.6 * (number + 1) / crossing)
        pictures[50 + number][:, max(0, right - 58) : right] = (20, 180, 90)
    assert found_in(pictures) == []


def test_a_camera_that_pans_or_adjusts_and_still_or_too_few_pictures_make_no_edge() -> None:
    assert found_in(scene(3, 150, drift=0.6)) == []
    pictures = scene(4, 150)
    for number in range(60, 90):
        pictures[number] = pictures[number] * (1 - (number - 60) / 60)
    pictures[90:] = [picture * 0.5 for picture in pictures[90:]]
    assert found_in(pictures) == []
    assert found_in([scene(1, 1)[0]] * 100) == []
    assert found_in(scene(1, 3)) == []
    assert edges(np.zeros(0), np.zeros((0, SMALL[1], SMALL[0], 3), np.uint8)) == []


def test_of_a_file_all_of_it_or_a_part_is_looked_at(tmp_path: Path) -> None:
    size = (320, 180)
    pictures = [np.asarray(one, np.uint8) for seed in (1, 2, 3) for one in scene(seed, 45, size=size)]
    path = write_pictures(tmp_path / "edit.mp4", pictures, fps=Fraction(RATE), gop=50)
    assert [edge.start for edge in find_edges(path)] == pytest.approx([1.5, 3.0])
    assert [edge.start for edge in find_edges(path, 2.0, 4.0)] == pytest.approx([3.0])
    assert find_edges(path, 1.8, 2.7) == []

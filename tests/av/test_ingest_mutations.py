"""Damaged media through the ingest child: refusals in a sentence, no crash, no hang past the limit (R2)."""

import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import pytest

from media_app.av.sniff import sniff
from tests.av.test_ingest import CHILD, request
from tests.support.clips import render_clip
from vodplatform.core.processes.process import Limits, run_child

pytestmark = [pytest.mark.full, pytest.mark.pure]

SEED = 20_250_601
TOGETHER = 2
LIMITS = Limits(wall_seconds=30.0, memory_bytes=1024**3)
TASKS = [{"do": kind} for kind in ("poster", "sprite", "peaks", "hls", "silent")]
COSTLY_TASKS = [{"do": "hls", "rung": 90}, {"do": "proxy"}]


def seeds(folder: Path) -> list[Path]:
    """Good files of every container, half a second to a second long."""
    return [
        render_clip(folder / "a.mp4", seconds=1.0),
        render_clip(folder / "turned.mov", seconds=0.6, rotation=90),
        render_clip(folder / "vfr.mkv", seconds=0.8, frame_steps=(1, 2, 1, 3), fps=Fraction(24)),
        render_clip(folder / "vp9.webm", codec="vp9", seconds=0.6, sound=False),
        render_clip(folder / "hevc.mp4", codec="hevc", seconds=0.6),
        render_clip(folder / "stream.ts", seconds=0.8),
        render_clip(folder / "old.avi", codec="mpeg4", seconds=0.6),
        render_clip(folder / "flash.flv", seconds=0.6),
    ]


def flip_bits(content: bytearray, other: bytes, rng: random.Random) -> None:
    """Anywhere, in the header, or at the end, where an MP4 keeps its index."""
    size = len(content)
    places = rng.choice((range(size), range(min(size, 2048)), range(max(0, size - 3000), size)))
    for _ in range(rng.choice((1, 4, 16, 64, 512) if len(places) == size else (1, 4, 16))):
        content[rng.choice(places)] ^= 1 << rng.randrange(8)


def write_numbers(content: bytearray, other: bytes, rng: random.Random) -> None:
    """Sizes, counts and times at the edges of what fits."""
    for _ in range(rng.choice((1, 3, 9))):
        at = rng.randrange(len(content) - 8)
        number = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, rng.getrandbits(32)))
        content[at : at + 4] = number.to_bytes(4)


def cut_the_end(content: bytearray, other: bytes, rng: random.Random) -> None:
    del content[rng.randrange(1, len(content)) :]


def replace_a_part(content: bytearray, other: bytes, rng: random.Random) -> None:
    """By nothing, by zeros or ones, by itself several times, or by a part of another file."""
    start, begin = rng.randrange(len(content)), rng.randrange(len(other))
    part = content[start : start + rng.randrange(1, 4096)]
    fills = (b"", bytes(len(part)), b"\xff" * len(part), part * rng.randrange(2, 8), other[begin : begin + len(part)])
    content[start : start + len(part)] = rng.choice(fills)


MUTATIONS: tuple[Callable[[bytearray, bytes, random.Random], None], ...] = (
    *[flip_bits] * 3, write_numbers, cut_the_end, *[replace_a_part] * 4,
)  # fmt: skip


def mutate(number: int, originals: list[bytes], seed: int = SEED) -> bytes:
    rng = random.Random(seed * 100_003 + number)
    content = bytearray(originals[number % len(originals)])
    for mutation in rng.sample(MUTATIONS, rng.choice((1, 1, 1, 2))):
        if len(content) > 64:
            mutation(content, rng.choice(originals), rng)
    return bytes(content)


def ingest(path: Path, folder: Path, tasks: list[dict[str, object]]) -> dict[str, object]:
    """The last line of an ingest child."""
    finished = run_child(CHILD, stdin=request(path, folder, tasks), limits=LIMITS)
    progress = [message["progress"] for message in finished.messages if "progress" in message]
    assert progress == sorted(progress)
    return finished.messages[-1]


@pytest.mark.parametrize("count", [8, pytest.param(100, marks=pytest.mark.exhaustive)])
def test_damaged_files_are_ingested_or_refused_in_a_sentence(tmp_path: Path, count: int) -> None:
    originals = [path.read_bytes() for path in seeds(tmp_path)]

    def run(number: int) -> tuple[int, dict[str, object]]:
        path, folder = tmp_path / f"{number}.bin", tmp_path / f"{number}.out"
        path.write_bytes(mutate(number, originals))
        sniff(path.read_bytes()[:512])
        tasks = TASKS + (COSTLY_TASKS if number % 5 == 0 else [])
        try:
            return number, ingest(path, folder, tasks)
        except Exception as exc:
            raise AssertionError(f"mutation {number}: {exc} {getattr(exc, 'stderr', '')}") from exc
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            path.unlink()

    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = dict(pool.map(run, range(count)))
    refused = 0
    for number, answer in answers.items():
        if "error" in answer:
            refused += 1
            assert answer["error"]["type"] in ("vod_unreadable", "vod_codec_unsupported", "no_video"), (number, answer)
            assert answer["error"]["message"].endswith("."), (number, answer)
            continue
        result = answer["result"]
        expected = len(TASKS) + (len(COSTLY_TASKS) if number % 5 == 0 else 0)
        assert len(result["made"]) + len(result["left_out"]) == expected, (number, answer)
        assert all(item["reason"].endswith(".") for item in result["left_out"]), (number, answer)
    # Neither end swallows everything: else the mutations are too gentle or too rough to say anything.
    assert count // 20 < refused < count

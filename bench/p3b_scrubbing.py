"""Measurement P3b: whether seeks on the paused comparison page show the exact frame, and how soon.

Exactness is read from numbered frames. Speed is measured at real sizes with a keyframe every 250 frames, and with the
page's proxies (small copies for fast seeks).
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

import imageio_ffmpeg
from playwright.sync_api import expect

from bench.measure import cache, percentile, run
from bench.p1_timer_alignment import format_met
from bench.p3_in_step import COUNTED, Comparison, Pane, opened, panes
from bench.report import Table
from tests.browser.pixels import wait_until_standing

SECONDS, GOP = 120, 250
EXACT_SEEKS, SCRUBS, PLAYED_SECONDS = 100, 60, 20
SIZES = (("A", "1920x1080", "60", 0.0), ("B", "1280x720", "30", -2.5), ("C", "854x480", "30000/1001", 4.2))

# Script that measures, for each seek, the time until the slowest video has drawn its frame.
WATCH = """() => {
    window.benchSeekTimes = [];
    let began = null, last = 0;
    const left = new Set();
    for (const video of document.querySelectorAll('[data-pane] video'))
        video.addEventListener('seeking', () => {
            began ??= performance.now();
            left.add(video);
            const turn = video.turn = (video.turn ?? 0) + 1;
            const drawn = (at) => {
                left.delete(video);
                last = Math.max(last, at);
                if (left.size || began === null) return;
                window.benchSeekTimes.push(last - began);
                began = null;
            };
            video.requestVideoFrameCallback(() => drawn(performance.now()));
            // If the wanted frame is shown already, the browser does not call the callback.
            video.addEventListener('seeked', () => {
                const at = performance.now();
                setTimeout(() => video.turn === turn && left.has(video) && drawn(at), 500);
            }, { once: true });
        });
}"""


def recordings() -> list[Pane]:
    folder = cache(f"scrubbing-{SECONDS}-{GOP}")
    found = []
    for letter, size, rate, offset in SIZES:
        path = folder / f"{size}.mp4"
        if not path.exists():
            source = f"testsrc2=s={size}:r={rate}:d={SECONDS},noise=alls=4:allf=t"
            words = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "8M", "-g", str(GOP), "-keyint_min", str(GOP)]
            run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, *words, "-sc_threshold",
                 "0", "-pix_fmt", "yuv420p", "-y", str(path)])  # fmt: skip
        above, _, below = rate.partition("/")
        found.append(Pane(letter, path, int(above) / int(below or 1), offset, 10**9, 0.0))
    return found


def scrub(room: Comparison, positions: Sequence[float]) -> list[float]:
    page = room.page
    page.evaluate(WATCH)
    for number, seconds in enumerate(positions, start=1):
        room.go_to(seconds)
        page.wait_for_function("(count) => window.benchSeekTimes.length >= count", arg=number)
    found: list[float] = page.evaluate("window.benchSeekTimes")
    return found


def played(room: Comparison) -> str:
    page = room.page
    room.go_to(20)
    wait_until_standing(page)
    room.start()
    page.wait_for_timeout(2000)
    before = page.evaluate(COUNTED)
    page.wait_for_timeout(1000 * PLAYED_SECONDS)
    after = page.evaluate(COUNTED)
    page.get_by_role("button", name="Pause").first.click()
    wait_until_standing(page)
    parts = []
    for (made_before, lost_before), (made_after, lost_after) in zip(before, after, strict=True):
        made, lost = made_after - made_before, lost_after - lost_before
        parts.append(f"{(made - lost) / PLAYED_SECONDS:.1f} ({100 * lost / max(1, made):.0f} %)")
    return ", ".join(parts)


def measure(seed: int) -> list[Table]:
    table = Table("", ("what", "measured", "goal", "met"))
    random_ = random.Random(seed)
    numbered = panes(1)
    with opened(numbered) as (program, page):
        room = Comparison(program, page, numbered, drift=True)
        wrong = 0
        for _ in range(EXACT_SEEKS):
            room.go_to(random_.uniform(15, 55))
            wait_until_standing(page)
            wrong += room.look() > 0
        share = 100 * (1 - wrong / EXACT_SEEKS)
        table.add(f"paused: all frames of one moment in the pixels, {EXACT_SEEKS} seeks", f"{share:.0f} %", "100 %",
                  format_met(wrong == 0))  # fmt: skip
    videos = recordings()
    with opened(videos) as (program, page):
        room = Comparison(program, page, videos, drift=False)
        positions = [random_.uniform(10, SECONDS - 10) for _ in range(SCRUBS)]
        originals = scrub(room, positions)
        frames = played(room)
        page.get_by_role("button", name="Make quick copies for fast seeking").click()
        toggle = page.get_by_role("button", name="Quick copies", exact=True)
        expect(toggle).to_have_attribute("aria-pressed", "false", timeout=900_000)
        toggle.click()
        page.wait_for_timeout(3000)
        wait_until_standing(page)
        page.reload()
        wait_until_standing(page)
        copies = scrub(room, positions)
        for name, times, goal in (
            (f"originals, which have a keyframe every {GOP} frames", originals, None),
            ("quick copies", copies, 200),
        ):
            p50, p95 = statistics.median(times), percentile(times, 0.95)
            table.add(f"duration of {SCRUBS} seeks in the {name}: p50, p95", f"{p50:.0f}, {p95:.0f} ms",
                      f"p95 ≤ {goal} ms" if goal else "", format_met(p95 <= goal) if goal else "")  # fmt: skip
        table.add("originals: frames shown a second, dropped, A B C", frames, "", "")
        table.add("quick copies: the same", played(room), "", "")
    table.note = (
        "The three videos are 1080p60, 720p30 and 480p29.97, at 8 Mbit/s each. Quick copies are small copies of the "
        "videos with many keyframes for fast seeking."
    )
    return [table]

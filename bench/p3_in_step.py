"""Measurement P3: synchrony of three videos on the comparison page, played for half an hour.

The clock of one video drifts by 80 ppm. Synchrony is judged by the positions of the video elements and by screenshots.
For comparison, a plain page checks every 500 ms, and seeks a video that is more than 100 ms off.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from playwright.sync_api import Page, sync_playwright
from rich.progress import track

from bench.measure import cache, percentile
from bench.p1_timer_alignment import format_met
from bench.report import Table
from sessions_app.comparison.samples.rendering.specification import VERSION
from tests.browser.conftest import ACCOUNT, BASE, CHROMIUM, DESK, FLAGS, PASSWORD, make_comparison, sign_in
from tests.browser.pixels import frames_on_screen, wait_until_standing
from tests.browser.recordings import SPECS, render_all
from tests.support.kept import kept
from tests.support.places import prepared
from tests.support.program import Place, Program

MINUTES, RULE_MINUTES = 30, 5
DRIFT_PPM = 80.0
DRIFTING = "C"
LOOK_SECONDS = 20.0
AFTER_FAULT_SECONDS = 3.0
BLOCK_SECONDS, STARVED_SECONDS = 2.0, 4.0
AHEAD_SECONDS = 240.0  # extra seconds of each video beyond the play time, because seeks skip 150 s
STARVED_BYTES = 2_000  # speed of the throttled network, bytes per second

# Script that records [time, position of each video] whenever the browser draws a frame, and the time of each seek.
WATCH = """() => {
    const videos = [...document.querySelectorAll('[data-pane] video')];
    window.benchSamples = []; window.benchSeeks = [];
    for (const v of videos) v.addEventListener('seeking', () => window.benchSeeks.push(performance.now()));
    const look = () => {
        if (videos.every((v) => !v.paused && !v.seeking))
            window.benchSamples.push([performance.now(), ...videos.map((v) => v.currentTime)]);
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""

# Script that plays the same videos on a plain page with simple drift correction.
RULE = """([videos]) => {
    const elements = videos.map(({ url }) => Object.assign(document.createElement("video"), { src: url, muted: true }));
    for (const element of elements) {
        const pane = document.createElement("div");
        pane.dataset.pane = "";
        pane.append(element);
        document.body.append(pane);
    }
    const own = (n, shared) => (shared - videos[n].offset) * (1 + videos[n].drift * 1e-6);
    const now = () => elements[0].currentTime + videos[0].offset;
    window.ruleGo = (shared) => elements.forEach((element, n) => (element.currentTime = Math.max(0, own(n, shared))));
    window.ruleNow = now;
    window.rulePlay = () => Promise.all(elements.map((element) => element.play()));
    setInterval(() => elements.forEach((element, n) => {
        const wanted = own(n, now());
        if (n && Math.abs(element.currentTime - wanted) > 0.1) element.currentTime = wanted;
    }), 500);
}"""

COUNTED = """[...document.querySelectorAll('[data-pane] video')].map((v) => v.getVideoPlaybackQuality())
    .map((quality) => [quality.totalVideoFrames, quality.droppedVideoFrames])"""
BLOCK = "(ms) => { const end = performance.now() + ms; while (performance.now() < end); }"


@dataclass(frozen=True, slots=True)
class Pane:
    """A rendered video. loop: frames after which its frame numbers repeat. drift: error of its clock, ppm."""

    letter: str
    path: Path
    fps: float
    offset: float
    loop: int
    drift: float

    def shared_time(self, position: float) -> float:
        return position / (1 + self.drift * 1e-6) + self.offset

    def frame_at(self, time: float) -> float:
        return ((time - self.offset) * self.fps) % self.loop


def panes(minutes: float) -> list[Pane]:
    """Return silent videos that contain the browser tests' recordings in a loop. The last video's clock drifts."""
    source = kept("recordings", render_all)
    folder = cache(f"in-step-{VERSION}-from-0-{minutes:g}")
    found = []
    for letter, spec in zip("ABC", SPECS, strict=True):
        drift = DRIFT_PPM if letter == DRIFTING else 0.0
        frames = round(spec.duration * float(spec.fps))
        path = folder / f"{spec.name}.mp4"
        if not path.exists():
            listed = folder / "list.txt"
            again = int((minutes * 60 + AHEAD_SECONDS) / spec.duration) + 2
            listed.write_text(f"file '{source / spec.name}.mp4'\n" * again)
            words = ["-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", str(listed), "-map", "0:v", "-c", "copy"]
            times = [f"{name}=({name.upper()}-STARTPTS)*(1+{drift}/1000000)" for name in ("pts", "dts")]
            words += ["-bsf:v", f"setts={':'.join(times)}", "-video_track_timescale", "90000"]
            subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *words, str(path)], check=True)
        found.append(Pane(letter, path, float(spec.fps), spec.start - SPECS[0].start, frames, drift))
    return found


def spread_of(videos: Sequence[Pane], positions: Sequence[float]) -> float:
    times = [video.shared_time(position) for video, position in zip(videos, positions, strict=True)]
    return max(times) - min(times)


def spread_on_screen(videos: Sequence[Pane], frames: dict[str, int], near: float) -> float:
    """Return the minimum difference between the videos' times on the shared clock, in seconds.

    A shown frame stands for an interval of times. If the intervals of all videos overlap, the result is 0.

    - frames: number of the frame that each video shows.
    - near: approximate time on the shared clock.
    """
    begin, end = [], []
    for video in videos:
        # Frame numbers repeat, so take the repetition that is nearest to the time ``near``.
        off = (frames[video.letter] - video.frame_at(near) + video.loop / 2) % video.loop - video.loop / 2
        begin.append(near + off / video.fps)
        end.append(begin[-1] + 1 / video.fps)
    return max(0.0, max(begin) - min(end))


def shared_time(page: Page) -> float:
    return float(page.locator("[data-lanes]").get_attribute("aria-valuenow") or 0)


class Comparison:
    def __init__(self, program: Program, page: Page, videos: list[Pane], *, drift: bool) -> None:
        self.page, self.videos = page, videos
        session = make_comparison(program, [video.path for video in videos])
        given = {"offsets": {video.letter: video.offset for video in videos}, "source": "manual"}
        if drift:
            given |= {
                "drifts": {video.letter: video.drift for video in videos},
                "anchors": {video.letter: video.offset for video in videos},
            }
        program.call("PUT", f"{BASE}/{session['session_id']}/offsets", given)
        page.goto(f"{program.address}/compare/{session['session_id']}")
        wait_until_standing(page)

    def go_to(self, seconds: float) -> None:
        bar: Any = self.page.locator("[data-lanes]").bounding_box()
        most = float(self.page.locator("[data-lanes]").get_attribute("aria-valuemax") or 1)
        least = float(self.page.locator("[data-lanes]").get_attribute("aria-valuemin") or 0)
        self.page.mouse.click(bar["x"] + (seconds - least) / (most - least) * bar["width"], bar["y"] + 10)

    @property
    def now(self) -> float:
        return shared_time(self.page)

    def start(self) -> None:
        self.page.get_by_role("button", name="Play").first.click()

    def look(self) -> float:
        before = self.now
        return spread_on_screen(self.videos, frames_on_screen(self.page), before)

    def starve(self) -> None:
        """Throttle the network, then seek to a part of the videos that is not loaded yet."""
        network = self.page.context.new_cdp_session(self.page)
        slow = {"offline": False, "latency": 0, "uploadThroughput": -1}
        network.send("Network.enable")
        network.send("Network.emulateNetworkConditions", {**slow, "downloadThroughput": STARVED_BYTES})
        self.go_to(self.now + 120)
        self.page.wait_for_timeout(1000 * STARVED_SECONDS)
        network.send("Network.emulateNetworkConditions", {**slow, "downloadThroughput": -1})
        network.detach()


class Rule(Comparison):
    """A plain page with the same videos, which seeks a video that is more than 100 ms off."""

    def __init__(self, page: Page, videos: list[Pane]) -> None:
        self.page, self.videos = page, videos
        urls = page.evaluate("[...document.querySelectorAll('[data-pane] video')].map((v) => v.src)")
        page.route("**/bench-rule", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
        page.goto("/bench-rule")
        given = [
            {"url": url, "offset": video.offset, "drift": video.drift}
            for url, video in zip(urls, videos, strict=True)
        ]  # fmt: skip
        page.evaluate(RULE, [given])
        page.wait_for_function("[...document.querySelectorAll('video')].every((v) => v.readyState >= 2)")

    @property
    def now(self) -> float:
        return float(self.page.evaluate("window.ruleNow()"))

    def start(self) -> None:
        self.go_to(max(video.offset for video in self.videos))
        self.page.evaluate("window.rulePlay()")

    def go_to(self, seconds: float) -> None:
        self.page.evaluate("(at) => window.ruleGo(at)", seconds)

    def look(self) -> float:
        return 0.0  # screenshots of the plain page are not measured


@dataclass(slots=True)
class Played:
    """Results of playing the videos.

    A spread is the largest difference, in ms, between the times of the shared clock that the videos show at one
    moment. ``steady`` and ``seeks`` exclude the start of play, provoked faults and the first seconds after each fault.

    - steady: spreads computed from the positions of the video elements.
    - seeks: number of seeks.
    - screens: spreads read from screenshots.
    - frames: displayed frames per second of each video.
    - dropped: share of each video's decoded frames that were not displayed.
    """

    steady: list[float]
    seeks: int
    screens: list[float]
    frames: list[float]
    dropped: list[float]


def play(room: Comparison, minutes: float) -> Played:
    page = room.page
    page.evaluate(WATCH)
    room.start()
    page.wait_for_timeout(1000 * AFTER_FAULT_SECONDS)
    began, counted = page.evaluate("performance.now()"), page.evaluate(COUNTED)
    faults = [
        (0.3, lambda: page.evaluate(BLOCK, BLOCK_SECONDS * 1000)),
        (0.5, lambda: room.go_to(room.now + 30)),
        (0.7, room.starve),
    ]
    troubled: list[tuple[float, float]] = [(0.0, began)]
    screens = []
    looks = int(minutes * 60 / LOOK_SECONDS)
    for number in track(range(looks), f"{minutes:g} minutes of play", transient=True):
        if faults and number >= faults[0][0] * looks:
            start = page.evaluate("performance.now()")
            faults.pop(0)[1]()
            page.wait_for_timeout(1000 * AFTER_FAULT_SECONDS)
            troubled.append((start, page.evaluate("performance.now()")))
        wait = began + (number + 1) * LOOK_SECONDS * 1000 - page.evaluate("performance.now()")
        if wait > 0:
            page.wait_for_timeout(wait)
        screens.append(1000 * room.look())
    samples, seeks = page.evaluate("[window.benchSamples, window.benchSeeks]")
    seconds = (page.evaluate("performance.now()") - began) / 1000
    shown, dropped = [], []
    for (all_before, lost_before), (all_after, lost_after) in zip(counted, page.evaluate(COUNTED), strict=True):
        made, lost = all_after - all_before, lost_after - lost_before
        shown.append((made - lost) / seconds)
        dropped.append(lost / max(1, made))

    def is_steady(now: float) -> bool:
        return not any(start <= now <= end for start, end in troubled)

    return Played(
        [1000 * spread_of(room.videos, positions) for now, *positions in samples if is_steady(now)],
        sum(is_steady(now) for now in seeks),
        screens,
        shown,
        dropped,
    )


@contextmanager
def opened(videos: Sequence[Pane]) -> Iterator[tuple[Program, Page]]:
    with (
        prepared(ACCOUNT, videos[0].path.parent, PASSWORD) as template,
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
    ):
        data_dir = Path(folder) / "d"
        shutil.copytree(template.data_dir, data_dir)
        program = Program(Place(data_dir, template.environment, template.key))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            program.start()
            size = {"width": DESK[0], "height": DESK[1]}
            page = browser.new_context(viewport=size, base_url=program.address).new_page()
            page.set_default_timeout(300_000)
            sign_in(page, program)
            yield program, page
        finally:
            program.end()
            browser.close()


def measure(seed: int, minutes: float = MINUTES) -> list[Table]:
    del seed
    videos = panes(minutes)
    table = Table("", ("what", "measured", "goal", "met"))
    rule_minutes = min(minutes, RULE_MINUTES)
    with opened(videos) as (program, page):
        started = time.monotonic()
        found = play(Comparison(program, page, videos, drift=True), minutes)
        _add_figures(table, found, time.monotonic() - started)
        page.get_by_role("button", name="Pause").first.click()
        bare = Comparison(program, page, videos, drift=False)
        bare.go_to(minutes * 60 - 30)
        page.wait_for_timeout(1000)
        wait_until_standing(page)
        shown, near = 1000 * bare.look(), shared_time(page)
        expected = DRIFT_PPM * 1e-3 * near
        table.add(
            f"check of the benchmark: difference between the videos at {near / 60:.1f} min, read from a screenshot, if "
            "the player ignores the drift", f"{shown:.0f} ms", f"a visible difference: about {expected:.0f} ms",
            format_met(shown > 50),
        )  # fmt: skip
        rule = play(Rule(page, videos), rule_minutes)
        own, other = percentile(found.steady, 0.95), percentile(rule.steady, 0.95)
        table.add(
            "a simple player, which checks every 500 ms and seeks a video that is more than 100 ms off, in "
            f"{rule_minutes:g} min: p95 of the difference, number of seeks", f"{other:.1f} ms, {rule.seeks}", "", "",
        )  # fmt: skip
        table.add(
            "p95 of this simple player divided by that of the program",
            f"{other / own:.1f}×",
            "≥ 20×",
            format_met(other / own >= 20),
        )
    return [table]


def _add_figures(table: Table, found: Played, seconds: float) -> None:
    p50, p95, most = statistics.median(found.steady), percentile(found.steady, 0.95), max(found.steady)
    table.add("played, samples", f"{seconds / 60:.1f} min, {len(found.steady)}", "30 min", "")
    for name, value, goal in (("p50", p50, 1.0), ("p95", p95, 4.0), ("max", most, 17.0)):
        table.add(
            f"difference between the videos, except 3 s after each fault, {name}",
            f"{value:.2f} ms",
            f"≤ {goal:g} ms",
            format_met(value <= goal),
        )
    table.add("seeks in steady play", found.seeks, "0", format_met(found.seeks == 0))
    for name, values in (
        ("frames shown a second", found.frames),
        ("frames dropped, %", [100 * one for one in found.dropped]),
    ):
        table.add(f"{name}, A B C", ", ".join(f"{value:.1f}" for value in values), "", "")
    half = len(found.screens) // 2
    early, late = (statistics.median(part) for part in (found.screens[:half], found.screens[half:]))
    met = format_met(max(early, late) <= 17)
    table.add(
        "difference between the videos, read from screenshots, median of each half of the run",
        f"{early:.1f} and {late:.1f} ms", "≤ 17 ms, half a frame", met,
    )  # fmt: skip

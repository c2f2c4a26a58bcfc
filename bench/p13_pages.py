"""Measurement P13: time until pages can be used, with a cold cache and a slow network."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Browser, Page

from bench.p1_timer_alignment import format_met
from bench.p3_in_step import opened, panes
from bench.report import Table
from tests.browser import shelf
from tests.browser.conftest import make_comparison
from tests.support.clips import render_clip
from tests.support.program import Program

VIDEOS, RUNS = 50, 5
ROUND_TRIP_MS, BYTES_A_SECOND = 100, 10_000_000 / 8
SETTLED_MS = 3000  # time after the load event in which later pictures still count
VIEWPORT = {"width": 1440, "height": 900}
GOALS = {"picture": 1.0, "ready": 1.3, "requests": 25, "script": 200.0, "second": 0.4}

OBSERVE = """
    window.benchPicture = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((one) => (window.benchPicture = one.startTime)))
        .observe({ type: "largest-contentful-paint", buffered: true });
"""
# Times in seconds; sizes in kB. A request counts before the first picture if it began before the first paint.
READ = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const resources = performance.getEntriesByType("resource");
    const painted = performance.getEntriesByName("first-contentful-paint")[0].startTime;
    const scripts = resources.filter(({ name }) => new URL(name).pathname.endsWith(".js"));
    return {
        picture: window.benchPicture / 1000,
        ready: page.domContentLoadedEventEnd / 1000,
        requests: 1 + resources.filter(({ startTime }) => startTime < painted).length,
        script: scripts.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0) / 1000,
    };
}"""


def visit(browser: Browser, state: Any, address: str, path: str, second: str) -> dict[str, float]:
    """Open a page in an empty browser, then another one. Return the figures of :data:`GOALS`."""
    context = browser.new_context(viewport=VIEWPORT, storage_state=state)
    context.add_init_script(OBSERVE)
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    speed = {"downloadThroughput": BYTES_A_SECOND, "uploadThroughput": BYTES_A_SECOND}
    network.send("Network.emulateNetworkConditions", {"offline": False, "latency": ROUND_TRIP_MS, **speed})
    try:
        found = _open(page, address + path)
        return found | {"second": _open(page, address + second)["picture"]}
    finally:
        context.close()


def _open(page: Page, url: str) -> dict[str, float]:
    page.goto(url, wait_until="load")
    page.wait_for_timeout(SETTLED_MS)
    found: dict[str, float] = page.evaluate(READ)
    return found


def fill(program: Program, page: Page) -> dict[str, str]:
    """Create a library and a comparison. Return the paths of the measured pages."""
    clip = render_clip(program.place.data_dir.parent / "clip.mp4", seconds=4)
    for number in range(VIDEOS - 1):
        shelf.put(program, clip, title=f"Match {number}")
    video = shelf.taken_in(program, clip, title="The last match")
    page.goto(f"/watch/{video['id']}")
    session = make_comparison(program, [pane.path for pane in panes(1)])
    room = f"/compare/{session['session_id']}"
    return {"library": "/library", "room": room, "watch": f"/watch/{video['id']}", "home": "/"}


def measure(seed: int) -> list[Table]:
    del seed
    table = Table("", ("page", "largest picture", "ready for input", "requests", "script", "second page", "met"))
    with opened(panes(1)) as (program, page):
        paths = fill(program, page)
        browser = page.context.browser
        assert browser is not None
        state = page.context.storage_state()
        is_bundled = bool(page.locator("script[src*='/bundles/']").count())
        for name, path in paths.items():
            second = paths["home" if name == "library" else "library"]
            runs = [visit(browser, state, program.address, path, second) for _ in range(RUNS)]
            _add(table, name, {key: statistics.median(run[key] for run in runs) for key in GOALS})
    table.note = (
        f"The pages load {'a bundle each' if is_bundled else 'their modules one by one'}. The library has {VIDEOS} "
        f"videos. Median of {RUNS} visits, each with an empty cache, {ROUND_TRIP_MS} ms of latency and 10 Mbit/s. The "
        "second page shares the cache of the first."
    )
    return [table]


def _add(table: Table, name: str, found: Mapping[str, float]) -> None:
    table.add(
        name, f"{found['picture']:.2f} s", f"{found['ready']:.2f} s", f"{found['requests']:.0f}",
        f"{found['script']:.0f} kB", f"{found['second']:.2f} s",
        format_met(all(found[key] <= goal for key, goal in GOALS.items())),
    )  # fmt: skip

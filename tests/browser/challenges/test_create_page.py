"""The page of a new challenge: clips chosen, recorded, sent in pieces, cut off, gone on with, merged and published."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect

from tests.browser import shelf
from tests.browser.conftest import CHROMIUM, DESK, FLAGS, PHONE, OpenPage, evaluate_module
from tests.browser.test_accessibility import axe_findings
from tests.support.clips import RECIPES, render_clip
from tests.support.program import Program
from tests.support.waiting import wait_until

VIDEOS = "/api/v1/challenge-videos"
CHALLENGES = "/api/v1/challenges"
KIB, MIB = 1024, 1024**2
PIECE = 256 * KIB
TITLE = "Three things about my first LAN"
TEXTS = ("We drove eleven hours in a bread van.", "I borrowed the mouse that won the final.", "")
LIE = 1
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
# A connection on which a piece is as small as they come.
SLOW = "localStorage.setItem('vod-upload-speed', JSON.stringify({speed: 1000, at: Date.now()}))"
KEPT = """() => new Promise((resolve) => {
    const asked = indexedDB.open("vod-challenges", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("kept");
    asked.onsuccess = () => {
        const keys = asked.result.transaction("kept").objectStore("kept").getAllKeys();
        keys.onsuccess = () => { asked.result.close(); resolve(keys.result); };
    };
})"""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three videos that agree, of 4, 3 and 5 s, each some pieces long and of another size."""
    folder = tmp_path_factory.mktemp("clips")
    made = []
    for number, seconds in enumerate((4, 3, 5), 1):
        plain = render_clip(folder / f"plain-{number}.mp4", seconds=seconds)
        made.append(shelf.padded(plain, folder / f"my clip {number}.mp4", MIB + number * 100_000))
    return made


@pytest.fixture(autouse=True)
def _empty(program: Program) -> Iterator[None]:
    clear(program)
    yield
    clear(program)


def clear(program: Program) -> None:
    """No challenge and no merge of the account's own."""
    for one in program.call("GET", f"{CHALLENGES}?mine=1&limit=100")["challenges"]:
        program.call("DELETE", f"{CHALLENGES}/{one['id']}")
    for one in merges(program):
        program.call("DELETE", f"{VIDEOS}/merge-session/{one['merge_session_id']}")


def merges(program: Program) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program.call("GET", f"{VIDEOS}/merge-sessions?limit=100")["merge_sessions"]
    return found


def slot(page: Page, number: int) -> Locator:
    return page.locator("[data-slot]").nth(number - 1)


def choose(page: Page, number: int, *files: Path) -> None:
    """Give statement ``number`` and those after it their files."""
    slot(page, number).locator("input[type=file]").set_input_files([str(file) for file in files])


def fill(page: Page, clips: list[Path]) -> None:
    """All that a challenge needs."""
    choose(page, 1, *clips)
    expect(page.locator(".slot .facts:visible")).to_have_count(len(clips))
    page.get_by_label("Title").fill(TITLE)
    for number, text in enumerate(TEXTS[: len(clips)], 1):
        page.get_by_label(f"In words (optional), statement {number}").fill(text)
    slot(page, LIE + 1).get_by_role("radio").check()


def make(page: Page) -> None:
    page.get_by_role("button", name="Make the challenge").click()


def is_made(page: Page) -> None:
    """Wait until the clips are one video and the draft is there."""
    expect(page.get_by_text("Saved as a draft")).to_be_visible(timeout=shelf.TAKEN_IN)


def publish(page: Page, program: Program) -> dict[str, Any]:
    page.get_by_role("button", name="Publish").click()
    page.wait_for_url(re.compile(r"/challenges/[0-9a-f-]{36}$"))
    return program.call("GET", f"{CHALLENGES}/{page.url.rsplit('/', 1)[-1]}")


SOME_SECONDS = re.compile(r"0:0[2-9] of 1:00")


# Playwright is not told what a form holds whose bytes come from a file.
NOTE_PIECES = """
    const {open, send} = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.open = function (method, address, ...rest) {
        this.address = address;
        return open.call(this, method, address, ...rest);
    };
    XMLHttpRequest.prototype.send = function (body) {
        if (body instanceof FormData && body.has("chunk_number")) {
            const piece = `${this.address.split("/").at(-2)} ${body.get("chunk_number")}`;
            noteSent(piece);
            this.addEventListener("load", () => this.status === 200 && noteThere(piece));
        }
        return send.call(this, body);
    };
"""


def listened_to(open_page: OpenPage, **how: Any) -> tuple[Page, list[str], set[str]]:
    """The page; the pieces that it sends, in order; and those that the server has said it has. A piece is its upload
    and its number. The network is as slow as they are small."""
    sent: list[str] = []
    there: set[str] = set()

    def note_sent(piece: str) -> None:
        sent.append(piece)

    def note_there(piece: str) -> None:
        there.add(piece)

    page = open_page("/account", **how)
    page.expose_function("noteSent", note_sent)
    page.expose_function("noteThere", note_there)
    page.add_init_script(NOTE_PIECES)
    page.evaluate(SLOW)
    page.goto("/challenges/new")
    return page, sent, there


def hold(page: Page, pattern: str) -> Callable[[], None]:
    """Keep the requests that fit without an answer; what is returned lets them go."""
    held: list[Route] = []
    is_held = True

    def keep(route: Route) -> None:
        if is_held:
            held.append(route)
        else:
            route.fallback()

    def let_go() -> None:
        nonlocal is_held
        is_held = False
        for route in held:
            route.continue_()

    page.route(pattern, keep)
    return let_go


def has_sent(page: Page, percent: int) -> None:
    """Wait until so much of all clips is on its way."""
    page.wait_for_function("(x) => (document.querySelector('progress.large')?.value ?? 0) >= x", arg=percent)


def opened(open_page: OpenPage, **how: Any) -> Page:
    page = open_page("/challenges/new", **how)
    expect(page.get_by_role("heading", name="Statement 3")).to_be_visible()
    return page


# The whole way


def test_three_clips_become_a_published_challenge_and_nothing_tells_the_lie_before(
    open_page: OpenPage, program: Program, clips: list[Path]
) -> None:
    page = opened(open_page)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if request.method != "GET" else None)
    fill(page, clips)
    page.get_by_label("Level the loudness").check()
    make(page)
    is_made(page)
    assert page.evaluate(KEPT) == []
    parts = page.get_by_role("navigation", name="Parts of the video").get_by_role("button")
    expect(parts).to_have_text(["Play statement 1 0:04", "Play statement 2 0:03", "Play statement 3 0:05"])
    parts.nth(1).click()
    film = page.locator(".film").element_handle()
    page.wait_for_function("(film) => film.paused && film.currentTime > 6.5", arg=film)
    # It would go on to 12; a browser that gets no time sees a little late that the part is over.
    assert page.evaluate("(film) => film.currentTime", film) < 7.5
    page.get_by_label("What statement 3 says").fill("The power went out at match point.")
    challenge = publish(page, program)

    assert (challenge["status"], challenge["title"], challenge["lie_statement_index"]) == ("published", TITLE, LIE)
    assert [one["text"] for one in challenge["statements"]] == [*TEXTS[:2], "The power went out at match point."]
    assert [round(one["duration"], 1) for one in challenge["segments"]] == pytest.approx([4, 3, 5], abs=0.11)
    paths = [urlsplit(request.url).path for request in asked]
    before = asked[: paths.index(CHALLENGES)]
    assert not [request.url for request in before if b"lie" in (request.post_data_buffer or b"")[:2000]]
    begun: Any = before[0].post_data_json
    assert begun["video_filenames"] == ["statement-1.mp4", "statement-2.mp4", "statement-3.mp4"]
    assert begun["video_file_sizes"] == [clip.stat().st_size for clip in clips]
    assert begun["video_durations"] == pytest.approx([4, 3, 5], abs=0.1)
    assert begun["level_loudness"] is True
    figures: list[Any] = [request.post_data_json for request in asked if request.url.endswith("/analytics/upload")]
    assert sorted(one["bytes"] for one in figures) == sorted(begun["video_file_sizes"])


def test_what_is_recorded_with_the_camera_becomes_a_draft(
    chromium: Browser, program: Program, signed_in: Any, clips: list[Path]
) -> None:
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=[*FLAGS, *CAMERA])
    try:
        context = browser.new_context(storage_state=signed_in, base_url=program.address)
        page = context.new_page()
        page.goto("/challenges/new")
        choose(page, 1, clips[0])
        slot(page, 3).get_by_role("button", name="Remove").click()
        slot(page, 2).get_by_role("button", name="Record").click()
        dialog = page.get_by_role("dialog", name="Record statement 2")
        dialog.get_by_role("button", name="Record").click()
        expect(dialog).to_have_attribute("data-state", "counting")
        expect(dialog).to_have_attribute("data-state", "recording")
        expect(dialog).to_contain_text(SOME_SECONDS)
        # Escape stops it, and throws nothing away.
        page.keyboard.press("Escape")
        expect(dialog).to_have_attribute("data-state", "taken")
        dialog.get_by_role("button", name="Take it again").click()
        assert axe_findings(page) == []
        dialog.get_by_role("button", name="Record").click()
        expect(dialog).to_contain_text(SOME_SECONDS)
        dialog.get_by_role("button", name="Stop").click()
        dialog.get_by_role("button", name="Use it").click()
        facts, name_and_length = slot(page, 2).locator(".facts"), r"recording [\d.]+ 0:0([2-9])"
        expect(facts).to_contain_text(re.compile(name_and_length))
        [long] = re.findall(name_and_length, " ".join(facts.inner_text().split()))
        page.get_by_label("Title").fill(TITLE)
        slot(page, 2).get_by_role("radio").check()
        make(page)
        is_made(page)
        page.get_by_role("button", name="Keep as draft").click()
        page.wait_for_url(re.compile(r"/challenges/[0-9a-f-]{36}$"))
    finally:
        browser.close()
    [challenge] = program.call("GET", f"{CHALLENGES}?mine=1")["challenges"]
    assert (challenge["status"], challenge["lie_statement_index"]) == ("draft", 1)
    # Cut to whole seconds on the page; an encoder that gets no time at first takes less than was recorded.
    assert int(long) - 1.5 < challenge["segments"][1]["duration"] < int(long) + 1.2


@pytest.mark.parametrize(
    ("name", "words"),
    [("NotAllowedError", "Allow camera and microphone"), ("NotFoundError", "No camera was found"),
     ("NotReadableError", "Another program may be using it")],
)  # fmt: skip
def test_a_camera_that_cannot_be_had_is_said_with_what_to_do(open_page: OpenPage, name: str, words: str) -> None:
    page = opened(open_page)
    page.evaluate(
        """(name) => { Object.defineProperty(navigator, "mediaDevices", {value: {
            getUserMedia: () => Promise.reject(new DOMException("no", name)), enumerateDevices: async () => []}}); }""",
        name,
    )
    slot(page, 1).get_by_role("button", name="Record").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(words)
    page.keyboard.press("Escape")
    expect(slot(page, 1).get_by_role("button", name="Record")).to_be_focused()


# Clips on their way


def test_pieces_that_fail_are_sent_again_until_every_byte_is_right(
    open_page: OpenPage, program: Program, clips: list[Path]
) -> None:
    page = opened(open_page, quiet=False)
    page.evaluate(SLOW)
    count = 0

    def fail_each_third(route: Route) -> None:
        nonlocal count
        count += 1
        if count % 6 == 0:
            route.abort()
        elif count % 3 == 0:
            body = {"ok": False, "error": "A part of the service is down.", "type": "unavailable", "code": 503}
            route.fulfill(status=503, json=body, headers={"Retry-After": "1"})
        else:
            route.fallback()

    page.route("**/upload/*/chunk", fail_each_third)
    let_go = hold(page, "**/upload/*/complete")
    fill(page, clips)
    make(page)
    expect(page.locator(".file[data-state=checking]")).to_have_count(3)
    merge = merges(program)[0]["merge_session_id"]
    uploads = program.call("GET", f"{VIDEOS}/merge-session/{merge}/status")["uploads"]
    assert count > sum(one["total_chunks"] for one in uploads)
    for upload, clip in zip(uploads, clips, strict=True):
        content = clip.read_bytes()
        assert upload["chunk_size"] == PIECE
        assert upload["remaining_chunks"] == []
        pieces = [hashlib.sha256(content[at : at + PIECE]).hexdigest() for at in range(0, len(content), PIECE)]
        assert digests_of(program, upload["session_id"]) == pieces
    let_go()
    is_made(page)


def digests_of(program: Program, upload: str) -> list[str]:
    """The SHA-256 of each piece as the server counted it, in order."""
    rows = program.place.query("SELECT sha256, upload_id, number FROM uploads_uploadchunk ORDER BY number")
    return [digest for digest, owner, _ in rows if str(owner).replace("-", "") == upload.replace("-", "")]


def test_after_a_reload_it_goes_on_and_sends_nothing_again_that_was_there(
    open_page: OpenPage, program: Program, clips: list[Path]
) -> None:
    page, sent, there = listened_to(open_page)
    page.on("dialog", lambda dialog: dialog.accept())
    session = shelf.throttle(page, 700_000)
    fill(page, clips)
    make(page)
    has_sent(page, 45)
    known = set(there)
    assert 2 < len(known) < 14
    page.reload()
    session.detach()
    again_from = len(sent)
    expect(page.get_by_role("heading", name="Sending 3 clips")).to_be_visible()
    is_made(page)
    again = sent[again_from:]
    assert again
    assert not known & set(again)
    assert len(merges(program)) == 1
    expect(page.get_by_label("What statement 1 says")).to_have_value(TEXTS[0])
    expect(page.get_by_role("radio", name="The lie: statement 2")).to_be_checked()


def test_without_a_network_it_waits_and_goes_on_when_that_is_back(open_page: OpenPage, clips: list[Path]) -> None:
    page, sent, there = listened_to(open_page, quiet=False)
    shelf.throttle(page, 700_000)
    fill(page, clips)
    make(page)
    has_sent(page, 25)
    page.context.set_offline(True)
    expect(page.locator(".working")).to_contain_text("No connection")
    expect(page.locator(".working")).to_contain_text("goes on with the network")
    before, known = len(sent), set(there)
    page.context.set_offline(False)
    is_made(page)
    assert not known & set(sent[before:])


def test_paused_it_stands_and_goes_on_when_it_is_resumed(open_page: OpenPage, clips: list[Path]) -> None:
    page, sent, _ = listened_to(open_page)
    session = shelf.throttle(page, 700_000)
    fill(page, clips)
    make(page)
    has_sent(page, 20)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".working")).to_contain_text("Paused by you")
    before = len(sent)
    session.send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
    })  # fmt: skip
    page.wait_for_function("(since) => performance.now() > since + 1500", arg=page.evaluate("performance.now()"))
    assert len(sent) == before
    page.get_by_role("button", name="Resume").click()
    is_made(page)


def test_answers_that_are_lost_make_neither_two_merges_nor_two_challenges(
    open_page: OpenPage, program: Program, clips: list[Path]
) -> None:
    page = opened(open_page, quiet=False)
    lost: list[str] = []

    def lose_the_first(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if route.request.method != "POST" or path in lost:
            return route.fallback()
        lost.append(path)
        assert route.fetch().status == 201
        return route.abort()

    page.route("**/upload-for-merge/initiate", lose_the_first)
    page.route(re.compile(f"{CHALLENGES}$"), lose_the_first)
    fill(page, clips)
    make(page)
    expect(page.get_by_role("alert")).to_contain_text("The challenge was not saved.")
    page.get_by_role("button", name="Try again").click()
    is_made(page)
    assert len(lost) == 2
    assert len(merges(program)) == 1
    assert program.call("GET", f"{CHALLENGES}?mine=1")["pagination"]["total"] == 1


def test_stopped_it_is_over_on_the_server_and_the_clips_are_here_still(
    open_page: OpenPage, program: Program, clips: list[Path]
) -> None:
    page = opened(open_page)
    hold(page, "**/upload/*/chunk")
    fill(page, clips)
    make(page)
    expect(page.locator(".file[data-state=sending]")).to_have_count(3)
    page.get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("alertdialog", name="Stop sending the clips?")
    assert axe_findings(page) == []
    dialog.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Sending 3 clips")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Stop").click()
    expect(slot(page, 3).locator("video")).to_be_visible()
    wait_until(lambda: not merges(program), 20, "the merge to be gone")
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Throw away").click()
    expect(page.locator(".slot video")).to_have_count(0)
    assert [key for key in page.evaluate(KEPT) if "/clip/" in key] == []


def test_signing_out_leaves_nothing_of_it_in_the_browser(open_page: OpenPage, clips: list[Path]) -> None:
    page = opened(open_page, quiet=False)
    page.route("**/logout", lambda route: route.fulfill(body="signed out", content_type="text/html"))
    choose(page, 1, clips[0])
    expect(slot(page, 1).locator("video")).to_be_visible()
    assert len(page.evaluate(KEPT)) == 2
    page.get_by_label(re.compile("account of")).click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/logout")
    page.goto("/static/favicon.svg")
    assert page.evaluate(KEPT) == []


def test_two_tabs_do_not_make_the_same_challenge(open_page: OpenPage, clips: list[Path]) -> None:
    page = opened(open_page)
    choose(page, 1, clips[0])
    expect(slot(page, 1).locator("video")).to_be_visible()
    other = page.context.new_page()
    other.goto("/challenges/new")
    expect(other.get_by_role("heading", name="A challenge is being made in another tab")).to_be_visible()
    other.get_by_role("button", name="Go on here").click()
    expect(slot(other, 1).locator("video")).to_be_visible()
    expect(page.get_by_role("heading", name="It goes on in another tab")).to_be_visible()


def test_on_another_device_the_same_files_are_chosen_again_and_known_by_their_size(
    open_page: OpenPage, program: Program, clips: list[Path]
) -> None:
    sizes = [clip.stat().st_size for clip in clips[:2]]
    begun = program.call("POST", f"{VIDEOS}/upload-for-merge/initiate", {
        "video_count": 2, "video_filenames": ["a.mp4", "b.mp4"], "video_file_sizes": sizes, "video_durations": [4, 3],
        "video_mime_types": ["video/mp4"] * 2, "challenge_title": TITLE, "chunk_size": PIECE,
    })  # fmt: skip
    page = open_page(f"/challenges/new?merge={begun['merge_session_id']}")
    expect(page.get_by_text("The clips are not in this browser")).to_be_visible()
    field = page.get_by_label("Choose the clips again")
    field.set_input_files([str(clips[2]), str(clips[1])])
    expect(page.locator(".file").nth(1)).to_have_attribute("data-state", "arrived")
    expect(page.get_by_role("alert")).to_contain_text("“my clip 3.mp4” has 1.3 MiB")
    field.set_input_files(str(clips[0]))
    expect(page.get_by_role("heading", name="Watch it, then publish it")).to_be_visible()
    expect(page.get_by_role("textbox", name="Title")).to_have_value(TITLE)
    # Nobody here knows which one is the lie.
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert")).to_contain_text("Say which one is the lie.")
    page.get_by_role("radio", name="The lie: statement 2").check()
    assert publish(page, program)["lie_statement_index"] == 1


def test_a_merge_that_is_not_ones_own_says_no_more_than_that(open_page: OpenPage) -> None:
    page = open_page("/challenges/new?merge=5f0a6f0e-6f5e-4a53-9d5c-0a4f6c1d2e3b", quiet=False)
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


# What is refused


def test_a_clip_that_the_server_refuses_is_named_and_can_be_replaced(
    open_page: OpenPage, program: Program, clips: list[Path], tmp_path: Path
) -> None:
    page = opened(open_page, quiet=False)
    cut = tmp_path / "cut short.mp4"
    RECIPES["truncated.mp4"](cut)
    fill(page, [clips[0], cut, clips[2]])
    expect(slot(page, 2)).to_contain_text("This browser cannot show it")
    make(page)
    expect(page.get_by_role("heading", name="Clip 2 cannot be used")).to_be_visible()
    advice = "Check that it plays and was copied whole, or record it again."
    expect(page.get_by_role("alert")).to_contain_text(advice)
    expect(page.locator(".file.fail")).to_contain_text(TEXTS[1])
    # The page may hear of it from the merge first, as it does when it is opened again.
    page.reload()
    expect(page.get_by_role("heading", name="Clip 2 cannot be used")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text(advice)
    assert axe_findings(page) == []
    page.get_by_role("button", name="Replace clip 2").click()
    expect(page.get_by_label("Choose another for statement 2")).to_be_focused()
    expect(slot(page, 1).locator("video")).to_be_visible()
    choose(page, 2, clips[1])
    expect(slot(page, 2).locator("video")).to_be_visible()
    make(page)
    is_made(page)
    assert publish(page, program)["lie_statement_index"] == LIE


def test_a_merge_that_failed_for_a_while_is_tried_again(
    open_page: OpenPage, program: Program, clips: list[Path]
) -> None:
    page = opened(open_page)
    failed = {
        "overall_status": "failed", "error_type": "unavailable", "error_message": "The scanner is away.",
        "retry_available": True, "merged_video": None, "challenge_id": None,
    }  # fmt: skip
    retried: list[str] = []

    def answer(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        if not retried and body["overall_status"] not in ("initiated", "uploading"):
            body |= failed
        route.fulfill(response=response, json=body)

    def retry(route: Route) -> None:
        retried.append(route.request.url)
        response = page.context.request.get(route.request.url.replace("/retry", "/status"))
        route.fulfill(json=response.json())

    page.route("**/merge-session/*/status", answer)
    page.route("**/merge-session/*/retry", retry)
    fill(page, clips)
    make(page)
    expect(page.get_by_role("heading", name="The merge failed")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("The scanner is away.")
    page.get_by_role("button", name="Try again").click()
    is_made(page)
    assert len(retried) == 1


def test_bad_choices_are_said_before_anything_is_sent(
    open_page: OpenPage, program: Program, clips: list[Path], tmp_path: Path
) -> None:
    page = opened(open_page)
    make(page)
    expect(page.get_by_label("Title")).to_be_focused()
    expect(page.get_by_text("Give it a title")).to_be_visible()
    expect(page.get_by_text("Choose a clip, record one, or remove this statement.")).to_have_count(3)
    expect(page.locator("#lie-problem")).to_have_text("Say which one is the lie: mark it beside its clip.")
    notes, empty, large = tmp_path / "notes.mp4", tmp_path / "empty.mp4", tmp_path / "large.mp4"
    notes.write_text("No video.\n" * 500)
    empty.touch()
    with large.open("wb") as file:
        file.truncate(513 * MIB)
    choose(page, 1, notes, large, empty)
    expect(slot(page, 1)).to_contain_text("“notes.mp4”: Not a video.")
    expect(slot(page, 2)).to_contain_text("Your plan takes files up to 512 MiB.")
    expect(slot(page, 3)).to_contain_text("The file is empty.")
    choose(page, 1, *[clips[0]] * 11)
    expect(page.locator("[data-slot]")).to_have_count(10)
    toasts = page.locator("[data-toasts]")
    expect(toasts).to_contain_text("A challenge has 10 statements at most: one file was left out.")
    expect(page.get_by_role("button", name="Add a statement")).to_be_hidden()
    assert merges(program) == []


def test_statements_are_moved_added_and_removed_by_keys_and_the_lie_goes_with_its_own(
    open_page: OpenPage, clips: list[Path]
) -> None:
    page = opened(open_page)
    fill(page, clips)
    down = slot(page, 2).get_by_role("button", name="Move statement 2 down")
    down.focus()
    page.keyboard.press("Enter")
    expect(slot(page, 3)).to_contain_text("my clip 2.mp4")
    expect(slot(page, 3).get_by_role("radio")).to_be_checked()
    expect(page.get_by_role("button", name="Move statement 3 down")).to_be_focused()
    expect(page.locator("[data-said]")).to_have_text("Moved. It is statement 3 now.")
    page.get_by_role("button", name="Add a statement").press("Enter")
    expect(page.get_by_label("Choose a clip for statement 4")).to_be_focused()
    for number in (4, 2):
        page.get_by_role("button", name=f"Remove statement {number}").press("Enter")
    expect(page.locator("[data-slot]")).to_have_count(2)
    expect(slot(page, 2).get_by_role("radio")).to_be_checked()
    # A challenge has two at least.
    page.get_by_role("button", name="Remove statement 1").press("Enter")
    expect(page.locator("[data-slot]")).to_have_count(2)
    page.wait_for_function(f"async () => (await ({KEPT})()).length === 3")
    page.reload()
    expect(slot(page, 2)).to_contain_text("my clip 2.mp4")
    expect(slot(page, 2).get_by_role("radio")).to_be_checked()


def test_clips_that_are_dropped_on_a_statement_are_its_own_and_the_others_fill_what_is_free(
    open_page: OpenPage, clips: list[Path]
) -> None:
    page = opened(open_page)
    box: Any = slot(page, 3).bounding_box()
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(clips[1]), str(clips[0])], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": box["x"] + 60, "y": box["y"] + 60, "data": data})
    expect(slot(page, 3)).to_contain_text("my clip 2.mp4")
    expect(slot(page, 1)).to_contain_text("my clip 1.mp4")


# How it looks, and to whom


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_step_has_a_finding_or_is_wider_than_the_window(
    open_page: OpenPage, clips: list[Path], size: tuple[int, int]
) -> None:
    page = opened(open_page, size=size)

    def looked() -> None:
        assert axe_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if size == PHONE:
            targets = ".create button, .create a.btn, .create .input, .create .check.lie"
            assert page.evaluate(shelf.TOO_SMALL, targets) == []

    looked()
    fill(page, clips)
    page.get_by_label("Title").fill("A_title_without_a_space_" * 8)
    looked()
    let_go = hold(page, "**/upload/*/chunk")
    make(page)
    expect(page.locator(".file[data-state=sending]")).to_have_count(3)
    looked()
    let_go()
    is_made(page)
    looked()


# Of what length


def test_the_length_of_a_video_that_the_browser_cannot_play_is_read_from_its_file(
    open_page: OpenPage, clips: list[Path]
) -> None:
    page = open_page("/login", anonymous=True)
    page.route("**/clip", lambda route: route.fulfill(path=str(clips[2])))
    body = "m.mp4Duration(await (await fetch('/clip')).blob())"
    assert evaluate_module(page, "challenges/create/measure.js", f"await {body}") == pytest.approx(5, abs=0.1)

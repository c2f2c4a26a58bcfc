"""The page of a new challenge: clips are chosen, recorded, uploaded in pieces, merged and published."""

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect
from pytest_check import check

from tests.browser import shelf
from tests.browser.conftest import DESK, PHONE, OpenPage, evaluate_module
from tests.browser.expecting import click, expect_fine, expect_texts, expect_visible, hold
from tests.browser.test_accessibility import axe_findings
from tests.support.clips import RECIPES, render_clip
from tests.support.program import Program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("backstage")  # which begins without challenges and merges
VIDEOS = "/api/v1/challenge-videos"
CHALLENGES = "/api/v1/challenges"
KIB, MIB = 1024, 1024**2
SOME_SECONDS = re.compile(r"0:0[2-9] of 1:00")
PIECE = 256 * KIB
TITLE = "Three things about my first LAN"
TEXTS = ("We drove eleven hours in a bread van.", "I borrowed the mouse that won the final.", "")
LIE = 1
# A measured speed at which the page sends the smallest pieces.
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


def merges(program: Program) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program.call("GET", f"{VIDEOS}/merge-sessions?limit=100")["merge_sessions"]
    return found


def slot(page: Page, number: int) -> Locator:
    return page.locator("[data-slot]").nth(number - 1)


def choose(page: Page, number: int, *files: Path) -> None:
    """Give statement ``number`` and those after it their files."""
    slot(page, number).locator("input[type=file]").set_input_files([str(file) for file in files])


def fill(page: Page, clips: list[Path]) -> None:
    choose(page, 1, *clips)
    expect(page.locator(".slot .facts:visible")).to_have_count(len(clips))
    page.get_by_label("Title").fill(TITLE)
    for number, text in enumerate(TEXTS[: len(clips)], 1):
        page.get_by_label(f"Text (optional), statement {number}").fill(text)
    slot(page, LIE + 1).get_by_role("radio").check()


def make(page: Page) -> None:
    page.get_by_role("button", name="Create challenge").click()


def wait_made(page: Page) -> None:
    """Wait until the clips are one video and the draft is there."""
    expect(page.get_by_text("Saved as a draft")).to_be_visible(timeout=shelf.TAKEN_IN)


def publish(page: Page, program: Program) -> dict[str, Any]:
    page.get_by_role("button", name="Publish").click()
    page.wait_for_url(re.compile(r"/challenges/[0-9a-f-]{36}$"))
    return program.call("GET", f"{CHALLENGES}/{page.url.rsplit('/', 1)[-1]}")


# Playwright does not see the fields of a form with a file.
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
    """Open the page. Returns it, the pieces that it sends, in order, and those that the server has confirmed.

    A piece is its upload and its number. The page takes the network for a slow one, so the pieces are small.
    """
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


def let_go(page: Page, pattern: str, held: list[Route]) -> None:
    """Continue the requests that are held, and hold no others."""
    page.route(pattern, lambda route: route.continue_())
    for route in held:
        route.continue_()


def wait_sent(page: Page, percent: int) -> None:
    page.wait_for_function("(x) => (document.querySelector('progress.large')?.value ?? 0) >= x", arg=percent)


def open_form(open_page: OpenPage, **how: Any) -> Page:
    page = open_page("/challenges/new", **how)
    expect(page.get_by_role("heading", name="Statement 3")).to_be_visible()
    return page


def test_three_clips_become_a_published_challenge(open_page: OpenPage, program: Program, clips: list[Path]) -> None:
    page = open_form(open_page)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if request.method != "GET" else None)
    fill(page, clips)
    page.get_by_label("Normalise the loudness").check()
    make(page)
    wait_made(page)
    assert page.evaluate(KEPT) == []
    parts = page.get_by_role("navigation", name="Parts of the video").get_by_role("button")
    expect(parts).to_have_text(["Play statement 1 0:04", "Play statement 2 0:03", "Play statement 3 0:05"])
    parts.nth(1).click()
    film = page.locator(".film").element_handle()
    page.wait_for_function("(film) => film.paused && film.currentTime > 6.5", arg=film)
    # Without a stop it would play to 12 s. A busy machine stops it late.
    assert page.evaluate("(film) => film.currentTime", film) < 7.5
    page.get_by_label("Text of statement 3").fill("The power went out at match point.")
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


@pytest.mark.services
def test_a_recording_becomes_a_draft(page_with_camera: Page, program: Program, clips: list[Path]) -> None:
    page = page_with_camera
    page.goto("/challenges/new")
    choose(page, 1, clips[0])
    slot(page, 3).get_by_role("button", name="Remove").click()
    slot(page, 2).get_by_role("button", name="Record").click()
    dialog = page.get_by_role("dialog", name="Record statement 2")
    dialog.get_by_role("button", name="Record").click()
    expect(dialog).to_have_attribute("data-state", "counting")
    expect(dialog).to_have_attribute("data-state", "recording")
    expect(dialog).to_contain_text(SOME_SECONDS)
    # Escape stops the recording and keeps it.
    page.keyboard.press("Escape")
    expect(dialog).to_have_attribute("data-state", "taken")
    dialog.get_by_role("button", name="Record again").click()
    assert axe_findings(page) == []
    dialog.get_by_role("button", name="Record").click()
    expect(dialog).to_contain_text(SOME_SECONDS)
    click(dialog, "Stop", "Use recording")
    facts, name_and_length = slot(page, 2).locator(".facts"), r"recording [\d.]+ 0:0([2-9])"
    expect(facts).to_contain_text(re.compile(name_and_length))
    [long] = re.findall(name_and_length, " ".join(facts.inner_text().split()))
    page.get_by_label("Title").fill(TITLE)
    slot(page, 2).get_by_role("radio").check()
    make(page)
    wait_made(page)
    page.get_by_role("button", name="Save as draft").click()
    page.wait_for_url(re.compile(r"/challenges/[0-9a-f-]{36}$"))
    [challenge] = program.call("GET", f"{CHALLENGES}?mine=1")["challenges"]
    assert (challenge["status"], challenge["lie_statement_index"]) == ("draft", 1)
    # The page shows whole seconds, and a busy encoder may lose the first moments.
    assert int(long) - 1.5 < challenge["segments"][1]["duration"] < int(long) + 1.2


def digests_of(program: Program, upload: str) -> list[str]:
    """The SHA-256 of each piece as the server counted it, in order."""
    rows = program.place.query("SELECT sha256, upload_id, number FROM uploads_uploadchunk ORDER BY number")
    return [digest for digest, owner, _ in rows if str(owner).replace("-", "") == upload.replace("-", "")]


@pytest.mark.services
def test_an_interrupted_upload_sends_each_byte_once(open_page: OpenPage, program: Program, clips: list[Path]) -> None:
    page, sent, there = listened_to(open_page, quiet=False)
    page.on("dialog", lambda dialog: dialog.accept())
    session = shelf.throttle(page, 700_000)
    count = 0

    def fail_each_fourth(route: Route) -> None:
        nonlocal count
        count += 1
        if count % 8 == 0:
            route.abort()
        elif count % 4 == 0:
            body = {"ok": False, "error": "Part of the service is unavailable.", "type": "unavailable", "code": 503}
            route.fulfill(status=503, json=body, headers={"Retry-After": "1"})
        else:
            route.fallback()

    page.route("**/upload/*/chunk", fail_each_fourth)
    held = hold(page, "**/upload/*/complete")
    fill(page, clips)
    make(page)
    wait_sent(page, 15)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".working")).to_contain_text("Paused")
    before = len(sent)
    shelf.set_rate(session, -1)
    page.wait_for_function("(since) => performance.now() > since + 1500", arg=page.evaluate("performance.now()"))
    assert len(sent) == before
    shelf.set_rate(session, 700_000)
    page.get_by_role("button", name="Resume").click()
    wait_sent(page, 45)
    known = set(there)
    assert 2 < len(known) < 14
    page.reload()
    before = len(sent)
    expect(page.get_by_role("heading", name="Uploading 3 clips")).to_be_visible()
    wait_sent(page, 70)
    assert sent[before:]
    assert not known & set(sent[before:])
    page.context.set_offline(True)
    expect_texts(page.locator(".working"), "No connection", "continues when you are online")
    before, known = len(sent), set(there)
    page.context.set_offline(False)
    expect(page.locator(".file[data-state=checking]")).to_have_count(3)
    assert not known & set(sent[before:])
    (merge,) = merges(program)
    uploads = program.call("GET", f"{VIDEOS}/merge-session/{merge['merge_session_id']}/status")["uploads"]
    assert count > sum(one["total_chunks"] for one in uploads)
    for upload, clip in zip(uploads, clips, strict=True):
        content = clip.read_bytes()
        assert (upload["chunk_size"], upload["remaining_chunks"]) == (PIECE, [])
        pieces = [hashlib.sha256(content[at : at + PIECE]).hexdigest() for at in range(0, len(content), PIECE)]
        assert digests_of(program, upload["session_id"]) == pieces
    let_go(page, "**/upload/*/complete", held)
    wait_made(page)
    expect(page.get_by_label("Text of statement 1")).to_have_value(TEXTS[0])
    expect(page.get_by_role("radio", name="The lie: statement 2")).to_be_checked()


@pytest.mark.services
def test_lost_answers_make_one_merge_and_challenge(open_page: OpenPage, program: Program, clips: list[Path]) -> None:
    page = open_form(open_page, quiet=False)
    failed = {
        "overall_status": "failed", "error_type": "unavailable", "error_message": "The scanner is away.",
        "retry_available": True, "merged_video": None, "challenge_id": None,
    }  # fmt: skip
    lost: list[str] = []
    retried: list[str] = []

    def lose_the_first(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if route.request.method != "POST" or path in lost:
            return route.fallback()
        lost.append(path)
        assert route.fetch().status == 201
        return route.abort()

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

    page.route("**/upload-for-merge/initiate", lose_the_first)
    page.route(re.compile(f"{CHALLENGES}$"), lose_the_first)
    page.route("**/merge-session/*/status", answer)
    page.route("**/merge-session/*/retry", retry)
    fill(page, clips)
    make(page)
    expect(page.get_by_role("heading", name="The merge failed")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("The scanner is away.")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_contain_text("The challenge was not saved.", timeout=shelf.TAKEN_IN)
    page.get_by_role("button", name="Try again").click()
    wait_made(page)
    assert (len(lost), len(retried)) == (2, 1)
    assert len(merges(program)) == 1
    assert program.call("GET", f"{CHALLENGES}?mine=1")["pagination"]["total"] == 1
    # A change that was refused is not called saved, and is kept in the browser.
    page.route(f"**{CHALLENGES}/*", lambda route: route.fulfill(status=503, json={}), times=1)
    title, saved = page.get_by_role("textbox", name="Title", exact=True), page.get_by_text("Saved as a draft")
    title.fill("Three things")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("alert")).to_contain_text("The challenge was not saved.")
    expect(saved).to_have_count(0)
    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(title).to_have_value("Three things")
    expect(saved).to_have_count(0)
    title.fill(TITLE)
    expect(saved).to_be_visible()


@pytest.mark.services
def test_a_stopped_upload_leaves_nothing_behind(open_page: OpenPage, program: Program, clips: list[Path]) -> None:
    page = open_form(open_page, quiet=False)
    page.route("**/logout", lambda route: route.fulfill(body="signed out", content_type="text/html"))
    hold(page, "**/upload/*/chunk")
    fill(page, clips)
    make(page)
    expect(page.locator(".file[data-state=sending]")).to_have_count(3)
    page.get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("alertdialog", name="Stop uploading the clips?")
    assert axe_findings(page) == []
    dialog.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Uploading 3 clips")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Stop").click()
    expect(slot(page, 3).locator("video")).to_be_visible()
    wait_until(lambda: not merges(program), 20, "the merge to be gone")
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Discard").click()
    expect(page.locator(".slot video")).to_have_count(0)
    assert [key for key in page.evaluate(KEPT) if "/clip/" in key] == []
    choose(page, 1, clips[0])
    expect(slot(page, 1).locator("video")).to_be_visible()
    assert len(page.evaluate(KEPT)) == 2
    page.get_by_label(re.compile("account of")).click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Delete drafts").click()
    page.wait_for_url("**/logout")
    page.goto("/static/favicon.svg")
    assert page.evaluate(KEPT) == []


@pytest.mark.services
def test_another_device_or_tab_goes_on_with_the_work(open_page: OpenPage, program: Program, clips: list[Path]) -> None:
    sizes = [clip.stat().st_size for clip in clips[:2]]
    begun = program.call("POST", f"{VIDEOS}/upload-for-merge/initiate", {
        "video_count": 2, "video_filenames": ["a.mp4", "b.mp4"], "video_file_sizes": sizes, "video_durations": [4, 3],
        "video_mime_types": ["video/mp4"] * 2, "challenge_title": TITLE, "chunk_size": PIECE,
    })  # fmt: skip
    page = open_page(f"/challenges/new?merge={begun['merge_session_id']}")
    expect(page.get_by_text("The missing clips are not stored in this browser")).to_be_visible()
    field = page.get_by_label("Choose the clips again")
    field.set_input_files([str(clips[2]), str(clips[1])])
    expect(page.locator(".file").nth(1)).to_have_attribute("data-state", "arrived")
    expect(page.get_by_role("alert")).to_contain_text("“my clip 3.mp4” (1.3 MiB) is not one of the missing clips")
    field.set_input_files(str(clips[0]))
    expect(page.get_by_role("heading", name="Watch the video, then publish it")).to_be_visible()
    expect(page.get_by_role("textbox", name="Title")).to_have_value(TITLE)
    # The other device does not know which statement is the lie.
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose which statement is the lie.")
    page.get_by_role("radio", name="The lie: statement 2").check()
    assert publish(page, program)["lie_statement_index"] == 1

    page.goto("/challenges/new")
    expect(page.get_by_role("heading", name="Statement 3")).to_be_visible()
    box: Any = slot(page, 3).bounding_box()
    shelf.drop(page, clips[1], clips[0], x=box["x"] + 60, y=box["y"] + 60)
    # The first file goes to this statement, the second to a free one.
    expect(slot(page, 3)).to_contain_text("my clip 2.mp4")
    expect(slot(page, 1)).to_contain_text("my clip 1.mp4")
    slot(page, 3).get_by_role("radio").check()
    page.get_by_role("button", name="Move statement 3 up").press("Enter")
    expect(slot(page, 2)).to_contain_text("my clip 2.mp4")
    expect(slot(page, 2).get_by_role("radio")).to_be_checked()
    page.get_by_role("button", name="Move statement 2 down").press("Enter")
    expect(slot(page, 3)).to_contain_text("my clip 2.mp4")
    expect(slot(page, 3).get_by_role("radio")).to_be_checked()
    expect(page.get_by_role("button", name="Move statement 3 down")).to_be_focused()
    expect(page.locator("[data-said]")).to_have_text("Moved. This is now statement 3.")
    page.get_by_role("button", name="Add a statement").press("Enter")
    expect(page.get_by_label("Choose a clip for statement 4")).to_be_focused()
    for number in (4, 2):
        page.get_by_role("button", name=f"Remove statement {number}").press("Enter")
    expect(page.locator("[data-slot]")).to_have_count(2)
    expect(slot(page, 2).get_by_role("radio")).to_be_checked()
    # A challenge has at least two statements.
    page.get_by_role("button", name="Remove statement 1").press("Enter")
    expect(page.locator("[data-slot]")).to_have_count(2)
    page.wait_for_function(f"async () => (await ({KEPT})()).length === 3")
    page.reload()
    expect(slot(page, 2)).to_contain_text("my clip 2.mp4")
    expect(slot(page, 2).get_by_role("radio")).to_be_checked()
    other = page.context.new_page()
    other.goto("/challenges/new")
    expect(other.get_by_role("heading", name="A challenge is being created in another tab")).to_be_visible()
    other.get_by_role("button", name="Continue here").click()
    expect_visible(
        slot(other, 2).locator("video"), page.get_by_role("heading", name="This challenge is now open in another tab")
    )


@pytest.mark.services
def test_a_refused_clip_is_replaced(open_page: OpenPage, program: Program, clips: list[Path], tmp_path: Path) -> None:
    page = open_form(open_page, quiet=False)
    cut = tmp_path / "cut short.mp4"
    RECIPES["truncated.mp4"](cut)
    fill(page, [clips[0], cut, clips[2]])
    expect(slot(page, 2)).to_contain_text("This browser cannot play the clip")
    make(page)
    expect(page.get_by_role("heading", name="Clip 2 cannot be used")).to_be_visible()
    advice = "Check that the clip plays and is complete, or record it again."
    expect(page.get_by_role("alert")).to_contain_text(advice)
    expect(page.locator(".file.fail")).to_contain_text(TEXTS[1])
    # A reloaded page learns of the failure from the merge.
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
    wait_made(page)
    assert publish(page, program)["lie_statement_index"] == LIE


@pytest.mark.services
def test_bad_choices_are_said_first(open_page: OpenPage, program: Program, clips: list[Path], tmp_path: Path) -> None:
    page = open_form(open_page)
    for name, words in (
        ("NotAllowedError", "Allow camera and microphone"),
        ("NotFoundError", "No camera was found"),
        ("NotReadableError", "Another program may be using the camera"),
    ):
        with check(name):
            page.evaluate(
                """(name) => { Object.defineProperty(navigator, "mediaDevices", {configurable: true, value: {
                    getUserMedia: () => Promise.reject(new DOMException("no", name)), enumerateDevices: async () => []
                }}); }""",
                name,
            )
            slot(page, 1).get_by_role("button", name="Record").click()
            expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(words)
            page.keyboard.press("Escape")
            expect(slot(page, 1).get_by_role("button", name="Record")).to_be_focused()
    make(page)
    expect(page.get_by_label("Title")).to_be_focused()
    expect(page.get_by_text("Enter a title.")).to_be_visible()
    expect(page.get_by_text("Choose a clip, record one, or remove this statement.")).to_have_count(3)
    expect(page.locator("#lie-problem")).to_have_text("Choose which statement is the lie.")
    notes, empty, large = tmp_path / "notes.mp4", tmp_path / "empty.mp4", tmp_path / "large.mp4"
    notes.write_text("No video.\n" * 500)
    empty.touch()
    with large.open("wb") as file:
        file.truncate(513 * MIB)
    choose(page, 1, notes, large, empty)
    expect(slot(page, 1)).to_contain_text("“notes.mp4”: Not a video.")
    expect(slot(page, 2)).to_contain_text("Your plan allows files up to 512 MiB.")
    expect(slot(page, 3)).to_contain_text("Choose another file.")
    choose(page, 1, *[clips[0]] * 11)
    expect(page.locator("[data-slot]")).to_have_count(10)
    toasts = page.locator("[data-toasts]")
    expect(toasts).to_contain_text("A challenge can have at most 10 statements, so 1 file was not added.")
    expect(page.get_by_role("button", name="Add a statement")).to_be_hidden()
    assert merges(program) == []
    with check("the length of a video that the browser cannot play is read from its file"):
        page.route("**/clip", lambda route: route.fulfill(path=str(clips[2])))
        body = "m.readMp4Duration(await (await fetch('/clip')).blob())"
        read = evaluate_module(page, "challenges/create/clip-info.js", f"await {body}")
        assert read == pytest.approx(5, abs=0.1)


@pytest.mark.services
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(open_page: OpenPage, clips: list[Path], size: tuple[int, int]) -> None:
    page = open_form(open_page, size=size)

    def expect_step_fits() -> None:
        expect_fine(page)
        if size == PHONE:
            targets = ".create button, .create a.btn, .create .input, .create .check.lie"
            assert page.evaluate(shelf.TOO_SMALL, targets) == []

    expect_step_fits()
    fill(page, clips)
    page.get_by_label("Title").fill("A_title_without_a_space_" * 8)
    expect_step_fits()
    held = hold(page, "**/upload/*/chunk")
    make(page)
    expect(page.locator(".file[data-state=sending]")).to_have_count(3)
    expect_step_fits()
    let_go(page, "**/upload/*/chunk", held)
    wait_made(page)
    expect_step_fits()

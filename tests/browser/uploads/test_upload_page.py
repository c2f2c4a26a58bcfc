"""The upload page in the browser: files sent by tus, paused, cut off, resumed, and refused with the reason."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import APIResponse, CDPSession, Dialog, Error, Locator, Page, Request, Route, expect

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, PASSWORD, PHONE, OpenPage, Recording, evaluate_module
from tests.browser.expecting import click, expect_fine, expect_shown, expect_texts, press
from tests.browser.test_accessibility import axe_findings
from tests.support.clips import render_clip
from tests.support.program import Program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("empty_library")
MIB = 2**20
SIZE = 24 * MIB
TUS = "**/api/v1/uploads/tus/**"
RATE = 4 * MIB  # bytes a second: such a file takes some seconds


@pytest.fixture(scope="module")
def large(recordings: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shelf.padded(recordings[1].path, tmp_path_factory.mktemp("large") / "match_2041.mp4", SIZE)


def listen(page: Page) -> list[int]:
    """The offsets at which the page sends something from now on, in order."""
    sent: list[int] = []

    def heard(request: Request) -> None:
        if request.method == "PATCH":
            sent.append(int(request.headers["upload-offset"]))

    page.on("request", heard)
    return sent


def choose(page: Page, *files: Path) -> None:
    page.locator("#files").set_input_files([str(file) for file in files])


def pause(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"Pause {name}").click()
    expect(page.get_by_role("button", name=f"Resume, {name}")).to_be_visible()


def row(page: Page, name: str) -> Locator:
    return page.locator(".file", has_text=name)


def wait_ready(page: Page, name: str) -> None:
    expect(row(page, name)).to_have_attribute("data-state", "ready", timeout=shelf.TAKEN_IN)


def video_of(page: Page, program: Program, name: str) -> dict[str, Any]:
    href = row(page, name).get_by_role("link", name=re.compile("^Watch")).get_attribute("href")
    assert href
    return shelf.get(program, href.rsplit("/", 1)[-1])


def send_some(page: Page, file: Path, percent: int, rate: int = RATE) -> CDPSession:
    """Choose the file and wait until so much of it has been sent, at a rate that can be set."""
    network = shelf.throttle(page, rate)
    choose(page, file)
    shelf.is_sending(page, "match_2041", percent)
    return network


def send_and_pause(page: Page, file: Path) -> None:
    choose(page, file)
    shelf.is_sending(page, "match_2041", 20)
    pause(page, "match_2041")


def stop_and_delete(page: Page, name: str) -> None:
    click(page, f"Cancel {name}", "Cancel upload")


def statuses(backstage: Backstage) -> list[str]:
    return [upload["status"] for upload in backstage.uploads(owner=ACCOUNT)]


def expect_whole(page: Page, program: Program, name: str, file: Path) -> None:
    """Wait until the file is a video of the library; what arrived must be what was sent."""
    wait_ready(page, name)
    assert shelf.original(program, video_of(page, program, name)) == shelf.digest(file)


def test_a_chosen_file_becomes_a_video(open_page: OpenPage, program: Program, recordings: list[Recording]) -> None:
    page = open_page("/upload")
    expect_shown(page, "5.0 GiB free of 5 GiB", "Files up to 512 MiB on the Free plan")
    page.get_by_label("Tags for all uploads").fill("ascent, scrim")
    choose(page, recordings[0].path)
    wait_ready(page, "alpha")
    video = video_of(page, program, "alpha")
    assert (video["title"], video["tags"]) == ("alpha", ["ascent", "scrim"])
    assert shelf.original(program, video) == shelf.digest(recordings[0].path)
    expect(page.locator("[data-summary]")).to_have_text("1 ready")
    expect(row(page, "alpha")).to_contain_text("360p60, 0:40", timeout=shelf.TAKEN_IN)
    expect(row(page, "alpha").locator(".picture img")).to_be_visible()
    row(page, "alpha").get_by_role("link", name="Watch alpha").click()
    page.wait_for_url("**/watch/*")


@pytest.mark.services
def test_dropped_folders_and_files(open_page: OpenPage, recordings: list[Recording], tmp_path: Path) -> None:
    """A dropped folder is compared; of dropped files three are sent at once."""
    inner = tmp_path / "scrim" / "day 2"
    inner.mkdir(parents=True)
    (inner / "notes.txt").write_text("No video.")
    shutil.copy(recordings[0].path, inner / "alpha.mp4")
    shutil.copy(recordings[1].path, tmp_path / "scrim" / "bravo.mp4")
    page = open_page("/upload")
    page.evaluate("delete DataTransferItem.prototype.getAsFileSystemHandle")
    shelf.drop(page, tmp_path / "scrim")
    wait_ready(page, "alpha")
    wait_ready(page, "bravo")
    expect(page.locator(".file")).to_have_count(2)
    both = page.get_by_role("link", name="Compare 2 videos")
    expect(both).to_have_attribute("href", re.compile(r"^/compare\?new&start&video=[^&]+&video=[^&]+$"))
    # Three clicks lead to the alignment, which needs no click, and a fourth to the comparison.
    row(page, "alpha").get_by_role("link", name="Compare with… alpha").click()
    expect(page.get_by_role("checkbox", name="alpha, chosen as A")).to_be_checked()
    page.get_by_role("checkbox", name="Choose bravo").check()
    page.get_by_role("button", name="Compare 2 recordings").click()
    page.get_by_role("button", name="Apply to B and open").click(timeout=shelf.TAKEN_IN)
    page.wait_for_url(re.compile(r"/compare/comp-\w+$"))

    page.goto("/upload")
    held: list[Route] = []
    page.route(TUS, lambda route: held.append(route) if route.request.method == "PATCH" else route.fallback())
    page.evaluate(
        """(names) => {
            const transfer = new DataTransfer();
            for (const name of names) transfer.items.add(new File([new Uint8Array(4e6)], name, {type: 'video/mp4'}));
            window.dispatchEvent(new DragEvent('dragenter', {dataTransfer: transfer, bubbles: true}));
            window.dropped = transfer;
        }""",
        [f"clip {number}.mp4" for number in range(5)],
    )
    expect(page.locator("[data-drop]")).to_have_attribute("data-over", "")
    page.evaluate("document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: window.dropped, bubbles: true}))")
    expect(page.locator(".file")).to_have_count(5)
    expect(page.locator(".file[data-state=sending]")).to_have_count(3)
    expect(page.locator(".file[data-state=waiting]")).to_have_count(2)
    expect(page.locator("[data-summary]")).to_have_text("5 in progress")
    assert page.locator("[data-drop]").get_attribute("data-over") is None
    # An upload that is created after this would still be there for the next case.
    wait_until(lambda: page.evaluate("1") and len(held) == 3, 10, "all three created")
    page.close(run_before_unload=False)


@pytest.mark.services
def test_interrupted_uploads_continue(open_page: OpenPage, backstage: Backstage, program: Program, large: Path) -> None:
    """Whatever interrupts an upload, it continues where it was."""
    page = open_page("/upload", quiet=False)
    sent, refusals = listen(page), [503, 502]

    def refuse(route: Route) -> None:
        if route.request.method != "HEAD" or not refusals:
            return route.fallback()
        return route.fulfill(status=refusals.pop())

    network = send_some(page, large, 5, 2 * MIB)
    choose(page, large)
    expect(page.locator("[data-toasts]")).to_contain_text("is already in the list")
    expect(page.locator(".file")).to_have_count(1)
    page.get_by_role("button", name="Pause match_2041").click()
    expect_texts(row(page, "match_2041"), "Paused", "Resume before tomorrow")
    arrived = wait_until(lambda: backstage.uploads(owner=ACCOUNT)[0]["offset"], 20, "some of it arrived")
    before = len(sent)
    # After a temporary error the page retries, and the upload keeps its offset.
    page.route(TUS, refuse)
    page.get_by_role("button", name="Resume, match_2041").click()
    shelf.is_sending(page, "match_2041", 25)
    assert sent[before] >= arrived
    assert refusals == []

    page.context.set_offline(True)
    expect_texts(row(page, "match_2041"), "No connection", "Uploaded data is kept. Continues when you are online")
    page.context.set_offline(False)
    shelf.is_sending(page, "match_2041", 40)
    page.context.clear_cookies(name="sessionid")
    expect(row(page, "match_2041")).to_contain_text("Signed out")
    sign_in_again(page)
    shelf.is_sending(page, "match_2041", 60)
    pause(page, "match_2041")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Resume, match_2041").click()
    expect(row(page, "match_2041")).to_contain_text("Signed out")
    sign_in_again(page)
    shelf.set_rate(network, -1)
    expect_whole(page, program, "match_2041", large)
    assert sent.count(0) == 1
    assert statuses(backstage) == ["completed"]


def sign_in_again(page: Page) -> None:
    page.locator("[data-signed-out]").get_by_role("button", name="Sign in").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("dialog").get_by_role("button", name="Sign in").click()


def hold_the_beginning(page: Page) -> tuple[list[str], Callable[[], None]]:
    """Requests that begin an upload reach the server; their answers are held until the second function is called."""
    begun: list[str] = []
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if route.request.method != "POST":
            return route.fallback()
        begun.append(route.request.url)
        held.append((route, route.fetch()))

    def let_go() -> None:
        wait_until(lambda: page.evaluate("true") and held, 20, "the request that begins the upload")
        while held:
            route, answer = held.pop()
            route.fulfill(response=answer)

    page.route(TUS, hold)
    return begun, let_go


@pytest.mark.services
def test_a_new_upload_is_stopped(open_page: OpenPage, backstage: Backstage, program: Program, large: Path) -> None:
    page = open_page("/upload")
    begun, let_go = hold_the_beginning(page)
    choose(page, large)
    page.get_by_role("button", name="Cancel match_2041").click()
    let_go()
    expect(page.locator(".file")).to_have_count(0)
    assert len(begun) == 1
    wait_until(lambda: statuses(backstage) == ["cancelled"], 20, "the upload's end")

    choose(page, large)
    pause(page, "match_2041")
    page.get_by_role("button", name="Resume, match_2041").click()
    let_go()
    expect_whole(page, program, "match_2041", large)
    assert len(begun) == 2
    assert statuses(backstage) == ["cancelled", "completed"]
    expect(page.locator(".file")).to_have_count(1)


def lose_the_last(page: Page, size: int) -> list[str]:
    """Let the last bytes of files of ``size`` arrive and their answers be lost; what was lost so far."""
    lost: list[str] = []

    def lose(route: Route) -> None:
        request = route.request
        at = int(request.headers.get("upload-offset", 0))
        if request.method != "PATCH" or at == 0 or at + 16 * MIB < size:
            return route.fallback()
        try:
            status = route.fetch().status
        except Error:  # the server has closed the idle connection that Playwright wanted to use again
            status = route.fetch().status
        assert status == 204
        lost.append(request.url)
        return route.abort()

    page.route(TUS, lose)
    return lost


@pytest.mark.services
def test_lost_answers(open_page: OpenPage, backstage: Backstage, program: Program, recordings: list[Recording]) -> None:
    """An unanswered request is sent again after a pause; a lost last answer costs nothing."""
    page = open_page("/upload", quiet=False)
    page.route(TUS, lambda route: route.abort() if route.request.method == "PATCH" else route.fallback())
    choose(page, recordings[0].path)
    expect(row(page, "alpha")).to_contain_text("No connection")
    # Long enough that the button is not gone before it is pressed.
    expect(row(page, "alpha")).to_contain_text(re.compile(r"Retries in ([6-9]|\d\d) s"))
    page.unroute(TUS)
    sent = listen(page)
    lost = lose_the_last(page, recordings[0].path.stat().st_size)
    page.get_by_role("button", name="Try now, alpha").click()
    expect_whole(page, program, "alpha", recordings[0].path)
    assert len(lost) == 1
    assert len(sent) == len(set(sent))

    page.unroute(TUS)
    page.route(TUS, lambda route: route.abort() if route.request.method == "HEAD" else route.fallback())
    lost = lose_the_last(page, recordings[1].path.stat().st_size)
    choose(page, recordings[1].path)
    expect(row(page, "bravo")).to_contain_text("No connection", timeout=30_000)
    assert lost
    stop_and_delete(page, "bravo")
    wait_ready(page, "bravo")
    assert statuses(backstage) == ["completed", "completed"]


@pytest.mark.services
def test_leaving_is_asked_and_after_a_reload_it_continues_when_its_file_is_chosen_again(
    open_page: OpenPage, backstage: Backstage, program: Program, large: Path, tmp_path: Path
) -> None:
    page = open_page("/upload")
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        if len(asked) == 1:
            dialog.dismiss()
        else:
            dialog.accept()

    page.on("dialog", answer)
    network = send_some(page, large, 5, MIB)
    page.get_by_role("link", name="Go to the library").click()
    wait_until(lambda: page.evaluate("1") and asked, 10, "the question")
    assert asked == ["beforeunload"]
    assert page.url.endswith("/upload")
    shelf.is_sending(page, "match_2041", 30)
    page.reload()
    assert len(asked) == 2
    sent = listen(page)
    expect_texts(row(page, "match_2041"), "Unfinished", "Choose the file again to continue.")
    expect(page.locator("[data-summary]")).to_have_text("1 needs attention")
    wrong = tmp_path / "another.mp4"
    wrong.write_bytes(b"another")
    with page.expect_file_chooser() as chooser:
        page.evaluate("delete window.showOpenFilePicker")
        page.get_by_role("button", name="Choose the file, match_2041").click()
    chooser.value.set_files(str(wrong))
    expect(row(page, "match_2041")).to_contain_text("“another.mp4” (7 B) is a different file.")
    choose(page, large)
    shelf.is_sending(page, "match_2041", 40)
    pause(page, "match_2041")
    page.get_by_role("link", name="Go to the library").click()
    page.wait_for_url("**/library")
    assert len(asked) == 2
    page.goto("/upload")
    expect(row(page, "match_2041")).to_contain_text("Unfinished")
    shelf.set_rate(network, -1)
    choose(page, large)
    expect_whole(page, program, "match_2041", large)
    assert statuses(backstage) == ["completed"]
    assert min(sent) > 0


# A file of the browser's own disk, given by a handle as the picker of Chromium gives them.
PICK_FROM_OWN_DISK = """
    window.showOpenFilePicker = async () => {
      const folder = await navigator.storage.getDirectory();
      const handle = await folder.getFileHandle("own.mp4", {create: true});
      const writer = await handle.createWritable();
      await writer.write(await (await fetch("/own-file")).arrayBuffer());
      await writer.close();
      return [handle];
    };
"""


@pytest.mark.services
def test_a_handle_resumes_alone(open_page: OpenPage, backstage: Backstage, program: Program, tmp_path: Path) -> None:
    file = shelf.padded(render_clip(tmp_path / "clip.mp4"), tmp_path / "own.mp4", SIZE)
    page = open_page("/compare")
    page.on("dialog", Dialog.accept)
    page.add_init_script(PICK_FROM_OWN_DISK)
    page.route("**/own-file", lambda route: route.fulfill(path=str(file)))
    page.goto("/upload")
    shelf.throttle(page, RATE)
    page.get_by_text("Choose files").click()
    shelf.is_sending(page, "own.mp4", 30)
    page.reload()
    expect_whole(page, program, "own", file)
    assert statuses(backstage) == ["completed"]


@pytest.mark.services
def test_an_upload_is_stopped_here_and_elsewhere_and_by_another_account(
    open_page: OpenPage, backstage: Backstage, program: Program, large: Path, recordings: list[Recording]
) -> None:
    page = open_page("/upload", quiet=False)
    network = send_some(page, large, 8, MIB)
    cancel = page.get_by_role("button", name="Cancel match_2041")
    cancel.click()
    expect(page.get_by_role("alertdialog")).to_contain_text("uploaded so far will be deleted")
    assert axe_findings(page) == []
    page.get_by_role("button", name="Continue uploading").click()
    expect(cancel).to_be_focused()
    page.route(TUS, lambda route: route.abort() if route.request.method == "DELETE" else route.fallback())
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Cancel upload").click()
    expect(page.locator("[data-toasts]")).to_contain_text("could not be cancelled.")
    expect(row(page, "match_2041")).to_contain_text("Paused")
    assert statuses(backstage) == ["uploading"]
    page.unroute(TUS)
    stop_and_delete(page, "match_2041")
    expect(page.locator(".file")).to_have_count(0)
    wait_until(lambda: statuses(backstage) == ["cancelled"], 20, "the upload's end")

    sent = listen(page)
    shelf.set_rate(network, RATE)
    send_and_pause(page, large)
    _, upload = backstage.uploads(owner=ACCOUNT)
    backstage.change_upload(upload=upload["id"], status="cancelled")
    page.get_by_role("button", name="Resume, match_2041").click()
    expect(row(page, "match_2041")).to_contain_text("Cancelled elsewhere")
    assert len(backstage.uploads(owner=ACCOUNT)) == 2
    assert sent.count(0) == 1
    row(page, "match_2041").get_by_role("button", name="Upload again").click()
    shelf.is_sending(page, "match_2041", 20)
    pause(page, "match_2041")
    *_, upload = backstage.uploads(owner=ACCOUNT)
    fields = {"status": "failed", "error_type": "upload_lost", "error_message": "The bytes are gone."}
    backstage.change_upload(upload=upload["id"], **fields)
    page.get_by_role("button", name="Resume, match_2041").click()
    expect(row(page, "match_2041")).to_have_attribute("data-state", "refused")
    expect(row(page, "match_2041")).to_contain_text("The bytes are gone.")
    assert statuses(backstage) == ["cancelled", "cancelled", "failed"]

    # An upload does not continue into the library of another person who signs in.
    click(row(page, "match_2041"), "Remove")
    send_and_pause(page, large)
    session = {"name": "sessionid", "value": backstage.admin_session(), "url": program.address}
    page.context.add_cookies([session])
    page.get_by_role("button", name="Resume, match_2041").click()
    expect(row(page, "match_2041")).to_contain_text("Cancelled elsewhere")
    expect(page.locator("[data-toasts]")).to_contain_text("This browser is now signed in as chief")
    row(page, "match_2041").get_by_role("button", name="Upload again").click()
    choose(page, recordings[0].path)
    expect(row(page, "alpha")).to_have_attribute("data-state", "waiting")
    expect(row(page, "match_2041")).to_have_attribute("data-state", "refused")
    assert backstage.uploads(owner="chief") == []


@pytest.mark.services
def test_refused_files(open_page: OpenPage, backstage: Backstage, recordings: list[Recording], tmp_path: Path) -> None:
    """What is no video or has no room is refused with the reason."""
    huge, empty, notes, many = (tmp_path / name for name in ("huge.mov", "empty.mp4", "notes.mp4", "many.mp4"))
    with huge.open("wb") as file:
        file.truncate(513 * MIB)
    empty.touch()
    page = open_page("/upload", quiet=False)
    choose(page, huge, empty)
    expect_texts(row(page, "huge"), "File too large", "Your plan allows files up to 512 MiB.")
    expect(row(page, "huge").get_by_role("link", name="See plans")).to_be_visible()
    expect(row(page, "empty")).to_contain_text("Empty file")
    assert backstage.uploads(owner=ACCOUNT) == []
    row(page, "empty").get_by_role("button", name="Remove").click()
    row(page, "huge").get_by_role("button", name="Remove").click()
    expect(page.locator(".file")).to_have_count(0)
    expect(page.locator("#files")).to_be_focused()

    notes.write_text("These are notes, not a video.\n" * 200)
    choose(page, notes)
    expect_texts(row(page, "notes"), "Not a video", "Choose a video file.")
    expect(page.locator("[data-summary]")).to_have_text("1 needs attention")
    many.write_bytes(b"These are notes.\n" * 2_000_000)
    sent = listen(page)
    choose(page, many)
    expect(row(page, "many")).to_contain_text("Not a video")
    assert sent == [0]

    backstage.video(owner=ACCOUNT, title="The large one", file_size=5 * 2**30 - 1000)
    page.goto("/upload")
    choose(page, recordings[0].path)
    expect_texts(row(page, "alpha"), "Your storage is full", "1000 B of 5 GiB are free.")
    backstage.no_videos()
    row(page, "alpha").get_by_role("button", name="Try again").click()
    wait_ready(page, "alpha")

    cut = tmp_path / "cut_short.mp4"
    content = recordings[0].path.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    choose(page, cut)
    expect(row(page, "cut_short")).to_have_attribute("data-state", "failed", timeout=shelf.TAKEN_IN)
    expect(row(page, "cut_short")).to_contain_text("This file cannot be used")
    row(page, "cut_short").get_by_role("link", name="Show details").click()
    page.wait_for_url("**/watch/*")
    expect(page.get_by_role("alert")).to_be_visible()


@pytest.mark.services
def test_other_tabs_pause_and_cancel_an_upload(open_page: OpenPage, backstage: Backstage, large: Path) -> None:
    page = open_page("/upload")
    send_some(page, large, 5, MIB)
    other = page.context.new_page()
    other.goto("/library")
    panel = other.get_by_role("region", name="Uploads")
    expect(panel).to_contain_text("match_2041.mp4")
    expect(panel).to_contain_text(re.compile(r"\d+ % · .*/s · .* left"))
    expect(panel).to_contain_text("1 uploading")
    panel.get_by_role("button", name="Pause match_2041").click()
    expect(panel).to_contain_text("Paused")
    expect(row(page, "match_2041")).to_contain_text("Paused")
    other.route(TUS, lambda route: route.abort() if route.request.method == "DELETE" else route.fallback())
    stop_and_delete(other, "match_2041")
    expect(other.locator("[data-toasts]")).to_contain_text("The server cannot be reached.")
    expect(row(page, "match_2041")).to_contain_text("Paused")
    assert statuses(backstage) == ["uploading"]
    other.unroute(TUS)
    deletions: list[str] = []
    for tab in (page, other):
        tab.on("request", lambda request: deletions.append(request.url) if request.method == "DELETE" else None)
    stop_and_delete(other, "match_2041")
    expect(panel).to_be_hidden()
    expect(page.locator(".file")).to_have_count(0)
    # The second of two would be answered that there is no such upload.
    assert len(deletions) == 1

    # A second upload page leaves it to the tab that sends.
    choose(page, large)
    shelf.is_sending(page, "match_2041", 5)
    other.goto("/upload")
    expect(row(other, "match_2041")).to_contain_text("Uploading in another tab")
    pause(page, "match_2041")
    expect(row(other, "match_2041")).to_contain_text("Paused in another tab")
    page.close(run_before_unload=False)
    expect(row(other, "match_2041")).to_contain_text("Unfinished", timeout=15_000)


@pytest.mark.services
def test_slow_tabs_are_not_gone_and_silent_ones_hear(open_page: OpenPage, backstage: Backstage, large: Path) -> None:
    page = open_page("/compare")
    page.add_init_script("window.setInterval = () => 0")
    page.goto("/upload")
    send_some(page, large, 5, MIB)
    pause(page, "match_2041")
    other = page.context.new_page()
    other.add_init_script("""
        window.states = 0;
        const count = ({data}) => { if (data.type === 'state') window.states += 1; };
        new BroadcastChannel('vod-uploads').addEventListener('message', count);
    """)
    other.goto("/library")
    panel = other.get_by_role("region", name="Uploads")
    expect(panel).to_contain_text("Paused")
    other.wait_for_function("() => window.states >= 4", timeout=30_000)
    expect(panel).to_contain_text("Paused")

    page.evaluate("BroadcastChannel.prototype.postMessage = () => {}")
    other.reload()
    expect(panel).to_contain_text("Stopped; uploaded data is kept")
    stop_and_delete(other, "match_2041")
    expect(panel).to_be_hidden()
    expect(page.locator(".file")).to_have_count(0)
    assert statuses(backstage) == ["cancelled"]


@pytest.mark.services
def test_an_unsent_upload_is_offered_in_the_library(open_page: OpenPage, backstage: Backstage, large: Path) -> None:
    page = open_page("/upload", quiet=False)
    page.on("dialog", Dialog.accept)
    send_some(page, large, 20)
    page.goto("/library")
    panel = page.get_by_role("region", name="Uploads")
    expect(panel).to_contain_text("Stopped; uploaded data is kept")
    # A file of the catalogue would be none of the library's.
    (upload,) = backstage.uploads(owner=ACCOUNT)
    backstage.change_upload(upload=upload["id"], purpose="catalogue")
    expect(panel).to_be_hidden(timeout=20_000)
    backstage.change_upload(upload=upload["id"], purpose="library")
    page.reload()
    expect(panel.get_by_role("link", name="Continue match_2041")).to_have_attribute("href", "/upload")
    stop_and_delete(page, "match_2041")
    expect(panel).to_be_hidden()
    assert statuses(backstage) == ["cancelled"]
    # The browser remembers where it was; there is nothing left to go on with, and it begins again.
    page.goto("/upload")
    choose(page, large)
    wait_ready(page, "match_2041")


@pytest.mark.services
def test_one_is_paused_by_keys_and_all_by_one_button(open_page: OpenPage, large: Path, tmp_path: Path) -> None:
    page = open_page("/upload")
    page.on("filechooser", lambda chooser: chooser.set_files(str(large)))
    page.evaluate("delete window.showOpenFilePicker")
    shelf.throttle(page, MIB)
    page.locator("#files").focus()
    page.keyboard.press("Enter")
    shelf.is_sending(page, "match_2041")
    seen = []
    for _ in range(3):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(shelf.FOCUSED))
    assert seen == ["Pause all", "Pause match_2041.mp4", "Cancel match_2041.mp4"]
    press(page, "Shift+Tab", "Enter")
    expect(page.get_by_role("button", name="Resume, match_2041")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause match_2041")).to_be_focused()

    other = tmp_path / "other.mp4"
    other.write_bytes(large.read_bytes()[: 8 * MIB])
    choose(page, other)
    click(page, "Pause all")
    expect(page.locator(".file[data-state=paused]")).to_have_count(2)
    click(page, "Resume all")
    expect(page.locator(".file[data-state=sending]")).to_have_count(2)


@pytest.mark.services
def test_a_phone_fits_all(open_page: OpenPage, tmp_path: Path, large: Path, recordings: list[Recording]) -> None:
    long = tmp_path / f"{'x' * 200}.mp4"
    long.write_text("No video.")
    page = open_page("/upload", size=PHONE, quiet=False)
    network = shelf.throttle(page, MIB)
    choose(page, long, large)
    expect(row(page, "xxx")).to_contain_text("Not a video")
    shelf.is_sending(page, "match_2041")
    small = page.evaluate(shelf.TOO_SMALL, "main button, main .btn, main input.in")
    assert small == []
    assert axe_findings(page) == []
    pause(page, "match_2041")
    choose(page, recordings[0].path)
    shelf.set_rate(network, -1)
    wait_ready(page, "alpha")
    expect_fine(page)


@pytest.mark.services
def test_pictures_of_files_are_drawn_one_after_the_other(open_page: OpenPage) -> None:
    page = open_page("/login", anonymous=True)
    body = """(async () => {
        let [open, most] = [0, 0];
        const make = document.createElement.bind(document);
        document.createElement = (name) => {
            const element = make(name);
            if (name !== 'video') return element;
            most = Math.max(most, open += 1);
            const load = element.load.bind(element);
            element.load = () => { open -= 1; load(); };
            return element;
        };
        const draw = (n, isWanted) => m.drawThumbnail(new File(['no'], `${n}.mp4`), make('canvas'), isWanted);
        const wanted = x.map((n) => draw(n));
        const unwanted = draw('unwanted', () => { most += 100; return false; });
        return [await Promise.all([...wanted, unwanted]), most];
    })()"""
    drawn, open_at_once = evaluate_module(page, "uploads/local-thumbnail.js", body, [0, 1, 2, 3])
    assert drawn == [False] * 5
    assert open_at_once == 101  # and a hundred for having asked whether the last is wanted

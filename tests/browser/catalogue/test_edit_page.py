"""The page of one catalogue video in the browser: typed and kept, offline and merged, seen by others at once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pytest_check import check

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import DESK, PHONE, OpenPage, Recording
from tests.browser.expecting import expect_fits, expect_reached, expect_texts, fill, type_text
from tests.browser.test_accessibility import axe_findings
from tests.browser.uploads.test_upload_page import listen
from tests.support.program import Program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("empty_library")
AT_ONCE = 15_000  # ms until a change shows in another browser, also on a busy machine
MERGED = 20_000
MIB = 2**20


@pytest.fixture
def people(backstage: Backstage) -> dict[str, str]:
    roles = {"mod": "moderator", "mia": "moderator", "max": "moderator", "boss": "admin"}
    return {name: backstage.person_session(name=name, role=role) for name, role in roles.items()}


@pytest.fixture
def video(backstage: Backstage, people: dict[str, str]) -> str:
    return str(backstage.catalogue_video(by="mod", title="Round 7", category="Matches", tags=["mma"], duration=40))


@pytest.fixture
def edit(open_page: OpenPage, people: dict[str, str], video: str) -> Callable[..., Page]:
    """Open the video's page as a person and wait until it is ready and live."""

    def edit_(name: str = "mod", **options: Any) -> Page:
        page = open_page(f"/catalogue/{video}/edit", session=people[name], **options)
        page.locator("body[data-ready][data-live=live]").wait_for()
        return page

    return edit_


def expect_saved(page: Page, words: str = "Saved") -> None:
    """Wait until the line about unsaved changes says this."""
    expect(page.locator("[data-line]")).to_have_text(words, timeout=MERGED)


def title_of(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Title")


def description_of(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Description")


def expect_conflict(page: Page, field: str, mine: str, theirs: str) -> None:
    """Wait until the note beside the field shows both texts."""
    for side, text in (("mine", mine), ("theirs", theirs)):
        expect(note_of(page, field).locator(f"[data-{side}]")).to_have_text(text, timeout=MERGED)


def wait_row(backstage: Backstage, video: str, **values: Any) -> dict[str, Any]:
    """Wait until the video's row has these values and return it. operations: their number."""

    def row() -> dict[str, Any]:
        found: dict[str, Any] = backstage.catalogue_row(video=video)
        have = {**found, "operations": len(found["operations"])}
        return found if values.items() <= {name: have[name] for name in values}.items() else {}

    try:
        return wait_until(row, 20, f"the row to have {values}")
    except AssertionError:
        pytest.fail(f"{backstage.catalogue_row(video=video)} does not have {values}")


def tags(page: Page) -> list[str]:
    return page.locator(".chip > span").all_inner_texts()


def hold_the_clock(page: Page) -> None:
    """Stop the page's clock, so that no pause in the typing ends."""
    page.clock.install()
    page.clock.pause_at(datetime.now() + timedelta(seconds=2))


def note_of(page: Page, field: str) -> Locator:
    return page.locator(f'[data-conflict="{field}"]')


def type_at(page: Page, at: int, text: str) -> None:
    description_of(page).focus()
    description_of(page).evaluate("(field, at) => field.setSelectionRange(at, at)", at)
    page.keyboard.type(text)


def test_what_is_typed_is_saved_with_its_history(edit: Callable[..., Page], backstage: Backstage, video: str) -> None:
    page = edit()
    expect_saved(page)
    with check("a title cannot be emptied"):
        fill(title_of(page), "   ", "Tab")
        expect(page.locator("#title-error")).to_contain_text("Enter a title.")
        expect(title_of(page)).to_have_attribute("aria-invalid", "true")
    expect_saved(page)
    unsaved = title_of(page).evaluate(
        "(field) => { field.focus(); field.value = 'R'; field.dispatchEvent(new Event('input'));"
        " return document.querySelector('[data-state]').innerText; }"
    )
    assert unsaved == "Syncing"
    title_of(page).fill("Round 7, the end")
    expect(page.locator("#title-error")).to_be_hidden()
    description_of(page).fill("Two lines,\nand the second.")
    page.locator("#category").fill("Finals")
    page.get_by_role("checkbox", name="Featured").check()
    history = page.get_by_role("list", name="Changes, newest first")
    expect(history.get_by_role("listitem")).to_have_count(5)
    expect_texts(history, "changed the title to Round 7, the end", "featured it")
    expect(history.get_by_role("listitem").last).to_contain_text("created the video")
    expect_saved(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Round 7, the end")
    row = backstage.catalogue_row(video=video)
    assert row["version"] == 5
    assert [row[name] for name in ("title", "description", "category", "is_featured")] == [
        "Round 7, the end", "Two lines,\nand the second.", "Finals", True,
    ]  # fmt: skip
    field = page.locator("#tag-input")
    field.focus()
    type_text(page, "one, two", "Enter")
    assert tags(page) == ["mma", "one", "two"]
    page.keyboard.press("Backspace")
    expect(page.get_by_role("button", name="Remove two")).to_be_focused()
    page.keyboard.press("Backspace")
    expect(page.get_by_role("button", name="Remove one")).to_be_focused()
    fill(field, "x" * 65)
    expect(page.locator("#tag-error")).to_have_text("The tag is too long. Use at most 64 characters.")
    expect(field).to_have_value("x" * 65)
    wait_row(backstage, video, tags=["mma", "one"])
    # A click elsewhere does not add half a tag.
    field.fill("hal")
    description_of(page).click()
    expect(page.locator("#tag-error")).to_have_text("This tag is not added yet. Press Enter to add it.")
    expect(field).to_have_value("hal")
    field.fill("")
    expect(page.locator("#tag-error")).to_be_hidden()
    page.reload()
    expect_saved(page)
    expect(title_of(page)).to_have_value("Round 7, the end")
    expect(description_of(page)).to_have_value("Two lines,\nand the second.")
    assert tags(page) == ["mma", "one"]


@pytest.mark.services
def test_people_on_one_video_see_each_others_edits(edit: Callable[..., Page], backstage: Backstage, video: str) -> None:
    admin = edit("boss")
    said = admin.locator("[data-editors]")
    expect(said).to_be_hidden()
    page = edit("mia", quiet=False)
    page.evaluate("window.stayed = true")
    expect(said).to_have_text("mia is also editing this video")
    expect(page.locator("[data-editors]")).to_have_text("boss is also editing this video")
    third = edit("max")
    expect(said).to_have_text("max and mia are also editing this video")
    assert axe_findings(admin) == []
    third.close()
    expect(said).to_have_text("mia is also editing this video")

    title_of(admin).fill("Seen at once")
    expect(title_of(page)).to_have_value("Seen at once", timeout=AT_ONCE)
    fill(admin.locator("#tag-input"), "live")
    expect(page.locator(".chip")).to_have_count(2, timeout=AT_ONCE)
    expect(page.locator("[data-said]")).to_contain_text("Another person changed the")
    expect(page.get_by_role("list", name="Changes, newest first")).to_contain_text("boss", timeout=AT_ONCE)

    audience, others = page.locator("[data-audience]"), admin.locator("[data-audience]")
    expect(audience).to_have_text("Shown")
    expect(page.get_by_role("button", name="Delete…")).to_have_count(0)
    page.get_by_role("button", name="Hide…").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Hide").click()
    expect(audience).to_have_text("Hidden")
    expect(others).to_have_text("Hidden", timeout=AT_ONCE)
    admin.get_by_role("button", name="Show to everyone…").click()
    admin.get_by_role("alertdialog").get_by_role("button", name="Show").click()
    expect(audience).to_have_text("Shown", timeout=AT_ONCE)
    assert not backstage.catalogue_row(video=video)["is_hidden"]

    admin.get_by_role("button", name="Delete…").click()
    admin.get_by_role("alertdialog").get_by_label("Reason").fill("Asked for by its owner.")
    admin.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(others).to_have_text("Deleted")
    expect(page.get_by_role("alert").filter(has_text="This video has been deleted.")).to_be_visible(timeout=AT_ONCE)
    admin.get_by_role("button", name="Restore").click()
    expect(others).to_have_text("Shown")
    title_of(admin).fill("Back again")
    expect_saved(admin)
    assert page.evaluate("window.stayed")


@pytest.mark.services
def test_edits_of_a_deleted_video_can_be_read_and_are_sent_when_it_is_restored(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    page = edit(own=True, quiet=False)
    expect_saved(page)
    page.context.set_offline(True)
    description_of(page).fill("Written on the train")
    page.locator("[data-line][data-state=offline]").wait_for()
    backstage.delete_catalogue(by="boss", video=video)
    page.context.set_offline(False)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("This video has been deleted.")
    expect(page.get_by_label("Description", exact=True).last).to_have_value("Written on the train")
    expect(page.get_by_role("button", name="Copy description")).to_be_enabled()
    assert axe_findings(page) == []
    backstage.change_catalogue(video=video, deleted_at=None)
    expect_saved(page)
    assert backstage.catalogue_row(video=video)["description"] == "Written on the train"


@pytest.mark.services
def test_a_hidden_video_is_not_called_deleted_when_the_session_ends(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    backstage.change_catalogue(video=video, is_hidden=True)
    page = edit(own=True, quiet=False)
    expect_saved(page)
    page.context.clear_cookies()
    description_of(page).fill("Written after the session")
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    expect(page.get_by_text("Your changes are stored in this browser, but could not be sent.")).to_be_visible()
    expect(page.get_by_text("This video has been deleted.")).to_have_count(0)
    expect(description_of(page)).to_be_editable()


@pytest.mark.services
def test_what_is_being_typed_is_never_written_over(edit: Callable[..., Page], backstage: Backstage, video: str) -> None:
    page = edit(own=True)
    title, note = title_of(page), note_of(page, "title")
    hold_the_clock(page)
    title.press("End")
    page.keyboard.type(" and what I wri")
    backstage.edit_catalogue(by="mia", video=video, title="Something else", category="Finals")
    expect(page.locator("#category")).to_have_value("Finals", timeout=AT_ONCE)
    expect(note).to_contain_text("Another person changed the title while you were typing. Choose which text to keep.")
    expect(note.locator("[data-theirs]")).to_have_text("Something else")
    expect(title).to_have_value("Round 7 and what I wri")
    expect(title).to_be_focused()
    page.keyboard.type("te")
    expect(title).to_have_value("Round 7 and what I write")
    page.clock.resume()
    note.get_by_role("button", name="Keep yours").click()
    wait_row(backstage, video, title="Round 7 and what I write")
    expect(note).to_be_empty()
    expect_saved(page)
    hold_the_clock(page)
    title.press("End")
    page.keyboard.type(" draft")
    backstage.edit_catalogue(by="mia", video=video, title="Theirs")
    note.get_by_role("button", name="Keep theirs").click()
    expect(title).to_have_value("Theirs")
    assert backstage.catalogue_row(video=video)["title"] == "Theirs"


@pytest.mark.services
def test_two_tabs_are_two_replicas_and_go_on_where_the_sites_data_are_cleared(
    edit: Callable[..., Page], backstage: Backstage, video: str, program: Program
) -> None:
    one = edit(own=True)
    other = one.context.new_page()
    other.goto(one.url)
    other.locator("body[data-ready][data-live=live]").wait_for()
    for number in range(3):
        fill(title_of(one), f"One {number}", "Tab")
        fill(other.locator("#category"), f"Other {number}", "Tab")
    found = wait_row(backstage, video, title="One 2", category="Other 2")
    wrote = {(kind, actor) for kind, _, actor in found["operations"]}
    assert (len(wrote), len({actor for _, actor in wrote})) == (2, 2)
    other.close()
    cleared = {"origin": program.address, "storageTypes": "indexeddb"}
    one.context.new_cdp_session(one).send("Storage.clearDataForOrigin", cleared)
    one.evaluate("""() => {
        const db = IDBDatabase.prototype, begin = db.transaction;
        db.transaction = function (...given) { db.transaction = begin; this.close(); return begin.apply(this, given); };
    }""")
    fill(title_of(one), "Afterwards", "Tab")
    wait_row(backstage, video, title="Afterwards")
    one.reload()
    expect(title_of(one)).to_have_value("Afterwards")
    expect_saved(one)


@pytest.mark.services
def test_what_could_not_be_sent_is_sent_later(
    edit: Callable[..., Page], backstage: Backstage, video: str, people: dict[str, str]
) -> None:
    page = edit(quiet=False)
    body = {"ok": False, "error": "You may not do that.", "code": 403, "type": "forbidden", "request_id": "7f3a"}
    page.route("**/sync", lambda route: route.fulfill(status=403, json=body))
    fill(title_of(page), "Not taken yet", "Tab")
    note = page.locator("[data-trouble]").get_by_role("alert")
    expect(note).to_contain_text("You may not do that.")
    expect_saved(page, "1 change could not be sent")
    page.unroute("**/sync")
    note.get_by_role("button", name="Try again").click()
    expect_saved(page)
    expect(note).to_have_count(0)
    assert backstage.catalogue_row(video=video)["title"] == "Not taken yet"

    context, address = page.context, page.url
    context.set_offline(True)
    expect(page.locator("[data-offline]")).to_contain_text("You can keep editing")
    fill(page.locator("#category"), "Finals", "Tab")
    fill(page.locator("#tag-input"), "offline")
    page.get_by_role("checkbox", name="Featured").check()
    expect_saved(page, "No connection; 3 changes not sent yet")
    expect(page.get_by_role("button", name="Hide…")).to_have_attribute("aria-disabled", "true")
    expect(
        page.get_by_text("While you are offline, you cannot upload files, and you cannot hide or delete the video.")
    ).to_be_visible()
    page.close()
    backstage.edit_catalogue(by="mia", video=video, description="Written meanwhile.")
    context.set_offline(False)
    cookie = {"name": "sessionid", "url": address.partition("/catalogue")[0]}
    context.add_cookies([{**cookie, "value": people["mia"]}])
    page = context.new_page()
    page.goto(address)
    expect(description_of(page)).to_have_value("Written meanwhile.")
    expect_saved(page)
    expect(page.locator("#category")).to_have_value("Matches")
    page.close()
    assert backstage.catalogue_row(video=video)["category"] == "Matches"
    context.add_cookies([{**cookie, "value": people["mod"]}])
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#category")).to_have_value("Finals", timeout=MERGED)
    expect_saved(page)
    expect(description_of(page)).to_have_value("Written meanwhile.")
    merged = {"category": "Finals", "tags": ["mma", "offline"], "is_featured": True}
    wait_row(backstage, video, **merged, description="Written meanwhile.")


@pytest.fixture
def conflict(edit: Callable[..., Page], backstage: Backstage, video: str) -> Page:
    """The page of mod, who wrote a title and a mark without a network while mia wrote others."""
    page = edit(quiet=False)
    page.context.set_offline(True)
    title_of(page).fill("Mine")
    page.get_by_role("checkbox", name="Featured").check()
    expect_saved(page, "No connection; 2 changes not sent yet")
    backstage.edit_catalogue(by="mia", video=video, title="Hers", is_featured=True)
    backstage.edit_catalogue(by="mia", video=video, is_featured=False)
    page.context.set_offline(False)
    for field in ("title", "is_featured"):
        expect(note_of(page, field)).to_contain_text("Another person changed", timeout=MERGED)
    expect_saved(page)
    return page


@pytest.mark.services
@pytest.mark.parametrize(("kept", "title"), [("yours", "Mine"), ("theirs", "Hers")])
def test_a_conflict_is_settled_once(conflict: Page, backstage: Backstage, video: str, kept: str, title: str) -> None:
    conflict.reload()
    note = note_of(conflict, "title")
    expect_conflict(conflict, "title", "Mine", "Hers")
    note.get_by_role("button", name=f"Keep {kept}").click()
    expect(note).to_be_empty()
    expect(title_of(conflict)).to_have_value(title)
    wait_row(backstage, video, title=title, operations=6)
    note_of(conflict, "is_featured").get_by_role("button", name="Keep yours").click()
    wait_row(backstage, video, is_featured=True, operations=7)
    conflict.reload()
    expect_saved(conflict)
    expect(title_of(conflict)).to_have_value(title)
    expect(conflict.get_by_role("checkbox", name="Featured")).to_be_checked()
    for field in ("title", "is_featured"):
        expect(note_of(conflict, field)).to_be_empty()


@pytest.mark.services
def test_others_settle_a_conflict(conflict: Page, edit: Callable[..., Page], backstage: Backstage, video: str) -> None:
    # The choice is what is shown already, so that only the CRDT document changes.
    shown = backstage.catalogue_row(video=video)["title"]
    note = note_of(edit("mod"), "title")
    expect(note.locator("[data-mine]")).to_have_text("Mine", timeout=MERGED)
    note.get_by_role("button", name=f"Keep {'yours' if shown == 'Mine' else 'theirs'}").click()
    expect(note_of(conflict, "title")).to_be_empty(timeout=MERGED)
    expect(note_of(conflict, "is_featured")).not_to_be_empty()


@pytest.mark.services
def test_what_cannot_be_merged_is_asked_about(edit: Callable[..., Page], backstage: Backstage, video: str) -> None:
    page, other = edit("mod", quiet=False), edit("mia")
    page.context.set_offline(True)
    page.get_by_role("button", name="Remove mma").click()
    expect_saved(page, "No connection; 1 change not sent yet")
    other.get_by_role("button", name="Remove mma").click()
    fill(other.locator("#tag-input"), "mma")
    wait_row(backstage, video, operations=2)
    page.context.set_offline(False)
    note = note_of(page, "tags")
    expect(note).to_contain_text("“mma”", timeout=MERGED)
    assert tags(page) == ["mma"]
    page.reload()
    expect(note.locator("[data-mine]")).to_have_text("removed", timeout=MERGED)
    note.get_by_role("button", name="Keep yours").click()
    for shown in (page, other):
        expect(shown.locator(".chip")).to_have_count(0, timeout=MERGED)
    wait_row(backstage, video, tags=[])
    page.reload()
    expect_saved(page)
    expect(note).to_be_empty()

    page.context.set_offline(True)
    fill(description_of(page), "Mine", "Tab")
    backstage.edit_catalogue(by="mia", video=video, description="By the API")
    page.context.set_offline(False)
    note = note_of(page, "description")
    expect(note.locator("[data-theirs]")).to_have_text("By the API", timeout=MERGED)
    expect(description_of(page)).to_have_value("Mine")
    note.get_by_role("button", name="Keep theirs").click()
    expect(description_of(page)).to_have_value("By the API")
    wait_row(backstage, video, description="By the API")
    # Later typing merges again.
    type_at(other, 0, "Now ")
    expect(description_of(page)).to_have_value("Now By the API", timeout=MERGED)


@pytest.mark.services
def test_two_people_write_on_both_sides_of_a_cut(edit: Callable[..., Page], backstage: Backstage, video: str) -> None:
    backstage.edit_catalogue(by="max", video=video, description="The end of round 7.")
    mine, hers = edit("mod", own=True, quiet=False), edit("mia")
    mine.context.set_offline(True)
    # Two places are typed at before a pause, and the text between them is not sent again.
    type_at(mine, 0, "VOD: ")
    type_at(mine, len("VOD: The end of round 7."), "!")
    fill(title_of(mine), "Mine", "Tab")
    type_at(hers, len("The end of round 7"), ", on Ascent")
    fill(title_of(hers), "Hers", "Tab")
    wait_row(backstage, video, title="Hers", description="The end of round 7, on Ascent.")
    mine.context.set_offline(False)
    both = "VOD: The end of round 7, on Ascent.!"
    sides = ((mine, "Mine", "Hers"), (hers, "Hers", "Mine"))
    for page, own, other in sides:
        expect(description_of(page)).to_have_value(both, timeout=MERGED)
        expect(note_of(page, "description")).to_be_empty()
        expect_conflict(page, "title", own, other)
        expect(title_of(page)).to_have_value(own)
        expect_saved(page)
    wait_row(backstage, video, description=both)
    # The cursor stays at its place in the text while the other person types before it.
    type_at(mine, len("VOD: The"), " very")
    type_at(hers, 0, "A ")
    expect(description_of(mine)).to_have_value("A VOD: The very end of round 7, on Ascent.!", timeout=MERGED)
    mine.keyboard.type(" last")
    for page in (mine, hers):
        expect(description_of(page)).to_have_value("A VOD: The very last end of round 7, on Ascent.!", timeout=MERGED)
    # Both titles are continued while the note is still shown.
    for page, own, _ in sides:
        title_of(page).press("End")
        type_text(page, ", and more", "Tab")
        expect(note_of(page, "title").locator("[data-mine]")).to_have_text(f"{own}, and more")
    for page, own, other in sides:
        expect_conflict(page, "title", f"{own}, and more", f"{other}, and more")
        page.reload()
        expect_conflict(page, "title", f"{own}, and more", f"{other}, and more")
    note_of(hers, "title").get_by_role("button", name="Keep theirs").click()
    for page in (mine, hers):
        expect(note_of(page, "title")).to_be_empty(timeout=MERGED)
        expect(title_of(page)).to_have_value("Mine, and more")
    assert backstage.catalogue_row(video=video)["title"] == "Mine, and more"


@pytest.mark.services
def test_a_file_too_large_for_a_form_goes_in_pieces_and_on_after_a_cut(
    open_page: OpenPage, people: dict[str, str], backstage: Backstage, recordings: list[Recording], tmp_path: Path
) -> None:
    empty = backstage.catalogue_video(by="mod", title="Without a file", status="uploading")
    file = shelf.padded(recordings[1].path, tmp_path / "match_2041.mp4", 24 * MIB)
    page = open_page("/account", session=people["mod"], quiet=False)

    def lower_limit(route: Route) -> None:
        answer = route.fetch()
        assert '"max_video_size": 52428800' in answer.text()
        body = answer.text().replace('"max_video_size": 52428800', '"max_video_size": 1000')
        route.fulfill(response=answer, body=body)

    page.route("**/edit", lower_limit)
    offsets = listen(page)
    page.goto(f"/catalogue/{empty}/edit")
    audience, shown = page.locator("[data-audience]"), page.locator("[data-picture] img")
    expect(audience).to_have_text("No file yet")
    expect(page.locator("#file-video-words")).to_contain_text("up to 512 MiB")
    picture = tmp_path / "thumb.png"
    picture.write_bytes(page.locator("h1").screenshot())
    page.locator("#file-thumbnail").set_input_files(str(picture))
    page.locator("#file-video").set_input_files(str(file))
    shelf.throttle(page, 4 * MIB)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_function("() => document.querySelector('[data-files] progress').value >= 20")
    page.context.set_offline(True)
    expect(page.locator("[data-files] [role=status]")).to_have_text(
        "No connection. The upload continues automatically when the network is back."
    )
    page.context.set_offline(False)
    expect(page.locator("[data-toasts]")).to_contain_text("File uploaded.", timeout=shelf.TAKEN_IN)
    expect(audience).to_have_text("Shown", timeout=shelf.TAKEN_IN)
    assert offsets.count(0) == 1
    expect(page.locator("[data-file-facts]")).to_contain_text("0:40", timeout=shelf.TAKEN_IN)
    expect(page.get_by_role("link", name="Watch")).to_be_visible()
    page.wait_for_function("() => document.querySelector('[data-picture] img')?.naturalWidth > 0")
    before = str(shown.get_attribute("src"))
    assert "_thumb" in before
    page.locator("#file-thumbnail").set_input_files(str(picture))
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("[data-toasts]")).to_contain_text("Thumbnail saved.")
    expect(shown).not_to_have_attribute("src", before)
    expect(audience).to_have_text("Shown")


@pytest.mark.services
def test_keys_reach_everything_and_scroll_history(edit: Callable[..., Page], backstage: Backstage, video: str) -> None:
    for number in range(15):
        backstage.edit_catalogue(by="mia", video=video, title=f"Round {number}")
    page = edit("boss")
    page.locator("h1").evaluate("(e) => { e.tabIndex = -1; e.focus(); }")
    focused = f"document.activeElement.labels?.[0]?.innerText || document.activeElement.id || ({shelf.FOCUSED})"
    featured = "Featured (shown when people filter the catalogue by “Featured”)"
    names = ("Title", "Description", "Category", "Remove mma", "Tags", featured, "Hide…", "Delete…", "Editing offline")
    expect_reached(page, 18, *names, focused=focused)
    history = page.get_by_role("list", name="Changes, newest first")
    expect(history.get_by_role("listitem")).to_have_count(16)
    history.focus()
    page.keyboard.press("End")
    page.wait_for_function("() => document.querySelector('.hist').scrollTop > 0")
    backstage.edit_catalogue(by="mia", video=video, title="The last")
    expect(history).to_contain_text("The last", timeout=AT_ONCE)
    expect(history).to_be_focused()
    assert page.evaluate("document.querySelector('.hist').scrollTop") > 0


@pytest.mark.services
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(edit: Callable[..., Page], backstage: Backstage, video: str, size: tuple[int, int]) -> None:
    backstage.edit_catalogue(by="mia", video=video, tags=["a_very_long_tag_" * 4, "mma"], description="x" * 300)
    page = edit("boss", size=size, quiet=False)
    if size == PHONE:
        pressed = "main button, main a.btn, main input:not([type=checkbox], .visually-hidden), main summary"
        assert page.evaluate(shelf.TOO_SMALL, pressed) == []
    assert axe_findings(page) == []
    page.context.set_offline(True)
    fill(title_of(page), "a_very_long_name_" * 10, "Tab")
    expect_saved(page, "No connection; 1 change not sent yet")
    backstage.edit_catalogue(by="mia", video=video, title="another_very_long_" * 10)
    page.context.set_offline(False)
    expect(note_of(page, "title")).to_contain_text("Another person changed", timeout=MERGED)
    assert axe_findings(page) == []
    page.locator(".help > summary").click()
    page.get_by_role("button", name="Delete…").click()
    assert axe_findings(page) == []
    for direction in ("ltr", "rtl"):
        page.evaluate("(to) => { document.documentElement.dir = to; }", direction)
        expect_fits(page)

"""The page of one catalogue video in the browser: typed and kept, offline and merged, seen by others at once."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import DESK, PHONE, OpenPage, Recording
from tests.browser.test_accessibility import axe_findings
from tests.support.waiting import wait_until

AT_ONCE = 15_000  # ms in which a change shows elsewhere, on a machine that does much else besides
MERGED = 20_000
MIB = 2**20


@pytest.fixture(autouse=True)
def _empty(backstage: Backstage) -> None:
    backstage.no_videos()


@pytest.fixture
def people(backstage: Backstage) -> dict[str, str]:
    """The sessions of three moderators, an admin and somebody else."""
    roles = {"mod": "moderator", "mia": "moderator", "max": "moderator", "boss": "admin", "ann": "user"}
    return {name: backstage.person_session(name=name, role=role) for name, role in roles.items()}


@pytest.fixture
def video(backstage: Backstage, people: dict[str, str]) -> str:
    made: str = backstage.catalogue_video(by="mod", title="Round 7", category="Matches", tags=["mma"], duration=40)
    return made


@pytest.fixture
def edit(open_page: OpenPage, people: dict[str, str], video: str) -> Callable[..., Page]:
    """Opens the video's page as somebody, and waits until it can be written on."""

    def edit_(name: str = "mod", **options: Any) -> Page:
        page = open_page(f"/catalogue/{video}/edit", session=people[name], **options)
        page.locator("body[data-ready][data-live=live]").wait_for()
        return page

    return edit_


def saved(page: Page) -> Locator:
    return page.locator("[data-line]")


def tags(page: Page) -> list[str]:
    return page.locator(".chip > span").all_inner_texts()


def hold_the_clock(page: Page) -> None:
    """No pause in the typing comes to an end from here on."""
    page.clock.install()
    page.clock.pause_at(datetime.now() + timedelta(seconds=2))


def note_of(page: Page, field: str) -> Locator:
    return page.locator(f'[data-conflict="{field}"]')


# Who is let in


def test_moderators_alone_are_let_in(open_page: OpenPage, people: dict[str, str], video: str) -> None:
    page = open_page(f"/catalogue/{video}/edit", anonymous=True)
    expect(page).to_have_url(re.compile(r"/login\?next="))
    page = open_page(f"/catalogue/{video}/edit", session=people["ann"], quiet=False)
    expect(page.get_by_role("heading", name="You do not have access")).to_be_visible()


# What is typed


def test_what_is_typed_is_saved_and_stands_in_the_history(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    page = edit()
    expect(saved(page)).to_have_text("Saved")
    page.get_by_role("textbox", name="Title").fill("Round 7, the end")
    page.get_by_role("textbox", name="Description").fill("Two lines,\nand the second.")
    page.locator("#category").fill("Finals")
    page.get_by_role("checkbox", name="Featured").check()
    history = page.get_by_role("list", name="Changes, newest first")
    expect(history.get_by_role("listitem")).to_have_count(5)
    expect(history).to_contain_text("changed the title to Round 7, the end")
    expect(history).to_contain_text("featured it")
    expect(history.get_by_role("listitem").last).to_contain_text("made the video")
    expect(saved(page)).to_have_text("Saved")
    row = backstage.catalogue_row(video=video)
    assert [row[name] for name in ("title", "description", "category", "is_featured")] == [
        "Round 7, the end", "Two lines,\nand the second.", "Finals", True,
    ]  # fmt: skip
    assert row["version"] == 5
    expect(page.get_by_role("heading", level=1)).to_have_text("Round 7, the end")


def test_tags_are_added_and_removed_by_keys(edit: Callable[..., Page], backstage: Backstage, video: str) -> None:
    page = edit()
    field = page.locator("#tag-input")
    field.focus()
    page.keyboard.type("one, two")
    page.keyboard.press("Enter")
    assert tags(page) == ["mma", "one", "two"]
    page.keyboard.press("Backspace")
    expect(page.get_by_role("button", name="Remove two")).to_be_focused()
    page.keyboard.press("Backspace")
    expect(page.get_by_role("button", name="Remove one")).to_be_focused()
    field.fill("x" * 65)
    page.keyboard.press("Enter")
    expect(page.locator("#tag-error")).to_have_text("A tag has 64 characters at most.")
    expect(field).to_have_value("x" * 65)
    wait_until(lambda: backstage.catalogue_row(video=video)["tags"] == ["mma", "one"], 10, "the tags")


def test_a_title_cannot_be_emptied(edit: Callable[..., Page], backstage: Backstage, video: str) -> None:
    page = edit()
    page.get_by_role("textbox", name="Title").fill("   ")
    page.keyboard.press("Tab")
    expect(page.locator("#title-error")).to_contain_text("A video needs a title.")
    expect(page.get_by_role("textbox", name="Title")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("textbox", name="Title").fill("Better")
    expect(page.locator("#title-error")).to_be_hidden()
    wait_until(lambda: backstage.catalogue_row(video=video)["title"] == "Better", 10, "the title")
    assert [value for _, value, _ in backstage.catalogue_row(video=video)["operations"]] == ["Better"]


# Two and more people


def test_an_edit_shows_in_the_second_browser_without_a_reload(edit: Callable[..., Page]) -> None:
    first, second = edit("mod"), edit("mia")
    second.evaluate("window.stayed = true")
    first.get_by_role("textbox", name="Title").fill("Seen at once")
    expect(second.get_by_role("textbox", name="Title")).to_have_value("Seen at once", timeout=AT_ONCE)
    first.locator("#tag-input").fill("live")
    first.keyboard.press("Enter")
    expect(second.locator(".chip")).to_have_count(2, timeout=AT_ONCE)
    expect(second.locator("[data-said]")).to_contain_text("Somebody else changed the")
    expect(second.get_by_role("list", name="Changes, newest first")).to_contain_text("mod", timeout=AT_ONCE)
    assert second.evaluate("window.stayed")


def test_what_somebody_is_typing_is_never_written_over(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    page = edit(own=True)
    title = page.get_by_role("textbox", name="Title")
    hold_the_clock(page)
    title.focus()
    page.keyboard.press("End")
    page.keyboard.type(" and what I wri")
    backstage.edit_catalogue(by="mia", video=video, title="Something else", category="Finals")
    expect(page.locator("#category")).to_have_value("Finals", timeout=AT_ONCE)
    note = note_of(page, "title")
    expect(note).to_contain_text("Somebody else changed the title while you were typing.")
    expect(note.locator("[data-theirs]")).to_have_text("Something else")
    expect(title).to_have_value("Round 7 and what I wri")
    expect(title).to_be_focused()
    page.keyboard.type("te")
    expect(title).to_have_value("Round 7 and what I write")
    page.clock.resume()
    note.get_by_role("button", name="Keep yours").click()
    wait_until(lambda: backstage.catalogue_row(video=video)["title"] == "Round 7 and what I write", 10, "mine")
    expect(note).to_be_empty()


def test_theirs_can_be_taken_in_the_place_of_what_is_typed(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    page = edit(own=True)
    hold_the_clock(page)
    page.get_by_role("textbox", name="Title").press("End")
    page.keyboard.type(" draft")
    backstage.edit_catalogue(by="mia", video=video, title="Theirs")
    note_of(page, "title").get_by_role("button", name="Keep theirs").click()
    expect(page.get_by_role("textbox", name="Title")).to_have_value("Theirs")
    assert backstage.catalogue_row(video=video)["title"] == "Theirs"


# Without a network


def test_changes_wait_for_the_network_and_are_merged_when_it_is_back(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    page = edit(quiet=False)
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_contain_text("Go on writing")
    page.locator("#category").fill("Finals")
    page.keyboard.press("Tab")
    page.locator("#tag-input").fill("offline")
    page.keyboard.press("Enter")
    page.get_by_role("checkbox", name="Featured").check()
    expect(saved(page)).to_have_text("3 changes wait for the network", timeout=MERGED)
    expect(page.get_by_role("button", name="Hide…")).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_text("These and the file need the network.")).to_be_visible()
    backstage.edit_catalogue(by="mia", video=video, description="Written meanwhile.")
    page.context.set_offline(False)
    expect(saved(page)).to_have_text("Saved", timeout=MERGED)
    expect(page.get_by_role("textbox", name="Description")).to_have_value("Written meanwhile.")
    row = backstage.catalogue_row(video=video)
    assert (row["category"], row["tags"], row["is_featured"]) == ("Finals", ["mma", "offline"], True)
    assert row["description"] == "Written meanwhile."


def test_what_was_written_without_a_network_outlives_the_tab(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    page = edit(quiet=False)
    context = page.context
    context.set_offline(True)
    page.get_by_role("textbox", name="Title").fill("Kept in the browser")
    expect(saved(page)).to_have_text("1 change waits for the network", timeout=MERGED)
    address = page.url
    page.close()
    assert backstage.catalogue_row(video=video)["title"] == "Round 7"
    context.set_offline(False)
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_role("textbox", name="Title")).to_have_value("Kept in the browser", timeout=MERGED)
    expect(saved(page)).to_have_text("Saved", timeout=MERGED)
    wait_until(lambda: backstage.catalogue_row(video=video)["title"] == "Kept in the browser", 10, "the kept title")


@pytest.mark.parametrize("kept", ["yours", "theirs"])
def test_a_conflict_is_shown_beside_its_field_and_the_choice_is_written(
    edit: Callable[..., Page], backstage: Backstage, video: str, kept: str
) -> None:
    page = edit(quiet=False)
    page.context.set_offline(True)
    page.get_by_role("textbox", name="Title").fill("Mine")
    page.keyboard.press("Tab")
    expect(saved(page)).to_have_text("1 change waits for the network", timeout=MERGED)
    backstage.edit_catalogue(by="mia", video=video, title="Hers")
    page.context.set_offline(False)
    note = note_of(page, "title")
    expect(note).to_contain_text("neither of you had seen the other's", timeout=MERGED)
    expect(note.locator("[data-mine]")).to_have_text("Mine")
    expect(note.locator("[data-theirs]")).to_have_text("Hers")
    expect(saved(page)).to_have_text("Saved", timeout=MERGED)
    before = len(backstage.catalogue_row(video=video)["operations"])
    assert before == 2
    note.get_by_role("button", name=f"Keep {kept}").click()
    expect(note).to_be_empty()
    value = {"yours": "Mine", "theirs": "Hers"}[kept]
    expect(page.get_by_role("textbox", name="Title")).to_have_value(value)
    wait_until(lambda: len(backstage.catalogue_row(video=video)["operations"]) == before + 1, 10, "the choice")
    assert backstage.catalogue_row(video=video)["title"] == value


def test_a_tag_that_one_removed_and_another_added_is_asked_about(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    page, other = edit("mod", quiet=False), edit("mia")
    page.context.set_offline(True)
    page.get_by_role("button", name="Remove mma").click()
    expect(saved(page)).to_have_text("1 change waits for the network", timeout=MERGED)
    other.get_by_role("button", name="Remove mma").click()
    other.locator("#tag-input").fill("mma")
    other.keyboard.press("Enter")
    wait_until(lambda: len(backstage.catalogue_row(video=video)["operations"]) == 2, 10, "removed and added again")
    page.context.set_offline(False)
    note = note_of(page, "tags")
    expect(note).to_contain_text("“mma”", timeout=MERGED)
    assert tags(page) == ["mma"]
    note.get_by_role("button", name="Keep yours").click()
    expect(other.locator(".chip")).to_have_count(0, timeout=MERGED)
    expect(page.locator(".chip")).to_have_count(0)


@pytest.fixture
def conflict(edit: Callable[..., Page], backstage: Backstage, video: str) -> Page:
    """The page of mod, who wrote a title and a mark without a network while mia wrote others."""
    page = edit(quiet=False)
    page.context.set_offline(True)
    page.get_by_role("textbox", name="Title").fill("Mine")
    page.get_by_role("checkbox", name="Featured").check()
    expect(saved(page)).to_have_text("2 changes wait for the network", timeout=MERGED)
    backstage.edit_catalogue(by="mia", video=video, title="Hers", is_featured=True)
    backstage.edit_catalogue(by="mia", video=video, is_featured=False)
    page.context.set_offline(False)
    expect(note_of(page, "title")).to_contain_text("neither of you had seen the other's", timeout=MERGED)
    expect(note_of(page, "is_featured")).to_contain_text("neither of you had seen the other's", timeout=MERGED)
    expect(saved(page)).to_have_text("Saved", timeout=MERGED)
    return page


def test_a_conflict_is_asked_about_again_after_a_reload_until_somebody_chooses(
    conflict: Page, backstage: Backstage, video: str
) -> None:
    conflict.reload()
    note = note_of(conflict, "title")
    expect(note.locator("[data-mine]")).to_have_text("Mine", timeout=MERGED)
    expect(note.locator("[data-theirs]")).to_have_text("Hers")
    note.get_by_role("button", name="Keep theirs").click()
    note_of(conflict, "is_featured").get_by_role("button", name="Keep yours").click()
    expect(note).to_be_empty()
    wait_until(lambda: backstage.catalogue_row(video=video)["title"] == "Hers", 10, "the choice")
    wait_until(lambda: len(backstage.catalogue_row(video=video)["operations"]) == 7, 10, "both choices")
    conflict.reload()
    expect(saved(conflict)).to_have_text("Saved", timeout=MERGED)
    expect(conflict.get_by_role("textbox", name="Title")).to_have_value("Hers")
    expect(conflict.get_by_role("checkbox", name="Featured")).to_be_checked()
    for field in ("title", "is_featured"):
        expect(note_of(conflict, field)).to_be_empty()


def test_a_conflict_that_somebody_else_has_settled_is_not_asked_about_any_more(
    conflict: Page, edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    # Also where the choice is what is shown already, so that nothing but the document tells of it.
    shown = backstage.catalogue_row(video=video)["title"]
    other = edit("mod")
    expect(note_of(other, "title").locator("[data-mine]")).to_have_text("Mine", timeout=MERGED)
    kept = "yours" if shown == "Mine" else "theirs"
    note_of(other, "title").get_by_role("button", name=f"Keep {kept}").click()
    expect(note_of(conflict, "title")).to_be_empty(timeout=MERGED)
    expect(note_of(conflict, "is_featured")).not_to_be_empty()


def leave(page: Page) -> None:
    """Go out of the field that is being typed in, as one does who has more to do."""
    page.keyboard.press("Tab")


def test_a_field_that_is_left_without_a_choice_keeps_what_both_have_written(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    mine, hers = edit("mod", own=True, quiet=False), edit("mia")
    mine.context.set_offline(True)
    mine.get_by_role("textbox", name="Title").fill("Mine")
    leave(mine)
    hers.get_by_role("textbox", name="Title").fill("Hers")
    leave(hers)
    wait_until(lambda: backstage.catalogue_row(video=video)["title"] == "Hers", 10, "hers")
    mine.context.set_offline(False)
    for page, own, other in ((mine, "Mine", "Hers"), (hers, "Hers", "Mine")):
        note = note_of(page, "title")
        expect(note.locator("[data-mine]")).to_have_text(own, timeout=MERGED)
        expect(note.locator("[data-theirs]")).to_have_text(other)
        expect(page.get_by_role("textbox", name="Title")).to_have_value(own)
    # Written on and left on both sides, with the note still there.
    for page, own in ((mine, "Mine"), (hers, "Hers")):
        page.get_by_role("textbox", name="Title").press("End")
        page.keyboard.type(", and more")
        leave(page)
        expect(note_of(page, "title").locator("[data-mine]")).to_have_text(f"{own}, and more")
    for page, own, other in ((mine, "Mine", "Hers"), (hers, "Hers", "Mine")):
        expect(note_of(page, "title").locator("[data-theirs]")).to_have_text(f"{other}, and more", timeout=MERGED)
        page.reload()
        expect(note_of(page, "title").locator("[data-mine]")).to_have_text(f"{own}, and more", timeout=MERGED)
        expect(note_of(page, "title").locator("[data-theirs]")).to_have_text(f"{other}, and more")
    note_of(hers, "title").get_by_role("button", name="Keep theirs").click()
    for page in (mine, hers):
        expect(note_of(page, "title")).to_be_empty(timeout=MERGED)
        expect(page.get_by_role("textbox", name="Title")).to_have_value("Mine, and more")
    assert backstage.catalogue_row(video=video)["title"] == "Mine, and more"


def test_who_else_is_editing_is_said_while_they_are(edit: Callable[..., Page]) -> None:
    mine = edit("mod")
    said = mine.locator("[data-editors]")
    expect(said).to_be_hidden()
    other = edit("mia")
    expect(said).to_have_text("mia is editing too")
    expect(other.locator("[data-editors]")).to_have_text("mod is editing too")
    third = edit("max")
    expect(said).to_have_text("max and mia are editing too")
    assert axe_findings(mine) == []
    other.close()
    third.close()
    expect(said).to_be_hidden()


# One description, written by two


def description(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Description")


def type_at(page: Page, at: int, text: str) -> None:
    description(page).focus()
    description(page).evaluate("(field, at) => field.setSelectionRange(at, at)", at)
    page.keyboard.type(text)


def test_what_two_write_into_one_description_becomes_one_text(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    backstage.edit_catalogue(by="max", video=video, description="The end of round 7.")
    mine, hers = edit("mod", own=True, quiet=False), edit("mia")
    mine.context.set_offline(True)
    # At two places before a pause: what stands between them is not written anew.
    type_at(mine, 0, "VOD: ")
    type_at(mine, len("VOD: The end of round 7."), "!")
    leave(mine)
    type_at(hers, len("The end of round 7"), ", on Ascent")
    leave(hers)
    wait_until(lambda: "Ascent" in backstage.catalogue_row(video=video)["description"], 10, "hers")
    mine.context.set_offline(False)
    both = "VOD: The end of round 7, on Ascent.!"
    for page in (mine, hers):
        expect(description(page)).to_have_value(both, timeout=MERGED)
        expect(saved(page)).to_have_text("Saved", timeout=MERGED)
        expect(note_of(page, "description")).to_be_empty()
    wait_until(lambda: backstage.catalogue_row(video=video)["description"] == both, 10, "both")
    # Whoever is in the middle of a line goes on there.
    type_at(mine, len("VOD: The"), " very")
    type_at(hers, 0, "A ")
    expect(description(mine)).to_have_value("A VOD: The very end of round 7, on Ascent.!", timeout=MERGED)
    mine.keyboard.type(" last")
    for page in (mine, hers):
        expect(description(page)).to_have_value("A VOD: The very last end of round 7, on Ascent.!", timeout=MERGED)


def test_a_description_that_was_written_as_a_whole_meanwhile_is_asked_about(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    page = edit(quiet=False)
    page.context.set_offline(True)
    description(page).fill("Mine")
    leave(page)
    backstage.edit_catalogue(by="mia", video=video, description="By the API")
    page.context.set_offline(False)
    note = note_of(page, "description")
    expect(note.locator("[data-theirs]")).to_have_text("By the API", timeout=MERGED)
    expect(description(page)).to_have_value("Mine")
    note.get_by_role("button", name="Keep theirs").click()
    expect(description(page)).to_have_value("By the API")
    wait_until(lambda: backstage.catalogue_row(video=video)["description"] == "By the API", 10, "the choice")
    # What is written on that merges again.
    other = edit("mia")
    type_at(other, 0, "Now ")
    expect(description(page)).to_have_value("Now By the API", timeout=MERGED)


ROUNDS = 40


def test_no_letter_and_no_warning_is_lost_however_two_people_write(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    """Each writes into the description anywhere and at the end of the title, leaves, loses the network, comes back."""
    rng = random.Random(7)
    pages = [edit("mod", own=True, quiet=False), edit("mia", own=True, quiet=False)]
    offline = [False, False]
    letters: dict[str, list[str]] = {"title": [], "description": []}
    for number in range(ROUNDS):
        who = rng.randrange(2)
        page = pages[who]
        deed = rng.choice(["title", "description", "description", "leave", "network"])
        if deed == "network":
            offline[who] = not offline[who]
            page.context.set_offline(offline[who])
        elif deed == "leave":
            leave(page)
        else:
            letter = chr(0x4E00 + number)
            letters[deed].append(letter)
            if deed == "description":
                type_at(page, rng.randint(0, len(description(page).input_value())), letter)
            else:
                page.get_by_role("textbox", name="Title").press("End")
                page.keyboard.type(letter)
        page.wait_for_timeout(rng.choice([0, 50, 300, 600]))
    for page in pages:
        page.context.set_offline(False)
        leave(page)

    def both() -> list[str]:
        return [description(page).input_value() for page in pages]

    wait_until(lambda: both()[0] == both()[1] == backstage.catalogue_row(video=video)["description"], 30, "one text")
    assert sorted(both()[0]) == sorted(letters["description"])
    for page in pages:
        expect(saved(page)).to_have_text("Saved", timeout=MERGED)
        expect(note_of(page, "description")).to_be_empty()

    def told() -> list[list[str]]:
        """Of each page its title, and what its note says is one's own and the other's."""
        return [
            [
                page.get_by_role("textbox", name="Title").input_value(),
                *note_of(page, "title").locator("[data-mine], [data-theirs]").all_inner_texts(),
            ]
            for page in pages
        ]

    def agrees() -> bool:
        (mine, *note), (hers, *her_note) = told()
        return (note, her_note) == (([], []) if mine == hers else ([mine, hers], [hers, mine]))

    wait_until(agrees, 30, "both to be told of what both have written")
    assert {letter for title, *_ in told() for letter in title} >= set(letters["title"])


def test_a_conflict_about_a_tag_is_asked_about_again_after_a_reload(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    page, other = edit("mod", quiet=False), edit("mia")
    page.context.set_offline(True)
    page.get_by_role("button", name="Remove mma").click()
    expect(saved(page)).to_have_text("1 change waits for the network", timeout=MERGED)
    other.get_by_role("button", name="Remove mma").click()
    other.locator("#tag-input").fill("mma")
    other.keyboard.press("Enter")
    wait_until(lambda: len(backstage.catalogue_row(video=video)["operations"]) == 2, 10, "removed and added again")
    page.context.set_offline(False)
    expect(note_of(page, "tags")).to_contain_text("“mma”", timeout=MERGED)
    page.reload()
    note = note_of(page, "tags")
    expect(note.locator("[data-mine]")).to_have_text("removed", timeout=MERGED)
    note.get_by_role("button", name="Keep yours").click()
    expect(page.locator(".chip")).to_have_count(0)
    wait_until(lambda: backstage.catalogue_row(video=video)["tags"] == [], 10, "the choice")
    page.reload()
    expect(saved(page)).to_have_text("Saved", timeout=MERGED)
    expect(note).to_be_empty()


def test_three_browsers_without_a_network_end_equal(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    pages = {name: edit(name, quiet=False) for name in ("mod", "mia", "max")}
    for page in pages.values():
        page.context.set_offline(True)
    for name, page in pages.items():
        page.get_by_role("textbox", name="Title").fill(f"The title of {name}")
        page.locator("#tag-input").fill(f"of-{name}, shared")
        page.keyboard.press("Enter")
        expect(saved(page)).to_have_text("3 changes wait for the network", timeout=MERGED)
    pages["mia"].get_by_role("button", name="Remove mma").click()
    pages["max"].get_by_role("textbox", name="Description").fill("Max alone wrote this.")
    expect(saved(pages["max"])).to_have_text("4 changes wait for the network", timeout=MERGED)
    for page in pages.values():
        page.context.set_offline(False)
    for page in pages.values():
        expect(saved(page)).to_have_text("Saved", timeout=MERGED)
    wait_until(lambda: len(backstage.catalogue_row(video=video)["operations"]) == 11, 20, "all operations")
    row = backstage.catalogue_row(video=video)
    # Who wrote last has the title, nobody's tag is lost, and what nobody else wrote stands.
    assert row["title"] == "The title of max"
    assert row["description"] == "Max alone wrote this."
    assert sorted(row["tags"]) == ["of-max", "of-mia", "of-mod", "shared"]
    for page in pages.values():
        expect(page.get_by_role("heading", level=1)).to_have_text(row["title"], timeout=MERGED)
        expect(page.get_by_role("textbox", name="Description")).to_have_value(row["description"], timeout=MERGED)
        expect(page.locator(".chip > span")).to_have_text(row["tags"], timeout=MERGED)


# Who sees it, and its file


def test_it_is_hidden_and_shown_again(edit: Callable[..., Page], backstage: Backstage, video: str) -> None:
    page, other = edit("mod"), edit("mia")
    expect(page.locator("[data-audience]")).to_have_text("Shown")
    expect(page.get_by_role("button", name="Delete…")).to_have_count(0)
    page.get_by_role("button", name="Hide…").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Hide it").click()
    expect(page.locator("[data-audience]")).to_have_text("Hidden")
    expect(other.locator("[data-audience]")).to_have_text("Hidden", timeout=AT_ONCE)
    other.get_by_role("button", name="Show to everybody…").click()
    other.get_by_role("alertdialog").get_by_role("button", name="Show it").click()
    expect(page.locator("[data-audience]")).to_have_text("Shown", timeout=AT_ONCE)
    assert not backstage.catalogue_row(video=video)["is_hidden"]


def test_an_admin_deletes_it_and_who_is_writing_is_told(edit: Callable[..., Page], backstage: Backstage) -> None:
    page, other = edit("boss"), edit("mia", quiet=False)
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("alertdialog").get_by_label("Why").fill("Asked for by its owner.")
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.locator("[data-audience]")).to_have_text("Deleted")
    alert = other.get_by_role("alert").filter(has_text="This video has been deleted.")
    expect(alert).to_be_visible(timeout=AT_ONCE)
    expect(page.get_by_role("button", name="Restore")).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("[data-audience]")).to_have_text("Shown")
    page.get_by_role("textbox", name="Title").fill("Back again")
    expect(saved(page)).to_have_text("Saved")


def test_its_file_is_given_here_and_shows_when_it_has_been_taken_in(
    edit: Callable[..., Page], open_page: OpenPage, people: dict[str, str], backstage: Backstage,
    recordings: list[Recording], tmp_path: Path,
) -> None:  # fmt: skip
    empty = backstage.catalogue_video(by="mod", title="Without a file", status="uploading")
    page = open_page(f"/catalogue/{empty}/edit", session=people["mod"])
    expect(page.locator("[data-audience]")).to_have_text("No file yet")
    page.locator("#file-video").set_input_files(str(recordings[0].path))
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("[data-audience]")).to_have_text("Shown", timeout=shelf.TAKEN_IN)
    expect(page.locator("[data-file-facts]")).to_contain_text("0:40", timeout=shelf.TAKEN_IN)
    expect(page.get_by_role("link", name="Watch")).to_be_visible()
    page.wait_for_function("() => document.querySelector('[data-picture] img')?.naturalWidth > 0")
    poster = page.locator("[data-picture] img").get_attribute("src")
    picture = tmp_path / "thumb.png"
    picture.write_bytes(page.locator("h1").screenshot())
    page.locator("#file-thumbnail").set_input_files(str(picture))
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("[data-toasts]")).to_contain_text("The thumbnail is in its place.")
    expect(page.locator("[data-picture] img")).not_to_have_attribute("src", str(poster))
    expect(page.locator("[data-audience]")).to_have_text("Shown")


def test_what_is_too_large_for_a_form_goes_in_pieces_and_goes_on_after_a_cut(
    open_page: OpenPage, people: dict[str, str], backstage: Backstage, recordings: list[Recording], tmp_path: Path
) -> None:
    empty = backstage.catalogue_video(by="mod", title="Without a file", status="uploading")
    size = 24 * MIB
    file = shelf.padded(recordings[1].path, tmp_path / "match_2041.mp4", size)
    page = open_page("/catalogue", session=people["mod"], quiet=False)

    def smaller(route: Route) -> None:
        answer = route.fetch()
        assert '"max_video_size": 52428800' in answer.text()
        route.fulfill(
            response=answer, body=answer.text().replace('"max_video_size": 52428800', '"max_video_size": 1000')
        )

    page.route("**/edit", smaller)
    sent: list[tuple[str, int]] = []
    page.on(
        "request",
        lambda one: sent.append((one.method, int(one.headers["upload-offset"]))) if one.method == "PATCH" else None,
    )
    page.goto(f"/catalogue/{empty}/edit")
    expect(page.locator("#file-video-words")).to_contain_text("512 MiB at most")
    picture = tmp_path / "thumb.png"
    picture.write_bytes(page.locator("h1").screenshot())
    page.locator("#file-thumbnail").set_input_files(str(picture))
    page.locator("#file-video").set_input_files(str(file))
    shelf.throttle(page, 4 * MIB)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_function("() => document.querySelector('[data-files] progress').value >= 20")
    page.context.set_offline(True)
    expect(page.locator("[data-files] [role=status]")).to_have_text(
        "No connection. It goes on by itself when the network is back."
    )
    page.context.set_offline(False)
    expect(page.locator("[data-toasts]")).to_contain_text("The file has arrived", timeout=shelf.TAKEN_IN)
    expect(page.locator("[data-audience]")).to_have_text("Shown", timeout=shelf.TAKEN_IN)
    # It went on where it was.
    assert [offset for _, offset in sent].count(0) == 1
    page.wait_for_function("() => document.querySelector('[data-picture] img')?.naturalWidth > 0")
    assert "_thumb" in str(page.locator("[data-picture] img").get_attribute("src"))


# When something fails


def test_what_the_server_refuses_is_said_and_can_be_tried_again(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    page = edit(quiet=False)
    body = '{"ok": false, "error": "You may not do that.", "code": 403, "type": "forbidden", "request_id": "7f3a"}'
    refused = "**/sync"
    page.route(refused, lambda route: route.fulfill(status=403, content_type="application/json", body=body))
    page.get_by_role("textbox", name="Title").fill("Not taken yet")
    page.keyboard.press("Tab")
    note = page.locator("[data-trouble]").get_by_role("alert")
    expect(note).to_contain_text("You may not do that.")
    expect(saved(page)).to_have_text("1 change could not be sent")
    page.unroute(refused)
    note.get_by_role("button", name="Try again").click()
    expect(saved(page)).to_have_text("Saved")
    expect(note).to_have_count(0)
    assert backstage.catalogue_row(video=video)["title"] == "Not taken yet"


# By keys, on a phone, from right to left, for screen readers


def test_all_of_it_is_reached_by_keys_alone(edit: Callable[..., Page]) -> None:
    page = edit("boss")
    page.locator("h1").evaluate("(e) => { e.tabIndex = -1; e.focus(); }")
    seen: list[str] = []
    for _ in range(18):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                f"document.activeElement.labels?.[0]?.innerText ?? document.activeElement.id ?? ({shelf.FOCUSED})"
            )
            or page.evaluate(shelf.FOCUSED)
        )
    text = "\n".join(seen)
    for name in ("Title", "Description", "Category", "Remove mma", "Tags", "Featured", "Hide…", "Delete…", "Without"):
        assert name in text, f"{name} is not reached: {seen}"


def test_a_history_longer_than_its_place_is_scrolled_by_keys(
    edit: Callable[..., Page], backstage: Backstage, video: str
) -> None:
    for number in range(15):
        backstage.edit_catalogue(by="mia", video=video, title=f"Round {number}")
    page = edit()
    history = page.get_by_role("list", name="Changes, newest first")
    expect(history.get_by_role("listitem")).to_have_count(16)
    history.focus()
    expect(history).to_be_focused()
    page.keyboard.press("End")
    page.wait_for_function("() => document.querySelector('.hist').scrollTop > 0")
    backstage.edit_catalogue(by="mia", video=video, title="The last")
    expect(history).to_contain_text("The last", timeout=AT_ONCE)
    expect(history).to_be_focused()
    assert page.evaluate("document.querySelector('.hist').scrollTop") > 0


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_also_beside_a_conflict(
    edit: Callable[..., Page], backstage: Backstage, video: str, size: tuple[int, int]
) -> None:
    backstage.edit_catalogue(by="mia", video=video, tags=["a_very_long_tag_" * 4, "mma"], description="x" * 300)
    page = edit("boss", size=size, quiet=False)
    assert axe_findings(page) == []
    page.context.set_offline(True)
    page.get_by_role("textbox", name="Title").fill("a_very_long_name_" * 10)
    page.keyboard.press("Tab")
    expect(saved(page)).to_have_text("1 change waits for the network", timeout=MERGED)
    backstage.edit_catalogue(by="mia", video=video, title="another_very_long_" * 10)
    page.context.set_offline(False)
    expect(note_of(page, "title")).to_contain_text("neither of you", timeout=MERGED)
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".help > summary").click()
    page.get_by_role("button", name="Delete…").click()
    assert axe_findings(page) == []


def test_on_a_phone_what_is_pressed_is_large_enough(edit: Callable[..., Page]) -> None:
    page = edit("boss", size=PHONE)
    small = page.evaluate(
        shelf.TOO_SMALL, "main button, main a.btn, main input:not([type=checkbox], .visually-hidden), main summary"
    )
    assert small == []
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

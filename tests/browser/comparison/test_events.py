"""Events on the comparison page: marked, named, moved, drawn, talked about, undone, and shown to the others.

Text is sent only on purpose, and is kept until then.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from sessions_app.comparison.samples.rendering.barcode import decode_barcode
from tests.browser.conftest import DESK, PHONE, OpenPage, Recording, session_of
from tests.browser.expecting import click, drag, expect_fits, fill, hold, press, type_text
from tests.browser.pixels import frames_on_screen, wait_until_standing
from tests.support.program import BASE, Program
from tests.support.waiting import wait_until

READING_MS = 2500  # longer than a changed text has to be shown before it may be replaced
IS_ON_TOP = """() => {
  const { x, y, width, height } = document.activeElement.getBoundingClientRect();
  return document.elementFromPoint(x + width / 2, y + height / 2) === document.activeElement;
}"""
STROKE = {"tool": "box", "color": "#ff0000", "width": 12, "points": [[0.25, 0.25], [0.75, 0.75]]}


class Events:
    """The events of a comparison as the server has them."""

    def __init__(self, program: Program, comparison: dict[str, Any]) -> None:
        self._program, self.path = program, f"{BASE}/{comparison['session_id']}"

    def all(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._program.call("GET", f"{self.path}/events?joined=false")["events"]
        return found

    def make(self, **values: Any) -> dict[str, Any]:
        body = {"kind": "kill", **values}
        found: dict[str, Any] = self._program.call("POST", f"{self.path}/events", body)["event"]
        return found

    def reply(self, event: str, body: str) -> None:
        self._program.call("POST", f"{self.path}/events/{event}/replies", {"body": body})

    def change(self, event: str, **values: Any) -> None:
        self._program.call("PATCH", f"{self.path}/events/{event}", values)

    def one(self) -> dict[str, Any]:
        [found] = self.all()
        return found

    def wait_for(self, **values: Any) -> None:
        """Wait until there is one event, with these values."""
        expected = {name: pytest.approx(value) if isinstance(value, float) else value for name, value in values.items()}
        wait_until(lambda: {name: self.one()[name] for name in values} == expected)


@pytest.fixture
def events(program: Program, comparison: dict[str, Any]) -> Events:
    return Events(program, comparison)


def rows(page: Page) -> Locator:
    return page.locator("[data-event-list] .event-row")


def details(page: Page) -> Locator:
    return page.get_by_role("region", name="Selected event")


def show_fields(page: Page) -> None:
    details(page).get_by_role("button", name="Edit", exact=True).click()


def test_others_see_each_change_of_an_event(page: Page, open_page: OpenPage, address: str, events: Events) -> None:
    there = open_page(address)
    expect(there.get_by_text("No events yet")).to_be_visible()
    page.locator("[data-lanes]").press("PageUp")
    wait_until_standing(page)
    page.keyboard.press("m")
    # Letters that are keys elsewhere are letters here.
    type_text(page, "Mark kills", "Enter")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Mark kills")
    event = events.one()
    assert (event["label"], event["vod_id"], event["kind"]) == ("Mark kills", "A", "mark")
    assert event["global_time"] == pytest.approx(10, abs=0.02)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    press(page, "m", "Escape", "k")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("k")
    assert len(events.all()) == 1

    expect(rows(there)).to_contain_text("Mark kills")
    rows(there).click()
    show_fields(there)
    for field, value, changed in (
        (details(there).get_by_label("Name", exact=True), "New", {"label": "New"}),
        (details(there).get_by_label("Kind"), "Smoke grenade", {"kind": "smoke_grenade"}),
    ):
        fill(field, value)
        events.wait_for(**changed)
    end = details(there).get_by_label(re.compile("End on the shared clock"))
    fill(end, "1:00:00")
    wait_until(lambda: events.one()["end"] is not None)
    expect(rows(page)).to_contain_text("New")
    details(there).get_by_role("button", name="Delete", exact=True).click()
    for each in (page, there):
        expect(rows(each)).to_have_count(0)
    assert events.all() == []
    there.keyboard.press("Control+z")
    expect(rows(there)).to_contain_text("New")
    assert events.one()["kind"] == "smoke_grenade"
    page.reload()
    expect(rows(page)).to_contain_text("New")


@pytest.mark.services
def test_a_comment_has_a_thread_and_what_is_typed_is_kept(page: Page, program: Program, events: Events) -> None:
    page.keyboard.press("c")
    type_text(page, "Why is nobody here?", "Enter")
    expect(rows(page)).to_contain_text("open")
    reply = details(page).get_by_label("Reply", exact=True)
    fill(reply, "I was reloading.")
    expect(details(page).locator(".thread li")).to_contain_text("I was reloading.")
    expect(details(page).locator(".message").first).to_contain_text("Why is nobody here?")
    expect(details(page).get_by_label("Note")).to_be_hidden()
    reply.fill("Two")
    reply.press("Shift+Enter")
    type_text(page, "lines", "Enter")
    expect(details(page).locator(".thread li").last).to_contain_text("Two\nlines", use_inner_text=True)
    for size in ((1366, 700), DESK):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        assert box_of(page.locator("[data-event-list]"))["height"] >= 6 * 32
        for part in (reply, details(page).get_by_role("button", name="Mark as done")):
            expect(part).to_be_in_viewport(ratio=1)
    details(page).get_by_role("button", name="Mark as done").click()
    wait_until(lambda: events.one()["resolved"])
    details(page).get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(rows(page)).to_have_count(0)

    page.locator("[data-lanes]").press("m")
    type_text(page, "named", "Enter")
    rows(page).click()
    show_fields(page)
    note = details(page).get_by_label("Note")
    note.fill("My own")
    theirs = {"body": "Theirs", "label": "Theirs"}
    program.call("PATCH", f"{events.path}/events/{events.one()['event_id']}", theirs)
    expect(details(page).get_by_label("Name", exact=True)).to_have_value("Theirs")
    expect(note).to_have_value("My own")


@pytest.mark.services
def test_events_are_reached_by_click_and_keys_and_joined_by_offsets(page: Page, events: Events) -> None:
    for vod, time in (("A", 14.0), ("B", 16.0), ("C", 18.0)):
        events.make(vod_id=vod, time=time, label=f"of {vod}")
    expect(rows(page)).to_have_count(3)
    first = min(events.all(), key=lambda event: event["global_time"])
    page.keyboard.press("n")
    wait_until_standing(page)
    expect(details(page).get_by_label("Name", exact=True)).to_have_value(first["label"])
    rates = {"A": 60, "B": 30000 / 1001, "C": 30}
    for event in sorted(events.all(), key=lambda event: float(event["global_time"])):
        page.locator(f"[data-event-list] .event-row:has-text('{event['label']}')").click()
        wait_until_standing(page)
        vod = event["vod_id"]
        assert frames_on_screen(page)[vod] == int(event["time"] * rates[vod] + 1e-6)
    here = float(page.locator("[data-lanes]").get_attribute("aria-valuenow") or "nan")
    page.keyboard.press("p")
    wait_until_standing(page)
    assert float(page.locator("[data-lanes]").get_attribute("aria-valuenow") or "nan") < here

    at = events.make(vod_id="A", time=30.0)["global_time"]
    offset = page.get_by_label("Offset of B in seconds")
    own = json.loads(page.locator("#session").text_content() or "")["vods"][1]["offset"]
    events.make(vod_id="B", time=at - own + 0.1)
    expect(rows(page)).to_have_count(4)
    expect(rows(page).last.locator(".letter-badge")).to_have_text(["A", "B"])
    expect(page.locator("[data-event-layer] .marker")).to_have_count(6)  # three, and one of all and of each
    fill(offset, f"{own + 2:+.3f}")
    expect(rows(page)).to_have_count(5)
    fill(offset, f"{own:+.3f}")
    expect(rows(page)).to_have_count(4)


def box_of(locator: Locator) -> dict[str, float]:
    """Where an element is; asked again where it was drawn anew between being found and being measured."""
    box: Any = wait_until(locator.bounding_box)
    return dict(box)


@pytest.mark.services
def test_a_marker_is_dragged_and_a_span_made_longer(page: Page, events: Events) -> None:
    event = events.make(vod_id="A", time=4.0, end=9.0, label="Span")
    marker = page.locator("[data-event-layer] .marker")
    box = box_of(marker)
    x, y = box["x"] + 9, box["y"] + box["height"] / 2
    drag(page, (x, y), (x + 60, y), steps=4)
    wait_until(lambda: events.one()["time"] > event["time"])
    moved = events.one()
    assert moved["end"] - moved["time"] == pytest.approx(5.0, abs=1e-5)
    edge = box_of(page.locator(".marker-span [data-hold=end]"))
    drag(page, (edge["x"] + 4, edge["y"] + 8), (edge["x"] + 64, edge["y"] + 8), steps=4)
    wait_until(lambda: events.one()["end"] > moved["end"])
    assert events.one()["time"] == moved["time"]
    page.keyboard.press("Control+z")
    events.wait_for(end=moved["end"])
    page.keyboard.press("Control+z")
    events.wait_for(time=4.0)
    page.keyboard.press("Control+Shift+z")
    events.wait_for(time=moved["time"])


@pytest.mark.services
def test_a_drawing_is_shown_for_its_span(page: Page, open_page: OpenPage, address: str, events: Events) -> None:
    page.locator("[data-lanes]").press("PageUp")
    wait_until_standing(page)
    page.keyboard.press("e")
    page.get_by_role("button", name="Box", exact=True).click()
    area: Any = page.locator(".sketch").bounding_box()

    def at(x: float, y: float) -> tuple[float, float]:
        return area["x"] + x * area["width"], area["y"] + y * area["height"]

    drag(page, at(0.25, 0.25), at(0.75, 0.5), steps=3)
    page.get_by_role("button", name="Save", exact=True).click()
    shown = page.locator("[data-pane=A] .drawing path")
    expect(shown).to_have_count(2)
    [stroke] = events.one()["drawing"]["strokes"]
    assert stroke["tool"] == "box"
    for found, wanted in zip(stroke["points"], [[0.25, 0.25], [0.75, 0.5]], strict=True):
        assert found == pytest.approx(wanted, abs=0.005)
    assert events.one()["end"] - events.one()["time"] == pytest.approx(3.0)
    page.locator("[data-lanes]").focus()
    page.keyboard.press(",")
    expect(shown).to_have_count(0)
    page.keyboard.press(".")
    expect(shown).to_have_count(2)
    page.keyboard.press("Shift+ArrowRight")
    expect(shown).to_have_count(0)
    phone = open_page(address, size=PHONE)
    rows(phone).tap()
    expect(phone.locator("[data-pane=A] .drawing path")).to_have_count(2)
    expect_fits(phone)


@pytest.mark.services
def test_the_list_is_filtered_saved_as_a_file_and_read_again(page: Page, events: Events, tmp_path: Path) -> None:
    events.make(vod_id="A", time=4.0, label="Out")
    events.make(vod_id="B", time=14.0, kind="round")
    page.get_by_role("button", name="Kill, 1").click()
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Round")
    expect(page.locator("[data-event-layer] .marker")).to_have_count(1)
    page.get_by_role("button", name=re.compile("More filters")).click()
    page.get_by_label("Video", exact=True).select_option("A")
    expect(page.get_by_text("No events match the filters.")).to_be_visible()
    page.get_by_role("button", name="Show all events").click()
    expect(rows(page)).to_have_count(2)

    page.get_by_role("button", name="Find, import and export events").click()
    with page.expect_download() as downloading:
        page.get_by_role("menuitem", name="Export as CSV").click()
    file = tmp_path / "events.csv"
    downloading.value.save_as(file)
    assert "Out" in file.read_text()
    page.get_by_label("Events file").set_input_files(file)
    expect(page.get_by_text("2 events added.")).to_be_visible()
    assert len(events.all()) == 4


@pytest.mark.services
def test_a_long_list_is_one_tab_stop_and_partly_drawn(page: Page, program: Program, events: Events) -> None:
    marks = [{"global_time": n / 20, "kind": "kill", "label": f"n {n}"} for n in range(500)]
    program.call("POST", f"{events.path}/events/import", marks)
    expect(page.locator("[data-event-count]")).to_have_text("500")
    assert 5 < rows(page).count() < 60
    assert 5 < page.locator("[data-event-layer] .marker").count() < 150
    expect(page.locator("[data-event-list] .event-row[tabindex='0']")).to_have_count(1)
    page.get_by_role("button", name="Find, import and export events").focus()
    press(page, "Tab", "End")
    expect(page.locator(":focus")).to_contain_text("n 499")
    press(page, "Home", "ArrowDown", "Enter")
    expect(details(page).get_by_label("Name", exact=True)).to_have_value("n 1")
    page.keyboard.press("Enter")
    expect(details(page).get_by_label("Name", exact=True)).to_be_focused()
    # The first Escape leaves the field, the second closes the event. The typed text stays a draft.
    type_text(page, "x", "Escape")
    page.keyboard.press("Escape")
    expect(rows(page).filter(has_text="Draft")).to_contain_text("n 1")
    expect(page.locator(":focus")).to_have_attribute("data-event", re.compile("-"))


@pytest.mark.services
def test_the_program_finds_events_and_a_reel_of_one_kind_is_asked_for(page: Page, events: Events) -> None:
    page.get_by_role("button", name="Find, import and export events").click()
    page.get_by_role("menuitem", name="Find events in the videos").click()
    dialog = page.get_by_role("dialog", name="Find events")
    for label in ("Highlights", "Shots", "B bravo.mp4", "C charlie.mp4"):
        dialog.get_by_label(label).uncheck()
    dialog.get_by_role("button", name="Find").click()
    expect(page.get_by_role("progressbar", name="Finding events")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Finding events")).to_have_count(0)
    found = events.all()
    assert {(event["vod_id"], event["origin"], event["kind"]) for event in found} == {
        ("A", "sound_peaks", "sound_peak")
    }
    expect(rows(page)).to_have_count(len(found))
    rows(page).first.click()
    expect(details(page)).to_contain_text("detected in the sound")

    events.make(vod_id="A", time=10.0)
    expect(rows(page)).to_have_count(len(found) + 1)
    page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog", name="Export a video")
    expect(dialog.get_by_label("Seconds to show before each event")).to_be_hidden()
    dialog.get_by_label("Show", exact=True).select_option(label="Only Kill events (1)")
    dialog.get_by_label("Seconds to show before each event").fill("1.5")
    with page.expect_request("**/export") as asked:
        dialog.get_by_role("button", name="Export", exact=True).click()
    assert asked.value.post_data_json["reel"] == {"kind": "kill", "before": 1.5, "after": 3}
    link = dialog.locator("[data-export-link]")
    expect(link).to_contain_text("0:05")


@pytest.mark.services
def test_events_are_printed_with_their_frames(page: Page, events: Events, recordings: list[Recording]) -> None:
    events.make(vod_id="A", time=10.0, label="Plain")
    events.make(vod_id="B", time=8.0, kind="comment", body="Why, @watcher?", drawing={"strokes": [STROKE]})
    page.get_by_role("button", name="Find, import and export events").click()
    page.get_by_role("menuitem", name="Print").click()
    expect(page.locator("[data-state]")).to_have_text("1 event")
    expect(page.locator("[data-events]")).to_contain_text("Why, @watcher?")
    moment = 8.0 + recordings[1].offset_to_first
    expected = {
        letter: int((moment - recording.offset_to_first) * recording.fps + 1e-6)
        for letter, recording in zip("ABC", recordings, strict=True)
    }
    found = {}
    for frame in page.locator(".frame").all():
        picture = np.frombuffer(frame.locator("img").screenshot(), np.uint8)
        found[frame.get_attribute("data-frame-of")] = decode_barcode(cv2.imdecode(picture, cv2.IMREAD_COLOR))
    assert found == expected
    expect(page.locator(".frame path")).to_have_count(2)
    page.get_by_label("Show only events with text or drawings").uncheck()
    expect(page.locator("[data-state]")).to_have_text("2 events")
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.get_by_text("Plain")).to_be_visible()
    page.emulate_media(media="screen")


# Text that is being written


def comment(page: Page) -> Locator:
    return page.locator("[data-naming-name]")


def drafts(page: Page) -> Locator:
    return page.get_by_role("list", name="Drafts").get_by_role("listitem")


def lose_answer(route: Route) -> None:
    """Let the request reach the server, and drop its answer."""
    route.fetch(max_retries=2)  # repeat a request on a connection that the server has just closed
    route.abort()


def fail_once(page: Page, answer: Callable[[Route], None]) -> None:
    """Send the comment, and let its request fail."""
    failed: list[Route] = []
    page.route("**/events", lambda route: (failed.append(route), answer(route)), times=1)
    expect(comment(page)).to_be_focused()
    page.keyboard.press("Enter")
    wait_until(lambda: page.evaluate("true") and failed)
    expect(comment(page)).to_be_editable()


def test_words_are_sent_on_purpose_alone_and_kept_until_then(open_page: OpenPage, address: str, events: Events) -> None:
    page = open_page(address, quiet=False)  # the test makes requests fail
    wait_until_standing(page)
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Pause (")).to_be_visible()
    page.keyboard.press("c")
    page.keyboard.type("Why is")
    expect(page.get_by_role("button", name="Play (")).to_be_visible()
    page.locator(".top").click(position={"x": 5, "y": 5})
    page.reload()
    expect(comment(page)).to_have_value("Why is")
    comment(page).press("Escape")
    expect(comment(page)).to_be_hidden()
    drafts(page).get_by_role("button", name="Discard").click()
    expect(drafts(page)).to_have_count(0)
    page.locator("[data-toasts]").get_by_role("button", name="Undo").click()
    expect(drafts(page)).to_contain_text("Why is")
    assert events.all() == []

    # The first attempt fails, the second loses its answer, the third repeats it: one comment is created.
    drafts(page).get_by_role("button").first.click()
    comment(page).press("End")
    page.keyboard.type(" nobody here?")
    for answer in (lambda route: route.abort(), lose_answer):
        fail_once(page, answer)
    page.keyboard.press("Control+Enter")
    expect(comment(page)).to_be_hidden()
    expect(drafts(page)).to_have_count(0)
    assert events.one()["body"] == "Why is nobody here?"

    events.make(vod_id="A", time=14.0, label="Other")
    details(page).get_by_label("Reply", exact=True).fill("I was")
    rows(page).filter(has_text="Other").click()
    show_fields(page)
    details(page).get_by_label("Note").fill("One line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and another")
    details(page).get_by_label("Kind").fill("play")
    page.keyboard.press("Enter")  # saves the kind, but not the note
    wait_until(lambda: any(event["kind"] == "play" for event in events.all()))
    click(details(page), "Close the event")
    page.reload()
    expect(rows(page).filter(has_text="Draft")).to_have_count(2)
    assert [event["body"] for event in events.all() if event["label"] == "Other"] == [""]
    rows(page).filter(has_text="Why").click()
    expect(details(page).get_by_label("Reply", exact=True)).to_have_value("I was")
    details(page).get_by_label("Reply", exact=True).press("Enter")
    expect(details(page).locator(".thread li")).to_contain_text("I was")
    rows(page).filter(has_text="Other").click()
    click(details(page), "Save")
    wait_until(lambda: any(event["body"] == "One line\nand another" for event in events.all()))
    expect(rows(page).filter(has_text="Draft")).to_have_count(0)


@pytest.mark.services
def test_words_typed_while_others_are_sent_are_kept_and_sent_once(
    open_page: OpenPage, address: str, events: Events
) -> None:
    page = open_page(address, quiet=False)  # the test makes requests wait and fail
    wait_until_standing(page)
    for label in ("First", "Second"):
        events.make(vod_id="A", time=3.0, label=label)
    row = {label: rows(page).filter(has_text=label) for label in ("First", "Second", "Look")}
    reply = details(page).get_by_label("Reply", exact=True)

    def send_and_hold(pattern: str) -> Route:
        held = hold(page, pattern, times=1)
        expect(page.locator(":focus")).not_to_have_value("")
        page.keyboard.press("Enter")
        wait_until(lambda: page.evaluate("true") and held)
        return held[0]

    # A reply is typed on while its beginning is sent.
    row["First"].click()
    reply.fill("one")
    reply.focus()
    sent = send_and_hold("**/replies")
    row["Second"].click()
    row["First"].click()
    reply.fill("one and two")
    sent.continue_()
    expect(details(page).locator(".thread li")).to_contain_text("one")
    expect(reply).to_have_value("and two")
    reply.press("Enter")
    expect(details(page).locator(".thread li")).to_have_count(2)
    # A draft is opened again while it is sent.
    page.locator("[data-lanes]").press("c")
    page.keyboard.type("Look")
    sent = send_and_hold("**/events")
    page.locator("[data-naming-cancel]").click()
    drafts(page).get_by_role("button").first.click()
    sent.continue_()
    expect(row["Look"]).to_have_count(1)
    expect(comment(page)).to_be_hidden()
    # A second comment is typed while the first is sent.
    page.locator("[data-lanes]").press("c")
    page.keyboard.type("Left")
    sent = send_and_hold("**/events")
    page.wait_for_timeout(1000)  # keys that follow at once would continue the comment
    page.keyboard.press("c")
    page.keyboard.type("Right")
    expect(comment(page)).to_have_value("Right")
    sent.continue_()
    page.keyboard.press("Enter")
    wait_until(lambda: {"Left", "Right"} <= {event["body"] for event in events.all()})
    # A name is changed again while it is saved.
    expect(details(page).get_by_label("Note")).to_have_value("Right")
    row["Second"].click()
    show_fields(page)
    name = details(page).get_by_label("Name", exact=True)
    name.fill("Half")
    sent = send_and_hold("**/events/*")
    name.fill("Whole")
    page.keyboard.press("Enter")
    sent.continue_()
    # The browser is asked too: Playwright answers intercepted requests only then.
    wait_until(lambda: page.evaluate("true") and "Whole" in [event["label"] for event in events.all()])
    # A name is typed on and corrected while the server refuses to save it.
    name.fill("Refused")
    sent = send_and_hold("**/events/*")
    name.fill("Refused?")
    name.fill("Refused")
    sent.fulfill(status=503, json={})
    expect(details(page).get_by_text("Draft", exact=True)).to_be_visible()
    expect(name).to_have_value("Refused")
    click(details(page), "Discard")
    page.locator("[data-lanes]").press("c")
    page.keyboard.type("Who")
    expect(comment(page)).to_have_value("Who")
    fail_once(page, lose_answer)
    [lost] = [event["event_id"] for event in events.all() if event["body"] == "Who"]
    events.reply(lost, "I do")
    comment(page).press("End")
    type_text(page, " covers?", "Enter")
    wait_until(lambda: "Who covers?" in [event["body"] for event in events.all()])
    assert "I do" in [reply["body"] for event in events.all() for reply in event["replies"]]
    assert [event["body"] for event in events.all()].count("Look") == 1


def test_no_key_is_lost_or_runs_a_shortcut_when_a_field_is_busy_or_disappears(
    open_page: OpenPage, address: str, program: Program, events: Events
) -> None:
    page = open_page(address, quiet=False)  # the test makes requests wait
    wait_until_standing(page)
    fight = events.make(vod_id="A", time=3.0, label="Fight")
    reply = details(page).get_by_label("Reply", exact=True)
    # Text that is typed while a reply is sent becomes the next reply.
    rows(page).filter(has_text="Fight").click()
    reply.focus()
    held = hold(page, "**/replies", times=1)
    type_text(page, "We should rotate", "Enter")
    page.keyboard.type(" dragon is open now")
    wait_until(lambda: page.evaluate("true") and held)
    held[0].continue_()
    expect(details(page).locator(".thread li")).to_contain_text("We should rotate")
    expect(reply).to_have_value("dragon is open now")
    page.keyboard.press("Enter")
    expect(details(page).locator(".thread li")).to_have_count(2)
    # The form is drawn again in the middle of a sentence, because the rights have changed.
    page.keyboard.type("I think ")
    program.call("POST", f"{events.path}/archive", {})
    expect(reply).to_have_count(0)
    program.call("POST", f"{events.path}/unarchive", {})
    expect(reply).to_be_focused()
    page.keyboard.type("mid came too early")
    expect(reply).to_have_value("I think mid came too early")
    # The event is deleted in the middle of a sentence.
    program.call("DELETE", f"{events.path}/events/{fight['event_id']}")
    expect(rows(page)).to_have_count(0)
    type_text(page, ", can comment", "Enter")
    expect(drafts(page)).to_contain_text("I think mid came too early, can comment")
    assert events.all() == []
    # A long comment is saved completely.
    page.wait_for_timeout(1100)
    page.keyboard.press("c")
    page.keyboard.insert_text("x" * 5000)
    page.keyboard.press("Enter")
    expect(comment(page)).to_be_hidden()
    assert len(events.one()["body"]) == 5000


def test_the_clock_waits_while_a_comment_is_written(
    page: Page, open_page: OpenPage, address: str, events: Events
) -> None:
    there = open_page(address)

    def expect_clock(button: str) -> None:
        for each in (page, there):
            expect(each.get_by_role("button", name=f"{button} (")).to_be_visible()

    page.keyboard.press("k")
    expect_clock("Pause")
    page.keyboard.press("c")
    page.keyboard.type("Look")
    expect_clock("Play")
    page.keyboard.press("Enter")
    expect_clock("Pause")
    # The clock stays paused if another viewer moves it meanwhile.
    details(page).get_by_label("Reply", exact=True).fill("There")
    expect_clock("Play")
    with there.expect_response("**/global-seek"):
        there.locator("[data-lanes]").press("PageUp")
    details(page).get_by_label("Reply", exact=True).press("Enter")
    expect(details(page).locator(".thread li")).to_contain_text("There")
    expect(details(page).get_by_label("Reply", exact=True)).to_have_value("")
    expect_clock("Play")


@pytest.mark.services
def test_the_clock_goes_on_after_a_comment_that_was_written_offline(
    open_page: OpenPage, address: str, comparison: dict[str, Any], program: Program
) -> None:
    """The server pauses the clock when its only viewer is cut off; that viewer's own pause is still the last word."""
    page = open_page(address, quiet=False)
    wait_until_standing(page)
    sockets: list[WebSocketRoute] = []
    is_online = True

    def connect(socket: WebSocketRoute) -> None:
        if not is_online:
            return socket.close(code=1012)
        sockets.extend((socket, socket.connect_to_server()))

    page.route_web_socket("**/ws/sessions/**", connect)
    page.reload()
    page.locator("[data-lanes]").press("k")
    expect(page.get_by_role("button", name="Pause (")).to_be_visible()
    wait_until(lambda: session_of(program, comparison["session_id"])["global_playback_state"] == "playing")
    is_online = False
    page.context.set_offline(True)
    sockets.pop().close()  # the server's end
    sockets.pop().close(code=1012)
    page.keyboard.press("c")
    page.keyboard.type("Look")
    wait_until(
        lambda: (
            page.evaluate("true") and session_of(program, comparison["session_id"])["global_playback_state"] == "paused"
        )
    )
    is_online = True
    page.context.set_offline(False)
    wait_until(lambda: page.evaluate("true") and sockets)
    expect(page.locator("[data-offline]")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(rows(page).filter(has_text="Look")).to_have_count(1)
    expect(page.get_by_role("button", name="Pause (")).to_be_visible()


def draw_box(page: Page, beside: int) -> None:
    page.get_by_role("button", name="Box", exact=True).click()
    area: Any = page.locator(".sketch").bounding_box()
    x, y = area["x"] + area["width"] / 2 + beside, area["y"] + area["height"] / 2
    drag(page, (x, y), (x + 40, y + 40), steps=3)


def test_what_two_write_at_once_and_what_is_drawn_are_kept(
    open_page: OpenPage, address: str, program: Program, events: Events
) -> None:
    page = open_page(address, quiet=False)  # the test lets a request be refused
    wait_until_standing(page)
    made = events.make(vod_id="A", time=3.0, label="First")
    rows(page).click()
    show_fields(page)
    note = details(page).get_by_label("Note")
    # Two users save a note at the same time. The second user sees both texts before one is replaced.
    note.fill("mine")
    held = hold(page, "**/events/*", times=1)
    note.press("Enter")
    wait_until(lambda: page.evaluate("true") and held)
    events.change(made["event_id"], body="theirs")
    held[0].continue_()
    expect(page.get_by_text("Another user has changed this event.")).to_be_visible()
    expect(details(page).get_by_text("this field has changed to “theirs” since you began to type")).to_be_visible()
    expect(note).to_have_value("mine")
    page.wait_for_timeout(READING_MS)
    click(details(page), "Save")
    events.wait_for(body="mine")
    # A draft follows an event that is deleted and made again.
    note.fill("mine and more")
    click(details(page), "Delete")
    expect(rows(page)).to_have_count(0)
    expect(drafts(page)).to_contain_text("mine and more")
    page.locator("[data-lanes]").press("Control+z")
    expect(drafts(page)).to_have_count(0)
    rows(page).click()
    expect(note).to_have_value("mine and more")
    click(details(page), "Save", "Close the event")
    events.wait_for(body="mine and more")
    # A drawing, and a text that is still typed into it.
    page.keyboard.press("e")
    for name in ("Box", "Text"):
        page.get_by_role("button", name=name, exact=True).click()
        area: Any = page.locator(".sketch").bounding_box()
        x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
        drag(page, (x, y), (x + 40, y + 40), steps=3) if name == "Box" else page.mouse.click(x, y)
    page.keyboard.type("Push")
    # Another tab shows the same draft, and what is drawn in each of them.
    tab = page.context.new_page()
    tab.goto(page.url)
    drafts(tab).get_by_role("button").first.click()
    draw_box(tab, 60)
    expect(page.locator(".sketch path.below")).to_have_count(2)
    page.keyboard.type(" now")
    expect(tab.locator(".sketch text")).to_have_text("Push now")
    page.reload()
    expect(drafts(page)).to_contain_text("Drawing")
    drafts(page).get_by_role("button").first.click()
    expect(page.locator(".sketch text")).to_have_text("Push now")
    # The other tab draws while the drawing is saved. Its strokes are kept, for the same event.
    held = hold(page, "**/events", times=1)
    page.get_by_role("toolbar", name="Drawing on A").get_by_role("button", name="Save").click()
    wait_until(lambda: page.evaluate("true") and held)
    draw_box(tab, -60)
    held[0].continue_()
    expect(page.get_by_role("toolbar", name="Drawing on A")).to_be_hidden()
    expect(drafts(page)).to_contain_text("Drawing")
    tab.get_by_role("toolbar", name="Drawing on A").get_by_role("button", name="Save").click()
    wait_until(
        lambda: (
            [[stroke["tool"] for stroke in (event["drawing"] or {"strokes": []})["strokes"]] for event in events.all()]
            == [[], ["box", "box", "text", "box"]]
        )
    )
    expect(drafts(page)).to_have_count(0)
    tab.close()
    # The text outlives the comparison.
    details(page).get_by_label("Note").fill("left over")
    program.call("DELETE", events.path)
    expect(page.get_by_role("button", name="Copy your unsent text")).to_be_visible()
    page.goto("/account")
    expect(page.get_by_role("region", name="Drafts")).to_contain_text("left over")
    for is_kept in (True, False):
        click(page, "Discard the draft “left over”")
        expect(page.get_by_role("region", name="Drafts")).to_be_hidden()
        if is_kept:
            click(page, "Undo")


def test_a_writer_is_warned_if_the_browser_cannot_store_drafts(page: Page) -> None:
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('full'); }; }")
    page.keyboard.press("c")
    page.keyboard.type("Words")
    expect(page.locator("[data-toasts]").get_by_text("This browser cannot store drafts.")).to_have_count(1)
    expect(comment(page)).to_have_value("Words")


def test_redo_while_drawing_brings_back_a_text_and_an_own_reply_is_deleted_after_a_question(
    page: Page, events: Events
) -> None:
    page.keyboard.press("m")
    page.keyboard.type("Withdrawn")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(1)
    page.locator("[data-lanes]").press("Control+z")
    expect(rows(page)).to_have_count(0)
    page.keyboard.press("e")
    page.get_by_role("button", name="Text", exact=True).click()
    area: Any = page.locator(".sketch").bounding_box()
    page.mouse.click(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    page.keyboard.type("Push now")
    click(page, "Undo the last stroke")
    expect(page.locator(".sketch text")).to_have_count(0)
    page.keyboard.press("Control+Shift+z")
    expect(page.locator(".sketch text")).to_have_text("Push now")
    click(page, "Undo the last stroke", "Redo the last stroke")
    expect(page.locator(".sketch text")).to_have_text("Push now")
    assert events.all() == []
    page.get_by_role("toolbar", name="Drawing on A").get_by_role("button", name="Save").click()
    expect(rows(page)).to_have_count(1)

    reply = details(page).get_by_label("Reply", exact=True)
    reply.fill("My words")
    reply.press("Enter")
    expect(details(page).locator(".thread li")).to_contain_text("My words")
    details(page).get_by_role("button", name="Delete the reply by").click()
    question = page.get_by_role("alertdialog", name="Delete your reply?")
    click(question, "Cancel")
    assert len(events.one()["replies"]) == 1
    details(page).get_by_role("button", name="Delete the reply by").click()
    click(question, "Delete")
    wait_until(lambda: events.one()["replies"] == [])


def test_a_phone_shows_the_form_that_is_written_in_also_when_it_is_turned(open_page: OpenPage, address: str) -> None:
    page = open_page(address, size=PHONE)
    wait_until_standing(page)
    page.locator("[data-act=comment]").tap()
    for width, height in (PHONE, PHONE[::-1], PHONE):
        page.set_viewport_size({"width": width, "height": height})
        expect(comment(page)).to_be_focused()
        wait_until(lambda: page.evaluate(IS_ON_TOP))
        page.keyboard.type("word ")
    # A keyboard leaves half of the height.
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1] // 2})
    expect(page.locator("[data-event-details]")).to_be_hidden()
    form = box_of(page.locator("[data-naming]"))
    assert form["y"] + form["height"] == pytest.approx(PHONE[1] // 2, abs=1)
    assert page.evaluate(IS_ON_TOP)
    expect(comment(page)).to_have_value("word word word ")


def test_a_comment_has_lines_and_a_saved_drawing_stays_visible_on_a_phone(
    open_page: OpenPage, address: str, events: Events
) -> None:
    page = open_page(address, size=PHONE)
    wait_until_standing(page)
    page.locator("[data-act=comment]").tap()
    expect(page.get_by_label("Kind of the new event")).to_be_hidden()
    type_text(page, "first", "Shift+Enter")
    type_text(page, "second")
    page.get_by_role("button", name="Send").tap()
    wait_until(lambda: [event["body"] for event in events.all()] == ["first\nsecond"])
    expect(details(page).get_by_label("Reply", exact=True)).to_be_in_viewport(ratio=1)
    details(page).get_by_role("button", name="Close the event").tap()

    page.locator("[data-act=sketch]").dispatch_event("click")  # `tap` would scroll the page
    area: Any = page.locator(".sketch").bounding_box()
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    drag(page, (x, y), (x + 40, y + 40), steps=3)
    page.get_by_role("toolbar", name=re.compile("Drawing on")).get_by_role("button", name="Save").tap()
    click(page.get_by_text("Drawing saved.").locator(".."), "Add a note")
    expect(details(page).get_by_label("Note")).to_be_focused()

    page.keyboard.press("Escape")
    page.get_by_role("button", name="Actions for this comparison").tap()
    page.get_by_role("menuitem", name="Share").tap()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_text_typed_on_after_enter_becomes_a_draft_and_runs_no_shortcut(page: Page, events: Events) -> None:
    rate = page.get_by_role("button", name="1×")
    page.keyboard.press("c")
    expect(comment(page)).to_be_focused()
    page.keyboard.type("He said")
    page.evaluate(
        """() => {  // the keys follow each other at once, as when the user types
            for (const key of ["Enter", "l", "[", "m"])
                document.activeElement.dispatchEvent(
                    new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}))
        }"""
    )
    expect(drafts(page)).to_contain_text("l[m")
    expect(rows(page)).to_contain_text("He said")
    expect(rate).to_have_attribute("aria-pressed", "true")
    expect(comment(page)).to_be_hidden()


def test_the_name_of_an_event_has_one_line(page: Page, events: Events) -> None:
    page.keyboard.press("m")
    comment(page).fill("two\n lines")
    page.keyboard.press("Enter")
    wait_until(lambda: [event["label"] for event in events.all()] == ["two lines"])
    expect(details(page).get_by_role("button", name="Mark as done")).to_be_hidden()


def test_two_draw_on_one_event_and_a_late_answer_takes_no_focus(
    open_page: OpenPage, address: str, events: Events
) -> None:
    page = open_page(address, quiet=False)  # the test lets a request be refused
    wait_until_standing(page)
    made = events.make(vod_id="A", time=3.0, label="First", drawing={"strokes": [STROKE]})
    rows(page).click()
    click(details(page), "Edit drawing")
    area: Any = page.locator(".sketch").bounding_box()
    page.get_by_role("button", name="Line", exact=True).click()
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    drag(page, (x, y), (x + 40, y + 40), steps=3)
    events.change(made["event_id"], drawing={"strokes": [STROKE, {**STROKE, "color": "#00ff00"}]})
    tools = page.get_by_role("toolbar", name="Drawing on A")
    tools.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Another user has changed this drawing.")).to_be_visible()
    held = hold(page, "**/events/*", times=1)
    tools.get_by_role("button", name="Save").click()
    wait_until(lambda: page.evaluate("true") and held)
    held[0].continue_()
    expect(tools).to_have_count(0)
    assert [stroke["tool"] for stroke in events.one()["drawing"]["strokes"]] == ["box", "box", "line"]
    # A new drawing is saved while a comment is begun.
    click(details(page), "Close the event")
    page.keyboard.press("e")
    page.get_by_role("button", name="Box", exact=True).click()
    drag(page, (x, y), (x + 40, y + 40), steps=3)
    held = hold(page, "**/events", times=1)
    tools.get_by_role("button", name="Save").click()
    wait_until(lambda: page.evaluate("true") and held)
    page.locator("[data-lanes]").press("c")
    page.keyboard.type("They never saw ")
    held[0].continue_()
    expect(rows(page)).to_have_count(2)
    page.keyboard.type("the second group")
    expect(comment(page)).to_have_value("They never saw the second group")


def test_the_name_on_the_set_up_page_is_kept_by_leaving_at_once(
    open_page: OpenPage, program: Program, comparison: dict[str, Any]
) -> None:
    page = open_page(f"/compare/{comparison['session_id']}?setup")
    name = page.get_by_label("Name of the comparison")
    name.fill("Grand final")
    page.get_by_role("link", name="Skip alignment").click()
    wait_until(lambda: session_of(program, comparison["session_id"])["name"] == "Grand final")

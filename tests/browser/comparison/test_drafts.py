"""Text on the comparison page is sent only on purpose, and is kept until then."""

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.comparison.test_events import Events, details, events, rows  # noqa: F401 - a fixture
from tests.browser.conftest import OpenPage
from tests.browser.expecting import click
from tests.browser.pixels import wait_until_standing
from tests.support.waiting import wait_until


def comment(page: Page) -> Locator:
    return page.get_by_label("What happens")


def drafts(page: Page) -> Locator:
    return page.get_by_role("list", name="Drafts").get_by_role("listitem")


def lose_answer(route: Route) -> None:
    """Let the request reach the server, and drop its answer."""
    route.fetch()
    route.abort()


def test_words_are_sent_on_purpose_alone_and_kept_until_then(
    open_page: OpenPage,
    address: str,
    events: Events,  # noqa: F811
) -> None:
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
    expect(drafts(page)).to_contain_text("Why is")
    assert events.all() == []

    # The first attempt fails, the second loses its answer, the third repeats it: one comment is created.
    drafts(page).get_by_role("button").first.click()
    comment(page).press("End")
    page.keyboard.type(" nobody here?")
    for answer in (lambda route: route.abort(), lose_answer):
        page.route("**/events", answer, times=1)
        with page.expect_event("requestfailed"):
            page.keyboard.press("Enter")
        expect(comment(page)).to_be_editable()
    page.keyboard.press("Control+Enter")
    expect(comment(page)).to_be_hidden()
    expect(drafts(page)).to_have_count(0)
    assert events.one()["body"] == "Why is nobody here?"

    events.make(vod_id="A", time=14.0, label="Other")
    details(page).get_by_label("Reply").fill("I was")
    rows(page).filter(has_text="Other").click()
    details(page).get_by_label("Note").fill("One line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and another")
    click(details(page), "Close the event")
    page.reload()
    expect(rows(page).filter(has_text="Draft")).to_have_count(2)
    assert [event["body"] for event in events.all() if event["label"] == "Other"] == [""]
    rows(page).filter(has_text="Why").click()
    expect(details(page).get_by_label("Reply")).to_have_value("I was")
    details(page).get_by_label("Reply").press("Enter")
    expect(details(page).locator(".thread li")).to_contain_text("I was")
    rows(page).filter(has_text="Other").click()
    click(details(page), "Save")
    wait_until(lambda: any(event["body"] == "One line\nand another" for event in events.all()))
    expect(rows(page).filter(has_text="Draft")).to_have_count(0)


def test_the_clock_waits_while_a_comment_is_written(
    page: Page,
    open_page: OpenPage,
    address: str,
    events: Events,  # noqa: F811
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
    details(page).get_by_label("Reply").fill("There")
    expect_clock("Play")
    with there.expect_response("**/global-seek"):
        there.locator("[data-lanes]").press("PageUp")
    details(page).get_by_label("Reply").press("Enter")
    expect(details(page).locator(".thread li")).to_contain_text("There")
    expect(details(page).get_by_label("Reply")).to_have_value("")
    expect_clock("Play")

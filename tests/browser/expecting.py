"""Steps and expectations that the stories of several pages share."""

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.shelf import FOCUSED
from tests.browser.test_accessibility import axe_findings, unlisted_keys

# The body of an answer with status 500.
BROKEN = {"ok": False, "error": "Something broke.", "code": 500, "type": "server_error", "request_id": "7f3a"}


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def type_text(page: Page, text: str, *keys: str) -> None:
    page.keyboard.type(text)
    press(page, *keys)


def fill(field: Locator, text: str, key: str = "Enter") -> None:
    field.fill(text)
    field.press(key)


def click(place: Page | Locator, *names: str) -> None:
    for name in names:
        place.get_by_role("button", name=name).click()


def drag(page: Page, *points: tuple[float, float], steps: int = 1) -> None:
    """Press the mouse at the first of the points and let go at the last."""
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=steps)
    page.mouse.up()


def hold(page: Page, pattern: str, times: int | None = None) -> list[Route]:
    """Hold the requests that match. Returns the list in which they come, to be answered."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(pattern, keep, times=times)
    return held


def expect_reached(page: Page, presses: int, *names: str, focused: str = FOCUSED) -> None:
    """Press Tab so often and check that it reaches what has these names."""
    seen: list[str] = []
    for _ in range(presses):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(focused).strip().partition("\n")[0])
    assert set(names) <= set(seen), f"Tab reaches {seen}"


def expect_texts(place: Locator, *texts: str) -> None:
    for text in texts:
        expect(place).to_contain_text(text)


def expect_shown(place: Page | Locator, *texts: str) -> None:
    """Wait until each of the texts is visible in the place."""
    for text in texts:
        expect(place.get_by_text(text)).to_be_visible()


def expect_visible(*places: Locator) -> None:
    for place in places:
        expect(place).to_be_visible()


def expect_hidden(*places: Locator) -> None:
    for place in places:
        expect(place).to_be_hidden()


def expect_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def expect_fine(page: Page) -> None:
    """Check that axe finds nothing, no unlisted key is handled, and nothing is wider than the window."""
    assert axe_findings(page) == []
    assert unlisted_keys(page) == []
    expect_fits(page)

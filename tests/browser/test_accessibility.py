"""Every page through axe-core, in both themes and at both widths; nothing may reach beyond the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, OpenPage

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
PAGES = {
    "landing": ("/", True),
    "sign-in": ("/login", True),
    "list": ("/compare", False),
    "choosing": ("/compare?new", False),
    "setting up": ("/compare/{id}?setup", False),
    "comparison": ("/compare/{id}", False),
}


def serious_findings(page: Page) -> list[str]:
    """What axe finds serious or critical, one line each with the elements."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {[node['html'][:160] for node in violation['nodes']]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_serious_finding_or_is_wider_than_the_window(
    open_page: OpenPage, comparison: dict[str, Any], name: str, size: tuple[int, int], theme: str
) -> None:
    address, anonymous = PAGES[name]
    page = open_page(address.format(id=comparison["session_id"]), size=size, theme=theme, anonymous=anonymous)
    if name == "comparison":
        expect(page.locator("[data-sync-word]")).to_have_text("on the frame")
    if name == "choosing":
        expect(page.locator("[data-files] li")).to_have_count(6)
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("key", ["?", "w", "d"])
def test_dialogs_and_modes_have_no_serious_finding(open_page: OpenPage, comparison: dict[str, Any], key: str) -> None:
    page = open_page(f"/compare/{comparison['session_id']}")
    expect(page.locator("[data-sync-word]")).to_have_text("on the frame")
    page.keyboard.press(key)
    assert serious_findings(page) == []


def test_the_transport_is_on_screen_on_a_small_laptop(open_page: OpenPage, comparison: dict[str, Any]) -> None:
    page = open_page(f"/compare/{comparison['session_id']}", size=(1280, 700))
    box: Any = page.locator("[data-timeline]").bounding_box()
    assert box["y"] + box["height"] <= 700
    expect(page.get_by_role("button", name="Play")).to_be_in_viewport()


def test_on_a_phone_what_is_pressed_is_large_enough(open_page: OpenPage, comparison: dict[str, Any]) -> None:
    page = open_page(f"/compare/{comparison['session_id']}", size=PHONE)
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, a.btn, summary, input:not([type=range]):not([type=checkbox])')]
            .filter((e) => e.offsetParent && getComputedStyle(e).visibility !== 'hidden')
            .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
            .filter(([, r]) => r.width && (r.height < 36 || r.width < 24)).map(([html]) => html)"""
    )
    assert small == []

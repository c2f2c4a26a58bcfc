"""The page of a comparison."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.pixels import wait_until_standing


@pytest.fixture
def address(comparison: dict[str, Any]) -> str:
    return f"/compare/{comparison['session_id']}"


@pytest.fixture
def page(open_page: OpenPage, address: str) -> Page:
    page = open_page(address)
    wait_until_standing(page)
    return page

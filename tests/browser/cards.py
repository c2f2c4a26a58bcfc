"""Cards of videos, on the pages of the library and of the catalogue."""

from playwright.sync_api import Page, expect

from tests.support.waiting import wait_until


def titles(page: Page) -> list[str]:
    return page.locator(".card h2").all_inner_texts()


def expect_cards(page: Page, count: int) -> None:
    expect(page.locator(".card")).to_have_count(count)


def scroll_through(page: Page, count: int) -> None:
    def is_complete() -> bool:
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        return page.locator(".card").count() == count

    wait_until(is_complete, 30, f"all {count}")


def open_menu(page: Page, title: str) -> None:
    page.get_by_role("button", name=f"More actions for {title}").click()


def type_while_narrowed(page: Page, word: str, narrowing: str) -> None:
    """Search the cards and, in the same moment, press what narrows them. Check that one card and the word stay."""
    page.evaluate(
        """([word, narrowing]) => {
            const find = document.querySelector('#find');
            find.value = word;
            find.dispatchEvent(new Event('input'));
            document.querySelector(narrowing).click();
        }""",
        [word, narrowing],
    )
    expect_cards(page, 1)
    expect(page.locator("#find")).to_have_value(word)

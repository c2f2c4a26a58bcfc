"""The reference client of /sync in real browsers, with their own IndexedDB, locks and network: offline and back."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.backstage import Backstage
from tests.browser.conftest import OpenPage
from tests.support.program import Program
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("empty_library")]
SECONDS = 60
BEGIN = """async ({videoId, actor}) => {
    const { SyncClient } = await import("/static/js/catalogue/sync-client.js");
    const { cookie } = await import("/static/js/base/api.js");
    const headers = () => ({ "X-CSRFToken": cookie("csrftoken") });
    window.client = new SyncClient({ videoId, actor, headers, wait: { first: 50, longest: 500 }, poll: 3_600_000 });
    window.conflicts = [];
    client.addEventListener("conflict", ({ detail }) => conflicts.push(detail));
    await client.start();
}"""
LOOK = """() => ({ values: client.values, pending: client.pending, document: client.document, actor: client.actor,
    state: client.state, video: client.video, conflicts })"""


@pytest.fixture
def people(backstage: Backstage) -> dict[str, str]:
    """The browser sessions of three moderators."""
    return {name: backstage.person_session(name=name, role="moderator") for name in ("mod", "mia", "max")}


@pytest.fixture
def video(backstage: Backstage, people: dict[str, str]) -> str:
    return str(backstage.catalogue_video(by="mod", title="As made", tags=["mma", "first"]))


def begin(page: Page, video: str) -> Page:
    """Start a client in a page of somebody who has signed in."""
    actor = page.evaluate("fetch('/api/v1/me').then((answer) => answer.json()).then((me) => me.id)")
    page.evaluate(BEGIN, {"videoId": video, "actor": actor})
    return page


def look(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(LOOK)
    return found


def edit(page: Page, field: str, value: Any) -> None:
    page.evaluate("([field, value]) => client.edit(field, value)", [field, value])


def wait_agreed(*pages: Page) -> list[dict[str, Any]]:
    """Wait until each page has sent its own edits and heard of the others'. Returns what each holds."""

    def done() -> list[dict[str, Any]]:
        for page in pages:
            page.evaluate("client.sync().catch(() => {})")
        found = [look(page) for page in pages]
        settled = all(one["pending"] == 0 and one["state"] == "synced" for one in found)
        return found if settled and len({one["document"] for one in found}) == 1 else []

    return wait_until(done, SECONDS, "the pages to agree")


def test_two_tabs_are_two_replicas_and_go_on_where_the_sites_data_are_cleared(
    open_page: OpenPage, people: dict[str, str], video: str, backstage: Backstage, program: Program
) -> None:
    one = begin(open_page("/login", session=people["mod"]), video)
    other = one.context.new_page()
    other.goto("/login")
    begin(other, video)
    for number in range(3):
        edit(one, "title", f"One {number}")
        edit(other, "title", f"Other {number}")
    found = wait_agreed(one, other)
    assert found[0]["actor"] != found[1]["actor"]
    assert sorted(found[0]["video"]["vector_clock"].values()) == [3, 3]
    assert len(backstage.catalogue_row(video=video)["operations"]) == 6
    other.close()
    cleared = {"origin": program.address, "storageTypes": "indexeddb"}
    one.context.new_cdp_session(one).send("Storage.clearDataForOrigin", cleared)
    # Also where the database is closed before the page hears of it.
    one.evaluate("""() => {
        const db = IDBDatabase.prototype, begin = db.transaction;
        db.transaction = function (...given) { db.transaction = begin; this.close(); return begin.apply(this, given); };
    }""")
    edit(one, "title", "Afterwards")
    assert wait_agreed(one)[0]["video"]["title"] == "Afterwards"
    one.reload()
    begin(one, video)
    assert wait_agreed(one)[0]["values"]["title"] == "Afterwards"


def test_without_locks_each_tab_is_a_replica(open_page: OpenPage, people: dict[str, str], video: str) -> None:
    """As on plain http from another machine."""
    page = open_page("/login", session=people["mod"], quiet=False)
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })")
    page.reload()
    begin(page, video)
    wait_agreed(page)
    first = look(page)["actor"]
    page.context.set_offline(True)
    edit(page, "title", "Left behind")
    page.evaluate("client.stop()")
    page.context.set_offline(False)
    page.reload()
    begin(page, video)
    edit(page, "category", "Next")
    found = wait_agreed(page)[0]
    assert found["actor"] != first
    assert (found["values"]["title"], found["values"]["category"]) == ("Left behind", "Next")
    assert found["video"]["vector_clock"] == {first: 1, found["actor"]: 1}


def test_what_one_account_left_unsent_is_sent_by_its_next_page_and_seen_by_no_other_account(
    open_page: OpenPage, people: dict[str, str], video: str, backstage: Backstage, program: Program
) -> None:
    first = begin(open_page("/login", session=people["mod"], quiet=False), video)
    wait_agreed(first)
    actor = look(first)["actor"]
    first.context.set_offline(True)
    edit(first, "title", "Of mod alone")
    context = first.context
    first.close()
    context.set_offline(False)

    def sign_in(name: str) -> Page:
        context.add_cookies([{"name": "sessionid", "value": people[name], "url": program.address}])
        return context.new_page()

    second = sign_in("mia")
    second.goto(f"/catalogue/{video}/edit")
    second.locator("[data-line][data-state=synced]").wait_for()
    assert second.locator("#title").input_value() == "As made"
    assert "Of mod alone" not in second.content()
    assert backstage.catalogue_row(video=video)["version"] == 1
    second.close()
    third = sign_in("mod")
    third.goto("/login")
    found = wait_agreed(begin(third, video))[0]
    assert (found["values"]["title"], found["actor"]) == ("Of mod alone", actor)
    assert found["video"]["vector_clock"] == {actor: 1}

"""The page of one challenge in the browser: played statement by statement, guessed at once, and what its owner sees."""

import base64
import os
import re
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pytest_check import check

from sessions_app.comparison.samples.rendering.barcode import decode_barcode
from tests.browser import shelf
from tests.browser.backstage import OWNER, TEXTS, Backstage
from tests.browser.conftest import ACCOUNT, PHONE, OpenPage
from tests.browser.expecting import expect_fine, expect_fits, expect_shown, expect_texts, expect_visible, hold
from tests.browser.films import Film, film
from tests.browser.test_accessibility import axe_findings
from tests.support.program import Program
from tests.support.waiting import wait_until

Films = dict[str, Film]
API = "/api/v1/challenges"
SMALL = (1000, 700)
TITLE = "Three things about my first LAN"
COUNTS = (43, 38, 52)
RATES = {"30": Fraction(30), "60": Fraction(60), "29.97": Fraction(30_000, 1001)}
TIME = "document.querySelector('video').currentTime"
STANDS = """() => { const v = document.querySelector('video'); const c = document.querySelector('[data-still]');
    return v.paused && !v.seeking && v.readyState >= 2 && c.hidden; }"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    """Three statements of about a second and a half at every rate; upright ones; ten; and three long ones."""
    folder = tmp_path_factory.mktemp("films")
    found = {
        rate: film(folder / f"{rate}.mp4", [round(count * fps / 30) for count in COUNTS], fps, sound=rate != "29.97")
        for rate, fps in RATES.items()
    }
    found["tall"] = film(folder / "tall.mp4", (30, 30), size=(360, 640))
    found["ten"] = film(folder / "ten.mp4", (15,) * 10, size=(320, 180))
    found["long"] = film(folder / "long.mp4", (120, 150, 180), size=(320, 180))
    return found


def visit(open_page: OpenPage, challenge: str, **how: Any) -> Page:
    """The page of a challenge, standing at its first picture."""
    page = open_page(f"/challenges/{challenge}", **how)
    page.wait_for_function(STANDS)
    return page


def option(page: Page, number: int) -> Locator:
    return page.locator("[data-side] .option").nth(number - 1)


def part(page: Page, number: int) -> Locator:
    return page.get_by_role("navigation", name="Parts of the video").get_by_role("button").nth(number - 1)


def wait_over(page: Page, number: int) -> None:
    expect(page.get_by_role("button", name=f"Play statement {number} again")).to_be_visible()
    page.wait_for_function(STANDS)


def wait_playing(page: Page, film: Film, number: int) -> None:
    page.wait_for_function(
        "([start, end]) => { const v = document.querySelector('video');"
        " return !v.paused && v.currentTime > start && v.currentTime < end; }",
        arg=list(film.segments[number - 1].values()),
    )


def guess(page: Page, number: int) -> None:
    page.get_by_role("radio", name=re.compile(f"^{number}")).check(force=True)
    page.get_by_role("button", name=f"Guess statement {number}").click()


class Screen:
    """The screenshots that the browser draws, and the number of the video's picture in each."""

    def __init__(self, page: Page, film: Film) -> None:
        self.page, self.film = page, film
        # The words would hide the strip that carries the number.
        page.evaluate("document.querySelector('.say').style.opacity = '0'")
        page.screenshot()  # a screencast begins with what was drawn last
        self.place = page.evaluate(
            """(ratio) => { const r = document.querySelector('[data-stage]').getBoundingClientRect();
                const w = Math.min(r.width, r.height * ratio), h = w / ratio;
                return [r.x + (r.width - w) / 2, r.y + (r.height - h) / 2, w, h].map(Math.round); }""",
            film.size[0] / film.size[1],
        )
        self.shots: list[str] = []
        self.session = page.context.new_cdp_session(page)
        self.session.on("Page.screencastFrame", self._take)
        # Where it stood whenever it was told to play: a busy browser does not tell of each single picture, and of
        # having begun only when it has gone on.
        page.evaluate(
            "() => { const v = document.querySelector('video'), play = v.play; window.begun = [];"
            " v.play = () => { begun.push(v.currentTime); return play.call(v); }; }"
        )

    def _take(self, event: dict[str, Any]) -> None:
        self.shots.append(event["data"])
        self.session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    def number(self, picture: bytes) -> int:
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        x, y, width, height = self.place
        return decode_barcode(image[y : y + height, x : x + width])

    def now(self) -> int:
        return self.number(self.page.screenshot())

    def play(self, number: int) -> list[int]:
        """Play a statement to its end; the numbers of all pictures that were seen since, the one that stays the last.

        Looked at on its own: a busy browser may be told to stop before it has handed that one out.
        """
        self.shots.clear()
        self.session.send("Page.startScreencast", {"format": "jpeg", "quality": 80, "everyNthFrame": 1})
        self.page.keyboard.press(str(number))
        wait_playing(self.page, self.film, number)
        wait_over(self.page, number)
        self.session.send("Page.stopScreencast")
        return [*(self.number(base64.b64decode(shot)) for shot in self.shots), self.now()]

    def begun(self) -> list[int]:
        """The numbers of the pictures that stood there whenever it began to play."""
        return [int(time * self.film.fps) for time in self.page.evaluate("begun")]


# Chromium's software decoder draws the pictures: on a machine at half its speed one may be late.
@pytest.mark.services
@pytest.mark.flaky(reruns=2)
@pytest.mark.parametrize("rate", RATES)
def test_each_statement_plays_whole_alone(open_page: OpenPage, backstage: Backstage, films: Films, rate: str) -> None:
    one = films[rate]
    page = visit(open_page, backstage.challenge_of(one), size=SMALL)
    screen = Screen(page, one)
    stood = screen.now()
    assert stood == 0
    late: set[int] = set()
    for number in (1, 2, 3, 2, 1):
        first, last = one.firsts[number - 1], one.lasts[number - 1]
        # The earlier picture stays until the first one is decoded.
        seen = set(screen.play(number)) - {stood}
        assert seen
        assert not [picture for picture in seen if not first <= picture <= last], number
        # A busy machine draws few of them.
        if os.getloadavg()[0] <= 2 * (os.cpu_count() or 1):
            assert len(seen) > 5
        late |= seen & {*range(last - int(one.fps / 4), last)}
        stood = screen.now()
        assert stood == last
    # The still that covers the end of the video appears in its last quarter of a second at the earliest.
    assert late
    assert screen.begun() == [one.firsts[number - 1] for number in (1, 2, 3, 2, 1)]


# Chromium's software decoder draws the pictures: on a machine at half its speed one may be late.
@pytest.mark.services
@pytest.mark.flaky(reruns=2)
@pytest.mark.parametrize("says", [True, False], ids=["browser-says-which-picture", "browser-does-not"])
def test_a_busy_page_shows_no_other_part(open_page: OpenPage, backstage: Backstage, films: Films, says: bool) -> None:
    one = films["30"]
    page = visit(open_page, backstage.challenge_of(one), size=SMALL)
    screen = Screen(page, one)
    if not says:
        page.evaluate("delete window.VideoFrame")
    for before, busy in ((0.6, 900), (0.045, 400)):
        page.evaluate(
            """([at, busy]) => { const v = document.querySelector('video'); let began = false; window.wasBusy = false;
                const look = () => { if (v.currentTime < at) began = true;
                    if (!began || v.currentTime < at) return requestAnimationFrame(look);
                    const until = performance.now() + busy; while (performance.now() < until); window.wasBusy = true; };
                requestAnimationFrame(look); }""",
            [one.segments[0]["end"] - before, busy],
        )
        seen = screen.play(1)
        assert page.evaluate("window.wasBusy") is True
        assert max(seen) == one.lasts[0]
        assert screen.now() == one.lasts[0]


@pytest.mark.services
def test_the_page_tells_what_plays_and_obeys_keys(open_page: OpenPage, backstage: Backstage, films: Films) -> None:
    one = films["long"]
    page = visit(open_page, backstage.challenge_of(one))
    expect_visible(page.get_by_role("heading", name=TITLE), page.get_by_text("by mira · two are true, one is a lie"))
    for number in (1, 2, 3):
        expect_texts(option(page, number), "not watched yet", TEXTS[number - 1])
    expect(part(page, 2)).to_have_text(f"2 0:05, {TEXTS[1]}")
    option(page, 1).get_by_role("button", name="Play statement 1").click()
    expect(option(page, 1)).to_contain_text("playing now")
    expect(page.get_by_role("region", name="Video, statement 1 of 3")).to_contain_text("1 of 3 · 0:02 / 0:04")
    expect(page.get_by_role("img", name="Statement 1 of 3, 3 of 4 seconds")).to_be_visible()
    wait_over(page, 1)
    expect(option(page, 1)).to_contain_text("watched")
    expect(option(page, 1)).not_to_contain_text("not yet")
    part(page, 3).click()
    wait_playing(page, one, 3)
    expect(part(page, 3)).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("region", name="Video, statement 3 of 3")).to_contain_text(TEXTS[2])
    shares = page.evaluate("[...document.querySelectorAll('.parts b')].map((b) => b.style.getPropertyValue('--share'))")
    assert shares[:2] == ["1", "1"]
    option(page, 3).get_by_role("button", name="Pause statement 3").click()
    expect(option(page, 3)).to_contain_text("not watched yet")
    # The same button resumes; another one plays from the start.
    at = page.evaluate(TIME)
    option(page, 3).get_by_role("button", name="Play statement 3").click()
    wait_playing(page, one, 3)
    assert page.evaluate(TIME) >= at

    page.evaluate("document.activeElement.blur()")  # a focused button has its own keys
    for key, number in (("1", 1), ("ArrowRight", 2), ("ArrowRight", 3), ("ArrowRight", 3), ("ArrowLeft", 2)):
        page.keyboard.press(key)
        wait_playing(page, one, number)
    page.wait_for_function(f"(at) => {TIME} > at", arg=one.segments[1]["start"] + 1)
    page.keyboard.press("r")
    page.wait_for_function(f"(at) => {TIME} < at", arg=one.segments[1]["start"] + 0.9)
    wait_playing(page, one, 2)
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Play statement 2").first).to_be_visible()
    page.keyboard.press("Space")
    wait_playing(page, one, 2)
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="Unmute")).to_be_visible()
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement?.matches('[data-stage]')")
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement === null")
    page.keyboard.press("g")
    expect(page.get_by_role("radio").first).to_be_focused()
    # A focused radio keeps its own keys, and leaves all others to the page.
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio").nth(1)).to_be_checked()
    page.keyboard.press("3")
    wait_playing(page, one, 3)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect_texts(
        dialog,
        "Play the statement with this number",
        "Play or pause",
        "Previous or next statement",
        "Replay the statement",
        "Go to the statements",
    )
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.services
def test_an_address_that_ran_out_is_asked_for_again(open_page: OpenPage, backstage: Backstage, films: Films) -> None:
    one = films["long"]
    challenge = backstage.challenge_of(one)
    page = open_page("/account", quiet=False)
    refused: list[str] = []

    def refuse(route: Route) -> None:
        if len(refused) >= 2:
            return route.continue_()
        refused.append(route.request.method)
        return route.fulfill(status=410, json={"error": "It is over."})

    page.route("**/api/v1/media/stream/**", refuse)
    page.goto(f"/challenges/{challenge}")
    page.wait_for_function(STANDS)
    page.keyboard.press("1")
    wait_over(page, 1)
    assert refused == ["GET", "HEAD"]
    page.unroute("**/api/v1/media/stream/**")
    page.reload()
    page.wait_for_function(STANDS)
    address = page.evaluate("document.querySelector('video').src")

    def refuse_head(route: Route) -> None:
        if route.request.method == "HEAD":
            route.fulfill(status=410, json={"error": "It is over."})
        else:
            route.continue_()

    page.route(lambda url: url == address, refuse_head)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith(challenge) else None)
    page.keyboard.press("2")
    page.wait_for_function(f"(at) => {TIME} > at", arg=one.segments[1]["start"] + 1.5)
    page.evaluate("() => { window.loaded = 0; const v = document.querySelector('video');"
                  " v.addEventListener('loadeddata', () => { loaded += 1; window.from = v.currentTime; });"
                  " window.was = v.currentTime; v.dispatchEvent(new Event('error')); }")  # fmt: skip
    page.wait_for_function("() => window.loaded === 1")
    assert asked == [f"{page.url.split('/challenges')[0]}{API}/{challenge}"]
    wait_playing(page, one, 2)
    before, after = page.evaluate("[window.was, window.from]")
    assert after > before - 0.5  # the video plays on until the new address is there
    wait_over(page, 2)
    assert Screen(page, one).now() == one.lasts[1]


def test_a_guess_is_made_once_and_answered_in_place(open_page: OpenPage, backstage: Backstage, films: Films) -> None:
    challenge = backstage.challenge_of(films["30"], lie=1)
    for player, index in (("ann", 1), ("bob", 0), ("cleo", 1)):
        backstage.guess(challenge=challenge, player=player, index=index)
    page = visit(open_page, challenge)
    expect(page.get_by_role("button", name="Choose a statement")).to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="Choose a statement").click(force=True)
    expect(page.get_by_role("radio").first).to_be_focused()
    expect(page.get_by_text("You have only one guess")).to_be_visible()
    guess(page, 2)
    heading = page.get_by_role("heading", name="You found the lie.")
    expect(heading).to_be_focused()
    expect_visible(page.get_by_text("It was number 2.", exact=True), page.get_by_text("3 of 4 players found the lie."))
    expect_texts(option(page, 1), "True", "1 of 4 players chose this statement")
    expect_texts(option(page, 2), "The lie (your guess)", "3 of 4 players chose this statement")
    expect(page.get_by_role("radio")).to_have_count(0)
    expect(heading).to_be_focused()
    assert backstage.challenge_row(challenge=challenge)["guesses"][-1] == [ACCOUNT, 1]
    page.get_by_role("button", name="Watch again").click()
    wait_over(page, 1)
    page.reload()
    expect(page.get_by_role("heading", name="You found the lie.")).to_be_visible()


@pytest.mark.services
def test_a_wrong_guess_is_told_and_leads_to_the_next(open_page: OpenPage, backstage: Backstage, films: Films) -> None:
    first = backstage.challenge_of(films["30"], lie=2)
    second = backstage.challenge_of(films["30"], title="Another")
    played = backstage.challenge_of(films["30"])
    backstage.guess(challenge=played, player=ACCOUNT, index=0)
    backstage.challenge_of(films["30"], owner=ACCOUNT)
    page = visit(open_page, first)
    held = hold(page, f"**{API}/{first}")
    guess(page, 1)
    expect(page.get_by_role("heading", name="Not this time.")).to_be_focused()
    expect(page.get_by_text("You chose number 1, but number 3 was the lie.")).to_be_visible()
    expect(option(page, 1)).to_contain_text("True statement (your guess)")
    expect(option(page, 3)).to_contain_text("The lie")
    # The link leads to the next challenge before the statistics are loaded.
    further = page.get_by_role("link", name="Next challenge")
    expect(further).to_have_attribute("href", f"/challenges/{second}")
    further.focus()
    # The statistics may arrive while the link has the focus.
    wait_until(lambda: page.evaluate("true") and held)
    held[0].continue_()
    expect(page.get_by_text("You are the first player.")).to_be_visible()
    page.keyboard.press("Enter")  # the page grows below the answer, so a click might miss the link
    page.wait_for_url(f"**/challenges/{second}", wait_until="commit")
    guess(page, 2)
    page.get_by_role("link", name="All challenges").last.click()
    page.wait_for_url(re.compile("/challenges$"))


@pytest.mark.services
def test_a_guess_is_taken_once_and_a_report_too(open_page: OpenPage, backstage: Backstage, films: Films) -> None:
    challenge = backstage.challenge_of(films["30"], lie=1)
    page = visit(open_page, challenge, quiet=False)
    for button, words, said in (
        ("Report this challenge", "It names my neighbour.", "A moderator will review the challenge."),
        ("Reported", "Again.", "You have already reported this."),
    ):
        page.get_by_role("button", name=button).click()
        dialog = page.get_by_role("dialog", name="Report this challenge")
        dialog.get_by_role("button", name="Send report").click()
        expect(dialog).to_contain_text("Describe in a few words what is wrong.")
        dialog.get_by_label("What is wrong with this challenge?").fill(words)
        dialog.get_by_role("button", name="Send report").click()
        expect(page.locator("[data-toasts], [role=dialog], dialog").get_by_text(said)).to_be_visible()
        assert backstage.challenge_row(challenge=challenge)["reports"] == [[ACCOUNT, "It names my neighbour."]]
    page.keyboard.press("Escape")

    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    page.keyboard.press("3")
    wait_over(page, 3)
    guess(page, 2)
    note = page.get_by_role("alert")
    expect_texts(note, "Your guess was not saved.", "The server cannot be reached. Check the network")
    expect(page.get_by_role("radio", name=re.compile("^2"))).to_be_checked()
    page.context.set_offline(False)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/guesses", lose, times=1)
    with page.expect_event("requestfailed"):
        note.get_by_role("button", name="Try again").click()
    note.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="You found the lie.")).to_be_focused()
    assert backstage.challenge_row(challenge=challenge)["guesses"] == [[ACCOUNT, 1]]

    challenge = backstage.challenge_of(films["30"], lie=1)
    page.goto(f"/challenges/{challenge}")
    page.wait_for_function(STANDS)
    backstage.guess(challenge=challenge, player=ACCOUNT, index=0)
    guess(page, 2)
    expect(page.locator("[data-toasts]")).to_contain_text("You already guessed in another window.")
    expect(page.get_by_role("heading", name="Not this time.")).to_be_focused()
    assert backstage.challenge_row(challenge=challenge)["guesses"] == [[ACCOUNT, 0]]
    challenge = backstage.challenge_of(films["30"])
    page.goto(f"/challenges/{challenge}")
    backstage.unpublish(challenge=challenge)
    guess(page, 1)
    expect(page.get_by_role("heading", name="This challenge is no longer available")).to_be_focused()
    expect(page.get_by_role("link", name="All challenges").last).to_be_visible()
    expect(page.locator("[data-stage]")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


@pytest.mark.services
def test_an_own_draft_is_edited_and_published(
    open_page: OpenPage, backstage: Backstage, films: Films, program: Program
) -> None:
    challenge = backstage.challenge_of(films["30"], owner=ACCOUNT, is_published=False)
    page = visit(open_page, challenge)
    expect(page.locator("[data-side] [data-status]")).to_have_text("Draft")
    expect(option(page, 2)).to_contain_text("The lie")
    expect(page.get_by_role("radio")).to_have_count(0)
    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Edit the draft")
    dialog.get_by_label("Title").fill("  ")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_contain_text("A challenge needs a title.")
    dialog.get_by_label("Title").fill("Other things")
    dialog.get_by_label("Text of statement 1").fill("We walked.")
    program.call("PATCH", f"/api/v1/challenges/{challenge}", {"texts": [*TEXTS[:2], "We flew."]})
    dialog.get_by_label("the lie is statement 1").check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", name="Other things")).to_be_visible()
    expect(page).to_have_title("Other things · VOD Sync")
    expect_texts(option(page, 1), "We walked.", "The lie")
    expect(page.get_by_role("region", name="Video, statement 1 of 3")).to_contain_text("We walked.")
    found = backstage.challenge_row(challenge=challenge)
    assert (found["title"], found["lie"], found["texts"]) == ("Other things", 0, ["We walked.", TEXTS[1], "We flew."])
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("[data-side] [data-status]")).to_have_text("Published")
    backstage.guess(challenge=challenge, player="ann", index=0)
    page.reload()
    expect(page.locator("[data-results]")).to_have_text("The only player so far found the lie.")
    expect(option(page, 1)).to_contain_text("1 of 1 player chose this statement")
    page.get_by_role("button", name="Unpublish").click()
    expect(page.locator("[data-side] [data-status]")).to_have_text("Draft")
    # A challenge that was played keeps its lie, so that only its title can be changed.
    page.get_by_role("button", name="Edit").click()
    expect(dialog).to_contain_text("Someone has already played this challenge")
    expect(dialog.get_by_label("Text of statement 1")).to_be_disabled()
    dialog.get_by_label("Title").fill("Played things")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Played things")).to_be_visible()


@pytest.mark.services
def test_guests_play_one_by_its_link(open_page: OpenPage, backstage: Backstage, films: Films, program: Program) -> None:
    challenge = backstage.challenge_of(films["30"], owner=ACCOUNT, title=TITLE, lie=1)
    own = visit(open_page, challenge)
    own.get_by_role("checkbox", name="Anyone with the link can play, even without an account").check()
    wait_until(lambda: program.call("GET", f"{API}/{challenge}")["guests_may_play"])
    page = visit(open_page, challenge, anonymous=True)
    expect(page).to_have_title(f"{TITLE} · VOD Sync")
    expect(page.get_by_role("button", name="Report this challenge")).to_have_count(0)
    guess(page, 2)
    expect(page.get_by_role("heading", name="You found the lie.")).to_be_focused()
    expect(page.locator("[data-found]")).to_have_text("You are the first player.")
    # The browser stays the same guest.
    page.reload()
    expect(page.get_by_role("heading", name="You found the lie.")).to_be_visible()
    own.reload()
    expect(own.locator("[data-results]")).to_have_text("The only player so far found the lie.")
    own.get_by_role("checkbox", name="Anyone with the link can play, even without an account").uncheck()
    wait_until(lambda: not program.call("GET", f"{API}/{challenge}")["guests_may_play"])
    page.goto(f"/challenges/{challenge}")
    expect(page).to_have_url(re.compile(r"/login\?next="))

    own.context.grant_permissions(["clipboard-read", "clipboard-write"])
    own.get_by_role("button", name="Copy link").click()
    expect(own.get_by_role("button", name="Copied")).to_be_visible()
    assert own.evaluate("navigator.clipboard.readText()").endswith(f"/challenges/{challenge}")
    own.get_by_role("button", name="Delete").click()
    dialog = own.get_by_role("alertdialog", name=f"Delete “{TITLE}”?")
    expect(dialog).to_contain_text("This also deletes 1 guess.")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    own.keyboard.press("Escape")
    expect(own.get_by_role("button", name="Delete")).to_be_focused()
    own.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    own.wait_for_url(re.compile("/challenges$"))
    assert backstage.challenge_row(challenge=challenge) is None
    withheld = backstage.challenge_of(films["30"], owner=ACCOUNT)
    backstage.withhold(challenge=withheld, by="keeper")
    own.goto(f"/challenges/{withheld}")
    expect(own.locator("[data-side] [data-status]")).to_have_text("Withheld")
    expect_shown(own, "A moderator has taken this challenge down.", "Reason: “Not a challenge.”")
    expect(own.locator("[data-side] .sticky-foot").get_by_role("button")).to_have_text(["Delete"])
    with check("an admin may look at a draft but not guess"):
        draft = backstage.challenge_of(films["30"], is_published=False)
        page = visit(open_page, draft, session=backstage.admin_session())
        expect(page.get_by_text("This challenge cannot be played now.")).to_be_visible()
        expect(page.get_by_role("radio")).to_have_count(0)
        expect(option(page, 2)).not_to_contain_text("lie")


@pytest.mark.services
@pytest.mark.parametrize("kind", ["asked", "told", "own"])
def test_on_a_phone_it_is_within_reach(open_page: OpenPage, backstage: Backstage, films: Films, kind: str) -> None:
    name = "a_very_long_name_" * 10
    texts = [f"{name} and more words than fit on one line of a phone" for _ in range(10)]
    owner = ACCOUNT if kind == "own" else OWNER
    challenge = backstage.challenge_of(films["ten"], title=name, texts=texts, owner=owner, is_published=kind != "own")
    if kind == "told":
        backstage.guess(challenge=challenge, player=ACCOUNT, index=3)
    page = visit(open_page, challenge, size=PHONE)
    expect_fits(page)
    expect(page.locator("[data-side] .btn.primary")).to_be_in_viewport(ratio=1)
    assert page.evaluate(shelf.TOO_SMALL, "button, a.btn, .option label") == []
    if kind == "asked":
        page.keyboard.press("0")  # the tenth
        wait_over(page, 10)
        page.keyboard.press("Space")
        wait_playing(page, films["ten"], 10)
        page.locator(".option label").nth(9).tap()
        page.get_by_role("button", name="Guess statement 10").tap()
        expect(page.get_by_role("heading", name="Not this time.")).to_be_in_viewport()


@pytest.mark.services
@pytest.mark.parametrize("size", [SMALL, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(open_page: OpenPage, backstage: Backstage, films: Films, size: tuple[int, int]) -> None:
    one = films["30"]
    page = visit(open_page, backstage.challenge_of(one), size=size)
    page.get_by_role("radio").nth(1).check(force=True)
    expect(page.get_by_role("button", name="Guess statement 2")).not_to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="Report this challenge").click()
    assert axe_findings(page) == []
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.getAnimations().every((one) => one.playState === 'finished')")
    assert axe_findings(page) == []
    guess(page, 1)
    expect(page.get_by_text("You are the first player.")).to_be_visible()
    assert axe_findings(page) == []
    page.goto(f"/challenges/{backstage.challenge_of(one, owner=ACCOUNT, is_published=False)}")
    page.get_by_role("button", name="Edit").click()
    assert axe_findings(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete").click()
    expect_fine(page)
    tall = films["tall"]
    page = visit(open_page, backstage.challenge_of(tall), size=size)
    assert Screen(page, tall).now() == 0


@pytest.mark.services
def test_a_fast_statement_ends_on_its_last_picture(open_page: OpenPage, backstage: Backstage, films: Films) -> None:
    """Most pictures are left out then, as on a slow machine: how far apart they are is not known."""
    one = films["60"]
    page = visit(open_page, backstage.challenge_of(one), size=SMALL)
    screen = Screen(page, one)
    page.evaluate("document.querySelector('video').playbackRate = 8")
    for number in (1, 2):
        page.keyboard.press(str(number))
        wait_over(page, number)
        assert screen.now() == one.lasts[number - 1]

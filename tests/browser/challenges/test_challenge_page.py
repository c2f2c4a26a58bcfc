"""The page of one challenge in the browser: played statement by statement, guessed at once, and what its owner sees."""

from __future__ import annotations

import base64
import os
import re
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.challenge_maker import API, OWNER, TEXTS, Film, Maker, film
from tests.browser.conftest import ACCOUNT, PHONE, OpenPage
from tests.browser.test_accessibility import axe_findings
from tests.support.program import Program
from tests.support.waiting import wait_until
from vodplatform.demo.barcode import decode_barcode

SMALL = (1000, 700)
TITLE = "Three things about my first LAN"
COUNTS = (43, 38, 52)
RATES = {"30": Fraction(30), "60": Fraction(60), "29.97": Fraction(30_000, 1001)}
TIME = "document.querySelector('video').currentTime"
STANDS = """() => { const v = document.querySelector('video'); const c = document.querySelector('[data-still]');
    return v.paused && !v.seeking && v.readyState >= 2 && c.hidden; }"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Film]:
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


def over(page: Page, number: int) -> None:
    """Wait until a statement has come to its end and stands there."""
    expect(page.get_by_role("button", name=f"Play statement {number} again")).to_be_visible()
    page.wait_for_function(STANDS)


def is_in(page: Page, film: Film, number: int) -> None:
    """Wait until a statement is playing."""
    page.wait_for_function(
        "([start, end]) => { const v = document.querySelector('video');"
        " return !v.paused && v.currentTime > start && v.currentTime < end; }",
        arg=list(film.segments[number - 1].values()),
    )


def guess(page: Page, number: int) -> None:
    page.get_by_role("radio", name=re.compile(f"^{number}")).check(force=True)
    page.get_by_role("button", name=f"Say that {number} is the lie").click()


# Playing


class Screen:
    """What is on screen in the picture's place, one screenshot after the other as the browser draws them."""

    def __init__(self, page: Page, film: Film) -> None:
        self.page, self.film = page, film
        # The words lie over the strip that carries the number.
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
        """The number of the picture that stands there."""
        return self.number(self.page.screenshot())

    def play(self, number: int) -> list[int]:
        """Play a statement to its end; the numbers of all pictures that were seen since, the one that stays the last.

        Looked at on its own: a busy browser may be told to stop before it has handed that one out.
        """
        self.shots.clear()
        self.session.send("Page.startScreencast", {"format": "jpeg", "quality": 80, "everyNthFrame": 1})
        self.page.keyboard.press(str(number))
        is_in(self.page, self.film, number)
        over(self.page, number)
        self.session.send("Page.stopScreencast")
        return [*(self.number(base64.b64decode(shot)) for shot in self.shots), self.now()]

    def begun(self) -> list[int]:
        """The numbers of the pictures that stood there whenever it began to play."""
        return [int(time * self.film.fps) for time in self.page.evaluate("begun")]


# The pictures are those that Chromium's software decoder shows: on a machine at half its speed one may come late.
@pytest.mark.flaky(reruns=2)
@pytest.mark.parametrize("rate", RATES)
def test_each_statement_plays_from_its_first_picture_to_its_last_and_no_other_is_seen(
    open_page: OpenPage, maker: Maker, films: dict[str, Film], rate: str
) -> None:
    one = films[rate]
    page = visit(open_page, maker.of(one), size=SMALL)
    screen = Screen(page, one)
    stood = screen.now()
    assert stood == 0
    late: set[int] = set()
    for number in (1, 2, 3, 2, 1):
        first, last = one.firsts[number - 1], one.lasts[number - 1]
        # Until the first picture is there, the one that stood there stays.
        seen = set(screen.play(number)) - {stood}
        assert seen
        assert not [picture for picture in seen if not first <= picture <= last], number
        # A browser that gets no time shows few of them.
        if os.getloadavg()[0] <= 2 * (os.cpu_count() or 1):
            assert len(seen) > 5
        late |= seen & {last - 2, last - 1}
        stood = screen.now()
        assert stood == last
    # What is laid over the video at the end moves on as it does.
    assert late
    assert screen.begun() == [one.firsts[number - 1] for number in (1, 2, 3, 2, 1)]


# The pictures are those that Chromium's software decoder shows: on a machine at half its speed one may come late.
@pytest.mark.flaky(reruns=2)
@pytest.mark.parametrize("says", [True, False], ids=["browser-says-which-picture", "browser-does-not"])
@pytest.mark.parametrize(("before", "busy"), [(0.6, 900), (0.045, 400)])
def test_a_busy_page_shows_nothing_of_the_next_statement_either(
    open_page: OpenPage, maker: Maker, films: dict[str, Film], before: float, busy: int, says: bool
) -> None:
    one = films["30"]
    page = visit(open_page, maker.of(one), size=SMALL)
    screen = Screen(page, one)
    if not says:
        page.evaluate("delete window.VideoFrame")
    page.evaluate(
        """([at, busy]) => { const v = document.querySelector('video');
            const look = () => { if (v.currentTime < at) return requestAnimationFrame(look);
                const until = performance.now() + busy; while (performance.now() < until); window.wasBusy = true; };
            requestAnimationFrame(look); }""",
        [one.segments[0]["end"] - before, busy],
    )
    seen = screen.play(1)
    assert page.evaluate("window.wasBusy") is True
    assert max(seen) == one.lasts[0]
    assert screen.now() == one.lasts[0]


def test_a_picture_that_stands_upright_is_seen_whole(open_page: OpenPage, maker: Maker, films: dict[str, Film]) -> None:
    one = films["tall"]
    for size in (SMALL, PHONE):
        page = visit(open_page, maker.of(one), size=size)
        assert Screen(page, one).now() == 0


def test_the_page_tells_what_plays_what_was_watched_and_what_was_not(
    open_page: OpenPage, maker: Maker, films: dict[str, Film]
) -> None:
    one = films["long"]
    page = visit(open_page, maker.of(one))
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
    expect(page.get_by_text("by mira · two are true, one is a lie")).to_be_visible()
    for number in (1, 2, 3):
        expect(option(page, number)).to_contain_text("not yet watched")
        expect(option(page, number)).to_contain_text(TEXTS[number - 1])
    expect(part(page, 2)).to_have_text(f"2 0:05, {TEXTS[1]}")
    option(page, 1).get_by_role("button", name="Play statement 1").click()
    expect(option(page, 1)).to_contain_text("playing now")
    expect(page.get_by_role("region", name="Video, statement 1 of 3")).to_contain_text("1 of 3 · 0:02 / 0:04")
    expect(page.get_by_role("img", name="Statement 1 of 3, 3 of 4 seconds")).to_be_visible()
    over(page, 1)
    expect(option(page, 1)).to_contain_text("watched")
    expect(option(page, 1)).not_to_contain_text("not yet")
    part(page, 3).click()
    is_in(page, one, 3)
    expect(part(page, 3)).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("region", name="Video, statement 3 of 3")).to_contain_text(TEXTS[2])
    shares = page.evaluate("[...document.querySelectorAll('.parts b')].map((b) => b.style.getPropertyValue('--share'))")
    assert shares[:2] == ["1", "1"]
    option(page, 3).get_by_role("button", name="Pause statement 3").click()
    expect(option(page, 3)).to_contain_text("not yet watched")
    # The same button goes on where it was, another begins again.
    at = page.evaluate(TIME)
    option(page, 3).get_by_role("button", name="Play statement 3").click()
    is_in(page, one, 3)
    assert page.evaluate(TIME) >= at


def test_every_key_does_what_the_list_of_keys_says(open_page: OpenPage, maker: Maker, films: dict[str, Film]) -> None:
    one = films["long"]
    page = visit(open_page, maker.of(one))
    page.keyboard.press("Space")
    is_in(page, one, 1)
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Play statement 1").first).to_be_visible()
    page.keyboard.press("ArrowRight")
    is_in(page, one, 2)
    page.keyboard.press("ArrowRight")
    is_in(page, one, 3)
    page.keyboard.press("ArrowRight")
    is_in(page, one, 3)
    page.keyboard.press("ArrowLeft")
    is_in(page, one, 2)
    page.wait_for_function(f"(at) => {TIME} > at", arg=one.segments[1]["start"] + 1)
    page.keyboard.press("r")
    page.wait_for_function(f"(at) => {TIME} < at", arg=one.segments[1]["start"] + 0.9)
    is_in(page, one, 2)
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="Sound on")).to_be_visible()
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement?.matches('[data-stage]')")
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement === null")
    page.keyboard.press("g")
    expect(page.get_by_role("radio").first).to_be_focused()
    # The radio's own keys are its own; what it does not know is the page's.
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio").nth(1)).to_be_checked()
    page.keyboard.press("3")
    is_in(page, one, 3)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    for words in ("Play that statement", "Play and pause", "To the statement before", "from its start", "To the guess"):
        expect(dialog).to_contain_text(words)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_nought_plays_the_tenth_of_ten(open_page: OpenPage, maker: Maker, films: dict[str, Film]) -> None:
    one = films["ten"]
    page = visit(open_page, maker.of(one))
    page.keyboard.press("0")
    over(page, 10)
    page.keyboard.press("Space")
    is_in(page, one, 10)
    over(page, 10)
    # However many there are, what is decided on is on screen.
    page.get_by_role("radio", name="10 Statement 10").check(force=True)
    expect(page.get_by_role("button", name="Say that 10 is the lie")).to_be_in_viewport()


def test_an_address_that_ran_out_is_asked_for_again_and_it_goes_on_at_the_same_place(
    open_page: OpenPage, maker: Maker, films: dict[str, Film]
) -> None:
    one = films["long"]
    challenge = maker.of(one)
    page = visit(open_page, challenge, quiet=False)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith(challenge) else None)
    address = page.evaluate("document.querySelector('video').src")
    page.route(
        lambda url: url == address,
        lambda route: route.fulfill(status=410, json={"error": "It is over."}) if route.request.method == "HEAD"
        else route.continue_(),
    )  # fmt: skip
    page.keyboard.press("2")
    page.wait_for_function(f"(at) => {TIME} > at", arg=one.segments[1]["start"] + 1.5)
    page.evaluate("() => { window.loaded = 0; const v = document.querySelector('video');"
                  " v.addEventListener('loadeddata', () => { loaded += 1; window.from = v.currentTime; });"
                  " window.was = v.currentTime; v.dispatchEvent(new Event('error')); }")  # fmt: skip
    page.wait_for_function("() => window.loaded === 1")
    assert asked == [f"{page.url.split('/challenges')[0]}{API}/{challenge}"]
    is_in(page, one, 2)
    before, after = page.evaluate("[window.was, window.from]")
    assert abs(before - after) < 0.5
    over(page, 2)
    assert Screen(page, one).now() == one.lasts[1]


def test_an_address_that_ran_out_before_anything_was_loaded_is_asked_for_again_too(
    open_page: OpenPage, maker: Maker, films: dict[str, Film]
) -> None:
    one = films["long"]
    page = open_page("/account", quiet=False)
    refused: list[str] = []

    def refuse(route: Route) -> None:
        if len(refused) >= 2:
            return route.continue_()
        refused.append(route.request.method)
        return route.fulfill(status=410, json={"error": "It is over."})

    page.route("**/api/v1/media/stream/**", refuse)
    page.goto(f"/challenges/{maker.of(one)}")
    page.wait_for_function(STANDS)
    page.keyboard.press("3")
    over(page, 3)
    assert refused == ["GET", "HEAD"]


# The guess


def test_a_guess_is_made_once_and_the_answer_takes_the_place_of_the_question(
    open_page: OpenPage, maker: Maker, films: dict[str, Film]
) -> None:
    challenge = maker.of(films["30"], lie=1)
    for player, index in (("ann", 1), ("bob", 0), ("cleo", 1)):
        maker.guess(challenge=challenge, player=player, index=index)
    page = visit(open_page, challenge)
    expect(page.get_by_role("button", name="Choose one first")).to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="Choose one first").click(force=True)
    expect(page.get_by_role("radio").first).to_be_focused()
    expect(page.get_by_text("One guess, no second try")).to_be_visible()
    guess(page, 2)
    heading = page.get_by_role("heading", name="You found it.")
    expect(heading).to_be_focused()
    expect(page.get_by_text("Number 2 was the lie.", exact=True)).to_be_visible()
    expect(page.get_by_text("3 of 4 players found it.")).to_be_visible()
    expect(option(page, 1)).to_contain_text("True")
    expect(option(page, 1)).to_contain_text("1 of 4 chose it")
    expect(option(page, 2)).to_contain_text("The lie, and your guess")
    expect(option(page, 2)).to_contain_text("3 of 4 chose it")
    expect(page.get_by_role("radio")).to_have_count(0)
    expect(heading).to_be_focused()
    assert maker.row(challenge=challenge)["guesses"][-1] == [ACCOUNT, 1]
    page.get_by_role("button", name="Watch again").click()
    over(page, 1)
    page.reload()
    expect(page.get_by_role("heading", name="You found it.")).to_be_visible()


def test_a_wrong_guess_says_which_it_was(open_page: OpenPage, maker: Maker, films: dict[str, Film]) -> None:
    challenge = maker.of(films["30"], lie=2)
    page = visit(open_page, challenge)
    guess(page, 1)
    expect(page.get_by_role("heading", name="Not this time.")).to_be_focused()
    expect(page.get_by_text("You said 1, but number 3 was the lie.")).to_be_visible()
    expect(option(page, 1)).to_contain_text("True, your guess")
    expect(option(page, 3)).to_contain_text("The lie")
    expect(page.get_by_text("You are the first who guessed.")).to_be_visible()


def test_the_next_one_is_one_that_was_not_played(open_page: OpenPage, maker: Maker, films: dict[str, Film]) -> None:
    first, second, played = maker.of(films["30"]), maker.of(films["30"], title="Another"), maker.of(films["30"])
    maker.guess(challenge=played, player=ACCOUNT, index=0)
    maker.of(films["30"], owner=ACCOUNT)
    page = visit(open_page, first)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**{API}/{first}", hold)
    guess(page, 2)
    # Until the page knows which, it leads to all that were not played.
    further = page.get_by_role("link", name="Next challenge")
    expect(further).to_have_attribute("href", f"/challenges/{second}")
    further.focus()
    # What others said may come while somebody is about to press it.
    wait_until(lambda: page.evaluate("true") and held)
    held[0].continue_()
    expect(page.get_by_text("You are the first who guessed.")).to_be_visible()
    page.keyboard.press("Enter")  # the page below the answer grows: a click might be let go beside the link
    # Its video may take longer to be there, and this is not about that.
    page.wait_for_url(f"**/challenges/{second}", wait_until="commit")
    guess(page, 2)
    page.get_by_role("link", name="All challenges").last.click()
    page.wait_for_url(re.compile("/challenges$"))


def test_one_that_was_guessed_in_another_window_shows_what_came_of_it(
    open_page: OpenPage, maker: Maker, films: dict[str, Film]
) -> None:
    challenge = maker.of(films["30"], lie=1)
    page = visit(open_page, challenge, quiet=False)
    maker.guess(challenge=challenge, player=ACCOUNT, index=0)
    guess(page, 2)
    expect(page.locator("[data-toasts]")).to_contain_text("You already guessed in another window.")
    expect(page.get_by_role("heading", name="Not this time.")).to_be_focused()
    assert maker.row(challenge=challenge)["guesses"] == [[ACCOUNT, 0]]


def test_a_guess_whose_answer_was_lost_is_sent_again_as_the_same(
    open_page: OpenPage, maker: Maker, films: dict[str, Film]
) -> None:
    challenge = maker.of(films["30"], lie=1)
    page = visit(open_page, challenge, quiet=False)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/guesses", lose, times=1)
    guess(page, 2)
    note = page.get_by_role("alert")
    expect(note).to_contain_text("Your guess was not taken.")
    expect(note).to_contain_text("The server cannot be reached. Check the network")
    expect(page.get_by_role("radio", name=re.compile("^2"))).to_be_checked()
    note.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="You found it.")).to_be_focused()
    assert maker.row(challenge=challenge)["guesses"] == [[ACCOUNT, 1]]


def test_without_a_network_a_banner_says_so_and_what_is_loaded_goes_on(
    open_page: OpenPage, maker: Maker, films: dict[str, Film]
) -> None:
    page = visit(open_page, maker.of(films["30"]), quiet=False)
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    page.keyboard.press("3")
    over(page, 3)
    guess(page, 2)
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    page.context.set_offline(False)
    page.get_by_role("alert").get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="You found it.")).to_be_focused()


def test_one_that_was_taken_down_meanwhile_says_so(open_page: OpenPage, maker: Maker, films: dict[str, Film]) -> None:
    challenge = maker.of(films["30"])
    page = visit(open_page, challenge, quiet=False)
    maker.unpublish(challenge=challenge)
    guess(page, 1)
    expect(page.get_by_role("heading", name="This challenge is not here any more")).to_be_focused()
    expect(page.get_by_role("link", name="All challenges").last).to_be_visible()
    expect(page.locator("[data-stage]")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


def test_a_report_is_sent_once_with_its_reason(open_page: OpenPage, maker: Maker, films: dict[str, Film]) -> None:
    challenge = maker.of(films["30"])
    page = visit(open_page, challenge, quiet=False)
    page.get_by_role("button", name="Report this challenge").click()
    dialog = page.get_by_role("dialog", name="Report this challenge")
    dialog.get_by_role("button", name="Send the report").click()
    expect(dialog).to_contain_text("Say in a few words what is wrong.")
    dialog.get_by_label("What is wrong with it?").fill("It names my neighbour.")
    dialog.get_by_role("button", name="Send the report").click()
    expect(dialog).to_have_count(0)
    expect(page.locator("[data-toasts]")).to_contain_text("A moderator will look at it.")
    assert maker.row(challenge=challenge)["reports"] == [[ACCOUNT, "It names my neighbour."]]
    page.get_by_role("button", name="Reported").click()
    dialog.get_by_label("What is wrong with it?").fill("Again.")
    dialog.get_by_role("button", name="Send the report").click()
    expect(page.locator("[data-toasts]")).to_contain_text("You have reported it already")
    assert len(maker.row(challenge=challenge)["reports"]) == 1


# One's own


def test_an_own_draft_is_edited_published_and_made_a_draft_again(
    open_page: OpenPage, maker: Maker, films: dict[str, Film]
) -> None:
    challenge = maker.of(films["30"], owner=ACCOUNT, is_published=False)
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
    dialog.get_by_label("Statement 1, in words").fill("We walked.")
    dialog.get_by_label("the lie is statement 1").check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", name="Other things")).to_be_visible()
    expect(page).to_have_title("Other things · VOD Sync")
    expect(option(page, 1)).to_contain_text("We walked.")
    expect(option(page, 1)).to_contain_text("The lie")
    expect(page.get_by_role("region", name="Video, statement 1 of 3")).to_contain_text("We walked.")
    found = maker.row(challenge=challenge)
    assert (found["title"], found["lie"], found["texts"]) == ("Other things", 0, ["We walked.", *TEXTS[1:]])
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("[data-side] [data-status]")).to_have_text("Published")
    maker.guess(challenge=challenge, player="ann", index=0)
    page.reload()
    expect(page.locator("[data-results]")).to_have_text("The one player who guessed found it.")
    expect(option(page, 1)).to_contain_text("1 of 1 chose it")
    page.get_by_role("button", name="Make it a draft again").click()
    expect(page.locator("[data-side] [data-status]")).to_have_text("Draft")
    # Who guessed was told what the lie is: only its title is changed then.
    page.get_by_role("button", name="Edit").click()
    expect(dialog).to_contain_text("It has been played already")
    expect(dialog.get_by_label("Statement 1, in words")).to_be_disabled()
    dialog.get_by_label("Title").fill("Played things")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Played things")).to_be_visible()


def test_the_link_of_an_own_one_is_copied(open_page: OpenPage, maker: Maker, films: dict[str, Film]) -> None:
    challenge = maker.of(films["30"], owner=ACCOUNT)
    page = visit(open_page, challenge)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").endswith(f"/challenges/{challenge}")


def test_an_own_one_goes_only_after_it_was_asked_for_twice(
    open_page: OpenPage, maker: Maker, films: dict[str, Film]
) -> None:
    challenge = maker.of(films["30"], owner=ACCOUNT)
    maker.guess(challenge=challenge, player="ann", index=0)
    page = visit(open_page, challenge)
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("alertdialog", name=f"Delete “{TITLE}”?")
    expect(dialog).to_contain_text("1 guess will be deleted with it.")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Delete")).to_be_focused()
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    page.wait_for_url(re.compile("/challenges$"))
    assert maker.row(challenge=challenge) is None


def test_one_that_was_withheld_says_so_and_can_only_be_deleted(
    open_page: OpenPage, maker: Maker, films: dict[str, Film]
) -> None:
    challenge = maker.of(films["30"], owner=ACCOUNT)
    maker.withhold(challenge=challenge, by="keeper")
    page = visit(open_page, challenge)
    expect(page.locator("[data-side] [data-status]")).to_have_text("Withheld")
    expect(page.get_by_text("A moderator has taken it down.")).to_be_visible()
    expect(page.get_by_text("The reason: “Not a challenge.”")).to_be_visible()
    expect(page.locator("[data-side] .sticky-foot").get_by_role("button")).to_have_text(["Delete"])


def test_a_draft_of_somebody_else_is_not_there(open_page: OpenPage, maker: Maker, films: dict[str, Film]) -> None:
    page = open_page(f"/challenges/{maker.of(films['30'], is_published=False)}", quiet=False)
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


def test_an_admin_may_look_at_a_draft_but_not_guess(
    open_page: OpenPage, maker: Maker, backstage: Backstage, films: dict[str, Film]
) -> None:
    page = visit(open_page, maker.of(films["30"], is_published=False), session=backstage.admin_session())
    expect(page.get_by_text("It cannot be played now.")).to_be_visible()
    expect(page.get_by_role("radio")).to_have_count(0)
    expect(option(page, 2)).not_to_contain_text("lie")


def test_who_has_no_account_plays_by_the_link_where_the_owner_lets_them(
    open_page: OpenPage, maker: Maker, films: dict[str, Film], program: Program
) -> None:
    challenge = maker.of(films["30"], owner=ACCOUNT, title=TITLE, lie=1)
    own = visit(open_page, challenge)
    own.get_by_role("checkbox", name="People without an account may play it by its link").check()
    wait_until(lambda: program.call("GET", f"{API}/{challenge}")["guests_may_play"])
    page = visit(open_page, challenge, anonymous=True)
    expect(page).to_have_title(f"{TITLE} · VOD Sync")
    expect(page.get_by_role("button", name="Report this challenge")).to_have_count(0)
    guess(page, 2)
    expect(page.get_by_role("heading", name="You found it.")).to_be_focused()
    expect(page.locator("[data-found]")).to_have_text("You are the first who guessed.")
    # In the same browser it is the same guest.
    page.reload()
    expect(page.get_by_role("heading", name="You found it.")).to_be_visible()
    own.reload()
    expect(own.locator("[data-results]")).to_have_text("The one player who guessed found it.")
    own.get_by_role("checkbox", name="People without an account may play it by its link").uncheck()
    wait_until(lambda: not program.call("GET", f"{API}/{challenge}")["guests_may_play"])
    page.goto(f"/challenges/{challenge}")
    expect(page).to_have_url(re.compile(r"/login\?next="))


# On a phone, for everybody


@pytest.mark.parametrize("width", [360, 390])
@pytest.mark.parametrize("kind", ["asked", "told", "own"])
def test_on_a_phone_it_fits_and_what_is_decided_on_is_within_reach(
    open_page: OpenPage, maker: Maker, films: dict[str, Film], kind: str, width: int
) -> None:
    name = "a_very_long_name_" * 10
    texts = [f"{name} and more words than fit on one line of a phone" for _ in range(10)]
    owner = ACCOUNT if kind == "own" else OWNER
    challenge = maker.of(films["ten"], title=name, texts=texts, owner=owner, is_published=kind != "own")
    if kind == "told":
        maker.guess(challenge=challenge, player=ACCOUNT, index=3)
    page = visit(open_page, challenge, size=(width, 740))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    primary = page.locator("[data-side] .btn.primary")
    expect(primary).to_be_in_viewport(ratio=1)
    too_small = "button, a.btn, .option label"
    assert page.evaluate(shelf.TOO_SMALL, too_small) == []
    if kind == "asked":
        page.locator(".option label").nth(9).tap()
        page.get_by_role("button", name="Say that 10 is the lie").tap()
        expect(page.get_by_role("heading", name="Not this time.")).to_be_in_viewport()


@pytest.mark.parametrize("size", [SMALL, PHONE], ids=["desk", "phone"])
def test_no_state_of_it_has_a_finding(
    open_page: OpenPage, maker: Maker, films: dict[str, Film], size: tuple[int, int]
) -> None:
    one = films["30"]
    page = visit(open_page, maker.of(one), size=size)
    page.get_by_role("radio").nth(1).check(force=True)
    expect(page.get_by_role("button", name="Say that 2 is the lie")).not_to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="Report this challenge").click()
    assert axe_findings(page) == []
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.getAnimations().every((one) => one.playState === 'finished')")
    assert axe_findings(page) == []
    guess(page, 1)
    expect(page.get_by_text("You are the first who guessed.")).to_be_visible()
    assert axe_findings(page) == []
    page.goto(f"/challenges/{maker.of(one, owner=ACCOUNT, is_published=False)}")
    page.get_by_role("button", name="Edit").click()
    assert axe_findings(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete").click()
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# The lie

# What differs from one visit to the next whatever is played: when it was, who was asked, what proves it.
PASSING = (
    (re.compile(r"sig=[\w:.%-]+"), "sig"),
    (re.compile(r"/media/renditions/[^/\"]+/"), "/media/renditions/sig/"),
    (re.compile(r"\"(request_id|server_time|at)\": ?(\"[^\"]*\"|[\d.]+)"), r"\1"),
    (re.compile(r"name=\"csrfmiddlewaretoken\" value=\"\w+\""), "csrf"),
)
OF_ONE_ANSWER = {"date", "x-request-id", "set-cookie", "server-timing", "expires", "etag", "last-modified"}


def plain(text: str) -> str:
    for pattern, word in PASSING:
        text = pattern.sub(word, text)
    return text


def told(open_page: OpenPage, one: Film, challenge: str) -> list[str]:
    """Everything that a page tells somebody who plays, does everything but guess, and looks at the list: each line of
    the traffic in both directions, what is in the page, and what the browser keeps."""
    lines: list[str] = []
    page = open_page("about:blank", own=True)
    answers: list[Any] = []

    def hear(answer: Any) -> None:
        answers.append(answer)

    def listen(socket: Any) -> None:
        lines.append(f"socket {socket.url}")
        for name in ("framesent", "framereceived"):
            socket.on(name, lambda frame, name=name: lines.append(f"{name} {plain(str(frame))}"))

    page.on("response", hear)
    page.on("websocket", listen)
    page.on("console", lambda message: lines.append(f"console {message.text}"))

    def write_down() -> None:
        """What has been answered so far: the browser forgets it with the page."""
        page.wait_for_load_state("networkidle")
        for answer in answers:
            request = answer.request
            is_film = request.resource_type == "media"
            body = "" if is_film else answer.text()
            # Which pieces of it a browser asks for is its own matter; what they are a test of its own compares.
            passing = OF_ONE_ANSWER | ({"content-range", "content-length"} if is_film else set())
            headers = {name: value for name, value in answer.all_headers().items() if name not in passing}
            lines.append(plain(f"{request.method} {request.url} {request.post_data} {answer.status} {headers} {body}"))
        answers.clear()
        lines.append(plain(page.content()))

    page.goto(f"/challenges/{challenge}")
    page.wait_for_function(STANDS)
    for number in (1, 2, 3):
        page.keyboard.press(str(number))
        is_in(page, one, number)
        over(page, number)
    page.get_by_role("radio").nth(0).check(force=True)
    page.get_by_role("radio").nth(2).check(force=True)
    for path in ("", f"/{challenge}", f"/{challenge}/segments", "?unplayed=1", "?search=lan"):
        page.evaluate("(path) => fetch(path).then((answer) => answer.text())", API + path)
    write_down()
    page.goto("/challenges")
    expect(page.locator(".card")).to_have_count(1)
    write_down()
    lines.append(str(page.evaluate("[{...localStorage}, {...sessionStorage}]")))
    page.close()
    return sorted(set(lines))


def test_nothing_that_is_sent_or_shown_before_the_guess_tells_the_lie(
    open_page: OpenPage, maker: Maker, films: dict[str, Film]
) -> None:
    one = films["30"]
    challenge = maker.of(one, lie=0)
    # Others have guessed: what they said is no part of it either.
    maker.guess(challenge=challenge, player="ann", index=1)
    first = told(open_page, one, challenge)
    assert len(first) > 20
    for lie in (1, 2):
        maker.change(challenge=challenge, lie_index=lie)
        assert told(open_page, one, challenge) == first


def test_the_same_look_finds_a_lie_that_is_told(open_page: OpenPage, maker: Maker, films: dict[str, Film]) -> None:
    challenge = maker.of(films["30"], lie=0)
    maker.guess(challenge=challenge, player=ACCOUNT, index=1)
    page = open_page("/account")
    found = []
    for lie in (0, 1):
        maker.change(challenge=challenge, lie_index=lie)
        with page.expect_response(f"**/challenges/{challenge}") as answer:
            page.goto(f"/challenges/{challenge}")
        found.append(plain(answer.value.text()))
    assert found[0] != found[1]


def test_the_film_is_the_same_whatever_the_lie_is(maker: Maker, program: Program, films: dict[str, Film]) -> None:
    digests = set()
    for lie in (0, 1, 2):
        found = program.call("GET", f"{API}/{maker.of(films['30'], lie=lie)}")
        digests.add(wait_until(lambda found=found: shelf.original(program, {"video_url": found["stream_url"]})))
    assert digests == {shelf.digest(films["30"].path)}

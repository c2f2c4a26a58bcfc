"""The real program with three recordings whose frames carry their numbers, and a Chromium to look at it with."""

import asyncio
import json
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.backstage import Backstage
from tests.browser.recordings import SPECS, Recording, render_all
from tests.support.kept import kept
from tests.support.places import prepared, programs
from tests.support.program import BASE, Place, Program

# Debian's headless shell has the same engine without the windows around it, for half of the processor time.
CHROMIUM = shutil.which("chromium-headless-shell") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required", "--mute-audio",
]  # fmt: skip
LOOP = pytest.StashKey[asyncio.AbstractEventLoop]()
BACKSTAGE = pytest.StashKey[Backstage]()
ACCOUNT, PASSWORD = "watcher", "a-password-for-the-browser"
DESK, PHONE = (1440, 900), (360, 740)
STORED = "local_storage,indexeddb,service_workers,cache_storage,file_systems"
# A busy machine was seen to take more than one minute for a click or for a short export.
ANSWER_SECONDS = 180
expect.set_options(timeout=1000 * ANSWER_SECONDS)


@pytest.fixture(scope="session")
def recordings() -> list[Recording]:
    """Three recordings of one match in a library folder, with what :func:`render_all` puts beside them."""
    folder = kept("recordings", render_all)
    return [Recording(folder / f"{spec.name}.mp4", spec.fps, spec.start) for spec in SPECS]


@pytest.fixture(scope="session")
def _own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


@pytest.fixture
def own_folder(_own_folder: Path) -> Iterator[Path]:
    """A library folder for what one test makes: that of :func:`recordings` is shared by all runs."""
    yield _own_folder
    for path in _own_folder.iterdir():
        path.unlink()


@contextmanager
def running(data_dir: Path, library: Path, **environment: str) -> Iterator[Program]:
    """Run `manage.py up` with an account that may use the files of ``library``."""
    with prepared(ACCOUNT, library, PASSWORD) as template, programs() as make:
        shutil.copytree(template.data_dir, data_dir)
        yield make(Place(data_dir, template.environment | environment, template.key)).start()


@pytest.fixture(scope="session")
def program(
    tmp_path_factory: pytest.TempPathFactory, recordings: list[Recording], _own_folder: Path
) -> Iterator[Program]:
    library = recordings[0].path.parent
    roots = f"{library}={ACCOUNT}:{_own_folder}={ACCOUNT}"
    with running(tmp_path_factory.mktemp("program") / "d", library, VOD_LIBRARY_ROOTS=roots) as found:
        yield found


@pytest.fixture(scope="session")
def _backstage(request: pytest.FixtureRequest, program: Program) -> Iterator[Backstage]:
    request.session.stash[BACKSTAGE] = running = Backstage(program.place)
    yield running
    running.end()


@pytest.fixture(autouse=True)
def _no_jobs_of_earlier_tests(request: pytest.FixtureRequest) -> None:
    """Delete what earlier tests made behind the program: jobs that never end use up the account's jobs at once."""
    running = request.session.stash.get(BACKSTAGE, None)
    if running and running.is_used and "backstage" not in request.fixturenames:
        running.clear(key=request.getfixturevalue("program").place.key)


@pytest.fixture
def backstage(_backstage: Backstage, program: Program) -> Backstage:
    """What makes and changes rows behind the program; it begins with no job, no comparison, no token, no plan."""
    _backstage.clear(key=program.place.key)
    return _backstage


@pytest.fixture
def empty_library(backstage: Backstage) -> None:
    backstage.no_videos()


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """One browser for a worker, whatever other tests stand between those of the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        request.session.stash[LOOP] = loop = asyncio.get_running_loop()
        yield browser
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Playwright's event loop counts as running from its start to its end; here, only while a page is tested.

    Where a loop runs Django refuses the database, and no other can be run: other tests do both.
    """
    if not item.path.is_relative_to(Path(__file__).parent):
        return (yield)
    asyncio._set_running_loop(item.session.stash.get(LOOP, None))
    try:
        return (yield)
    finally:
        asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def signed_in(chromium: Browser, program: Program) -> Any:
    page = chromium.new_page()
    sign_in(page, program)
    state = page.context.storage_state()
    page.close()
    return state


def sign_in(page: Page, program: Program) -> None:
    page.goto(f"{program.address}/login")
    page.get_by_label("User name").fill(ACCOUNT)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


OpenPage = Callable[..., Page]


class Contexts:
    """Browser contexts that were used before, each with what the browser has cached, and nothing else, for the next.

    A new one would load and compile every module again for each test.
    """

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser, self._address = browser, address
        self._free: dict[tuple[int, int], list[BrowserContext]] = {}
        self._used: list[tuple[tuple[int, int] | None, BrowserContext]] = []

    def take(self, size: tuple[int, int], cookies: Sequence[Any], own: bool = False) -> Page:
        """An empty page in one that nobody uses. own: in a new one, that nobody has after it."""
        free = [] if own else self._free.setdefault(size, [])
        touch = size[0] < 700 or size[1] < 500  # a phone, held upright or sideways
        context = free.pop() if free else self._browser.new_context(
            viewport={"width": size[0], "height": size[1]}, has_touch=touch, is_mobile=touch, base_url=self._address
        )  # fmt: skip
        self._used.append((None if own else size, context))
        context.set_default_timeout(1000 * ANSWER_SECONDS)
        context.add_cookies(cookies)
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Storage.clearDataForOrigin", {"origin": self._address, "storageTypes": STORED})
        session.detach()
        return page

    def give_back(self) -> None:
        """Close all pages and set back what was set; what they have stored goes when the context is taken again."""
        for size, context in self._used:
            if size is None:
                context.close()
                continue
            for page in context.pages:
                page.close()
            context.set_offline(False)
            context.unroute_all()
            context.clear_permissions()
            context.clear_cookies()
            self._free[size].append(context)
        self._used.clear()


@pytest.fixture
def page_with_camera(chromium: Browser, program: Program, signed_in: Any) -> Iterator[Page]:
    """A page of the signed-in person in a browser that invents the camera's picture and a tone for the microphone."""
    flags = [*FLAGS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=flags)
    yield browser.new_context(storage_state=signed_in, base_url=program.address).new_page()
    browser.close()


@pytest.fixture(scope="session")
def _contexts(chromium: Browser, program: Program) -> Contexts:
    return Contexts(chromium, program.address)


@pytest.fixture
def open_page(_contexts: Contexts, program: Program, signed_in: Any) -> Iterator[OpenPage]:
    """Opens an address as the signed-in person, or as whose session is given, in a context that no other page has.

    No page may leave an error in its console. What a test adds belongs to the page, for other tests have its context
    after it. ``own`` gives it a context of its own, with a clock to hold and nothing cached.
    """
    errors: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(f"{message.text} ({message.location})")

    def open_(
        path: str, *, size: tuple[int, int] = DESK, theme: str = "dark", anonymous: bool = False, quiet: bool = True,
        session: str = "", own: bool = False,
    ) -> Page:  # fmt: skip
        cookies = [] if anonymous or session else list(signed_in["cookies"])
        cookies.append({"name": "theme", "value": theme, "url": program.address})
        if session:
            cookies.append({"name": "sessionid", "value": session, "url": program.address})
        page = _contexts.take(size, cookies, own)
        if quiet:
            page.on("console", heard)
            page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path)
        return page

    yield open_
    _contexts.give_back()
    assert errors == []


def make_comparison(program: Program, paths: list[Path]) -> dict[str, Any]:
    """A session of the files, their ids being their letters."""
    vods = [
        {"vod_id": letter, "name": path.name, "path": str(path)} for letter, path in zip("ABC", paths, strict=False)
    ]
    found: dict[str, Any] = program.call("POST", BASE, {"vods": vods, "name": "Match 2041, round 7"})["session"]
    return found


@pytest.fixture
def comparison(program: Program, recordings: list[Recording]) -> dict[str, Any]:
    """A session of the three recordings, at their true offsets."""
    session = make_comparison(program, [recording.path for recording in recordings])
    offsets = {letter: recording.offset_to_first for letter, recording in zip("ABC", recordings, strict=True)}
    path = f"{BASE}/{session['session_id']}/offsets"
    found: dict[str, Any] = program.call("PUT", path, {"offsets": offsets, "source": "manual"})["session"]
    return found


def session_of(program: Program, session_id: str) -> dict[str, Any]:
    found: dict[str, Any] = program.call("GET", f"{BASE}/{session_id}")["session"]
    return found


def evaluate_module(page: Page, module: str, body: str, argument: Any = None) -> Any:
    """Run ``body`` (an expression of ``m``, the module, and ``x``) in the page. Anything JSON may come back."""
    return page.evaluate(
        f"async (x) => {{ const m = await import({json.dumps(f'/static/js/{module}')}); return {body}; }}", argument
    )

"""What the pages of videos compute without a page, run where it will run: in the browser."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import OpenPage, evaluate_module

MIB, GIB = 2**20, 2**30


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page("/login", anonymous=True)


def test_sizes_are_told_in_the_units_of_the_plans(page: Page) -> None:
    sizes = [0, 999, 1024, 1023.6 * 1024, 3.1 * GIB, 99.96 * MIB, 890 * MIB]
    told = ["0 B", "999 B", "1.0 KiB", "1.0 MiB", "3.1 GiB", "100 MiB", "890 MiB"]
    assert evaluate_module(page, "videos.js", "x.map(m.bytes)", sizes) == told


def test_how_much_of_how_much_says_the_unit_once(page: Page) -> None:
    pairs = [(1.3 * GIB, 2 * GIB), (412 * MIB, 2 * GIB), (38.2 * GIB, 100 * GIB)]
    told = ["1.3 of 2 GiB", "412 MiB of 2 GiB", "38.2 of 100 GiB"]
    assert evaluate_module(page, "videos.js", "x.map((p) => m.bytesOf(...p))", pairs) == told


def test_a_picture_is_named_as_people_name_it(page: Page) -> None:
    pictures = [
        {"width": 1920, "height": 1080, "fps": 60}, {"width": 1280, "height": 720, "fps": 29.97},
        {"width": 1280, "height": 720, "fps": 59.999}, {"width": 1080, "height": 1920, "fps": 30},
        {"width": 0, "height": 0, "fps": 0},
    ]  # fmt: skip
    told = ["1080p60", "720p29.97", "720p60", "1080×1920", ""]
    assert evaluate_module(page, "videos.js", "x.map(m.picture)", pictures) == told


def test_a_day_is_told_as_short_as_it_is_clear(page: Page) -> None:
    body = "x.map((then) => m.day(new Date(then), new Date('2026-03-05T14:30')))"
    times = ["2026-03-05T14:02", "2026-03-04T23:59", "2026-03-03T09:00", "2025-12-31T09:00"]
    assert evaluate_module(page, "videos.js", body, times) == ["Today, 14:02", "Yesterday", "3 Mar", "2025-12-31"]


def test_tags_are_parted_by_commas_and_each_is_there_once(page: Page) -> None:
    texts = [" ascent,scrim ,, ascent", "two  words", " , "]
    told = [["ascent", "scrim"], ["two words"], []]
    assert evaluate_module(page, "videos.js", "x.map(m.parseTags)", texts) == told


SHEET = """WEBVTT

00:00:00.000 --> 00:00:02.500
sprite.jpg#xywh=0,0,160,90

00:02.500 --> 01:00:00.000
sprite.jpg#xywh=160,0,160,90
"""


def test_a_sprite_sheet_says_which_piece_belongs_to_which_time(page: Page) -> None:
    found = evaluate_module(page, "sprite.js", "m.parseSprite(x)", SHEET)
    assert found["image"] == "sprite.jpg"
    assert found["cues"][1] == {"from": 2.5, "to": 3600, "x": 160, "y": 0, "width": 160, "height": 90}
    body = "[0, 2.4, 2.5, 9999].map((time) => new m.Sprite(null, m.parseSprite(x).cues).at(time).x)"
    assert evaluate_module(page, "sprite.js", body, SHEET) == [0, 0, 160, 160]


def test_a_file_that_is_no_sheet_has_no_picture(page: Page) -> None:
    texts = ["", "WEBVTT\n\n00:00.000 --> 00:01.000\nWords", "<html>"]
    assert evaluate_module(page, "sprite.js", "x.map((text) => m.parseSprite(text).cues.length)", texts) == [0, 0, 0]


def test_speed_is_that_of_the_last_seconds(page: Page) -> None:
    body = "(() => { const s = new m.Speed(); for (const [at, bytes] of x) s.note(bytes, at); return s.value; })()"
    steady = [[second * 1000, second * 5 * MIB] for second in range(20)]
    assert evaluate_module(page, "upload/speed.js", body, steady) == pytest.approx(5 * MIB)
    slower = [*steady, *([20_000 + second * 1000, 100 * MIB + second * MIB] for second in range(8))]
    assert evaluate_module(page, "upload/speed.js", body, slower) == pytest.approx(MIB)
    assert evaluate_module(page, "upload/speed.js", body, [[0, 0]]) == 0
    # What has to be sent again is no speed.
    assert evaluate_module(page, "upload/speed.js", body, [*steady, [20_000, 0]]) == 0


def test_what_is_left_is_told_in_the_unit_that_fits(page: Page) -> None:
    told = ["1 s left", "30 s left", "4 min left", "2 h 10 min left"]
    assert evaluate_module(page, "upload/speed.js", "x.map(m.leftWords)", [0.2, 30, 240, 7800]) == told


def test_an_outline_is_one_closed_shape_and_silence_a_line(page: Page) -> None:
    found = evaluate_module(page, "watch/overview.js", "m.outline(x, 128)", [-128, 127, 0, 0])
    assert found == "M0 0.4L1 49.5L1 50.5L0 100.0Z"


def test_pictures_of_files_are_drawn_one_after_the_other(page: Page) -> None:
    body = """(async () => {
        let [open, most] = [0, 0];
        const make = document.createElement.bind(document);
        document.createElement = (name) => {
            const element = make(name);
            if (name !== 'video') return element;
            most = Math.max(most, open += 1);
            const load = element.load.bind(element);
            element.load = () => { open -= 1; load(); };
            return element;
        };
        const draw = (n, isWanted) => m.drawThumbnail(new File(['no'], `${n}.mp4`), make('canvas'), isWanted);
        const wanted = x.map((n) => draw(n));
        const unwanted = draw('unwanted', () => { most += 100; return false; });
        return [await Promise.all([...wanted, unwanted]), most];
    })()"""
    drawn, open_at_once = evaluate_module(page, "upload/thumbnail.js", body, [0, 1, 2, 3])
    assert drawn == [False] * 5
    assert open_at_once == 101  # and a hundred for having asked whether the last is wanted


DROPPED = """(async () => {
    const file = (name) => new File(['1'], name);
    const lost = () => { throw new DOMException('gone', 'NotFoundError'); };
    const handles = [
        {kind: 'file', name: 'moved.mp4', getFile: async () => lost()},
        {kind: 'directory', name: 'locked', values: () => lost()},
        {kind: 'file', name: 'good.mp4', getFile: async () => file('good.mp4')},
    ];
    const folder = {kind: 'directory', name: 'scrim', async *values() { yield* handles; }};
    const items = [
        {kind: 'file', getAsFile: () => null, getAsFileSystemHandle: async () => folder},
        {kind: 'file', getAsFile: () => null, webkitGetAsEntry: () => ({name: 'gone.mp4', isDirectory: false})},
        {kind: 'file', getAsFile: () => file('last.mp4')},
    ];
    const names = [];
    const found = await m.droppedFrom({items}, (name) => names.push(name));
    return [found.map((one) => one.file.name), names];
})()"""


def test_what_cannot_be_read_of_what_was_dropped_is_named_and_costs_none_of_the_rest(page: Page) -> None:
    found, lost = evaluate_module(page, "upload/choosing.js", DROPPED)
    assert found == ["good.mp4", "last.mp4"]
    assert lost == ["moved.mp4", "locked", "gone.mp4"]


def test_the_last_twenty_sheets_are_kept(page: Page) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url.rsplit("/", 1)[-1])
        route.fulfill(body=SHEET)

    page.route("**/sheets/*.vtt", answer)
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
    page.route("**/sheets/sprite.jpg", lambda route: route.fulfill(body=base64.b64decode(pixel)))
    body = "(async () => { for (const n of x) await m.Sprite.load(`/sheets/${n}.vtt`); })()"
    evaluate_module(page, "sprite.js", body, [*range(20), 0, 20, 0, 1])
    # The one used again stayed for the new one, and the one that was not went.
    assert asked == [f"{n}.vtt" for n in [*range(21), 1]]


def test_a_place_is_gone_back_to_unless_it_is_at_either_end(page: Page) -> None:
    body = """(() => {
        const left = (id, at) => {
            const place = new m.Place(id);
            place.note(at, 100);
            place.keep();
            return new m.Place(id).of(100);
        };
        const all = x.map((at) => left('a', at));
        new m.Place('unseen').keep();
        for (let n = 0; n < 210; n += 1) left(`v${n}`, 50);
        const kept = Object.keys(JSON.parse(localStorage.getItem('vod-places')));
        return [all, kept.length, kept.includes('v9'), kept.includes('v10')];
    })()"""
    found = evaluate_module(page, "watch/kept.js", body, [42.5, 3, 97, 95])
    assert found == [[42.5, None, None, 95], 200, False, True]


def test_more_than_a_page_of_uploads_is_read_to_its_end(page: Page) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        offset = int(route.request.url.rsplit("offset=", 1)[-1])
        # One that began meanwhile has moved the second page on by one.
        first = 0 if offset == 0 else offset - 1
        uploads = [{"id": str(number)} for number in range(first, min(230, first + 100))]
        route.fulfill(json={"uploads": uploads, "total": 231})

    page.route("**/api/v1/uploads?*", answer)
    found = evaluate_module(page, "videos.js", "(await m.liveUploads()).map((upload) => upload.id)")
    assert found == [str(number) for number in range(230)]
    assert len(asked) == 3

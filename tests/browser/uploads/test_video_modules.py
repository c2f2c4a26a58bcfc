"""What the pages of videos compute with elements of the browser; what needs no browser is in tests/node."""

import pytest

from tests.browser.conftest import OpenPage, evaluate_module

pytestmark = pytest.mark.services


def test_pictures_of_files_are_drawn_one_after_the_other(open_page: OpenPage) -> None:
    page = open_page("/login", anonymous=True)
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
    drawn, open_at_once = evaluate_module(page, "uploads/thumbnail.js", body, [0, 1, 2, 3])
    assert drawn == [False] * 5
    assert open_at_once == 101  # and a hundred for having asked whether the last is wanted

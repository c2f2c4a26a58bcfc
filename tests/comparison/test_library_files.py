"""GET /api/sessions/library-files: what the caller may choose VODs from."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.conftest import Library
from tests.support.api import Api, refused

pytestmark = pytest.mark.django_db
URL = "/api/sessions/library-files"


def names(api: Api, query: str = "limit=100") -> list[str]:
    response = api.get(f"{URL}?{query}")
    assert response.status_code == 200, response.content
    return [file["name"] for file in response.json()["files"]]


def test_it_lists_the_videos_of_the_callers_folders(
    api: Api, library: Library, other_api: Api, moderator_api: Api
) -> None:
    (library.crew / "notes.txt").write_text("no video")
    (library.crew / ".hidden.mp4").write_text("no")
    (library.crew / "deeper").mkdir()
    (library.crew / "deeper" / "inner.MP4").hardlink_to(library.crew / "plain.mp4")
    found = names(api)
    assert {"plain.mp4", "other.mp4", "vp9.webm", "inner.MP4"} <= set(found)
    assert not {"notes.txt", ".hidden.mp4"} & set(found)
    assert names(other_api) == []
    assert sorted(names(moderator_api)) == ["other.mp4", "plain.mp4"]


def test_words_narrow_it_and_it_comes_by_pages(api: Api, library: Library) -> None:
    assert names(api, "search=PLAIN mp4") == ["plain.mp4"]
    assert names(api, "search=none") == []
    every = names(api)
    total = api.get(URL).json()["total"]
    assert total == len(every) > 5
    assert names(api, "limit=2&offset=1") == every[1:3]
    assert names(api, "offset=1000") == []
    file = next(file for file in api.get(f"{URL}?search=plain").json()["files"])
    assert file == {"path": str(library.crew / "plain.mp4"), "name": "plain.mp4", "size": os.stat(file["path"]).st_size}


def test_odd_names_missing_folders_and_bad_values_do_not_break_it(api: Api, settings: Any, library: Library) -> None:
    os.link(library.crew / "plain.mp4", os.fsencode(library.crew) + b"/caf\xe9.mp4")
    assert "plain.mp4" in names(api)
    for query in ("limit=0", "limit=x", "offset=-1", "search=" + "x" * 201):
        refused(api.get(f"{URL}?{query}"), 400, "invalid")
    settings.LIBRARY_ROOTS = [(library.crew / "none", frozenset({"crew"}))]
    assert names(api) == []

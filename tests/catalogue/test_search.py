"""Search in the catalogue and in private libraries: the same kind of results on SQLite and on PostgreSQL."""

from urllib.parse import quote

import pytest
from django.db import connection

from media_app.videos import search
from media_app.videos.models import Video
from tests.support.api import Api
from tests.support.catalogue import make_catalogue_video
from tests.support.factories import make_video
from vodplatform.accounts.models import User

pytestmark = pytest.mark.both

URL = "/api/v1/videos"
LIBRARY = "/api/v1/library"


def found(api: Api, text: str, url: str = URL) -> list[str]:
    response = api.get(f"{url}?search={quote(text)}")
    assert response.status_code == 200, response.content
    body = response.json()
    assert body["pagination"]["total"] == len(body["videos"])
    return [video["title"] for video in body["videos"]]


class TestFolding:
    @pytest.mark.parametrize(("text", "folded"), [
        ("\u00c9mile Zola", "emile zola"), ("E\u0301MILE", "emile"), ("Stra\u00dfe", "strasse"),
        ("\u0130stanbul", "istanbul"), ("\ufb01ght", "fight"), ("\uff2b\uff2f", "ko"), ("\u00b2", "2"),
        ("\u03a3\u03a3", "\u03c3\u03c3"), ("\u03c2", "\u03c3"), ("a\u00adb", "ab"), ("a\u200bb", "ab"),
        (" a\n\tb\u00a0c ", "a b c"), ("\u2764\ufe0f", "\u2764"),
        ("\u0131rmak IRMAK", "irmak irmak"), ("\u0141\u00f3d\u017a", "lodz"),
        ("Sm\u00d8rrebr\u01ff\u0111", "smorrebrod"),
        ("\u00c6sir \u0153uvre \u01fd", "aesir oeuvre ae"), ("\u00de\u00f3r\u00f0ur", "thordur"),
        ("\u0e01\u0e34\u0e19", "\u0e01\u0e34\u0e19"),
    ])  # fmt: skip
    def test_forms_of_one_text_are_one(self, text: str, folded: str) -> None:
        assert search.folded(text) == folded
        assert search.folded(folded) == folded

    @pytest.mark.parametrize(("text", "terms"), [
        ("Rock'n'Roll", ["rock", "n", "roll"]), ("mma/training", ["mma", "training"]), ("100%", ["100"]),
        ("%", ["%"]), ("' OR 1=1 --", ["'", "or", "1", "--"]), ("\U0001f94a box", ["\U0001f94a", "box"]),
        ("a a A", ["a"]), ("", []), ("\u0301", []), (" ".join(map(str, range(30))), [str(n) for n in range(10)]),
    ])  # fmt: skip
    def test_what_a_search_asks_for(self, text: str, terms: list[str]) -> None:
        assert search.terms(text) == terms

    def test_the_title_has_a_line_of_its_own(self) -> None:
        kept = search.search_text("Title\nof mma/training", "Words", "Category", ["Tag"])
        assert kept == "title of mma/training mma training\ncategory tag words"


@pytest.mark.django_db
class TestCatalogue:
    @pytest.fixture(autouse=True)
    def _videos(self, moderator: User) -> None:
        make_catalogue_video(moderator, title="Kickboxing basics", category="Combat Sports", tags=["mma/training"])
        make_catalogue_video(moderator, title="\u00c9mile's 100% fight", description='A kick, a "quoted" word; C++')
        make_catalogue_video(
            moderator, title="Stra\u00dfe 42", tags=["M\u00fcnchen"], description="user@example.com 3.14"
        )
        make_catalogue_video(moderator, title="\U0001f94a\U0001f525", description="snake_case and 50% off")
        make_catalogue_video(
            moderator, title="\u65e5\u672c\u8a9e \u8a66\u5408", description="\u0939\u093f\u0928\u094d\u0926\u0940"
        )

    @pytest.mark.parametrize(("text", "titles"), [
        ("kickboxing", ["Kickboxing basics"]), ("KICKBOXING BASICS", ["Kickboxing basics"]),
        ("basics kickb", ["Kickboxing basics"]), ("combat", ["Kickboxing basics"]),
        ("training", ["Kickboxing basics"]), ("mma/training", ["Kickboxing basics"]),
        ("mma", ["Kickboxing basics"]), ("kick nothing", []), ("emile", ["\u00c9mile's 100% fight"]),
        ("\u00c9MILE'S", ["\u00c9mile's 100% fight"]), ("100%", ["\u00c9mile's 100% fight"]),
        ("\"quoted\"", ["\u00c9mile's 100% fight"]), ("C++", ["\u00c9mile's 100% fight", "Kickboxing basics"]),
        ("strasse", ["Stra\u00dfe 42"]), ("STRASSE", ["Stra\u00dfe 42"]), ("munchen", ["Stra\u00dfe 42"]),
        ("example", ["Stra\u00dfe 42"]), ("user@example.com", ["Stra\u00dfe 42"]), ("3.14", ["Stra\u00dfe 42"]),
        ("14", ["Stra\u00dfe 42"]), ("\U0001f94a", ["\U0001f94a\U0001f525"]),
        ("\U0001f525", ["\U0001f94a\U0001f525"]), ("\U0001f94a case", ["\U0001f94a\U0001f525"]),
        ("snake_case", ["\U0001f94a\U0001f525"]), ("case", ["\U0001f94a\U0001f525"]),
        ("%", ["\U0001f94a\U0001f525", "\u00c9mile's 100% fight"]), ("++", ["\u00c9mile's 100% fight"]),
        ("\u65e5\u672c\u8a9e", ["\u65e5\u672c\u8a9e \u8a66\u5408"]),
        ("\u65e5", ["\u65e5\u672c\u8a9e \u8a66\u5408"]), ("\u672c\u8a9e", ["\u65e5\u672c\u8a9e \u8a66\u5408"]),
        ("\u8a66\u5408 \u8a9e", ["\u65e5\u672c\u8a9e \u8a66\u5408"]), ("\u8a9e\u672c", []),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", ["\u65e5\u672c\u8a9e \u8a66\u5408"]),
        ("_", ["\U0001f94a\U0001f525"]), ("\\", []), ("'", ["\u00c9mile's 100% fight"]), ("\u0301", []),
    ])  # fmt: skip
    def test_what_is_found(self, text: str, titles: list[str], anonymous: Api) -> None:
        if text == "C++":
            assert "\u00c9mile's 100% fight" in found(anonymous, text)  # the letter begins other words too
        else:
            assert sorted(found(anonymous, text)) == sorted(titles)

    @pytest.mark.parametrize(
        "text",
        ["'", "''", '"', "\\", "\\'", "%", "_", "%%", "a'b", "' OR 1=1 --", "'; DROP TABLE catalog_video; --", "a & b",
         "a | b", "!a", "a:*", "(a", "a <-> b", "$1", "%s", "%(a)s", "{0}", "*", "?", "&&", ":", "\u202e",
         "\ufffd", "a" * 200, "' " * 100, "1 " * 100],
    )  # fmt: skip
    def test_signs_do_no_harm(self, text: str, anonymous: Api, api: Api) -> None:
        for client, url in ((anonymous, URL), (anonymous, "/videos"), (api, LIBRARY)):
            assert client.get(f"{url}?search={quote(text)}").status_code == 200
        assert Video.objects.count() == 5

    def test_the_title_comes_first_then_the_newest(self, anonymous: Api, moderator: User) -> None:
        Video.objects.all().delete()
        for title, description in [
            ("An old final", ""), ("Highlights", "the final and another final final"), ("The final, again", "x"),
            ("Something", "a final"), ("Finalists", ""),
        ]:  # fmt: skip
            make_catalogue_video(moderator, title=title, description=description)
        titles = found(anonymous, "final")
        assert set(titles[:3]) == {"Finalists", "The final, again", "An old final"}
        assert set(titles[3:]) == {"Highlights", "Something"}
        if connection.vendor == "sqlite":
            assert titles == ["Finalists", "The final, again", "An old final", "Something", "Highlights"]

    def test_pages_of_a_search_fit_together(self, anonymous: Api, moderator: User) -> None:
        for number in range(12):
            make_catalogue_video(moderator, title=f"Match {number}" if number % 2 else "Other", description="match")
        every = [video["id"] for video in anonymous.get(f"{URL}?search=match&limit=100").json()["videos"]]
        pages = []
        for page in range(1, 5):
            body = anonymous.get(f"{URL}?search=match&limit=3&page={page}").json()
            assert body["pagination"] == {"page": page, "limit": 3, "total": 12, "totalPages": 4}
            pages += [video["id"] for video in body["videos"]]
        assert pages == every
        assert len(set(pages)) == 12

    def test_too_many_are_by_their_date(self, anonymous: Api, moderator: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(search, "MAX_RANKED", 2)
        for title, description in (("match", ""), ("a", "match"), ("match", ""), ("b", "match")):
            make_catalogue_video(moderator, title=title, description=description)
        assert found(anonymous, "match") == ["b", "match", "a", "match"]

    def test_it_follows_what_is_written(self, moderator_api: Api, moderator: User) -> None:
        video_id = moderator_api.post(URL, {"title": "Alpha", "tags": ["beta"]}).json()["id"]
        assert (found(moderator_api, "alpha"), found(moderator_api, "beta")) == (["Alpha"], ["Alpha"])
        moderator_api.put(f"{URL}/{video_id}", {"title": "Gamma"})
        assert (found(moderator_api, "alpha"), found(moderator_api, "gamma")) == ([], ["Gamma"])
        told = {
            "type": "set_tags", "value": ["delta"], "timestamp": 1_700_000_000,
            "vector_clock": {str(moderator.pk): 1, "server": 1},
        }  # fmt: skip
        moderator_api.post(f"{URL}/{video_id}/sync", {"operations": [told]})
        assert (found(moderator_api, "beta"), found(moderator_api, "delta")) == ([], ["Gamma"])


@pytest.mark.django_db
class TestLibrary:
    def test_words_parts_tags_and_cases(self, api: Api, owner: User, other: User) -> None:
        make_video(owner, title="Ranked Match", description="A long evening", tags=["\u00c9lite Squad", "mma/training"])
        make_video(owner, title="Another")
        make_video(other, title="Ranked Match")
        for text in ("RANK", "anke", "evening", "\u00c9LITE", "quad", "squad ranked", "raining", "mma/"):
            assert found(api, text, LIBRARY) == ["Ranked Match"], text
        for text in ("ranked another", "nothing", "%", "_"):
            assert found(api, text, LIBRARY) == [], text

    def test_it_follows_what_is_written(self, api: Api, owner: User) -> None:
        video = make_video(owner, title="Alpha")
        url = f"{LIBRARY}/{video.pk}"
        assert api.patch(url, {"title": "Beta"}).status_code == 200
        assert (found(api, "alpha", LIBRARY), found(api, "beta", LIBRARY)) == ([], ["Beta"])
        api.patch(url, {"tags": ["Gamma"]})
        api.patch(url, {"description": "Delta"})
        assert found(api, "gamma delta beta", LIBRARY) == ["Beta"]

    def test_saving_one_field_keeps_the_words_with_it(self, owner: User) -> None:
        video = make_video(owner, title="Alpha")
        video.title = "Beta"
        video.save(update_fields=["title"])
        video.refresh_from_db()
        assert video.search_text == "beta\n"
        video.title = "Gamma"
        video.save(update_fields=["duration"])
        video.refresh_from_db()
        assert (video.title, video.search_text) == ("Beta", "beta\n")


@pytest.mark.django_db
@pytest.mark.postgresql
def test_the_index_is_used(admin_person: User) -> None:
    """For an admin's list no other index says which rows are of the catalogue."""
    videos = Video.objects.in_catalogue(admin_person)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "video_words" in search.matching(videos, "kick box").order_by().explain()
    assert "video_tags" in videos.tagged("a").order_by().explain()

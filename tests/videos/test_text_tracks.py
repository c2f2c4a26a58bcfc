"""Captions and chapters: /api/v1/text-tracks."""

import json
import uuid
from typing import Any

import pytest
from pytest_check import check

from media_app.videos import text_tracks
from media_app.videos.models import TextTrack, TrackKind, Video, VideoScope
from tests.support.api import Api, error_of, refused
from tests.support.factories import make_key, make_user, make_video
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.both, pytest.mark.django_db]
URL = "/api/v1/text-tracks"
VTT = (
    "WEBVTT\n\nfirst\n00:01.000 --> 00:02.500 line:0 align:start\n<v Ana>Rotate <b>now</b>\n\n"
    "00:04.000 --> 00:05.000\nŠpike down\n"
)
SAME_BEGINNING = "WEBVTT\n\n00:01.000 --> 00:02.000\nA\n\n00:01.000 --> 00:03.000\nB\n"
SRT = "1\r\n00:00:01,000 --> 00:00:02,500\r\nRotate now\r\n\r\n2\r\n00:00:04,000 --> 00:00:05,000\r\nSpike down\r\n"


def body(video: Video, **values: Any) -> dict[str, Any]:
    usual = {"kind": "captions", "language": "en", "label": "English", "content": VTT}
    return usual | {"video_id": str(video.pk)} | values


def test_captions_are_stored_listed_downloaded_replaced_and_deleted(api: Api, owner: User) -> None:
    video = make_video(owner, title="Round 7, žito")
    made = api.post(URL, body(video))
    assert made.status_code == 201, made.content
    track = made.json()
    assert (track["video_id"], track["kind"], track["language"], track["label"], track["cue_count"]) == (
        str(video.pk), "captions", "en", "English", 2,
    )  # fmt: skip
    assert api.get(f"{URL}?video_id={video.pk}").json() == {"tracks": [track]}
    assert api.get(f"{URL}/{track['id']}").json() == track
    file = api.get(track["url"])
    assert (file["Content-Type"], file["Content-Disposition"]) == (
        "text/vtt; charset=utf-8", 'attachment; filename="round-7-zito.en.vtt"',
    )  # fmt: skip
    assert "first\n00:00:01.000 --> 00:00:02.500 line:0 align:start\n<v Ana>Rotate <b>now</b>" in file.content.decode()
    # SubRip becomes WebVTT.
    again = api.post(URL, body(video, content="\ufeff" + SRT, label=""))
    assert (again.status_code, again.json()["id"], again.json()["label"]) == (200, track["id"], "")
    assert again.json()["url"] != track["url"]
    content = api.get(again.json()["url"]).content.decode()
    assert content.startswith("WEBVTT\n")
    assert "00:00:01.000 --> 00:00:02.500\nRotate now\n" in content
    assert api.delete(f"{URL}/{track['id']}").json() == {"message": "Text track deleted"}
    assert api.get(f"{URL}?video_id={video.pk}").json() == {"tracks": []}
    refused(api.get(track["url"]), 404, "not_found")


def test_chapters_end_where_the_next_begins_and_cues_come_in_order(api: Api, owner: User) -> None:
    content = "WEBVTT\n\n01:00.000 --> 09:00.000\nSecond\nhalf\n\n00:00.000 --> 09:00.000\n<b>First</b> half\n"
    track = api.post(URL, body(make_video(owner, title="日本"), kind="chapters", content=content)).json()
    file = api.get(track["url"])
    assert file.content.decode().split("\n\n")[1:] == [
        "00:00:00.000 --> 00:01:00.000\nFirst half", "00:01:00.000 --> 00:09:00.000\nSecond half\n",
    ]  # fmt: skip
    assert f'"{track["video_id"]}.en.chapters.vtt"' in file["Content-Disposition"]


def test_what_some_programs_write_is_taken(api: Api, owner: User) -> None:
    video = make_video(owner)
    kept = {
        # An arrow in the words, which SubRip may have.
        "1\n00:00:01,000 --> 00:00:02,000\na --> b\n": ["00:00:01.000 --> 00:00:02.000\na → b\n"],
        "WEBVTT\n\n00:01.000 --> 00:01.000\nNever\n\n00:02.000 --> 00:03.000\nSeen\n": [
            "00:00:02.000 --> 00:00:03.000\nSeen\n",
        ],
    }  # fmt: skip
    for content, cues in kept.items():
        with check(content):
            file = api.get(api.post(URL, body(video, content=content)).json()["url"]).content.decode()
            assert file.split("\n\n")[1:] == cues
    content = "WEBVTT\n\n00:01.000 --> 00:02.000\nx--<b></b>>y\n\n00:03.000 --> 00:04.000\n<b></b>\n"
    track = api.post(URL, body(video, kind="chapters", content=content)).json()
    assert track["cue_count"] == 1
    file = api.get(track["url"]).content.decode()
    assert file.endswith("x→y\n")
    assert api.post(URL, body(video, kind="chapters", content=file)).status_code == 200


def test_signs_that_stand_for_many_letters_do_not_fill_the_database(api: Api, owner: User) -> None:
    content = "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "\ufdfa" * 300_000
    raw = json.dumps(body(make_video(owner), content=content), ensure_ascii=False).encode()
    assert "ligatures" in error_of(api.post(URL, raw=raw))["errors"]["content"][0]


@pytest.mark.parametrize(("values", "field"), [
    ({"content": "<html>"}, "content"), ({"content": "WEBVTT\n\n"}, "content"),
    ({"content": "WEBVTT\n\n00:02.000 --> 00:01.000\nBackwards\n"}, "content"),
    ({"content": "WEBVTT\n\n00:01.000 --> 00:02.000\n \n"}, "content"),
    ({"content": "WEBVTT\n\n00:01.000 --> 00:61.000\nNo such second\n"}, "content"),
    ({"content": f"WEBVTT\n\n00:01.000 --> 00:02.000\n&#{'9' * 4301};\n"}, "content"),
    ({"content": "x" * (text_tracks.MAX_CHARACTERS + 1)}, "content"), ({"content": 5}, "content"),
    ({"kind": "chapters", "content": SAME_BEGINNING}, "content"), ({"kind": "subtitles"}, "kind"),
    ({"kind": "chapters", "content": "WEBVTT\n\nhello"}, "content"),
    ({"language": "English, please"}, "language"), ({"label": "x" * 101}, "label"),
    ({"video_id": "round-7"}, "video_id"),
], ids=lambda part: repr(part)[:50] if isinstance(part, dict) else "")  # fmt: skip
def test_an_invalid_track_is_refused_with_a_text(api: Api, owner: User, values: dict[str, Any], field: str) -> None:
    response = api.post(URL, body(make_video(owner), **values))
    assert list(error_of(response)["errors"]) == [field]
    assert not TextTrack.objects.exists()


def test_there_is_a_limit_of_tracks_and_of_cues(api: Api, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_tracks, "MAX_TRACKS", 1)
    video = make_video(owner)
    assert api.post(URL, body(video)).status_code == 201
    assert api.post(URL, body(video)).status_code == 200
    assert "at most 1" in error_of(api.post(URL, body(video, language="de")))["errors"]["language"][0]
    monkeypatch.setattr(text_tracks, "MAX_TRACKS", 10)
    monkeypatch.setattr(text_tracks, "MAX_TOTAL", 100)
    assert "at most 100" in error_of(api.post(URL, body(video, language="de")))["errors"]["content"][0]
    monkeypatch.setattr(text_tracks, "MAX_TOTAL", 10_000)
    monkeypatch.setattr(text_tracks, "MAX_CUES", 1)
    assert "the maximum is 1" in error_of(api.post(URL, body(video)))["errors"]["content"][0]


def test_text_tracks_count_towards_the_storage(api: Api, owner: User, settings: Any) -> None:
    video = make_video(owner, source="stored", file_size=1000)
    assert api.post(URL, body(video)).status_code == 201
    used = api.get("/api/v1/me").json()["usage"]["storage_bytes"]
    assert used > 1000 + len(VTT)
    tiers = settings.TIER_LIMITS
    settings.TIER_LIMITS = {**tiers, "free": {**tiers["free"], "max_storage_bytes": used}}
    refused(api.post(URL, body(video, language="de")), 413, "storage_full")
    assert api.post(URL, body(video)).status_code == 200, "as large as the one that it replaces"


def test_who_sees_the_video_sees_its_text_tracks_and_who_may_change_it_changes_them(
    owner: User, other: User, moderator: User, admin_person: User, settings: Any
) -> None:
    private, listed = make_video(owner), make_video(owner, place=VideoScope.CATALOGUE)
    people: dict[str, User | None] = {"owner": owner, "other": other, "moderator": moderator}
    people |= {"admin": admin_person, "nobody": None}
    rights = {
        "private": (private, {"owner", "admin"}, {"owner", "admin"}),
        "listed": (listed, set(people), {"moderator", "admin"}),
    }
    for name, (video, readers, writers) in rights.items():
        for role, person in people.items():
            api = Api(make_key(person, scopes=["admin"])) if person else Api()
            with check(f"{role} {name}"):
                track, _ = text_tracks.store(video, TrackKind.CAPTIONS, "en", "", VTT)
                sees = 200 if role in readers else 404
                for url in (f"{URL}?video_id={video.pk}", f"{URL}/{track.pk}", f"{URL}/{track.pk}/file.vtt"):
                    assert api.get(url).status_code == sees, url
                unable = 401 if person is None else 403 if role in readers else 404
                assert api.post(URL, body(video)).status_code == (200 if role in writers else unable)
                assert api.delete(f"{URL}/{track.pk}").status_code == (200 if role in writers else unable)
    settings.PUBLIC_CATALOG = False
    assert Api().get(f"{URL}?video_id={listed.pk}").status_code == 401
    refused(Api(make_key(owner)).get(f"{URL}?video_id={uuid.uuid4()}"), 404, "not_found")


def test_the_library_is_searched_by_what_is_said(api: Api, owner: User) -> None:
    said, other = make_video(owner, title="Round 7"), make_video(owner, title="Round 8")
    text_tracks.store(said, TrackKind.CAPTIONS, "en", "", VTT)
    text_tracks.store(make_video(make_user("somebody")), TrackKind.CAPTIONS, "en", "", VTT)

    def found(words: str) -> list[str]:
        return [video["id"] for video in api.get(f"/api/v1/library?search={words}").json()["videos"]]

    assert found("spike") == [str(said.pk)]
    assert found("rotate 7") == [str(said.pk)]
    assert found("rotate 8") == []
    assert found("round") == [str(other.pk), str(said.pk)]
    said.delete()
    assert TextTrack.objects.filter(video__owner=owner).count() == 0

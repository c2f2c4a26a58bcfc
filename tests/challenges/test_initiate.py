"""``POST …/upload-for-merge/initiate``: what may be asked for, in JSON and as a form, and what is refused."""

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
from django.db.models.functions import Now

from media_app.uploads import quota
from media_app.uploads.models import Upload
from sessions_app.challenges import merges, serializers
from sessions_app.challenges.models import MergeClip, MergeSession
from tests.challenges.conftest import INITIATE, SEED, as_json_texts, as_repeated, ids_of
from tests.support.api import Api, refused
from tests.support.factories import make_merge
from tests.uploads.forms import FORM, Part, form_of
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
LISTS = ("video_filenames", "video_file_sizes", "video_durations", "video_mime_types")


def nothing_begun() -> None:
    assert (MergeSession.objects.count(), MergeClip.objects.count(), Upload.objects.count()) == (0, 0, 0)


def many(count: int) -> dict[str, Any]:
    lists = {name: list(itertools.islice(itertools.cycle(SEED[name]), count)) for name in LISTS}
    return {**SEED, **lists, "video_count": count}


def form(api: Api, fields: list[tuple[str, str]], *, encoded: bool = False) -> Any:
    if encoded:
        return api.send("POST", INITIATE, raw=urlencode(fields), content_type="application/x-www-form-urlencoded")
    parts: list[Part] = [*fields]
    return api.send("POST", INITIATE, raw=form_of(parts), content_type=FORM["Content-Type"])


class TestAnswer:
    def test_it_is_as_the_document_shows_it(self, api: Api) -> None:
        response = api.post(INITIATE, SEED)
        assert response.status_code == 201
        body = response.json()
        assert (body["estimated_merge_time_seconds"], body["status"], body["job_id"]) == (34.28, "initiated", None)
        assert body["expires_at"].endswith("Z")
        assert [one["total_chunks"] for one in body["upload_sessions"]] == [5, 5, 6]
        for index, one in enumerate(body["upload_sessions"]):
            assert one == {
                "video_index": index, "session_id": one["session_id"], "filename": f"statement{index + 1}.mp4",
                "upload_url": f"/api/v1/challenge-videos/upload/{one['session_id']}/chunk", "chunk_size": 1_048_576,
                "total_chunks": one["total_chunks"],
            }  # fmt: skip
        assert len(set(ids_of(body))) == 3

    def test_its_rows_are_what_was_said(self, api: Api, owner: User) -> None:
        body = api.post(INITIATE, {**SEED, "level_loudness": True, "priority": "low", "chunk_size": 262_144}).json()
        session = MergeSession.objects.get()
        assert (str(session.pk), session.owner, session.title) == (body["merge_session_id"], owner, "My Challenge")
        assert (session.level_loudness, session.priority, session.job) == (True, -10, None)
        clips = list(session.clips.all())
        assert [str(clip.pk) for clip in clips] == ids_of(body)
        assert [(clip.size, clip.duration, clip.mime_type) for clip in clips] == [
            (5_000_000, 15.0, "video/mp4"), (4_500_000, 12.5, "video/mp4"), (5_500_000, 18.2, "video/mp4")
        ]  # fmt: skip
        uploads = Upload.objects.all()
        assert {upload.expires_at for upload in uploads} == {session.expires_at}
        assert {(upload.purpose, upload.chunk_size) for upload in uploads} == {("clip", 262_144)}

    @pytest.mark.parametrize("count", [2, 10])
    @pytest.mark.parametrize(
        "title", [{"challenge_title": "1984"}, {"challenge_title": ""}, {"challenge_title": None}, {}]
    )
    def test_two_and_ten_are_taken_also_untitled(self, api: Api, count: int, title: dict[str, str | None]) -> None:
        untitled = {name: value for name, value in many(count).items() if name != "challenge_title"}
        body = api.post(INITIATE, untitled | title).json()
        assert len(body["upload_sessions"]) == count
        assert MergeSession.objects.get().title == (title.get("challenge_title") or "")

    def test_a_name_keeps_no_folder_and_no_sign_that_turns_text(self, api: Api) -> None:
        names = ["../../etc/passwd", "C:\\videos\\a.mp4", "a\u202egpj.mp4"]
        body = api.post(INITIATE, {**SEED, "video_filenames": names}).json()
        assert [one["filename"] for one in body["upload_sessions"]] == ["passwd", "a.mp4", "agpj.mp4"]


class TestForms:
    @pytest.mark.parametrize("encoded", [False, True])
    @pytest.mark.parametrize("written", [as_json_texts, as_repeated])
    def test_a_form_is_the_same_as_json(
        self, api: Api, written: Callable[[dict[str, Any]], list[tuple[str, str]]], encoded: bool
    ) -> None:
        response = form(api, written({**SEED, "chunk_size": 524_288, "level_loudness": "true"}), encoded=encoded)
        assert response.status_code == 201, response.content
        assert response.json()["estimated_merge_time_seconds"] == 34.28
        session = MergeSession.objects.get()
        assert (session.title, session.level_loudness) == ("My Challenge", True)
        assert list(session.clips.values_list("filename", "size", "duration")) == [
            ("statement1.mp4", 5_000_000, 15.0), ("statement2.mp4", 4_500_000, 12.5),
            ("statement3.mp4", 5_500_000, 18.2),
        ]  # fmt: skip

    @pytest.mark.parametrize("names", [["1", "2", "3"], ["2024", "0.5", "1e3"], ["[a].mp4", '"b".mp4', "{c}"]])
    @pytest.mark.parametrize("way", ["json", "json texts", "repeated"])
    def test_names_that_look_like_something_else_are_names(self, api: Api, names: list[str], way: str) -> None:
        given = {**SEED, "video_filenames": names}
        if way == "json":
            response = api.post(INITIATE, given)
        else:
            response = form(api, (as_json_texts if way == "json texts" else as_repeated)(given))
        assert response.status_code == 201, response.content
        assert [one["filename"] for one in response.json()["upload_sessions"]] == names

    @pytest.mark.parametrize("text", [
        "[" * 100_000, '{"a":' * 50_000, "[NaN, NaN, NaN]", "[1e999, 1, 1]", "[" + "9" * 5000 + ", 1, 1]", "[1, 2",
        "nope", '["\\ud800", "b", "c"]', '["a\\u0000b", "b", "c"]', "null", "7", '{"0": 1}', '"text"', "",
        "[[1], [2], [3]]",
    ], ids=lambda text: text[:12])  # fmt: skip
    @pytest.mark.parametrize("name", LISTS)
    def test_texts_that_are_no_list_are_refused(self, api: Api, name: str, text: str) -> None:
        fields = [pair for pair in as_json_texts(SEED) if pair[0] != name]
        body = refused(form(api, [*fields, (name, text)]), 400, "invalid")
        assert name in body["errors"]
        nothing_begun()

    @pytest.mark.parametrize("name", [*LISTS, "video_count", "chunk_size", "challenge_title", "level_loudness"])
    def test_a_file_in_the_place_of_a_field_is_refused(self, api: Api, name: str) -> None:
        parts: list[Part] = [pair for pair in as_json_texts(SEED) if pair[0] != name]
        raw = form_of([*parts, (name, b"[1, 2, 3]", "a.txt")])
        response = api.send("POST", INITIATE, raw=raw, content_type=FORM["Content-Type"])
        assert name in refused(response, 400, "invalid")["errors"]
        nothing_begun()

    @pytest.mark.parametrize(
        ("name", "text"),
        [("video_count", "three"), ("video_count", "3.0"), ("video_count", ""), ("chunk_size", "1 MiB"),
         ("level_loudness", "loud"), ("priority", "highest")],
    )  # fmt: skip
    def test_fields_of_a_form_are_checked_too(self, api: Api, name: str, text: str) -> None:
        body = refused(form(api, as_repeated({**SEED, name: text})), 400, "invalid")
        assert name in body["errors"]


class TestRefusals:
    WRONG_ENTRIES: dict[str, tuple[Any, ...]] = {
        "video_file_sizes": (0, -1, 1.5, "x", 10**30, True, None, [1], {}),
        "video_durations": (0, -0.1, "x", 604_801, 10**400, True, None, [1]),
        "video_mime_types": ("image/png", "", "text/plain;video/", 7, None, "x" * 300),
        "video_filenames": ("", 7, None, "a" * 1001, ["a"], {"a": 1}),
    }

    @pytest.mark.parametrize("count", [1, 11, 0, -1])
    def test_one_and_eleven_are_refused(self, api: Api, count: int) -> None:
        body = refused(api.post(INITIATE, {**many(max(count, 0)), "video_count": count}), 400, "invalid")
        assert "video_count" in body["errors"]
        nothing_begun()

    @pytest.mark.parametrize(("name", "wrong"), [
        *((name, many(length)[name]) for name in LISTS for length in (0, 2, 4)),
        *((name, [SEED[name][0], one, SEED[name][2]]) for name, ones in WRONG_ENTRIES.items() for one in ones),
        *(("chunk_size", one) for one in (65_535, 67_108_865)),
    ], ids=lambda part: str(part)[:16])  # fmt: skip
    def test_a_wrong_field_is_named(self, api: Api, name: str, wrong: Any) -> None:
        body = refused(api.post(INITIATE, {**SEED, name: wrong}), 400, "invalid")
        assert name in body["errors"]
        nothing_begun()

    def test_what_there_is_no_room_for_leaves_none(self, api: Api, settings: Any) -> None:
        usual = settings.TIER_LIMITS
        for limits, type in (({"max_upload_bytes": 5_000_000}, "too_large"),
                             ({"max_storage_bytes": 14_999_999}, "storage_full")):  # fmt: skip
            settings.TIER_LIMITS = {**usual, "free": {**usual["free"], **limits}}
            assert refused(api.post(INITIATE, SEED), 413, type)["limit"] == next(iter(limits.values()))
        settings.TIER_LIMITS = {**usual, "free": {**usual["free"], "max_storage_bytes": 15_000_000}}
        settings.UPLOADS_AT_ONCE = 2
        refused(api.post(INITIATE, SEED), 409, "upload_limit")
        settings.UPLOADS_AT_ONCE = 20
        reserve, settings.DISK_RESERVE_BYTES = settings.DISK_RESERVE_BYTES, 1 << 60
        refused(api.post(INITIATE, SEED, fails=True), 503, "disk_full")
        nothing_begun()
        settings.DISK_RESERVE_BYTES = reserve
        assert api.post(INITIATE, SEED).status_code == 201

    def test_the_storage_is_counted_once_for_all_clips(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        """Counting takes many queries, and on SQLite all other writes wait for the transaction."""
        counted = Mock(side_effect=quota.storage_bytes)
        monkeypatch.setattr(quota, "storage_bytes", counted)
        assert api.post(INITIATE, many(10)).status_code == 201
        assert counted.call_count == 1


def test_the_same_request_gets_the_first_answer(api: Api) -> None:
    first, again = (api.post(INITIATE, SEED, headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again["Idempotency-Replayed"] == "true"
    assert (MergeSession.objects.count(), Upload.objects.count()) == (1, 3)


class TestEstimate:
    def took(self, owner: User, took: float, of: float) -> None:
        merge = make_merge(owner, status="completed")
        MergeSession.objects.filter(pk=merge.pk).update(took_seconds=took, source_seconds=of, completed_at=Now())

    def test_from_five_merges_of_this_machine_on_their_median_is_the_factor(self, api: Api, owner: User) -> None:
        # Short ones and those that came to nothing do not count.
        for _ in range(6):
            self.took(owner, 3.0, 2.0)
            make_merge(owner, status="failed", error={"type": "timeout", "message": "x"})
        for took in (1.0, 2.0, 2.0, 3.0):
            self.took(owner, took, 10.0)
        assert merges.estimate([15.0, 12.5, 18.2]) == 34.28
        self.took(owner, 500.0, 10.0)
        assert merges.estimate([15.0, 12.5, 18.2]) == 9.14
        assert api.post(INITIATE, SEED).json()["estimated_merge_time_seconds"] == 9.14

    def test_only_the_last_ones_count(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(merges, "MAX_MERGES", 5)
        for took in (*[1000.0] * 6, *[2.0] * 5):
            self.took(owner, took, 10.0)
        assert merges.estimate([100.0]) == 20.0


def test_a_list_that_is_too_long_is_not_built(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    built = SimpleNamespace(loads=lambda text: pytest.fail("it was built"))
    monkeypatch.setattr(serializers, "json", built)
    answer = api.client.post(INITIATE, {"video_filenames": "[" + "[]," * 10_000 + "[]]"}, headers=api.headers)
    refused(answer, 400, "invalid")

"""POST /api/sessions/multi-vod, and GET /api/sessions/library-files, which lists what may be chosen."""

import os
import uuid
import wave
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from pytest_check import check

from media_app.videos.models import Video
from sessions_app.comparison.models import ComparisonSession, ComparisonVod
from tests.conftest import GROUP, Library
from tests.support.api import BASE, Api, refused, session_of, vod_of
from tests.support.factories import make_key, make_user, make_video
from tests.support.footage import convert, cut_short
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
LIBRARY = "/api/sessions/library-files"


def vods(*paths: Path | str) -> list[dict[str, Any]]:
    return [
        {"vod_id": f"vod-{number}", "name": f"Player {number}", "path": str(path)}
        for number, path in enumerate(paths, 1)
    ]


def create(api: Api, *paths: Path | str, **fields: Any) -> Any:
    return api.post(BASE, {"vods": vods(*paths), **fields})


def nothing_was_made() -> bool:
    return not (ComparisonSession.objects.exists() or ComparisonVod.objects.exists() or Video.objects.exists())


def test_two_vods_make_a_session_with_every_field(api: Api, owner: User, library: Library) -> None:
    paths = (library.crew / "plain.mp4", library.crew / "other.mp4")
    session = session_of(create(api, *paths, name="Semifinal", description="Map 2"), 201)
    assert session["session_id"].startswith("comp-")
    assert len(session["session_id"]) >= len("comp-") + 16
    expected = {
        "name": "Semifinal", "description": "Map 2", "created_by": str(owner.pk), "sync_mode": "global",
        "global_time": 0, "global_playback_state": "paused", "ui_state": {}, "auto_sync_result": None,
        "sync_config": {"resync_interval_ms": 500, "drift_tolerance_ms": 100},
    }  # fmt: skip
    assert {name: session[name] for name in expected} == expected
    for name in ("created_at", "updated_at"):
        assert isinstance(session[name], float)
        assert session[name] > 1_700_000_000
    first = session["vods"][0]
    assert (first["vod_id"], first["name"], first["path"]) == ("vod-1", "Player 1", str(paths[0]))
    assert Video.objects.get(pk=first["video_id"]).owner == owner
    assert first["stream_url"].startswith(f"/api/v1/media/stream/{first['video_id']}?")
    assert (first["duration"], first["fps"], first["resolution"], first["codec"]) == (3.0, 30.0, "320x180", "h264")
    assert (first["offset"], first["offset_source"], first["offset_confidence"]) == (0, "manual", 1.0)
    assert (first["offset_history"], first["current_time"], first["playback_state"]) == ([], 0, "paused")
    assert first["events"] == []
    assert session_of(api.get(f"{BASE}/{session['session_id']}"))["vods"] == session["vods"]


def test_three_vods_keep_their_order_and_one_file_may_stand_twice(api: Api, library: Library) -> None:
    paths = [library.crew / name for name in ("third.mp4", "plain.mp4", "third.mp4")]
    session = session_of(create(api, *paths, name=None, description=None), 201)
    assert [vod["path"] for vod in session["vods"]] == [str(path) for path in paths]
    assert session["vods"][0]["video_id"] == session["vods"][2]["video_id"]
    assert session["name"]
    assert session["description"] == ""
    assert session_of(create(api, *paths), 201)["name"]


def test_its_properties_are_read_from_the_file(api: Api, library: Library) -> None:
    paths = [library.crew / name for name in ("ntsc.mp4", "vp9.webm", "vfr.mp4")]
    ntsc, vp9, vfr = session_of(create(api, *paths), 201)["vods"]
    assert (ntsc["fps"], ntsc["fps_fraction"]) == (30_000 / 1001, [30_000, 1001])
    assert ntsc["duration"] == pytest.approx(2.002, abs=1e-3)
    assert (vp9["codec"], vp9["audio_tracks"], vp9["is_variable_frame_rate"]) == ("vp9", [], False)
    assert vfr["is_variable_frame_rate"]
    assert all(vod["audio_tracks"] for vod in (ntsc, vfr))


def test_only_two_or_three_vods_are_compared(api: Api, library: Library) -> None:
    for count in (0, 1, 4):
        refused(create(api, *[library.crew / "plain.mp4"] * count), 400, "vod_count")
    refused(api.post(BASE, {"vods": [None] * 4}), 400, "vod_count")
    assert nothing_was_made()


def test_a_vod_has_an_id_of_its_own_and_one_source(api: Api, owner: User, library: Library) -> None:
    first, second = vods(library.crew / "plain.mp4", library.crew / "other.mp4")
    refused(api.post(BASE, {"vods": [first, second | {"vod_id": "vod-1"}]}), 400, "duplicate_vod_id")
    changes: list[dict[str, Any]] = [
        {"vod_id": bad} for bad in (None, "", "  ", 7, 1.5, True, [], {}, "a/b", "a\nb", "x" * 101)
    ]
    changes += [{"path": bad} for bad in (7, True, [], {}, "", "x" * 5000)]
    changes += [{"path": None, "video_id": bad} for bad in (7, True, [], "no-uuid", "../etc")]
    changes += [{"path": None}, {"video_id": str(make_video(owner).pk)}]
    for change in changes:
        with check(str(change)[:60]):
            assert api.post(BASE, {"vods": [first, second | change]}).status_code == 400
    assert not ComparisonSession.objects.exists()


class TestPaths:
    def test_everything_outside_gets_one_answer_existing_or_not(self, api: Api, library: Library) -> None:
        (library.crew / "way-out").symlink_to(library.outside)
        (library.crew / "escape.mp4").symlink_to(library.outside / "plain.mp4")
        (library.crew / "dangling.mp4").symlink_to(library.outside / "none.mp4")
        outside = [
            str(library.outside / "plain.mp4"), str(library.outside / "none.mp4"),
            str(library.crew / ".." / "outside" / "plain.mp4"), f"{library.crew}/../outside/none.mp4",
            str(library.crew / "way-out" / "plain.mp4"), str(library.crew / "escape.mp4"),
            str(library.crew / "dangling.mp4"), f"{library.crew}-twin/plain.mp4", str(library.crew), "/etc/passwd",
            "/dev/zero", "plain.mp4", "file://" + str(library.crew / "plain.mp4"), "http://127.0.0.1:1/plain.mp4",
            "~/plain.mp4",
        ]  # fmt: skip
        answers = set()
        for path in outside:
            body = refused(create(api, path, library.crew / "plain.mp4"), 400, "path_not_allowed")
            body.pop("request_id")
            answers.add(str(sorted(body.items())))
        assert len(answers) == 1, answers
        assert nothing_was_made()

    def test_symlinks_and_dots_that_stay_inside_are_followed(self, api: Api, library: Library) -> None:
        (library.crew / "alias.mp4").symlink_to(library.crew / "plain.mp4")
        (library.crew / "deeper").mkdir()
        assert create(api, library.crew / "alias.mp4", f"{library.crew}/deeper/../plain.mp4").status_code == 201

    def test_what_is_no_file_inside_is_named_as_a_missing_one(self, api: Api, library: Library) -> None:
        (library.crew / "folder.mp4").mkdir()
        os.mkfifo(library.crew / "pipe.mp4")
        os.link(library.crew / "plain.mp4", os.fsencode(library.crew) + b"/caf\xe9.mp4")
        os.symlink(os.fsencode(library.crew) + b"/caf\xe9.mp4", library.crew / "alias.mp4")
        for name in ("none.mp4", "folder.mp4", "pipe.mp4", "x" * 3000, "alias.mp4"):
            body = refused(create(api, library.crew / "plain.mp4", library.crew / name), 400, "vod_file_not_found")
            assert "vod-2" in body["error"]
        assert nothing_was_made()

    def test_a_folder_with_a_group_is_for_that_group_alone(self, moderator_api: Api, library: Library) -> None:
        paths = (library.crew / "plain.mp4", library.crew / "other.mp4")
        stranger, member = make_user(), make_user()
        member.groups.add(Group.objects.get_or_create(name=GROUP)[0])
        for api in (Api(make_key(stranger)), moderator_api):
            refused(create(api, *paths), 400, "path_not_allowed")
        assert create(Api(make_key(member)), *paths).status_code == 201

    def test_staff_folders(self, api: Api, moderator_api: Api, admin_api: Api, library: Library, settings: Any) -> None:
        """A folder without a group is for staff; admins may use every folder."""
        paths = (library.staff / "plain.mp4", library.staff / "other.mp4")
        refused(create(api, *paths), 400, "path_not_allowed")
        assert create(moderator_api, *paths).status_code == 201
        assert create(admin_api, library.staff / "plain.mp4", library.crew / "plain.mp4").status_code == 201
        refused(create(admin_api, library.outside / "plain.mp4", "/etc/passwd"), 400, "path_not_allowed")
        settings.LIBRARY_ROOTS = []
        refused(create(admin_api, library.crew / "plain.mp4", library.crew / "other.mp4"), 400, "path_not_allowed")


class TestFiles:
    def test_what_is_no_readable_video_is_refused_until_it_is_mended(self, api: Api, library: Library) -> None:
        with wave.open(str(library.crew / "sound.mp4"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(b"\0\0" * 8000)
        for name in ("truncated.mp4", "empty.mp4", "text.mp4", "sound.mp4"):
            body = refused(create(api, library.crew / "plain.mp4", library.crew / name), 400, "vod_unreadable")
            assert body["vod_id"] == "vod-2"
        assert nothing_was_made()
        path = library.crew / "text.mp4"
        path.unlink()
        path.hardlink_to(library.crew / "plain.mp4")
        assert create(api, path, library.crew / "other.mp4").status_code == 201

    def test_one_cut_short_or_of_an_unknown_codec_is_refused(self, api: Api, library: Library) -> None:
        third, cut, exotic = (library.crew / name for name in ("third.mp4", "cut.mp4", "exotic.mp4"))
        cut_short(convert(third, cut, "-c", "copy", "-movflags", "+faststart"), 1 / 2)
        # The sample entry's four letters say how the frames are coded; these belong to no decoder.
        exotic.write_bytes(third.read_bytes().replace(b"avc1", b"xyz1").replace(b"avcC", b"xyzC"))
        refused(create(api, cut, library.crew / "other.mp4"), 400, "vod_unreadable")
        refused(create(api, exotic, library.crew / "other.mp4"), 400, "vod_codec_unsupported")
        assert nothing_was_made()


class TestVideoIds:
    def ids(self, *videos: Any) -> dict[str, Any]:
        return {"vods": [{"vod_id": f"v{n}", "name": "", "video_id": str(v)} for n, v in enumerate(videos)]}

    def test_own_videos_may_be_compared_by_id(self, api: Api, owner: User, library: Library) -> None:
        first, second = (make_video(owner, location=str(library.crew / n)) for n in ("plain.mp4", "other.mp4"))
        body = self.ids(first.pk, second.pk)
        session = session_of(api.post(BASE, body), 201)
        assert [vod["video_id"] for vod in session["vods"]] == [str(first.pk), str(second.pk)]
        assert vod_of(session, "v0")["path"] is None
        # In the form of an answer, and together with a path.
        body["vods"] = [body["vods"][0] | {"path": None}, *vods(library.crew / "other.mp4")]
        assert api.post(BASE, body).status_code == 201
        gone = make_video(owner, location=str(library.crew / "gone.mp4"))
        assert refused(api.post(BASE, self.ids(first.pk, gone.pk)), 400, "vod_file_not_found")["vod_id"] == "v1"
        assert ComparisonSession.objects.count() == 2

    def test_another_users_video_is_refused_as_an_unknown_one(
        self, api: Api, owner: User, other: User, library: Library
    ) -> None:
        own = make_video(owner, location=str(library.crew / "plain.mp4"))
        foreign = make_video(other, location=str(library.crew / "other.mp4"))
        first = refused(api.post(BASE, self.ids(own.pk, foreign.pk)), 400, "video_not_found")
        second = refused(api.post(BASE, self.ids(own.pk, uuid.uuid4())), 400, "video_not_found")
        assert first["error"] == second["error"]
        assert not ComparisonSession.objects.exists()


def test_an_account_has_as_many_as_its_plan_allows(api: Api, library: Library, settings: Any) -> None:
    limits = settings.TIER_LIMITS
    settings.TIER_LIMITS = {**limits, "free": {**limits["free"], "max_sessions": 1}}
    body = {"vods": vods(library.crew / "plain.mp4", library.crew / "other.mp4")}
    first = api.post(BASE, body)
    assert first.status_code == 201, first.json()
    assert refused(api.post(BASE, body), 409, "session_limit")["limit"] == 1
    assert api.delete(f"{BASE}/{first.json()['session']['session_id']}").status_code == 200
    assert api.post(BASE, body).status_code == 201


def library_files(api: Api, query: str = "limit=100") -> list[str]:
    response = api.get(f"{LIBRARY}?{query}")
    assert response.status_code == 200, response.content
    return [file["name"] for file in response.json()["files"]]


def test_videos_of_own_folders_are_listed(api: Api, library: Library, other_api: Api, moderator_api: Api) -> None:
    assert {"plain.mp4", "other.mp4", "vp9.webm"} <= set(library_files(api))
    assert library_files(other_api) == []
    assert sorted(library_files(moderator_api)) == ["other.mp4", "plain.mp4"]


def test_words_narrow_the_list_and_it_comes_by_pages(api: Api, library: Library) -> None:
    assert library_files(api, "search=PLAIN mp4") == ["plain.mp4"]
    assert library_files(api, "search=none") == []
    every = library_files(api)
    total = api.get(LIBRARY).json()["total"]
    assert total == len(every) > 5
    assert library_files(api, "limit=2&offset=1") == every[1:3]
    assert library_files(api, "offset=1000") == []
    file = next(file for file in api.get(f"{LIBRARY}?search=plain").json()["files"])
    assert file == {"path": str(library.crew / "plain.mp4"), "name": "plain.mp4", "size": os.stat(file["path"]).st_size}


def test_odd_names_and_missing_folders_break_no_list(api: Api, settings: Any, library: Library) -> None:
    os.link(library.crew / "plain.mp4", os.fsencode(library.crew) + b"/caf\xe9.mp4")
    (library.crew / os.fsdecode(b"d\xe9mo")).mkdir()
    assert "plain.mp4" in library_files(api)
    assert api.get(LIBRARY).json()["unusable"] == ["d\ufffdmo", "caf\ufffd.mp4"]
    settings.LIBRARY_ROOTS = [(library.crew / "none", frozenset({"crew"}))]
    assert library_files(api) == []

"""POST /api/sessions/multi-vod: what is read from the files, what is refused, and that a refusal leaves nothing."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group

from media_app.videos.models import Video
from sessions_app.comparison.models import ComparisonSession, ComparisonVod
from tests.conftest import GROUP, Library
from tests.support.api import BAD_BODIES, BASE, Api, refused, session_of, vod_of
from tests.support.factories import make_key, make_user, make_video
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db


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
    assert session["name"] == "Semifinal"
    assert session["description"] == "Map 2"
    assert session["created_by"] == str(owner.pk)
    assert session["sync_mode"] == "global"
    assert session["global_time"] == 0
    assert session["global_playback_state"] == "paused"
    assert session["ui_state"] == {}
    assert session["sync_config"] == {"resync_interval_ms": 500, "drift_tolerance_ms": 100}
    assert session["auto_sync_result"] is None
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


def test_three_vods_are_kept_in_their_order(api: Api, library: Library) -> None:
    paths = [library.crew / name for name in ("third.mp4", "plain.mp4", "other.mp4")]
    assert [vod["path"] for vod in session_of(create(api, *paths), 201)["vods"]] == [str(path) for path in paths]


def test_a_session_without_a_name_gets_one(api: Api, library: Library) -> None:
    session = session_of(create(api, library.crew / "plain.mp4", library.crew / "other.mp4"), 201)
    assert session["name"]
    assert session["description"] == ""


@pytest.mark.parametrize("name", ["plain.mp4", "ntsc.mp4", "rotated.mp4", "hevc.mp4", "av1.mp4", "vp9.webm", "vfr.mp4"])
def test_what_the_file_is_is_read_from_it(api: Api, library: Library, name: str) -> None:
    vod = session_of(create(api, library.crew / name, library.crew / "other.mp4"), 201)["vods"][0]
    codec = {"hevc.mp4": "hevc", "av1.mp4": "av1", "vp9.webm": "vp9"}.get(name, "h264")
    assert vod["codec"] == codec
    assert vod["resolution"] == ("180x320" if name == "rotated.mp4" else "320x180")
    assert vod["is_variable_frame_rate"] == (name == "vfr.mp4")
    if name == "ntsc.mp4":
        assert vod["fps"] == 30_000 / 1001
        assert vod["fps_fraction"] == [30_000, 1001]
        assert vod["duration"] == pytest.approx(2.002, abs=0.001)
    elif name == "vfr.mp4":
        assert 15 < vod["fps"] < 25
    else:
        assert vod["fps"] == 30.0
    assert bool(vod["audio_tracks"]) == (name != "vp9.webm")


def test_a_replaced_file_is_another_video_and_older_sessions_keep_their_facts(api: Api, library: Library) -> None:
    path = library.crew / "plain.mp4"
    before = session_of(create(api, path, library.crew / "other.mp4"), 201)
    assert before["vods"][0]["duration"] == 3.0
    path.unlink()
    path.hardlink_to(library.crew / "third.mp4")
    again = session_of(create(api, path, library.crew / "other.mp4"), 201)
    assert again["vods"][0]["duration"] == 4.0
    assert again["vods"][0]["video_id"] != before["vods"][0]["video_id"]
    assert again["vods"][1]["video_id"] == before["vods"][1]["video_id"]
    kept = session_of(api.get(f"{BASE}/{before['session_id']}"))
    assert kept["vods"][0]["duration"] == 3.0


def test_one_file_may_stand_twice(api: Api, library: Library) -> None:
    path = library.crew / "plain.mp4"
    session = session_of(create(api, path, path), 201)
    assert session["vods"][0]["video_id"] == session["vods"][1]["video_id"]


@pytest.mark.parametrize("count", [0, 1, 4])
def test_only_two_or_three_vods_are_compared(api: Api, library: Library, count: int) -> None:
    refused(create(api, *[library.crew / "plain.mp4"] * count), 400, "vod_count")
    assert nothing_was_made()


def test_a_fourth_vod_is_refused_whatever_the_others_are(api: Api, library: Library) -> None:
    refused(api.post(BASE, {"vods": [None] * 4}), 400, "vod_count")


def test_vod_ids_must_differ(api: Api, library: Library) -> None:
    body = vods(library.crew / "plain.mp4", library.crew / "other.mp4")
    body[1]["vod_id"] = body[0]["vod_id"]
    refused(api.post(BASE, {"vods": body}), 400, "duplicate_vod_id")
    assert nothing_was_made()


@pytest.mark.parametrize("bad", [None, "", "  ", 7, 1.5, True, [], {}, "a/b", "a\nb", "x" * 101])
def test_every_vod_needs_an_id_that_is_text(api: Api, library: Library, bad: object) -> None:
    body = vods(library.crew / "plain.mp4", library.crew / "other.mp4")
    body[1]["vod_id"] = bad
    assert "vods" in refused(api.post(BASE, {"vods": body}), 400, "invalid")["errors"]
    assert nothing_was_made()


@pytest.mark.parametrize("name", ["vod_id", "path"])
def test_a_vod_without_id_or_source_is_refused(api: Api, library: Library, name: str) -> None:
    body = vods(library.crew / "plain.mp4", library.crew / "other.mp4")
    del body[0][name]
    refused(api.post(BASE, {"vods": body}), 400, "invalid")
    assert nothing_was_made()


@pytest.mark.parametrize("bad", [7, True, [], {}, "", "x" * 5000])
def test_a_path_that_is_no_path_is_refused(api: Api, library: Library, bad: object) -> None:
    body = vods(library.crew / "plain.mp4", library.crew / "other.mp4")
    body[0]["path"] = bad
    assert api.post(BASE, {"vods": body}).status_code == 400
    assert nothing_was_made()


@pytest.mark.parametrize("bad", [7, True, [], "no-uuid", "../etc"])
def test_a_video_id_that_is_none_is_refused(api: Api, library: Library, bad: object) -> None:
    body = vods(library.crew / "plain.mp4", library.crew / "other.mp4")
    body[0] = {"vod_id": "vod-1", "video_id": bad}
    assert api.post(BASE, {"vods": body}).status_code == 400
    assert nothing_was_made()


def test_a_vod_has_a_path_or_a_video_id_not_both(api: Api, owner: User, library: Library) -> None:
    body = vods(library.crew / "plain.mp4", library.crew / "other.mp4")
    body[0]["video_id"] = str(make_video(owner).pk)
    refused(api.post(BASE, {"vods": body}), 400, "invalid")


@pytest.mark.parametrize(
    "fields",
    [{"name": 7}, {"name": True}, {"name": "x" * 201}, {"description": []}, {"description": "x" * 10_001}],
    ids=str,
)
def test_name_and_description_are_text_of_some_length(api: Api, library: Library, fields: dict[str, Any]) -> None:
    refused(create(api, library.crew / "plain.mp4", library.crew / "other.mp4", **fields), 400, "invalid")
    assert nothing_was_made()


def test_name_and_description_may_be_null(api: Api, library: Library) -> None:
    session = session_of(
        create(api, library.crew / "plain.mp4", library.crew / "other.mp4", name=None, description=None), 201
    )
    assert session["name"]
    assert session["description"] == ""


@pytest.mark.parametrize("bad", [None, 7, "text", {}, {"a": 1}], ids=str)
def test_vods_must_be_a_list(api: Api, library: Library, bad: object) -> None:
    refused(api.post(BASE, {"vods": bad}), 400, "invalid")


@pytest.mark.parametrize("name", list(BAD_BODIES))
def test_a_malformed_body_is_refused(api: Api, name: str) -> None:
    assert api.post(BASE, raw=BAD_BODIES[name]).status_code == 400
    assert nothing_was_made()


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_only_json_is_taken(api: Api, library: Library, content_type: str) -> None:
    refused(api.post(BASE, raw=b'{"vods": []}', content_type=content_type), 415, "unsupported_media_type")


def test_a_multipart_body_is_not_taken(api: Api) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="vods"\r\n\r\n[]\r\n--x--\r\n'
    refused(api.post(BASE, raw=body, content_type="multipart/form-data; boundary=x"), 415, "unsupported_media_type")


def test_a_huge_body_is_refused(api: Api) -> None:
    raw = b'{"description": "' + b"x" * (3 * 1024 * 1024) + b'"}'
    assert refused(api.post(BASE, raw=raw), 413, "too_large")["limit"] == 2 * 1024 * 1024


class TestPaths:
    """Which files a caller may name."""

    def outside(self, library: Library) -> list[str]:
        (library.crew / "way-out").symlink_to(library.outside)
        (library.crew / "escape.mp4").symlink_to(library.outside / "plain.mp4")
        (library.crew / "dangling.mp4").symlink_to(library.outside / "none.mp4")
        return [
            str(library.outside / "plain.mp4"),
            str(library.outside / "none.mp4"),
            str(library.crew / ".." / "outside" / "plain.mp4"),
            f"{library.crew}/../outside/none.mp4",
            str(library.crew / "way-out" / "plain.mp4"),
            str(library.crew / "escape.mp4"),
            str(library.crew / "dangling.mp4"),
            f"{library.crew}-twin/plain.mp4",
            str(library.crew),
            "/etc/passwd",
            "/dev/zero",
            "plain.mp4",
            "file://" + str(library.crew / "plain.mp4"),
            "http://127.0.0.1:1/plain.mp4",
            "~/plain.mp4",
        ]

    def test_everything_outside_gets_one_answer_existing_or_not(self, api: Api, library: Library) -> None:
        answers = set()
        for path in self.outside(library):
            body = refused(create(api, path, library.crew / "plain.mp4"), 400, "path_not_allowed")
            body.pop("request_id")
            answers.add(str(sorted(body.items())))
        assert len(answers) == 1, answers
        assert nothing_was_made()

    def test_a_symlink_that_stays_inside_is_followed(self, api: Api, library: Library) -> None:
        (library.crew / "alias.mp4").symlink_to(library.crew / "plain.mp4")
        assert create(api, library.crew / "alias.mp4", library.crew / "other.mp4").status_code == 201

    def test_dots_that_stay_inside_are_followed(self, api: Api, library: Library) -> None:
        (library.crew / "deeper").mkdir()
        path = f"{library.crew}/deeper/../plain.mp4"
        assert create(api, path, library.crew / "other.mp4").status_code == 201

    def test_a_missing_file_inside_is_named_as_such(self, api: Api, library: Library) -> None:
        body = refused(create(api, library.crew / "plain.mp4", library.crew / "none.mp4"), 400, "vod_file_not_found")
        assert "vod-2" in body["error"]
        assert nothing_was_made()

    def test_a_folder_and_a_pipe_are_no_files(self, api: Api, library: Library) -> None:
        (library.crew / "folder.mp4").mkdir()
        os.mkfifo(library.crew / "pipe.mp4")
        for name in ("folder.mp4", "pipe.mp4"):
            refused(create(api, library.crew / name, library.crew / "plain.mp4"), 400, "vod_file_not_found")

    def test_a_name_longer_than_the_system_allows_is_a_missing_file(self, api: Api, library: Library) -> None:
        path = library.crew / ("x" * 3000)
        refused(create(api, path, library.crew / "plain.mp4"), 400, "vod_file_not_found")

    def test_a_name_that_is_no_text_cannot_be_used(self, api: Api, library: Library) -> None:
        os.link(library.crew / "plain.mp4", os.fsencode(library.crew) + b"/caf\xe9.mp4")
        os.symlink(os.fsencode(library.crew) + b"/caf\xe9.mp4", library.crew / "alias.mp4")
        refused(create(api, library.crew / "alias.mp4", library.crew / "plain.mp4"), 400, "vod_file_not_found")

    def test_a_folder_with_a_group_is_for_that_group(self, library: Library) -> None:
        paths = (library.crew / "plain.mp4", library.crew / "other.mp4")
        stranger, member = make_user(), make_user()
        member.groups.add(Group.objects.get_or_create(name=GROUP)[0])
        refused(create(Api(make_key(stranger)), *paths), 400, "path_not_allowed")
        assert create(Api(make_key(member)), *paths).status_code == 201

    def test_a_folder_with_a_group_is_not_for_staff_outside_of_it(self, moderator_api: Api, library: Library) -> None:
        paths = (library.crew / "plain.mp4", library.crew / "other.mp4")
        refused(create(moderator_api, *paths), 400, "path_not_allowed")

    def test_a_folder_without_a_group_is_for_staff(self, api: Api, moderator_api: Api, library: Library) -> None:
        paths = (library.staff / "plain.mp4", library.staff / "other.mp4")
        refused(create(api, *paths), 400, "path_not_allowed")
        assert create(moderator_api, *paths).status_code == 201

    def test_admins_may_use_every_folder_and_nothing_else(self, admin_api: Api, library: Library) -> None:
        assert create(admin_api, library.staff / "plain.mp4", library.crew / "plain.mp4").status_code == 201
        refused(create(admin_api, library.outside / "plain.mp4", "/etc/passwd"), 400, "path_not_allowed")

    def test_without_any_folder_no_path_is_allowed(self, admin_api: Api, library: Library, settings: Any) -> None:
        settings.LIBRARY_ROOTS = []
        refused(create(admin_api, library.crew / "plain.mp4", library.crew / "other.mp4"), 400, "path_not_allowed")


class TestFiles:
    """Which files are videos."""

    @pytest.mark.parametrize("name", ["truncated.mp4", "empty.mp4", "text.mp4"])
    def test_what_is_no_readable_video_is_refused(self, api: Api, library: Library, name: str) -> None:
        body = refused(create(api, library.crew / "plain.mp4", library.crew / name), 400, "vod_unreadable")
        assert body["vod_id"] == "vod-2"
        assert nothing_was_made()

    def test_a_file_cut_short_behind_its_index_is_refused(self, api: Api, library: Library, clips: Path) -> None:
        import av

        path = library.crew / "cut.mp4"
        with (
            av.open(str(clips / "third.mp4")) as source,
            av.open(str(path), "w", options={"movflags": "+faststart"}) as copy,
        ):
            track = copy.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = track
                    copy.mux(packet)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        refused(create(api, path, library.crew / "other.mp4"), 400, "vod_unreadable")
        assert nothing_was_made()

    def test_a_sound_file_is_no_vod(self, api: Api, library: Library) -> None:
        import wave

        with wave.open(str(library.crew / "sound.mp4"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(b"\0\0" * 8000)
        refused(create(api, library.crew / "sound.mp4", library.crew / "other.mp4"), 400, "vod_unreadable")

    def test_a_codec_that_nothing_here_decodes_is_named(self, api: Api, library: Library) -> None:
        content = (library.crew / "third.mp4").read_bytes()
        path = library.crew / "exotic.mp4"
        # The sample entry's four letters say how the frames are coded; these belong to no decoder.
        path.write_bytes(content.replace(b"avc1", b"xyz1").replace(b"avcC", b"xyzC"))
        refused(create(api, path, library.crew / "other.mp4"), 400, "vod_codec_unsupported")

    def test_an_unreadable_file_may_be_mended_and_sent_again(self, api: Api, library: Library) -> None:
        path = library.crew / "text.mp4"
        refused(create(api, path, library.crew / "other.mp4"), 400, "vod_unreadable")
        path.unlink()
        path.hardlink_to(library.crew / "plain.mp4")
        assert create(api, path, library.crew / "other.mp4").status_code == 201


class TestVideoIds:
    """VODs chosen by the id of a video."""

    def ids(self, *videos: Any) -> dict[str, Any]:
        return {"vods": [{"vod_id": f"v{n}", "name": "", "video_id": str(v)} for n, v in enumerate(videos)]}

    def test_own_videos_may_be_compared_by_id(self, api: Api, owner: User, library: Library) -> None:
        first, second = (make_video(owner, location=str(library.crew / n)) for n in ("plain.mp4", "other.mp4"))
        session = session_of(api.post(BASE, self.ids(first.pk, second.pk)), 201)
        assert [vod["video_id"] for vod in session["vods"]] == [str(first.pk), str(second.pk)]
        assert vod_of(session, "v0")["path"] is None

    def test_the_answers_own_form_may_be_sent_back(self, api: Api, owner: User, library: Library) -> None:
        video = make_video(owner, location=str(library.crew / "plain.mp4"))
        body = self.ids(video.pk, video.pk)
        for vod in body["vods"]:
            vod["path"] = None
        assert api.post(BASE, body).status_code == 201

    def test_another_users_video_is_refused_as_an_unknown_one(
        self, api: Api, owner: User, other: User, library: Library
    ) -> None:
        own = make_video(owner, location=str(library.crew / "plain.mp4"))
        foreign = make_video(other, location=str(library.crew / "other.mp4"))
        first = refused(api.post(BASE, self.ids(own.pk, foreign.pk)), 400, "video_not_found")
        second = refused(api.post(BASE, self.ids(own.pk, uuid.uuid4())), 400, "video_not_found")
        assert first["error"] == second["error"]
        assert not ComparisonSession.objects.exists()

    def test_a_video_whose_file_is_gone_is_refused(self, api: Api, owner: User, library: Library) -> None:
        there = make_video(owner, location=str(library.crew / "plain.mp4"))
        gone = make_video(owner, location=str(library.crew / "gone.mp4"))
        body = refused(api.post(BASE, self.ids(there.pk, gone.pk)), 400, "vod_file_not_found")
        assert body["vod_id"] == "v1"
        assert not ComparisonSession.objects.exists()

    def test_path_and_id_may_be_mixed(self, api: Api, owner: User, library: Library) -> None:
        video = make_video(owner, location=str(library.crew / "plain.mp4"))
        body = self.ids(video.pk)
        body["vods"] += vods(library.crew / "other.mp4")
        assert api.post(BASE, body).status_code == 201


def test_creating_needs_a_sign_in(anonymous: Api) -> None:
    refused(anonymous.post(BASE, {"vods": []}), 401, "unauthenticated")


def test_a_reading_token_cannot_create(owner: User) -> None:
    refused(Api(make_key(owner, scopes=["read"])).post(BASE, {"vods": []}), 403, "scope_required")


def test_an_account_has_as_many_as_its_plan_allows(api: Api, library: Library, settings: Any) -> None:
    limits = settings.TIER_LIMITS
    settings.TIER_LIMITS = {**limits, "free": {**limits["free"], "max_sessions": 1}}
    body = {"vods": vods(library.crew / "plain.mp4", library.crew / "other.mp4")}
    first = api.post(BASE, body)
    assert first.status_code == 201, first.json()
    assert refused(api.post(BASE, body), 409, "session_limit")["limit"] == 1
    assert api.delete(f"{BASE}/{first.json()['session']['session_id']}").status_code == 200
    assert api.post(BASE, body).status_code == 201

"""Challenges over the API: made of a merge, checked against it, listed, changed, published, deleted."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_check import check

from jobs_app.models import Job
from media_app.videos.models import Video, VideoScope
from sessions_app.challenges import challenges, merges
from sessions_app.challenges.models import Challenge, Guess, MergeSession
from tests.challenges.conftest import CHALLENGES, metadata_of, statements_of, status_of
from tests.support.api import Api, refused
from tests.support.factories import make_challenge, make_key, make_merge, make_rendition, make_user
from tests.support.stored import files_in
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
committed = pytest.mark.django_db(transaction=True)


def path_of(challenge: Challenge, what: str = "") -> str:
    return f"{CHALLENGES}/{challenge.pk}{what}"


def guess(challenge: Challenge, index: int = 0) -> Guess:
    return challenges.guess(challenge, make_user(), index)


@pytest.fixture
def merge(owner: User) -> MergeSession:
    return make_merge(owner, status="completed")


class TestMake:
    def test_a_draft_is_made_as_the_document_does_it(self, api: Api, owner: User, merge: MergeSession) -> None:
        asked = statements_of(merge, title="My Challenge", merged_video_metadata=metadata_of(api, str(merge.pk)))
        asked["statements"][1]["text"] = "  I once met a bear. "
        response = api.post(CHALLENGES, asked)
        assert response.status_code == 201, response.content
        body = response.json()
        assert body["owner"] == {"id": str(owner.pk), "username": "owner", "full_name": owner.get_full_name()}
        assert (body["title"], body["status"], body["is_own"], body["is_merged_video"]) == (
            "My Challenge", "draft", True, True
        )  # fmt: skip
        assert (body["lie_statement_index"], body["can_guess"], body["guess_count"], body["my_guess"]) == (
            1, False, 0, None
        )  # fmt: skip
        assert body["results"] == {"correct": 0, "by_statement": [0, 0, 0]}
        clips = [str(clip.pk) for clip in merge.clips.order_by("index")]
        assert [one["media_file_id"] for one in body["statements"]] == clips
        assert [one["index"] for one in body["statements"]] == [0, 1, 2]
        assert [one["text"].strip() for one in body["statements"]] == ["", "I once met a bear.", ""]
        assert [one["duration_seconds"] for one in body["statements"]] == [2.0] * 3
        assert (body["video_file_id"], body["total_duration"]) == (str(merge.pk), 6.0)
        assert body["segments"] == status_of(api, str(merge.pk))["merged_video"]["segments"]
        assert (body["published_at"], body["created_at"].endswith("Z")) == (None, True)
        assert status_of(api, str(merge.pk))["challenge_id"] == body["id"]
        assert api.get(f"{CHALLENGES}/{body['id']}").json()["statements"] == body["statements"]

    @pytest.mark.parametrize("metadata", [{}, {"compression_applied": True}])
    @pytest.mark.parametrize("seconds", [0.001, 1e5])
    def test_harmless_metadata(self, api: Api, merge: MergeSession, metadata: dict[str, Any], seconds: float) -> None:
        """The document's own sample says that it is compressed, whatever the merge did."""
        asked = statements_of(merge, merged_video_metadata=metadata, title="Bears")
        asked["statements"][0]["duration_seconds"] = seconds
        response = api.post(CHALLENGES, asked)
        assert (response.status_code, response.json()["statements"][0]["duration_seconds"]) == (201, 2.0)
        assert status_of(api, str(merge.pk))["merged_video"]["compression_applied"] is False
        assert Video.objects.get(pk=merge.pk).title == "Bears"
        another = statements_of(make_merge(merge.owner, status="completed"))
        assert "merged_video_metadata" not in another
        assert api.post(CHALLENGES, another).status_code == 201

    def test_metadata_that_lies_is_refused(self, api: Api, merge: MergeSession) -> None:
        said = metadata_of(api, str(merge.pk))
        segments = said["segments"]
        wrong_segments = [
            [*segments[:index], {**segments[index], name: lie}, *segments[index + 1 :]]
            for index, name, lie in (
                (0, "start_time", 0.1), (2, "end_time", 6.5), (1, "start_time", "2"), (1, "end_time", None),
                (1, "statement_index", 0), (1, "statement_index", -1), (0, "end_time", 1e300), (1, "duration", 7.0),
                (1, "duration", "long"),
            )
        ]  # fmt: skip
        lies: dict[str, list[Any]] = {
            "video_file_id": [str(uuid.UUID(int=7)), "merged.mp4", None],
            "total_duration": [6.1, 5.9, -6.0, "6", None],
            "compression_applied": ["very"],
            "segments": [
                [], "all", None, [{}], segments[:2], [*segments, segments[2]], segments[::-1], segments * 10,
                *wrong_segments,
            ],
        }  # fmt: skip
        for name, lie in ((name, lie) for name, listed in lies.items() for lie in listed):
            with check(f"{name} {lie}"[:200]):
                asked = statements_of(merge, merged_video_metadata={**said, name: lie})
                assert "merged_video_metadata" in refused(api.post(CHALLENGES, asked), 400, "invalid")["errors"]
        assert not Challenge.objects.exists()

    def test_times_that_were_rounded_on_their_way_are_the_same(self, api: Api, owner: User) -> None:
        merge = make_merge(owner, status="completed")
        thirds = [{"start": number * 2 / 3, "end": (number + 1) * 2 / 3} for number in range(3)]
        MergeSession.objects.filter(pk=merge.pk).update(segments=thirds)
        said = metadata_of(api, str(merge.pk))
        for one in said["segments"]:
            one |= {name: round(one[name], 2) for name in ("start_time", "end_time", "duration")}
        assert api.post(CHALLENGES, statements_of(merge, merged_video_metadata=said)).status_code == 201

    def test_statements_are_those_of_the_merge(self, api: Api, owner: User, other: User, merge: MergeSession) -> None:
        mine = statements_of(merge)["statements"]
        another = statements_of(make_merge(owner, status="completed"))["statements"]
        theirs = statements_of(make_merge(other, status="completed"))["statements"]
        nobodys = [{"media_file_id": str(uuid.uuid4())} for _ in range(3)]
        for wrong in (
            mine[::-1], mine[:2], [mine[0], mine[1], mine[1]], [*mine, mine[0]], [mine[0], mine[1], another[2]], theirs,
            [theirs[0], *mine[1:]], nobodys, [*mine[:2], *nobodys[:1]], [{"media_file_id": str(merge.pk)}] * 3,
        ):  # fmt: skip
            body = refused(api.post(CHALLENGES, statements_of(merge, statements=wrong)), 400, "invalid")
            assert "statements" in body["errors"]
        assert not Challenge.objects.exists()

    @pytest.mark.parametrize(("name", "wrong"), [
        ("title", "   "), ("is_merged_video", False), ("lie_statement_index", 3), ("lie_statement_index", -1),
        ("statements", [{"media_file_id": "x"}] * 3), ("statements", [{"media_file_id": str(uuid.UUID(int=7))}]),
    ], ids=lambda part: str(part)[:24])  # fmt: skip
    def test_a_wrong_field_is_named(self, api: Api, merge: MergeSession, name: str, wrong: Any) -> None:
        body = refused(api.post(CHALLENGES, statements_of(merge, **{name: wrong})), 400, "invalid")
        assert name in body["errors"]
        assert not Challenge.objects.exists()

    @pytest.mark.parametrize("sign", ["\u202e", "\x7f", "\x9b"], ids=ascii)
    def test_words_have_no_signs_that_turn_a_line_or_break_it(self, api: Api, merge: MergeSession, sign: str) -> None:
        title, text = statements_of(merge, title=f"a{sign}b"), statements_of(merge)
        text["statements"][0]["text"] = f"a{sign}b"
        for asked in (title, text):
            response = api.post(CHALLENGES, asked)
            shown = response.json()
            assert response.status_code == 400 or sign not in f"{shown['title']}{shown['statements'][0]['text']}"
            Challenge.objects.all().delete()

    @pytest.mark.parametrize("job", [
        {}, {"status": "queued"}, {"status": "processing"}, {"status": "cancelled"},
        {"status": "failed", "error": {"type": "timeout", "message": "x"}},
    ], ids=str)  # fmt: skip
    def test_only_a_completed_merge_makes_one(self, api: Api, owner: User, job: dict[str, Any]) -> None:
        merge = make_merge(owner, **job)
        refused(api.post(CHALLENGES, statements_of(merge)), 409, "merge_unfinished")

    def test_there_is_one_of_a_merge(self, api: Api, merge: MergeSession) -> None:
        first = api.post(CHALLENGES, statements_of(merge)).json()
        body = refused(api.post(CHALLENGES, statements_of(merge)), 409, "challenge_exists")
        assert body["challenge_id"] == first["id"]

    def test_an_admin_makes_none_of_somebody_elses_merge(self, admin_api: Api, merge: MergeSession) -> None:
        refused(admin_api.post(CHALLENGES, statements_of(merge)), 400, "invalid")


class TestWhoSees:
    @pytest.mark.parametrize("state", ["draft", "published", "withheld", "reported draft"])
    def test_each_as_the_contract_has_it(
        self, owner: User, other: User, moderator: User, api: Api, other_api: Api, moderator_api: Api, admin_api: Api,
        state: str,
    ) -> None:  # fmt: skip
        challenge = make_challenge(owner, is_published=True)
        if state == "reported draft":
            challenges.report(challenge, other, "Not funny")
        if state == "withheld":
            challenges.withhold(challenge.pk, moderator, reason="x")
        if "draft" in state:
            challenges.unpublish(challenge)
        seen = {"draft": (404, 404), "published": (200, 200), "withheld": (404, 200), "reported draft": (404, 200)}
        for person, status in zip((other_api, moderator_api), seen[state], strict=True):
            assert person.get(path_of(challenge)).status_code == status
            assert person.get(path_of(challenge, "/segments")).status_code == status
        for person in (api, admin_api):
            body = person.get(path_of(challenge)).json()
            assert body["status"] == state.rpartition(" ")[2]

    def test_who_sees_it_cannot_change_it_without_owning(self, owner: User, other_api: Api, moderator_api: Api) -> None:
        challenge = make_challenge(owner, is_published=True)
        for person in (other_api, moderator_api):
            refused(person.patch(path_of(challenge), {"title": "Mine"}), 403, "forbidden")
            refused(person.delete(path_of(challenge)), 403, "forbidden")
            refused(person.post(path_of(challenge, "/publish")), 403, "forbidden")
        refused(other_api.post(path_of(challenge, "/unpublish")), 403, "forbidden")
        refused(other_api.patch(path_of(make_challenge(owner)), {"title": "Mine"}), 404, "challenge_not_found")


class TestList:
    def test_others_see_what_is_published_and_owners_their_own(
        self, owner: User, other: User, moderator: User, api: Api, other_api: Api, admin_api: Api, moderator_api: Api
    ) -> None:
        draft, published, withheld = (
            make_challenge(owner, title=title, is_published=title != "draft")
            for title in ("draft", "published", "withheld")
        )
        challenges.withhold(withheld.pk, moderator, reason="x")
        theirs = make_challenge(other, title="theirs", is_published=True)

        def titles(person: Api, query: str = "") -> list[str]:
            return [one["title"] for one in person.get(f"{CHALLENGES}{query}").json()["challenges"]]

        assert titles(api) == ["theirs", "withheld", "published", "draft"]
        assert titles(api, "?limit=2&offset=1") == ["withheld", "published"]
        pagination = api.get(f"{CHALLENGES}?limit=2&offset=1").json()["pagination"]
        assert pagination == {"limit": 2, "offset": 1, "total": 4}
        for person in (other_api, moderator_api, admin_api):
            assert titles(person) == ["theirs", "published"]
        assert titles(api, "?mine=1") == ["withheld", "published", "draft"]
        assert titles(other_api, "?mine=true") == ["theirs"]
        assert titles(api, "?status=draft") == ["draft"]
        assert titles(api, "?status=withheld") == ["withheld"]
        assert titles(api, "?status=published&mine=1") == ["published"]
        assert titles(other_api, "?status=draft") == []
        assert titles(other_api, "?status=withheld") == []
        assert titles(api, "?search=EIR") == ["theirs"]
        assert titles(api, "?unplayed=1") == ["theirs"]
        assert titles(other_api, "?unplayed=1") == ["published"]
        challenges.guess(published, other, 0)
        assert titles(other_api, "?unplayed=1") == []
        assert titles(other_api, "?mine=0&unplayed=0") == ["theirs", "published"]
        assert draft.pk != theirs.pk

    def test_a_search_is_for_words_not_for_patterns(self, owner: User, api: Api) -> None:
        make_challenge(owner, title="100 %")
        make_challenge(owner, title="a_b")
        for word, titles in (("%", ["100 %"]), ("_", ["a_b"]), ("\\", []), ("'", [])):
            body = api.get(f"{CHALLENGES}?search={quote(word)}").json()
            assert [one["title"] for one in body["challenges"]] == titles

    def test_the_score_is_the_callers(self, owner: User, other: User, other_api: Api, api: Api) -> None:
        for index in (1, 0, 1):
            challenges.guess(make_challenge(owner, is_published=True), other, index)
        assert other_api.get(CHALLENGES).json()["score"] == {"guesses": 3, "correct": 2}
        assert api.get(CHALLENGES).json()["score"] == {"guesses": 0, "correct": 0}

    def test_fifty_take_as_many_queries_as_one(self, owner: User, other: User, other_api: Api, api: Api) -> None:
        def make() -> None:
            challenge = make_challenge(make_user(), is_published=True)
            make_rendition(Video.objects.get(pk=challenge.merge_id), "poster")
            challenges.guess(challenge, other, 0)
            guess(make_challenge(owner, is_published=True))

        def count(person: Api) -> int:
            with CaptureQueriesContext(connection) as queries:
                assert person.get(f"{CHALLENGES}?limit=100").status_code == 200
            return len(queries)

        make()
        for person in (api, other_api):
            count(person)
        few = [count(person) for person in (api, other_api)]
        for _ in range(8):
            make()
        assert [count(person) for person in (api, other_api)] == few


class TestEdit:
    def test_of_a_draft_words_and_lie_are_changed(self, owner: User, api: Api) -> None:
        challenge = make_challenge(owner, texts=["a", "b", "c"])
        changes = {"title": " New ", "texts": ["x", "", "z"], "lie_statement_index": 2}
        body = api.patch(path_of(challenge), changes).json()
        assert (body["title"], body["lie_statement_index"]) == ("New", 2)
        assert [one["text"] for one in body["statements"]] == ["x", "", "z"]
        assert Video.objects.get(pk=challenge.merge_id).title == "New"
        again = api.patch(path_of(challenge), {}).json()
        assert [again[key] for key in ("title", "statements")] == [body[key] for key in ("title", "statements")]

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [("title", ""), ("texts", ["a", "b"]), ("texts", ["a", "b", "c", "d"]), ("texts", ["a", "b", "x" * 301]),
         ("lie_statement_index", 3), ("lie_statement_index", -1)],
    )  # fmt: skip
    def test_a_wrong_change_is_named_and_changes_nothing(self, owner: User, api: Api, name: str, wrong: Any) -> None:
        challenge = make_challenge(owner, texts=["a", "b", "c"])
        before = api.get(path_of(challenge)).json()
        changes = {"title": "Other", "texts": ["x", "y", "z"], "lie_statement_index": 0, name: wrong}
        assert name in refused(api.patch(path_of(challenge), changes), 400, "invalid")["errors"]
        after = api.get(path_of(challenge)).json()
        assert [after[key] for key in ("title", "statements", "lie_statement_index")] == [
            before[key] for key in ("title", "statements", "lie_statement_index")
        ]

    def test_published_ones_are_fixed_and_of_played_ones_only_the_title_changes(self, owner: User, api: Api) -> None:
        """A player who was told the lie must not have been told something else."""
        challenge = make_challenge(owner, is_published=True)
        for changes in ({"title": "New"}, {"texts": ["", "", ""]}, {"lie_statement_index": 0}):
            refused(api.patch(path_of(challenge), changes), 409, "challenge_published")
        guess(challenge)
        challenges.unpublish(challenge)
        lie = {"lie_statement_index": 0}
        for changes in (lie, {"texts": ["x", "y", "z"]}, {"title": "N", **lie}):
            refused(api.patch(path_of(challenge), changes), 409, "challenge_played")
        assert api.patch(path_of(challenge), {"title": "New"}).json()["title"] == "New"


class TestPublish:
    def test_it_is_published_and_taken_back_again_and_again(self, owner: User, api: Api, other_api: Api) -> None:
        challenge = make_challenge(owner)
        for _ in range(2):
            first = api.post(path_of(challenge, "/publish")).json()
            again = api.post(path_of(challenge, "/publish")).json()
            assert (first["status"], again["published_at"]) == ("published", first["published_at"])
            assert other_api.get(path_of(challenge)).json()["can_guess"] is True
            assert Video.objects.get().place == VideoScope.OPEN
            for _ in range(2):
                body = api.post(path_of(challenge, "/unpublish")).json()
                assert (body["status"], body["published_at"]) == ("draft", None)
            assert other_api.get(path_of(challenge)).status_code == 404
            assert Video.objects.get().place == VideoScope.SESSION

    def test_taken_down_stays(self, owner: User, api: Api, other_api: Api, moderator: User, moderator_api: Api) -> None:
        challenge = make_challenge(owner, is_published=True)
        body = moderator_api.post(path_of(challenge, "/unpublish")).json()
        assert body["status"] == "withheld"
        assert other_api.get(path_of(challenge)).status_code == 404
        refused(api.post(path_of(challenge, "/publish")), 409, "challenge_withheld")
        assert api.post(path_of(challenge, "/unpublish")).json()["status"] == "withheld"
        refused(api.post(path_of(challenge, "/publish")), 409, "challenge_withheld")
        challenge.refresh_from_db()
        assert challenge.withheld_by == moderator
        challenges.release(challenge.pk, moderator, reason="x")
        assert api.get(path_of(challenge)).json()["status"] == "draft"
        assert Video.objects.get().place == VideoScope.SESSION
        assert api.post(path_of(challenge, "/publish")).json()["status"] == "published"

    def test_moderators_unpublish_their_own_not_drafts(self, owner: User, moderator: User, moderator_api: Api) -> None:
        own = make_challenge(moderator, is_published=True)
        assert moderator_api.post(path_of(own, "/unpublish")).json()["status"] == "draft"
        refused(moderator_api.post(path_of(make_challenge(owner), "/unpublish")), 404, "challenge_not_found")

    def test_without_its_video_it_cannot_be(self, owner: User, api: Api) -> None:
        challenge = make_challenge(owner)
        Video.objects.all().delete()
        refused(api.post(path_of(challenge, "/publish")), 409, "merge_unfinished")
        body = api.get(path_of(challenge)).json()
        assert (body["video_file_id"], body["stream_url"], body["poster_url"]) == (None, None, None)


def later(merge_id: UUID) -> None:
    MergeSession.objects.filter(pk=merge_id).update(expires_at=Now() - timedelta(seconds=1))


@committed
class TestDelete:
    def test_all_of_it_goes(self, owner: User, other: User, api: Api, media: Path) -> None:
        challenge = make_challenge(owner, is_published=True)
        guess(challenge)
        challenges.report(challenge, other, "Not funny")
        assert api.delete(path_of(challenge)).json() == {"message": "Challenge deleted"}
        assert (Challenge.objects.count(), Guess.objects.count()) == (0, 0)
        refused(api.delete(path_of(challenge)), 404, "challenge_not_found")
        later(challenge.merge_id)
        assert merges.expire() == 1
        assert (MergeSession.objects.count(), Video.objects.count(), Job.objects.count()) == (0, 0, 0)
        assert files_in(media) == []
        assert api.get("/api/v1/me").json()["usage"]["storage_bytes"] == 0

    def test_another_can_be_made_of_its_merge_until_that_expires(self, owner: User, api: Api) -> None:
        first = make_challenge(owner, is_published=True)
        assert api.delete(path_of(first)).status_code == 200
        assert merges.expire() == 0
        merge = MergeSession.objects.with_state().get()
        assert Video.objects.get().place == VideoScope.SESSION
        again = api.post(CHALLENGES, statements_of(merge))
        assert again.status_code == 201
        later(merge.pk)
        assert merges.expire() == 0
        assert Challenge.objects.get().merge_id == merge.pk

    def test_only_its_owner_reads_why_it_is_held(self, owner: User, moderator: User, api: Api, admin_api: Api) -> None:
        challenge = make_challenge(owner, is_published=True)
        assert api.get(path_of(challenge)).json()["withheld_because"] is None
        challenges.withhold(challenge.pk, moderator, reason="It shows an address.")
        assert api.get(path_of(challenge)).json()["withheld_because"] == "It shows an address."
        assert admin_api.get(path_of(challenge)).json()["withheld_because"] is None
        challenges.release(challenge.pk, moderator, reason="It was blurred.")
        assert api.get(path_of(challenge)).json()["withheld_because"] is None
        Api(make_key(moderator)).post(f"{path_of(challenge)}/unpublish")
        told = api.get(path_of(challenge)).json()
        assert (told["status"], told["withheld_because"]) == ("withheld", None)

    def test_nothing_of_a_withheld_one_is_kept(self, owner: User, moderator: User, api: Api, media: Path) -> None:
        challenge = make_challenge(owner, is_published=True)
        challenges.withhold(challenge.pk, moderator, reason="x")
        assert api.delete(path_of(challenge)).status_code == 200
        assert (MergeSession.objects.count(), Video.objects.count(), files_in(media)) == (0, 0, [])

    def test_an_admin_may_and_the_log_says_so(self, owner: User, admin_api: Api) -> None:
        challenge = make_challenge(owner, title="Bears")
        assert admin_api.delete(path_of(challenge)).status_code == 200
        entry = AuditEntry.objects.get(action="challenge.delete")
        assert (entry.actor_name, entry.target_id) == ("admin", str(challenge.pk))
        assert not MergeSession.objects.exists()

"""``PUT /api/v1/videos/{id}``, PATCH and its other names: what is written, and what is a conflict."""

import time
from typing import Any

import pytest

from media_app.catalogue.models import CrdtOperation
from media_app.videos.models import Video
from tests.support.api import Api, refused
from tests.support.catalogue import make_catalogue_video
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = [pytest.mark.both, pytest.mark.django_db]
URL = "/api/v1/videos"


@pytest.fixture
def video(moderator: User) -> Video:
    return make_catalogue_video(moderator, title="Old", tags=["a", "b"], category="Training")


@pytest.fixture
def url(video: Video) -> str:
    return f"{URL}/{video.pk}"


def synced(api: Api, video: Video, actor: str, counter: int, title: str = "Synced", **clock: int) -> dict[str, Any]:
    operation = {
        "operation_type": "update_title", "operation_data": {"value": title}, "timestamp": time.time(),
        "vector_clock": {**clock, actor: counter}, "actor_id": actor,
    }  # fmt: skip
    response = api.post(f"{URL}/{video.pk}/sync", {"operations": [operation]})
    assert response.status_code == 200, response.content
    return response.json()["merged_video"]  # type: ignore[no-any-return]


class TestWriting:
    def test_each_changed_field_is_a_server_operation(self, moderator_api: Api, moderator: User, video: Video) -> None:
        content = {
            "title": "New", "description": "Words", "category": "Combat Sports", "tags": ["b", "c"], "is_featured": True
        }  # fmt: skip
        for base in (URL, "/videos-update", "/functions/v1/videos-update"):
            body = moderator_api.put(f"{base}/{video.pk}", content).json()
            assert {name: body[name] for name in content} == content
            # The second and third time nothing is changed.
            assert (body["version"], body["vector_clock"]) == (6, {"server": 5})
            assert body["last_modified_by"] == str(moderator.pk)
        rows = CrdtOperation.objects.order_by("counter")
        written = [("server", number, moderator.pk) for number in range(1, 6)]
        assert list(rows.values_list("actor", "counter", "writer")) == written
        assert {row.operation_type: row.operation_data["value"] for row in rows} == {
            "update_title": "New", "update_description": "Words", "update_category": "Combat Sports",
            "set_tags": ["b", "c"], "update_featured": True,
        }  # fmt: skip

    def test_what_is_left_out_stays(self, moderator_api: Api, url: str) -> None:
        body = moderator_api.put(url, {"title": "New"}).json()
        assert (body["tags"], body["category"], body["version"]) == (["a", "b"], "Training", 2)
        assert moderator_api.patch(url, {"category": None}).json()["category"] is None

    def test_the_order_of_tags_is_the_writers(self, moderator_api: Api, url: str) -> None:
        for tags in (["b", "a"], ["c", "b", "a"], [], ["x"]):
            assert moderator_api.put(url, {"tags": tags}).json()["tags"] == tags

    def test_who_wrote_last_is_who_put(self, moderator_api: Api, admin_api: Api, admin_person: User, video: Video,
                                       moderator: User) -> None:  # fmt: skip
        """Though a client's clock runs ahead of ours by less than five minutes."""
        operation = {
            "type": "add_tag", "value": "x", "timestamp": time.time() + 200, "vector_clock": {str(moderator.pk): 1}
        }  # fmt: skip
        moderator_api.post(f"{URL}/{video.pk}/sync", {"operations": [operation]})
        body = admin_api.put(f"{URL}/{video.pk}", {"title": "New"}).json()
        assert (body["title"], body["last_modified_by"]) == ("New", str(admin_person.pk))

    def test_hiding_keeps_version_and_clock(self, moderator_api: Api, anonymous: Api, url: str, video: Video) -> None:
        before = moderator_api.get(url).json()
        body = moderator_api.put(url, {"is_hidden": True}).json()
        changed = {name for name in body if body[name] != before[name] and not name.endswith("_url")}
        assert changed == {"is_hidden", "updated_at"}
        refused(anonymous.get(url), 404, "not_found")
        moderator_api.put(url, {"is_hidden": True})
        assert not CrdtOperation.objects.exists()
        assert AuditEntry.objects.filter(action="video.change", target_id=str(video.pk)).count() == 1
        assert moderator_api.put(url, {"is_hidden": False, "title": "New"}).json()["version"] == 2
        assert anonymous.get(url).status_code == 200

    def test_what_was_got_can_be_sent_back(self, moderator_api: Api, url: str) -> None:
        body = moderator_api.get(url).json()
        again = moderator_api.put(url, body)
        assert again.status_code == 200
        assert (again.json()["version"], again.json()["title"]) == (1, "Old")
        assert moderator_api.put(url, {**body, "title": "New"}).json()["version"] == 2

    @pytest.mark.parametrize(("field", "value"), [
        ("title", ""), ("description", []), ("category", 1), ("tags", "a"), ("is_featured", 1), ("is_hidden", None),
        ("version", "1"), ("version", True), ("version", 1.0), ("version", -1), ("version", None), ("version", 2),
        ("version", 10**9), ("version", 10**30), ("vector_clock", []), ("vector_clock", "a"),
        ("vector_clock", {"a": -1}), ("vector_clock", {"a": "1"}), ("vector_clock", {"a": True}),
        ("vector_clock", {"a": 1.5}), ("vector_clock", {"": 1}), ("vector_clock", {"a" * 121: 1}),
        ("vector_clock", {"a": 10**30}), ("vector_clock", {"a": None}), ("vector_clock", None),
    ])  # fmt: skip
    def test_a_wrong_field_is_named_and_not_written(self, field: str, value: Any, moderator_api: Api, url: str) -> None:
        content = {"title": "New", "is_hidden": True, field: value}
        body = refused(moderator_api.put(url, content), 400, "invalid")
        assert set(body["errors"]) == {field}
        video = Video.objects.get()
        assert (video.title, video.is_hidden, video.version) == ("Old", False, 1)

    @pytest.mark.parametrize("body", [{}, {"version": 1}, {"vector_clock": {}}, {"id": "x"}])
    def test_something_has_to_be_written(self, body: dict[str, Any], moderator_api: Api, url: str) -> None:
        refused(moderator_api.put(url, body), 400, "invalid")


class TestConflicts:
    """Each on a video at version 4, whose clock is {server: 1, the moderator: 1, a replica of his: 1}."""

    @pytest.fixture
    def clock(self, moderator_api: Api, moderator: User, url: str, video: Video) -> dict[str, int]:
        moderator_api.put(url, {"category": "Other"})
        synced(moderator_api, video, str(moderator.pk), 1)
        synced(moderator_api, video, f"{moderator.pk}:phone", 1)
        found = moderator_api.get(url).json()
        assert found["version"] == 4
        clock: dict[str, int] = found["vector_clock"]
        assert clock == {"server": 1, str(moderator.pk): 1, f"{moderator.pk}:phone": 1}
        return clock

    def put(self, api: Api, url: str, **seen: Any) -> str:
        """What kind of conflict a writer who had seen this is told; "" when he is not."""
        before = Video.objects.get()
        response = api.put(url, {"title": "Mine", **seen})
        if response.status_code == 200:
            assert response.json()["title"] == "Mine"
            Video.objects.filter(pk=before.pk).update(title="Theirs")  # so that the next one changes it too
            return ""
        body = refused(response, 409, "edit_conflict")
        assert body["error"] == "Conflict detected: Server has newer changes. Please refresh and try again."
        assert (body["server_vector_clock"], body["server_version"]) == (before.vector_clock, before.version)
        assert Video.objects.get().title == before.title
        return str(body["conflict_type"])

    def test_old_versions_conflict_newer_are_invalid(self, clock: dict[str, int], moderator_api: Api, url: str) -> None:
        for version in (0, 1, 3):
            assert self.put(moderator_api, url, version=version) == "version_mismatch"
        refused(moderator_api.put(url, {"title": "Mine", "version": 5}), 400, "invalid")
        refused(moderator_api.put(url, {"title": "Mine", "version": 5, "vector_clock": {}}), 400, "invalid")
        assert self.put(moderator_api, url, version=4) == ""
        assert self.put(moderator_api, url) == ""  # without either the last writer wins

    def test_who_has_seen_all_that_others_wrote_is_in_no_conflict(
        self, clock: dict[str, int], moderator_api: Api, admin_api: Api, moderator: User, url: str
    ) -> None:
        own = {str(moderator.pk): 9, f"{moderator.pk}:phone": 5, f"{moderator.pk}:new": 7}
        for api, more in ((moderator_api, {}), (admin_api, {"nobody": 0}), (moderator_api, own)):
            seen = moderator_api.get(url).json()["vector_clock"] | more
            assert self.put(api, url, vector_clock=seen) == ""

    def test_a_clock_behind(self, clock: dict[str, int], moderator_api: Api, url: str) -> None:
        assert self.put(moderator_api, url, vector_clock={}) == "vector_clock_mismatch"
        for actor in clock:
            less = {name: counter - (name == actor) for name, counter in clock.items()}
            assert self.put(moderator_api, url, vector_clock=less) == "vector_clock_mismatch"
            del less[actor]
            assert self.put(moderator_api, url, vector_clock=less) == "vector_clock_mismatch"

    def test_ahead_in_anothers(
        self, clock: dict[str, int], moderator_api: Api, admin_api: Api, moderator: User, other: User, url: str
    ) -> None:
        for actor in ("server", "nobody", "user-id", str(other.pk), f"{moderator.pk}x", str(moderator.pk)[:-1]):
            assert self.put(moderator_api, url, vector_clock={**clock, actor: 9}) == "vector_clock_mismatch"
        ahead = {**clock, str(moderator.pk): 9}
        assert self.put(admin_api, url, vector_clock=ahead) == "vector_clock_mismatch"
        # And ahead in one's own opens nothing where one is behind.
        assert self.put(moderator_api, url, vector_clock={**ahead, "server": 0}) == "vector_clock_mismatch"

    def test_both_stale_is_told_of_the_clock(self, clock: dict[str, int], moderator_api: Api, url: str) -> None:
        assert self.put(moderator_api, url, vector_clock={}, version=1) == "vector_clock_mismatch"
        assert self.put(moderator_api, url, vector_clock=clock, version=1) == "version_mismatch"
        assert self.put(moderator_api, url, vector_clock={}, version=4) == "vector_clock_mismatch"

    def test_hiding_can_conflict_too(self, clock: dict[str, int], moderator_api: Api, url: str) -> None:
        refused(moderator_api.put(url, {"is_hidden": True, "version": 1}), 409, "edit_conflict")
        assert not Video.objects.get().is_hidden

    def test_the_second_is_told(self, clock: dict[str, int], moderator_api: Api, admin_api: Api, url: str) -> None:
        assert self.put(moderator_api, url, vector_clock=clock, version=4) == ""
        assert self.put(admin_api, url, vector_clock=clock, version=4) == "vector_clock_mismatch"

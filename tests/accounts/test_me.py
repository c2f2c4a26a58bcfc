"""GET and PATCH /api/v1/me: who is signed in, what they may and what they use."""

import base64
from datetime import timedelta
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now, TruncDay
from django.test import Client
from django.utils import timezone

from jobs_app.models import JobStatus
from media_app.uploads.models import Upload
from media_app.uploads.services import begin_upload
from tests.support.api import Api, error_of, refused
from tests.support.factories import PASSWORD, make_job, make_key, make_user, make_video
from vodplatform.accounts.models import ProfilePicture, Subscription, User

pytestmark = pytest.mark.django_db
GIB = 1024**3
LIMITS = {
    "free": (0, GIB // 2, 5 * GIB, 2, 200, 1000),
    "pro": (5, 5 * GIB, 100 * GIB, 4, 2000, 5000),
    "enterprise": (10, 20 * GIB, 1000 * GIB, 8, 10_000, 25_000),
}
NAMES = (
    "max_segments", "max_upload_bytes", "max_storage_bytes", "max_concurrent_jobs", "max_sessions",
    "max_video_gigapixels",
)  # fmt: skip


def me(user: User) -> dict:
    return Api(make_key(user)).get("/api/v1/me").json()


@pytest.mark.parametrize(("tier", "role"), [("free", "admin"), ("pro", "user"), ("enterprise", "moderator")])
def test_the_tier_sets_the_limits_of_every_role(tier: str, role: str) -> None:
    body = me(make_user(tier="" if tier == "free" else tier, role=role))
    assert (body["role"], body["tier"]) == (role, tier)
    assert tuple(body["limits"][name] for name in NAMES) == LIMITS[tier]


def test_a_period_cannot_end_before_it_begins(owner: User) -> None:
    now = timezone.now()
    with pytest.raises(DatabaseError), transaction.atomic():
        Subscription.objects.create(user=owner, tier="pro", valid_from=now, valid_until=now - timedelta(days=1))


def test_it_has_exactly_the_fields_of_the_contract(owner: User, anonymous: Api) -> None:
    owner.full_name = "Ada Lovelace"
    owner.save()
    body = me(owner)
    assert set(body) == {"id", "username", "full_name", "avatar_url", "role", "tier", "limits", "usage"}
    assert (body["id"], body["username"], body["full_name"]) == (str(owner.pk), "owner", "Ada Lovelace")
    assert (body["role"], body["avatar_url"]) == ("user", None)
    assert set(body["limits"]) == set(NAMES)
    assert body.pop("usage") == {"storage_bytes": 0, "jobs_active": 0, "uploads_today": 0}
    # The answer to a sign-in shows the same fields except the usage.
    assert anonymous.post("/api/auth/token", {"username": "owner", "password": PASSWORD}).json()["user"] == body


def test_usage_is_stored_bytes_uploads_since_midnight_and_live_jobs(owner: User, other: User) -> None:
    for size in (1000, 234):
        make_video(owner, source="stored", file_size=size)
    make_video(owner, source="reference", file_size=10**9)
    make_video(other, source="stored", file_size=10**9)
    rows = [begin_upload(owner, front="tus", purpose="library", filename="a.mp4", size=100).pk for _ in range(3)]
    midnight = TruncDay(Now())
    Upload.objects.filter(pk=rows[0]).update(created_at=midnight)
    Upload.objects.filter(pk=rows[1]).update(created_at=ExpressionWrapper(
        midnight - timedelta(milliseconds=1), output_field=DateTimeField()))  # fmt: skip
    for status in JobStatus.values:
        make_job(owner, status)
    make_job(other)
    # Unfinished uploads count with their whole size. Queued, processing and waiting jobs are active.
    assert me(owner)["usage"] == {"storage_bytes": 1234 + 300, "uploads_today": 2, "jobs_active": 3}


class TestChanging:
    @pytest.fixture
    def before(self, owner: User) -> dict[str, Any]:
        owner.full_name, owner.avatar_url = "Ada", "https://pictures.example/ada.png"
        owner.save()
        return me(owner)

    @pytest.mark.parametrize(("fields", "shown"), [
        ({"full_name": "Ada Lovelace"}, {"full_name": "Ada Lovelace"}),
        ({"full_name": ""}, {"full_name": ""}),
        ({"full_name": "안나 Kovač 🎮"}, {"full_name": "안나 Kovač 🎮"}),
        ({"full_name": "x" * 150}, {"full_name": "x" * 150}),
        ({"avatar_url": "http://a.example/b?c=d"}, {"avatar_url": "http://a.example/b?c=d"}),
        ({"avatar_url": None}, {"avatar_url": None}),
        ({"avatar_url": ""}, {"avatar_url": None}),
        ({}, {}),
        ({"is_staff": True, "none": 1}, {}),
    ], ids=str)  # fmt: skip
    def test_name_and_picture_can_be_changed_and_nothing_else(
        self, api: Api, owner: User, before: dict[str, Any], fields: dict[str, Any], shown: dict[str, Any]
    ) -> None:
        response = api.patch("/api/v1/me", fields)
        assert response.status_code == 200
        assert response.json() == me(owner) == {**before, **shown}
        owner.refresh_from_db()
        assert (owner.role, owner.is_staff) == ("user", False)

    @pytest.mark.parametrize("fields", [
        {"full_name": None}, {"full_name": 7}, {"full_name": "x" * 151}, {"full_name": "a\nb"},
        {"full_name": "a\u202eb"}, {"full_name": "\u0007"},
        {"avatar_url": 7}, {"avatar_url": "x"}, {"avatar_url": "javascript:alert(1)"}, {"avatar_url": []},
        {"avatar_url": "data:image/png;base64,AA"}, {"avatar_url": "//a.example"}, {"avatar_url": "https://"},
        {"avatar_url": "ftp://a.example/b"}, {"avatar_url": "https://a.example/" + "x" * 500},
        {"full_name": "Good", "avatar_url": "bad"}, {"username": "root"}, {"role": "admin"}, {"tier": "pro"}, {"id": 7},
    ], ids=lambda fields: str(fields)[:50])  # fmt: skip
    def test_bad_fields_refused(self, api: Api, owner: User, before: dict[str, Any], fields: dict[str, Any]) -> None:
        """A refused request changes nothing."""
        assert refused(api.patch("/api/v1/me", fields), 400, "invalid")["errors"]
        assert me(owner) == before

    @pytest.mark.full
    def test_picture_is_kept(self, api: Api, owner: User, other: User, before: dict[str, Any], client: Client) -> None:
        """It is made small and shown to people who signed in."""
        found, pictures = [], []
        for colour in (10, 200):
            sent = cv2.imencode(".jpg", np.full((1500, 3000, 3), colour, np.uint8))[1].tobytes()
            body = api.patch("/api/v1/me", {"picture": base64.b64encode(sent).decode()}).json()
            found.append(body["avatar_url"])
            assert body == me(owner) == {**before, "avatar_url": found[-1]}
            client.force_login(other)
            shown = client.get(found[-1])
            assert (shown.status_code, shown["Content-Type"], shown["Cache-Control"]) == (
                200, "image/jpeg", "private, max-age=31536000, immutable",
            )  # fmt: skip
            picture = cv2.imdecode(np.frombuffer(shown.content, np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            pictures.append((picture.shape[:2], round(picture.mean(), -1)))
        assert pictures == [((640, 1280), 10), ((640, 1280), 200)]
        assert found[0] != found[1]
        client.logout()
        refused(client.get(found[1]), 401, "unauthenticated")
        assert api.patch("/api/v1/me", {"picture": None}).json()["avatar_url"] is None
        client.force_login(other)
        refused(client.get(found[1]), 404, "not_found")

    @pytest.mark.full
    def test_an_address_replaces_a_picture_a_bad_one_not(self, api: Api, owner: User, before: dict[str, Any]) -> None:
        """What is neither an address nor a picture changes nothing."""
        sent = base64.b64encode(cv2.imencode(".jpg", np.zeros((40, 40, 3), np.uint8))[1].tobytes()).decode()
        kept = api.patch("/api/v1/me", {"picture": sent}).json()["avatar_url"]
        for wrong, kind in ((base64.b64encode(b"<svg>").decode(), "not_a_picture"), ("%%%", "invalid"), (7, "invalid")):
            assert error_of(api.patch("/api/v1/me", {"picture": wrong}))["type"] == kind
        refused(api.patch("/api/v1/me", {"picture": "A" * 1_000_004}), 400, "invalid")
        assert me(owner)["avatar_url"] == kept
        assert api.patch("/api/v1/me", {"full_name": "Ada", "avatar_url": kept}).json()["avatar_url"] == kept
        assert ProfilePicture.objects.filter(user=owner).exists()
        api.patch("/api/v1/me", {"avatar_url": "https://a.example/b"})
        assert me(owner)["avatar_url"] == "https://a.example/b"
        assert not ProfilePicture.objects.filter(user=owner).exists()

    def test_two_who_change_different_fields_both_win(self, api: Api, owner: User) -> None:
        stale = User.objects.get(pk=owner.pk)
        api.patch("/api/v1/me", {"full_name": "Ada"})
        stale.avatar_url = "https://a.example/b"
        stale.save(update_fields=["avatar_url"])
        assert (me(owner)["full_name"], me(owner)["avatar_url"]) == ("Ada", "https://a.example/b")


class TestNames:
    @pytest.mark.parametrize("name", ["owner", "OWNER", "Owner", "ｏｗｎｅｒ"])
    def test_two_cannot_differ_by_case_or_width_alone(self, owner: User, name: str) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            make_user(name)
        with pytest.raises(ValidationError, match="already exists"):
            User(username=name, password="x").full_clean()

    def test_one_may_change_the_case_of_its_own(self, owner: User) -> None:
        owner.username = "Owner"
        owner.full_clean(exclude=["password"])
        owner.save(update_fields=["username"])
        assert User.objects.get().username == "Owner"
        with pytest.raises(IntegrityError), transaction.atomic():
            make_user("owner")

    def test_accounts_of_a_backup_whose_names_differ_by_case_keep_working(self, owner: User) -> None:
        """Versions without the rule let two such accounts be made; the newer one has a key of its own."""
        newer = make_user("other")
        User.objects.filter(pk=newer.pk).update(username="Owner", username_key=f"owner#{newer.pk.hex}")
        newer.refresh_from_db()
        newer.full_clean(exclude=["password"])
        newer.full_name = "Still here"
        newer.save()
        newer.refresh_from_db()
        assert (newer.full_name, newer.username_key) == ("Still here", f"owner#{newer.pk.hex}")


class TestRoles:
    def test_admins_are_superusers_and_moderators_staff(self) -> None:
        for role, flags in (("admin", (True, True, True)), ("moderator", (True, False, False)), ("user", (False,) * 3)):
            user = make_user(role=role)
            assert (user.is_staff, user.is_superuser, user.is_admin) == flags
        assert make_user(role="admin", is_active=False).is_admin is False
        assert User.objects.create_superuser("root", password="secret words here").is_admin

    @pytest.mark.parametrize("former", ["admin", "moderator"])
    def test_a_role_saved_alone_takes_its_flags_along(self, former: str) -> None:
        user = make_user(role=former)
        user.role = "user"
        user.save(update_fields=["role"])
        user.refresh_from_db()
        assert (user.is_staff, user.is_superuser, user.is_admin) == (False, False, False)

    def test_the_database_knows_the_roles(self, owner: User) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            User.objects.update(role="king")

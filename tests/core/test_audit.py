"""The audit log: what an entry says, that it stands and falls with its change and is never changed, who reads it."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import AnonymousUser, Group
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from jobs_app.models import Job
from tests.contract.places import browser
from tests.support.factories import make_job, make_user
from vodplatform.accounts.browser_sessions import SessionStore
from vodplatform.accounts.models import ApiToken, User
from vodplatform.core import logs
from vodplatform.core.admin import AuditedModelAdmin
from vodplatform.core.models import AuditEntry
from vodplatform.core.records import audit
from vodplatform.core.records.append_only import unprotected_tables
from vodplatform.core.records.database import delete_in_batches
from vodplatform.core.web.middleware import RequestContextMiddleware
from vodplatform.site.backup import read_archive, write_archive

pytestmark = pytest.mark.django_db
LIST = "/admin/base/auditentry/"


def entry() -> AuditEntry:
    return AuditEntry.objects.get()


@pytest.mark.both
def test_old_entries_go_so_many_at_a_time(django_assert_num_queries: Any) -> None:
    AuditEntry.objects.bulk_create(AuditEntry(action="old", at=timezone.now() - timedelta(days=2)) for _ in range(7))
    audit.record("new", actor=None)
    with django_assert_num_queries(4):  # three, three, one, and none left
        assert delete_in_batches(AuditEntry.objects.filter(action="old"), size=3) == 7
    assert entry().action == "new"


class TestEntries:
    def test_it_says_who_did_what_to_what(self, owner: User, other: User) -> None:
        audit.record("role.changed", actor=owner, target=other, old="user", new="moderator")
        found = entry()
        assert (found.actor_id, found.actor_name) == (str(owner.pk), "owner")
        assert (found.target_type, found.target_id, found.target_name) == ("accounts.user", str(other.pk), "other")
        assert (found.action, found.data) == ("role.changed", {"old": "user", "new": "moderator"})
        assert (found.request_id, found.address) == ("", "")
        token = ApiToken(user=owner, name="n" * 5000)
        for nobody in (None, AnonymousUser()):
            made = audit.record("odd", actor=nobody, target=token, id=owner.pk, at=owner.date_joined, set={"a"})
            assert (made.actor_id, made.actor_name, len(made.target_name)) == ("", "", 200)
        assert AuditEntry.objects.filter(data__id=str(owner.pk), data__set=["a"]).count() == 2

    def test_it_says_where_from_and_in_which_request(self, owner: User) -> None:
        def view(request: HttpRequest) -> HttpResponse:
            audit.record("sign_in", actor=owner)
            return HttpResponse()

        request = RequestFactory().get("/", headers={"X-Request-ID": "number-7"}, REMOTE_ADDR="203.0.113.9")
        RequestContextMiddleware(view)(request)
        assert (entry().request_id, entry().address) == ("number-7", "203.0.113.9")
        assert (logs.request_id.get(), logs.address.get()) == ("", "")

    @pytest.mark.both
    def test_when_is_by_the_database_s_clock(self, owner: User) -> None:
        audit.record("sign_in", actor=owner)
        job = make_job(owner)
        assert abs(Job.objects.get(pk=job.pk).created_at - entry().at) < timedelta(seconds=5)

    @pytest.mark.both
    def test_what_a_stranger_typed_does_no_harm(self) -> None:
        audit.record("sign_in.failed", actor=None, username="a\x00\ud800" + "x" * 100_000, more=[{"\x00": "\x00"}])
        name = entry().data["username"]
        assert name.startswith("a\ufffd?xxx")
        assert len(name) == audit.MAX_TEXT
        assert entry().data["more"] == [{"\ufffd": "\ufffd"}]

    def test_it_falls_with_the_change_it_is_about(self, owner: User) -> None:
        with pytest.raises(RuntimeError), transaction.atomic():
            audit.record("token.made", actor=owner)
            raise RuntimeError
        assert not AuditEntry.objects.exists()


@pytest.mark.both
def test_an_entry_cannot_be_changed(owner: User) -> None:
    assert "audit_entry" not in unprotected_tables()
    audit.record("sign_in", actor=owner)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        AuditEntry.objects.update(action="nothing")
    assert entry().action == "sign_in"


@pytest.mark.django_db(transaction=True)
def test_a_backup_takes_entries_of_deleted_people_along(tmp_path: Any) -> None:
    people = [make_user("owner"), make_user("other")]
    audit.record("role.changed", actor=people[0], target=people[1], new="moderator")
    before = AuditEntry.objects.values().get()
    at = before.pop("at")
    for person in people:
        person.delete()
    assert write_archive(tmp_path / "all.tar")["base.auditentry"] == 1
    AuditEntry.objects.all().delete()
    Group.objects.all().delete()
    read_archive(tmp_path / "all.tar")
    after = AuditEntry.objects.values().get()
    assert abs(after.pop("at") - at) < timedelta(milliseconds=1)
    assert after == before


class TestReading:
    @pytest.mark.both
    def test_it_can_be_searched_and_filtered_and_read(self, admin_person: User, owner: User, other: User) -> None:
        changed = audit.record("role.changed", actor=owner, target=other, new="moderator")
        audit.record("token.revoked", actor=other)
        client = browser(admin_person)
        for query, there, gone in (
            ("?q=owner", "role.changed", "token.revoked"),
            ("?action=token.revoked", "token.revoked", "role.changed"),
            ("?target_type=accounts.user", "role.changed", "token.revoked"),
        ):
            rows = client.get(LIST + query).content.decode().split('id="result_list"')[-1]
            assert there in rows, query
            assert f">{gone}</" not in rows, query
        assert client.get(f"{LIST}?at__year={changed.at.year}").status_code == 200
        page = client.get(f"{LIST}{changed.pk}/change/").content.decode()
        assert "moderator" in page
        assert 'name="_save"' not in page

    def test_many_rows_take_no_more_queries(self, admin_person: User, django_assert_max_num_queries: Any) -> None:
        for _ in range(60):
            audit.record("sign_in", actor=admin_person, target=admin_person)
        client = browser(admin_person)
        with django_assert_max_num_queries(15):
            assert client.get(LIST).status_code == 200


class PasswordChanges(DjangoUserAdmin, AuditedModelAdmin):
    """Django's own password page under the same roof."""


class TestAdminChanges:
    """What AuditedModelAdmin writes when its pages are used."""

    def request(self, user: User, data: dict[str, str]) -> HttpRequest:
        request = RequestFactory().post("/admin/auth/group/", data)
        request.user = user
        request.session = SessionStore()
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        request._messages = SimpleNamespace(add=lambda *given: None)  # type: ignore[attr-defined]
        return request

    def save(self, user: User, name: str, group: Group | None = None) -> None:
        view = AuditedModelAdmin(Group, admin.site)
        response = view.changeform_view(self.request(user, {"name": name}), str(group.pk) if group else None)
        assert response.status_code == 302

    def test_a_change_names_its_fields_and_saving_without_one_is_none(self, admin_person: User) -> None:
        group = Group.objects.create(name="crew")
        self.save(admin_person, "crew", group)
        assert not AuditEntry.objects.exists()
        self.save(admin_person, "band", group)
        assert (entry().action, entry().data["fields"]) == ("group.changed", ["name"])
        assert "band" not in json.dumps(entry().data)

    def test_deletions_are_each_written_down_one_by_one_or_several_from_the_list(self, admin_person: User) -> None:
        crew, *groups = [Group.objects.create(name=name) for name in ("crew", "band", "club")]
        view, number = AuditedModelAdmin(Group, admin.site), str(crew.pk)
        assert view.delete_view(self.request(admin_person, {"post": "yes"}), number).status_code == 302
        assert (entry().action, entry().target_id, entry().target_name) == ("group.deleted", number, "crew")
        data = {"action": "delete_selected", "_selected_action": [str(group.pk) for group in groups], "post": "yes"}
        assert view.changelist_view(self.request(admin_person, data)).status_code == 302
        assert not Group.objects.exists()
        assert sorted(AuditEntry.objects.values_list("target_name", flat=True)) == ["band", "club", "crew"]

    def test_an_action_may_say_it_in_its_own_words(self, admin_person: User) -> None:
        group = Group.objects.create(name="crew")
        view = AuditedModelAdmin(Group, admin.site)
        view.log_change(self.request(admin_person, {}), group, "Emptied.")
        assert entry().data == {"by": "admin", "note": "Emptied."}

    def test_a_password_is_named_and_not_told(self, admin_person: User, owner: User) -> None:
        view = PasswordChanges(User, admin.site)
        data = {"password1": "another long secret 7", "password2": "another long secret 7", "usable_password": "true"}
        assert view.user_change_password(self.request(admin_person, data), str(owner.pk)).status_code == 302
        assert (entry().action, entry().target_name) == ("user.changed", "owner")
        assert "password" in entry().data["fields"][0]
        assert "secret" not in json.dumps(entry().data)

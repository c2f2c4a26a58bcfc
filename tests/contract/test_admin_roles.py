"""Every page of the admin × every role: moderators get what settings.MODERATOR_PERMISSIONS names, users the sign-in.

What is theirs is the catalogue and its reports; tests/catalogue/test_admin.py has what they do with it.

Walks the models that are registered: a new one fails until it is taught what admins may do with it.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpResponse
from django.urls import reverse
from pytest_check import check

from jobs_app.models import LaneLimit
from media_app.catalogue.models import CatalogueVideo, VideoReport
from media_app.uploads import services as uploads
from media_app.uploads.models import UploadProtocol
from sessions_app.challenges.models import Challenge, ChallengeReport
from tests.contract.places import browser, page_of
from tests.support import factories
from tests.support.catalogue import make_catalogue_video
from vodplatform.accounts import services
from vodplatform.accounts.models import ApiToken, Subscription, User
from vodplatform.core.admin import ModelAdmin
from vodplatform.core.models import RunningProcess
from vodplatform.core.records import audit

pytestmark = pytest.mark.django_db
MARK = "zebra"


def reported(owner: User) -> VideoReport:
    video = make_catalogue_video(owner, title=f"{MARK} reported")
    return VideoReport.objects.create(video=video, reporter=owner, reason="spam", text=MARK)


def published(owner: User) -> Challenge:
    return factories.make_challenge(owner, title=MARK, is_published=True)


# A row of each model, of an owner whose name has the mark; and what admins may do besides looking.
MODELS: dict[str, tuple[Callable[[User], Model], set[str]]] = {
    "analysis.analysissession": (lambda owner: factories.make_analysis(owner, name=MARK), set()),
    "accounts.user": (lambda owner: owner, {"add", "change", "delete"}),
    "accounts.subscription": (lambda owner: services.grant_subscription(owner, "pro", None, None), {"add"}),
    "accounts.apitoken": (lambda owner: ApiToken.issue(owner, name=MARK)[0], {"delete"}),
    "auth.group": (lambda owner: Group.objects.create(name=MARK), {"add", "change", "delete"}),
    "base.auditentry": (lambda owner: audit.record("contract", actor=owner, target=owner), set()),
    "base.runningprocess": (
        lambda owner: RunningProcess.objects.create(kind="web", host=MARK, pid=1, version="1"),
        set(),
    ),
    "catalog.video": (lambda owner: factories.make_video(owner, title=MARK), {"delete"}),
    "comparison.comparisonsession": (lambda owner: factories.make_session(owner, name=MARK), {"change", "delete"}),
    "comparison.sessionevent": (
        lambda owner: factories.make_reply(factories.make_session(owner), label=MARK).event,
        set(),
    ),
    "editorial.cataloguevideo": (
        lambda owner: CatalogueVideo.objects.get(pk=make_catalogue_video(owner, title=MARK).pk),
        {"add", "change"},
    ),
    "editorial.videoreport": (reported, {"change"}),
    "merging.challenge": (published, {"change"}),
    "merging.challengereport": (
        lambda owner: ChallengeReport.objects.create(challenge=published(owner), reporter=owner, reason=MARK),
        {"change"},
    ),
    "merging.mergesession": (lambda owner: factories.make_merge(owner, title=MARK), set()),
    "prosync.projob": (lambda owner: factories.make_pro_job(owner, name=MARK), set()),
    "jobs.lanelimit": (lambda owner: LaneLimit.objects.create(lane=MARK, limit=1), {"add", "change", "delete"}),
    "jobs.job": (lambda owner: factories.make_job(owner, message=MARK), set()),
    "uploads.upload": (
        lambda owner: uploads.begin_upload(
            owner, front=UploadProtocol.TUS, purpose="library", filename=f"{MARK}.mp4", size=10
        ),
        set(),
    ),
}
# The permissions of which any one opens a page.
PAGES = {
    "changelist": ("view", "change"), "add": ("add",), "change": ("view", "change"), "history": ("view", "change"),
    "delete": ("delete",),
}  # fmt: skip


THEIRS = {"editorial.cataloguevideo", "editorial.videoreport", "merging.challenge", "merging.challengereport"}


def test_moderators_have_these_permissions_and_no_others() -> None:
    found = {name.split(".")[0] + "." + name.rpartition("_")[2] for name in settings.MODERATOR_PERMISSIONS}
    assert found == THEIRS


def test_every_model_is_taught() -> None:
    assert {f"{model._meta.app_label}.{model._meta.model_name}" for model in admin.site._registry} == set(MODELS)


# Models of which a parent row has few: VODs, alignments, clips, and subscriptions, which only admins grant.
FEW = {"ComparisonVod", "Alignment", "MergeClip", "Subscription"}


def test_rows_that_people_add_to_a_row_are_shown_by_pages() -> None:
    """A comparison with 5 000 changes of offsets took the server a minute of its processor."""
    inlines = {inline for shown in admin.site._registry.values() for inline in shown.inlines}
    assert {inline.model.__name__ for inline in inlines if not inline.per_page} <= FEW


def test_what_is_deleted_with_a_comparison_is_counted_and_not_loaded(admin_person: User) -> None:
    """Loading 10 000 events took the server 14 s of its processor and 1.4 GB."""
    session = factories.make_session(factories.make_user())
    factories.make_reply(session, label=MARK)
    url = f"/admin/comparison/comparisonsession/{session.pk}/delete/"
    client = browser(admin_person)
    response = client.get(url)
    assert (response.status_code, MARK in response.content.decode()) == (200, False)
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert not type(session).objects.exists()


@pytest.fixture
def owner() -> User:
    return factories.make_user(f"{MARK}-owner", full_name="Zebra Owner")


def address(name: str, page: str, row: Model) -> str:
    keys = [] if page in ("changelist", "add") else [row.pk]
    return reverse(f"admin:{name.replace('.', '_')}_{page}", args=keys)


def moderators_may(name: str, *actions: str) -> bool:
    app, model = name.split(".")
    return any(f"{app}.{action}_{model}" in settings.MODERATOR_PERMISSIONS for action in actions)


FORM = {
    "post": "yes", "username": "taken over", "role": "admin", "is_active": "on", "name": "taken over",
    "tier": "enterprise", "title": "taken over", "message": "taken over", "subscriptions-TOTAL_FORMS": 0,
    "subscriptions-INITIAL_FORMS": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_what_each_role_sees_and_does(name: str, owner: User, other: User, moderator: User, admin_person: User) -> None:
    """Each role gets the pages that are theirs and changes nothing else."""
    make_row, may = MODELS[name]
    row = make_row(owner)
    rows = type(row)._default_manager.order_by("pk")
    form = {**FORM, "user": str(moderator.pk), "_selected_action": [str(row.pk)]}
    actions = [*(admin.site._registry[type(row)].actions or []), "delete_selected"]
    clients = {user: browser(user) for user in (None, other, moderator, admin_person)}
    before = list(rows.values())
    for page, permissions in PAGES.items():
        url = address(name, page, row)
        is_admins = bool({"view", *may} & set(permissions))
        is_moderators = moderators_may(name, *permissions)
        with check(f"admin {page}"):
            response = clients[admin_person].get(url)
            assert response.status_code == (200 if is_admins else 403)
            if page not in ("add", "history"):
                assert response.status_code == 403 or MARK in response.content.decode().lower()
        with check(f"moderator {page}"):
            response = clients[moderator].get(url)
            if not is_moderators:
                # The history of a row that a moderator cannot see redirects, as that of a missing row does.
                assert response.status_code == 403 or (page, response["Location"]) == ("history", "/admin/")
                assert MARK not in response.content.decode().lower()
            else:
                assert name in THEIRS
                assert response.status_code == 200
                assert page in ("add", "history") or MARK in response.content.decode().lower()
        may_not = [None, other]
        if not (name in THEIRS and page in ("changelist", "change")) and not (page == "add" and is_moderators):
            may_not.append(moderator)
        if page not in may and page != "changelist":
            may_not.append(admin_person)
        for user in may_not:
            for action in actions if page == "changelist" else [""]:
                response = clients[user].post(url, {**form, "action": str(getattr(action, "__name__", action))})
            with check(f"{user} {page}"):
                assert list(rows.values()) == before
                for answer in (response, clients[user].get(url)) if user in (None, other) else ():
                    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/admin/login/")


COSTLY = "(a%2B)%2B$"
# Queries of an admin list and their status: 302 leads to the list without the query.
QUERIES = {
    f"pk__regex={COSTLY}": 400, f"pk__iregex={COSTLY}": 400, "pk__regex=(": 400, "pk__icontains=a": 400,
    "pk__exact__x": 400, "pk__isnull=0": 200, "none__regex=a": 302, "p=9" * 700: 200, "p=999999999": 200,
    "o=1.-x.99": 200, "_to_field=password": 400, "pk__in=" + "9," * 4000: 400, "q=%22": 200, "q=" + "a+" * 2000: 200,
    "q=" + "a" * 3000: 200, "q=" + "a" * 5000: 400,
    "created_at__year=9999": 200, "created_at__gte=x": 302, "owner__username__regex=a": 400,
    "created_at__year=-1": 400, "created_at__year=" + "9" * 40: 400, "owner__id__exact=x": 302,
}  # fmt: skip


def test_every_list_bounds_what_its_address_asks() -> None:
    for found in admin.site._registry.values():
        with check(str(found)):
            assert isinstance(found, ModelAdmin)


def test_the_address_of_a_list_asks_little(owner: User, admin_person: User) -> None:
    client = browser(admin_person)
    factories.make_video(owner)
    for query, status in QUERIES.items():
        with check(query[:40]):
            assert client.get(f"/admin/catalog/video/?{query}").status_code == status
    page = client.get("/admin/catalog/video/?q=" + "+".join("abcdefghijkl")).content.decode()
    assert "The search text was too long and was shortened to “a b c d e f g h i j”." in page
    for query in ("at__year=9999", "at__year=99999", "at__year=1&at__month=13"):
        with check(query):
            assert client.get(f"/admin/base/auditentry/?{query}").status_code in (302, 400)


OTHER_PAGES = [
    "/admin/", "/admin", "/admin/jsi18n/", "/admin/search/?s=zebra", "/admin/search/?s=user",
    *sorted({f"/admin/{name.split('.')[0]}/" for name in MODELS}), "/admin/none/", "/admin/accounts/none/",
    "/admin/autocomplete/?app_label=accounts&model_name=subscription&field_name=user&term=zebra",
    "/admin/autocomplete/?app_label=jobs&model_name=job&field_name=owner&term=zebra",
    "/admin/login/?next=//evil.example", "/admin/accounts/user/?q=zebra", "/admin/catalog/video/?q=zebra",
    "/admin/catalog/video/?owner__username__startswith=z", "/admin/catalog/video/?o=-1&p=0&all=",
]  # fmt: skip


def assert_nothing_shown(url: str, response: HttpResponse, *, is_moderator: bool) -> None:
    """Fail where an answer has anything of the owner's in it, or leads elsewhere."""
    assert response.status_code in (200, 301, 302, 400, 403, 404)
    shown = response.content.decode().lower()
    if is_moderator and "editorial" in url:
        return
    assert f"{MARK}-owner" not in shown
    assert "zebra owner" not in shown
    if not is_moderator and response.status_code == 200:
        assert 'type="password"' in shown or url.startswith("/admin/jsi18n")
    assert "evil" not in response.get("Location", "")


class TestOtherPages:
    @pytest.fixture
    def marked(self, owner: User) -> User:
        for make_row, _ in MODELS.values():
            make_row(owner)
        return owner

    def test_they_show_nothing_of_anybodys(self, marked: User, other: User, moderator: User) -> None:
        for user in (None, other, moderator):
            client = browser(user)
            for url in OTHER_PAGES:
                with check(f"{user} {url}"):
                    assert_nothing_shown(url, client.get(url), is_moderator=user == moderator)

    def test_an_address_of_a_row_tells_moderators_nothing(self, marked: User, moderator: User) -> None:
        """`r/…` leads to the page of any row of any model; there is none, and whether there is a row must not show."""
        kind = ContentType.objects.get_for_model(User).pk
        client = browser(moderator)
        keys = (marked.pk, "00000000-0000-0000-0000-000000000001")
        found, unknown = (page_of(client.get(f"/admin/r/{kind}/{pk}/")) for pk in keys)
        assert found == unknown
        assert found[0] == 404

    def test_a_users_password_is_for_admins_to_set(self, marked: User, moderator: User, other: User) -> None:
        url = f"/admin/accounts/user/{marked.pk}/password/"
        before = User.objects.get(pk=marked.pk).password
        for user, status in ((None, 302), (other, 302), (moderator, 403)):
            client = browser(user)
            words: dict[str, Any] = {"password1": "a new good password", "password2": "a new good password"}
            assert client.get(url).status_code == status
            assert client.post(url, words).status_code == status
        assert User.objects.get(pk=marked.pk).password == before
        assert not Subscription.objects.exclude(user=marked).exists()

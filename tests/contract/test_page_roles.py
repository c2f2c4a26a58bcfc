"""Every page × every role, with somebody else's things about: the sign-in, 404 or one's own; never another's data.

Walks the URL configuration: a new address that is no call of the API fails until it is taught here.
"""

import itertools
import re
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_check import check

from jobs_app.models import JobStatus
from media_app.catalogue import urls as catalogue
from media_app.videos.models import Video, VideoScope
from tests.contract.places import browser, operations, page_of
from tests.support import factories
from vodplatform.accounts import services
from vodplatform.accounts.models import ApiToken, User

pytestmark = pytest.mark.django_db
MARK = "zebra"  # stands in everything that is the owner's
OPEN, SIGNED_IN, OBJECT, MODERATED, DOOR = "open", "signed in", "object", "moderated", "door"
# Each address that the OpenAPI document does not have: who is let in, and the queries that ask it for something else.
PAGES: dict[str, tuple[str, list[str]]] = {
    "": (OPEN, ["?part=running"]),
    "health": (OPEN, []),
    "health/live": (OPEN, []),
    "health/ready": (OPEN, []),
    "api/schema": (OPEN, ["?format=json"]),
    "api/docs": (OPEN, ["?script="]),
    "api/docs/errors": (OPEN, []),
    "help": (OPEN, []),
    "login": (OPEN, ["?next=/compare/{session_id}"]),
    "signup": (OPEN, ["?next=/compare/{session_id}"]),
    "account": (SIGNED_IN, []),
    "account/password": (SIGNED_IN, []),
    "account/delete": (SIGNED_IN, []),
    "jobs": (SIGNED_IN, ["?part=rows&id={job_id}", "?part=list", "?show=failed", "?kind=comparison.align", "?page=2"]),
    "library": (SIGNED_IN, ["?part=rail", "?status=failed", "?tag=none", "?search=none", "?select={video_id}"]),
    "upload": (SIGNED_IN, []),
    "watch/<uuid:video_id>": (OBJECT, []),
    "catalogue": (OPEN, ["?search=none", "?category=none", "?status=deleted", "?featured=true", "?report={hidden_id}"]),
    "catalogue/<uuid:video_id>/edit": (MODERATED, ["?part=history", "?part=history&shown=100"]),
    "moderation": (MODERATED, ["?state=closed", "?kind=challenge", "?item=video:{hidden_id}"]),
    "analysis": (SIGNED_IN, []),
    "analysis/<uuid:session_id>": (OBJECT, []),
    "challenges": (SIGNED_IN, []),
    "challenges/new": (SIGNED_IN, ["?merge={merge_id}"]),
    "challenges/<uuid:challenge_id>": (OBJECT, ["?part=state"]),
    "pro": (SIGNED_IN, ["?job={pro_id}"]),
    "compare": (SIGNED_IN, ["?new", "?page=2"]),
    "compare/<str:session_id>": (OBJECT, ["?setup", "?print"]),
    # These have tests of their own: links to comparisons in tests/comparison/test_links.py, samples in
    # tests/comparison/test_samples.py, lost passwords in tests/accounts/test_lost_password.py, guests in
    # tests/challenges/test_guests.py, byte doors in test_door_roles.py, the admin in test_admin_roles.py, the two pages
    # that are there with VOD_SIGNUP_CONFIRM alone in tests/accounts/test_confirmation.py, the editor of a reel, which
    # needs results, in tests/analysis/test_reels.py, pictures of people in
    # tests/accounts/test_me.py, the download of one's data in tests/accounts/test_deletion.py.
    "login/lost": (DOOR, []),
    "login/new-password/<uidb64>/<token>": (DOOR, []),
    "signup/sent": (DOOR, []),
    "signup/confirm/<str:token>": (DOOR, []),
    "metrics": (DOOR, []),
    "analysis/<uuid:session_id>/reel": (DOOR, []),
    "api/v1/media/made/<path:key>": (DOOR, []),
    "logout": (DOOR, []),
    "account/pictures/<uuid:user_id>": (DOOR, []),
    "compare/sample": (DOOR, []),
    "account/data": (DOOR, []),
    "account/sessions": (DOOR, []),
    "challenges/<uuid:challenge_id>/guess": (DOOR, []),
    "r/<str:token>": (DOOR, []),
    "compare/<str:session_id>/name": (DOOR, []),
    "compare/<str:session_id>/password": (DOOR, []),
    "^.*$": (DOOR, []),
}
# Other names of the catalogue's calls: no pages, and not in the document; what they answer is held in tests/catalogue.
PAGES |= {str(pattern.pattern): (DOOR, []) for pattern in catalogue.aliases}
# The document is no page, the page is no document: 406 for who takes the other alone.
SPEAKS_ONE = {(406, "api/schema"), (406, "api/docs")}


def routes(resolver: URLResolver, prefix: str = "") -> list[str]:
    """Every route of the program outside of the admin."""
    found = []
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += [] if route.startswith("admin") else routes(pattern, route)
        elif isinstance(pattern, URLPattern) and not route.startswith("admin"):
            found.append(route)
    return found


def plain(route: str) -> str:
    """A route as the OpenAPI document writes it."""
    return "/" + re.sub(r"<\w+:(\w+)>|\(\?P<(\w+)>[^)]*\)", lambda found: f"{{{found[1] or found[2]}}}", route).strip(
        "^$"
    )


def test_every_address_is_taught() -> None:
    calls = {path for _, path in operations()}
    others = {route for route in routes(get_resolver()) if plain(route) not in calls}
    assert others == set(PAGES)


@pytest.fixture
def ids() -> dict[str, str]:
    """Things of an owner, with the mark in whatever somebody could read."""
    owner = factories.make_user(f"{MARK}-owner", full_name="Zebra Owner", email="zebra@example.org")
    services.grant_subscription(owner, "pro", None, None)
    ApiToken.issue(owner, name="zebra token")
    videos = [factories.make_video(owner, title=f"zebra {number}.mp4", tags=["zebra"]) for number in range(2)]
    session = factories.make_session(
        owner, name="Zebra crossing", description="zebra", videos=videos, ui_state={"a": "zebra"}
    )
    session.vods.update(name="Zebra's view", path="/zebra.mp4")
    jobs = [factories.make_job(owner, status, message="zebra") for status in JobStatus.values]
    factories.make_job(owner, "failed", error={"type": "timeout", "message": "zebra"})
    hidden = factories.make_video(
        owner, title="zebra of the catalogue", category="zebra", place=VideoScope.CATALOGUE, is_hidden=True,
    )  # fmt: skip
    return {
        "session_id": session.session_id,
        "job_id": str(jobs[0].pk),
        "video_id": str(videos[0].pk),
        "hidden_id": str(hidden.pk),
        "merge_id": str(factories.make_merge(owner, title="zebra merged").pk),
        "challenge_id": str(factories.make_challenge(owner, title="zebra challenge", texts=["zebra"]).pk),
        "pro_id": str(factories.make_pro_job(owner, name="zebra talk").pk),
        "analysis_id": str(factories.make_analysis(owner, name="zebra analysed").pk),
    }


def address(route: str, query: str, ids: dict[str, str]) -> str:
    if route.startswith("catalogue"):
        ids = {**ids, "video_id": ids["hidden_id"]}
    if route.startswith("analysis"):
        ids = {**ids, "session_id": ids["analysis_id"]}
    return (plain(route) + query).format(**ids)


def shows(response: HttpResponse) -> bool:
    return MARK in response.content.decode().lower() or MARK in str(response.headers).lower()


@pytest.mark.parametrize("role", ["anonymous", "other", "moderator", "admin"])
def test_nobody_sees_what_is_another_ones(role: str, ids: dict[str, str], people: dict[str, User]) -> None:
    client = browser(people.get(role))
    for route, (kind, queries) in PAGES.items():
        for query in ["", *queries] if kind != DOOR else []:
            url = address(route, query, ids)
            for accept in ("text/html", "application/json"):
                with check(f"{accept} {url}"):
                    assert_page(route, query, role, client.get(url, headers={"Accept": accept}))


def assert_page(route: str, query: str, role: str, response: HttpResponse) -> None:
    """Fail unless this is what somebody of this role is to be answered."""
    kind, _ = PAGES[route]
    to = response.get("Location", "")
    if role == "anonymous" and kind != OPEN:
        asks = response.status_code == 302 and to.startswith("/login?next=")
        assert asks or ("part=" in query and response.status_code == (404 if kind == OBJECT else 401))
    elif (kind == OBJECT and role != "admin") or (kind == MODERATED and role == "other"):
        assert response.status_code == 404
    elif to:
        assert role != "anonymous"
        assert route in ("", "login", "signup")
    else:
        assert response.status_code == 200 or (response.status_code, route) in SPEAKS_ONE
    if role != "admin" and not (role == "moderator" and "catalogue" in route):
        assert not shows(response)
    if kind != OPEN:
        # A page of one person's must not be given to the next from a cache.
        assert "Cookie" in response["Vary"] or "no-store" in response.get("Cache-Control", "")


@pytest.mark.parametrize("role", ["anonymous", "other", "moderator"])
def test_somebody_elses_is_like_what_nobody_has(role: str, ids: dict[str, str], people: dict[str, User]) -> None:
    client, nobodys = browser(people.get(role)), ids | {"session_id": "comp-none", "job_id": str(UUID(int=1))}
    for query, accept in itertools.product(("", "?setup"), ("text/html", "application/json")):
        urls = [address("compare/<str:session_id>", query, of) for of in (ids, nobodys)]
        for method in ("GET", "HEAD", "POST", "DELETE"):
            answers = [client.generic(method, url, headers={"Accept": accept}) for url in urls]
            with check(f"{method} {query} {accept}"):
                assert page_of(answers[0]) == page_of(answers[1])
    urls = [address("jobs", "?part=rows&id={job_id}", of) for of in (ids, nobodys)]
    assert page_of(client.get(urls[0])) == page_of(client.get(urls[1]))


def test_the_owner_and_admins_do_see_it(ids: dict[str, str], admin_person: User) -> None:
    """Else the others' pages would prove nothing."""
    for user in (User.objects.get(username=f"{MARK}-owner"), admin_person):
        client = browser(user)
        for route in ("jobs", "compare", "compare/<str:session_id>"):
            assert shows(client.get(address(route, "", ids))), route
    assert shows(browser(User.objects.get(username=f"{MARK}-owner")).get("/account"))


def test_moderators_see_what_of_the_catalogue_is_hidden(ids: dict[str, str], people: dict[str, User]) -> None:
    for role in ("moderator", "admin"):
        client = browser(people[role])
        assert shows(client.get("/catalogue"))
        assert shows(client.get(f"/catalogue/{ids['hidden_id']}/edit"))
        assert b"created the video" in client.get(f"/catalogue/{ids['hidden_id']}/edit?part=history").content


def test_who_may_see_but_not_change_a_catalogue_video_is_told_so(ids: dict[str, str], people: dict[str, User]) -> None:
    Video.objects.filter(pk=ids["hidden_id"]).update(is_hidden=False)
    for query in ("", "?part=history"):
        url = f"/catalogue/{ids['hidden_id']}/edit{query}"
        response = browser(people["other"]).get(url, headers={"Accept": "text/html"})
        assert response.status_code == 403
        assert not shows(response)
    for method in ("post", "put", "delete"):
        assert getattr(browser(people["admin"]), method)(f"/catalogue/{ids['hidden_id']}/edit").status_code == 405


def test_a_closed_catalogue_asks_who_is_there(settings: Any, ids: dict[str, str], people: dict[str, User]) -> None:
    settings.PUBLIC_CATALOG = False
    response = browser(None).get("/catalogue?search=a")
    assert response["Location"] == "/login?next=/catalogue%3Fsearch%3Da"
    assert b'href="/catalogue' not in browser(None).get("/", headers={"Accept": "text/html"}).content
    assert browser(people["other"]).get("/catalogue").status_code == 200


def test_a_history_that_is_asked_for_oddly_is_the_usual_one(ids: dict[str, str], people: dict[str, User]) -> None:
    client = browser(people["moderator"])
    pages = {client.get(f"/catalogue/{ids['hidden_id']}/edit?part=history&shown={shown}").content
             for shown in ("", "50", "-1", "x", "9" * 30, "²")}  # fmt: skip
    assert len(pages) == 1

"""Every route × every role, on an owner's object: 401, 404 or let in. Walks the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from sessions_app.comparison.models import ComparisonSession
from tests.support.api import Api, error_of
from tests.support.factories import make_alignment, make_job, make_key, make_session
from vodplatform.accounts.models import ApiToken, User

pytestmark = pytest.mark.django_db
METHODS = {"get", "post", "put", "patch", "delete"}
ROLES = ["anonymous", "owner", "other", "moderator", "admin"]
OPEN = {("post", "/api/auth/token")}
# A token is its user's alone; an administrator revokes it in the admin.
PERSONAL = "token_id"


def operations() -> list[tuple[str, str]]:
    """(method, path) of every operation of the API."""
    paths: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return [(method, path) for path, item in sorted(paths.items()) for method in item if method in METHODS]


def address(path: str, owner: User) -> str:
    """The path with an object of the owner's in each place; a new kind of place has to be taught here."""
    session = make_session(owner)
    alignment = make_alignment(session)
    job_id = alignment.job_id if "{session_id}" in path else make_job(owner, "failed").pk
    places: dict[str, Callable[[], object]] = {
        "session_id": lambda: session.session_id,
        "vod_id": lambda: "vod-1",
        "job_id": lambda: job_id,
        "token_id": lambda: ApiToken.issue(owner)[0].pk,
    }
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    assert set(names) <= set(places), f"teach this test what {names} of {path} are"
    for name in names:
        path = path.replace(f"{{{name}}}", str(places[name]()))
    return path


def test_the_document_has_operations() -> None:
    assert len(operations()) > 20


@pytest.mark.parametrize(("method", "path"), operations(), ids=lambda part: part)
@pytest.mark.parametrize("role", ROLES)
def test_an_owners_object_is_for_the_owner_and_admins(
    method: str, path: str, role: str, owner: User, other: User, moderator: User, admin_person: User
) -> None:
    people = {"owner": owner, "other": other, "moderator": moderator, "admin": admin_person}
    api = Api(make_key(people[role])) if role in people else Api()
    before = ComparisonSession.objects.count()
    url = address(path, owner)
    response = api.send(method.upper(), url, {} if method in ("post", "put", "patch") else None)
    if (method, path) in OPEN:
        assert response.status_code not in (401, 403, 404)
    elif role == "anonymous":
        assert response.status_code == 401
        assert response["WWW-Authenticate"]
    elif "{" in path and (role in ("other", "moderator") or (role == "admin" and PERSONAL in path)):
        # Not yours is answered as unknown, before anything else that might be wrong.
        assert response.status_code == 404
        assert error_of(response)["type"] != "feature_disabled"
    else:
        assert response.status_code not in (401, 403, 404), response.content
    if role not in ("owner", "admin"):
        assert ComparisonSession.objects.count() == before + 1
        assert not ComparisonSession.objects.exclude(revision=1).exists()


@pytest.mark.parametrize(("method", "path"), operations(), ids=lambda part: part)
def test_a_slash_at_the_end_changes_nothing(method: str, path: str, owner: User, other: User, api: Api) -> None:
    for client in (Api(), Api(make_key(other))):
        url = address(path, owner)
        body = {} if method in ("post", "put", "patch") else None
        first, second = (client.send(method.upper(), url + end, body) for end in ("", "/"))
        assert (first.status_code, first.get("Location")) == (second.status_code, None)


@pytest.mark.parametrize("path", sorted({path for _, path in operations()}))
def test_methods_that_the_document_does_not_name_are_405(path: str, owner: User, api: Api) -> None:
    named = {method for method, known in operations() if known == path}
    url = address(path, owner)
    for method in METHODS - named:
        response = api.send(method.upper(), url, {})
        assert (response.status_code, error_of(response)["type"]) == (405, "method_not_allowed")
        allowed = {part.strip().lower() for part in response["Allow"].split(",")}
        assert named <= allowed


@pytest.mark.parametrize(("method", "path"), [pair for pair in operations() if pair[0] in ("post", "put", "patch")])
def test_a_body_of_another_kind_is_refused(method: str, path: str, owner: User, api: Api) -> None:
    if path.endswith(("/cancel", "/retry", "/pause", "/resume")):
        return  # these take no body
    url = address(path, owner)
    response = api.send(method.upper(), url, raw=b"a=b", content_type="application/x-www-form-urlencoded")
    assert (response.status_code, error_of(response)["type"]) == (415, "unsupported_media_type")
    response = api.send(method.upper(), url, raw=b"{" + b" " * (2 * 1024 * 1024) + b"}")
    assert (response.status_code, error_of(response)["type"]) == (413, "too_large")

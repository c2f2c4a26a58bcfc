"""Request ids, unknown paths, parameters and headers at every address, and the documents of the API."""

import json
from unittest.mock import Mock

import pytest
import yaml
from drf_spectacular.generators import SchemaGenerator

from tests.contract.places import browser
from tests.support.api import BASE, Api, refused
from tests.support.pages import html_of
from tests.support.program import PROJECT_ROOT
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/vnd.oai.openapi+json"}


class TestRequestId:
    @pytest.mark.parametrize("given", ["abc-123", "A.b_c", "x" * 128])
    def test_the_callers_own_is_taken(self, anonymous: Api, given: str) -> None:
        response = anonymous.get("/api/v1/me", headers={"X-Request-ID": given})
        assert response["X-Request-ID"] == response.json()["request_id"] == given

    def test_one_that_could_do_harm_is_replaced_by_one_for_each_answer(self, anonymous: Api) -> None:
        harmful = ["", "x" * 129, "a b", "<script>", "a\nb", "ü", '"']
        made = [anonymous.get("/health/live", headers={"X-Request-ID": given})["X-Request-ID"] for given in harmful]
        assert all(len(number) >= 16 for number in made)
        assert len({*made, *harmful}) == 2 * len(harmful)


class TestUnknownPaths:
    @pytest.mark.parametrize("path", ["/api/none", "/api/v1/none/", "/api", "/none", "/api/sessions/multi-vod/a/none"])
    def test_they_are_not_found_whatever_the_method_and_whoever_asks(self, anonymous: Api, api: Api, path: str) -> None:
        for client in (anonymous, api, Api("wrong")):
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PROPFIND"):
                response = client.client.generic(method, path, headers=client.headers)
                assert (response.status_code, response["Content-Type"]) == (404, "application/json")

    def test_the_api_never_answers_html_and_people_get_a_page(self, anonymous: Api, api: Api, owner: User) -> None:
        headers = {"Accept": "text/html,application/xhtml+xml"}
        for path in ("/api/none", "/api/v1/me", f"{BASE}/list", "/api/v1/jobs"):
            response = anonymous.get(path, headers=headers)
            assert response["Content-Type"].startswith("application/json"), path
        for accept in ("application/xml", "image/png", "text/html"):
            refused(api.get("/api/v1/me", headers={"Accept": accept}), 406, "not_acceptable")
        response = browser(owner).get("/none")
        assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")
        assert "Page not found" in html_of(response)
        assert "/compare" in html_of(response)
        for path in ("/api/v1/%00", "/%00", "/api/v1/jobs/%00", "/api/v1/me?a=%00", f"{BASE}/a%00b"):
            refused(api.get(path), 400, "bad_request")


@pytest.mark.parametrize("path", ["/login", "/compare/none", "/none", "/api/v1/jobs", "/api/none"])
def test_more_than_can_be_read_are_refused(api: Api, path: str) -> None:
    assert api.client.get(f"{path}?{'a=1&' * 999}a=1", headers={"Accept": "text/html"}).status_code != 400
    for accept in ("text/html", "application/json"):
        refused(api.get(f"{path}?{'a=1&' * 1000}a=1", headers={"Accept": accept}), 400, "bad_request")


@pytest.mark.parametrize("path", [
    "/", "/health", "/login", "/api/v1/me", "/api/none", "/api/schema", "/api/docs",
    "/static/css/base/base.css", "/static/none", "/api/v1/media/made/none.jpg", "/admin/",
])  # fmt: skip
def test_every_answer_has_the_protective_ones(anonymous: Api, path: str) -> None:
    response = anonymous.client.get(path)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"]
    assert "default-src" in response["Content-Security-Policy"]


class TestDocuments:
    def test_schema_and_docs_need_no_sign_in_and_have_no_other_methods(self, anonymous: Api) -> None:
        assert anonymous.client.get("/api/schema").status_code == 200
        page = anonymous.client.get("/api/docs")
        assert page.status_code == 200
        assert b"https://" not in page.content.replace(b"https://www.w3.org", b"")
        for method, accept in (("OPTIONS", "*/*"), ("POST", "text/html"), ("PATCH", "*/*")):
            refused(anonymous.send(method, "/api/docs", headers={"Accept": accept}), 405, "method_not_allowed")

    def test_the_schema_is_the_committed_one(self, anonymous: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(SchemaGenerator, "get_schema", None)
        committed = (PROJECT_ROOT / "docs" / "openapi.yaml").read_bytes()
        answer = anonymous.client.get("/api/schema")
        assert answer.content == committed
        assert answer["Content-Type"] == "application/vnd.oai.openapi"
        as_json = anonymous.client.get("/api/schema", headers=JSON)
        assert json.loads(as_json.content) == yaml.safe_load(committed)
        assert as_json["Content-Type"] == "application/vnd.oai.openapi+json"
        for asked, whole in (({}, answer), (JSON, as_json)):
            again = anonymous.client.get("/api/schema", headers={**asked, "If-None-Match": whole["ETag"]})
            assert (again.status_code, again.content, again["ETag"]) == (304, b"", whole["ETag"])
        assert answer["ETag"] != as_json["ETag"]


def test_a_fault_of_ours_is_a_500_outside_of_the_api_too(anonymous: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Mock(side_effect=RuntimeError("secret detail"))
    monkeypatch.setattr("vodplatform.core.web.health.check_all", broken)
    response = anonymous.get("/health", fails=True)
    refused(response, 500, "server_error")
    assert b"secret" not in response.content

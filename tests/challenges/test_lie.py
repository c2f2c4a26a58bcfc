"""The lie: who has not guessed is given the same bytes whichever statement it is, by every way out of the program."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from sessions_app.challenges import challenges
from sessions_app.challenges.models import Challenge, ChallengeReport
from tests.challenges.conftest import CHALLENGES, MERGES, statements_of
from tests.contract.places import browser
from tests.support.api import Api
from tests.support.factories import make_challenge, make_merge, make_rendition, make_user
from vodplatform.accounts.models import User
from vodplatform.core.logs import JsonFormatter
from vodplatform.core.models import AuditEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?")
SIGNATURE = re.compile(r"[0-9a-f]{8}\.[\w-]{32}")
CSRF = re.compile(r'(csrfmiddlewaretoken" value="|csrf-token" content=")\w+')
NOT_COMPARED = {"X-Request-ID", "Date", "Expires", "Last-Modified", "Content-Length"}
TEXTS = ("I met a bear.", "I sold a boat.", "I won a race.")


def without_names(text: str) -> str:
    """A text with what has to be another one each time replaced: ids by their order, times, signatures."""
    seen: dict[str, str] = {}
    text = UUID.sub(lambda found: seen.setdefault(found[0], f"id-{len(seen)}"), text)
    return CSRF.sub(r"\1", SIGNATURE.sub("signature", TIME.sub("time", text)))


def told(response: HttpResponse) -> tuple[int, list[tuple[str, str]], str]:
    """Everything that an answer says: status, headers and body."""
    body = response.content.decode().replace(response["X-Request-ID"], "")
    headers = sorted((name, without_names(value)) for name, value in response.items() if name not in NOT_COMPARED)
    return response.status_code, headers, without_names(body)


def asks(api: Api, client: Client, challenge: Challenge) -> Iterator[tuple[str, HttpResponse]]:
    """Every way in which somebody may ask for a challenge, without guessing at it."""
    path = f"{CHALLENGES}/{challenge.pk}"
    video, job = challenge.merge_id, challenge.merge.job_id
    clip = challenge.statements[0]["media_file_id"]
    for address in (
        path, f"{path}/", f"{path}/segments", CHALLENGES, f"{CHALLENGES}?unplayed=1", f"{CHALLENGES}?search=three",
        f"{CHALLENGES}?mine=1", f"{CHALLENGES}?status=published", f"/api/v1/media/optimized/{video}",
        f"/api/v1/media/optimized/{video}?device_type=mobile&prefer_signed=true",
        f"{MERGES}/merge-session/{challenge.merge_id}/status", f"{MERGES}/merge-sessions",
        f"{MERGES}/upload/{clip}/status", f"/api/v1/jobs/{job}", "/api/v1/jobs", f"/api/v1/library/{video}",
        "/api/v1/library", f"/api/v1/videos/{video}", "/api/v1/uploads", "/api/v1/me",
    ):  # fmt: skip
        yield f"GET {address}", api.get(address)
    for method, address, body in (
        ("POST", f"{path}/guesses", {"statement_index": 9}), ("POST", f"{path}/guesses", {}),
        ("POST", f"{path}/publish", None), ("POST", f"{path}/unpublish", None),
        ("PATCH", path, {"lie_statement_index": 1}), ("DELETE", path, None),
        ("POST", CHALLENGES, statements_of(challenge.merge)),
    ):  # fmt: skip
        yield f"{method} {address}", api.send(method, address, body)
    for address in (
        "/challenges", f"/challenges/{challenge.pk}", f"/challenges/new?merge={challenge.merge_id}", "/jobs",
        "/library", f"/watch/{video}", f"/admin/merging/challenge/{challenge.pk}/change/", "/admin/merging/challenge/",
        "/admin/merging/challengereport/",
        *(f"/admin/merging/challenge/?{column}=1" for column in (
            "lie_index", "lie_index__exact", "lie_index__gte", "lie_index__lte", "lie_index__in", "guesses__is_correct",
            "guesses__statement_index", "merge__challenge__lie_index", "q",
        )),
        "/admin/merging/challengereport/?challenge__lie_index=1",
        "/admin/merging/challengereport/?challenge__lie_index__gt=0",
        "/admin/editorial/cataloguevideo/?merges__challenge__lie_index=1",
        "/admin/merging/challenge/?o=1", "/admin/merging/challenge/?o=lie_index",
    ):  # fmt: skip
        yield f"GET {address}", client.get(address)


class TestSameBytes:
    @pytest.mark.parametrize("role", ["user", "moderator"])
    def test_one_row_with_another_lie_in_it(self, owner: User, role: str) -> None:
        """Nothing differs then but the lie: not a byte of any answer may."""
        challenge = make_challenge(owner, texts=TEXTS, is_published=True)
        make_rendition(challenge.merge.video, "poster")  # type: ignore[arg-type]
        for index in (0, 1, 2):
            challenges.guess(challenge, make_user(), index)
        ChallengeReport.objects.create(challenge=challenge, reporter=make_user(), reason="Not funny")
        person = make_user("player", role=role)
        api, client = Api(), browser(person)
        api.client.force_login(person)
        api.client.handler.enforce_csrf_checks = False
        for _ in asks(api, client, challenge):
            pass  # what is only written at the first time has been written
        found: list[dict[str, Any]] = []
        for lie in range(3):
            Challenge.objects.filter(pk=challenge.pk).update(lie_index=lie)
            found.append({what: told(response) for what, response in asks(api, client, challenge)})
        assert any(status == 200 for status, _, _ in found[0].values())
        for what, answer in found[0].items():
            assert answer == found[1][what], what
            assert answer == found[2][what], what

    def test_made_over_the_api_with_another_lie(self, api: Api, owner: User, other: User, other_api: Api) -> None:
        client, found = browser(other), []
        for lie in range(3):
            merge = make_merge(owner, status="completed")
            asked = statements_of(merge, lie_statement_index=(lie + 1) % 3)
            for one, text in zip(asked["statements"], TEXTS, strict=True):
                one["text"] = text
            path = f"{CHALLENGES}/{api.post(CHALLENGES, asked).json()['id']}"
            assert api.patch(path, {"lie_statement_index": lie}).json()["lie_statement_index"] == lie
            assert api.post(f"{path}/publish").status_code == 200
            challenge = Challenge.objects.get(merge=merge)
            found.append([told(response) for _, response in asks(other_api, client, challenge)])
            assert api.delete(path).status_code == 200
        assert found[0] == found[1] == found[2]

    def test_owner_and_admins(self, owner: User, api: Api, admin_api: Api, admin_person: User, moderator: User) -> None:
        challenge = make_challenge(owner, is_published=True, lie=2)
        assert api.get(f"{CHALLENGES}/{challenge.pk}").json()["lie_statement_index"] == 2
        assert admin_api.get(f"{CHALLENGES}/{challenge.pk}").json()["lie_statement_index"] is None
        page = f"/admin/merging/challenge/{challenge.pk}/change/"
        shown = [browser(person).get(page).content.decode() for person in (admin_person, moderator)]
        assert "Statement 3" in shown[0]
        assert "Statement 3" not in shown[1]
        assert "the lie" not in shown[1].lower()

    def test_a_list_tells_of_ones_own_and_of_what_one_played_alone(self, owner: User, other: User, api: Api) -> None:
        make_challenge(owner, title="mine", is_published=True, lie=2)
        make_challenge(other, title="not yet", is_published=True, lie=2)
        challenges.guess(make_challenge(other, title="played", is_published=True, lie=2), owner, 0)
        found = {one["title"]: one["lie_statement_index"] for one in api.get(CHALLENGES).json()["challenges"]}
        assert found == {"mine": 2, "played": 2, "not yet": None}


class TestLogs:
    def test_no_line_tells_it(
        self, api: Api, owner: User, other: User, other_api: Api, moderator: User, moderator_api: Api,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        """Nothing that is logged or audited, from making to deleting, differs with the lie or names it."""
        caplog.set_level(logging.DEBUG)
        shown = []
        for lie in range(3):
            caplog.clear()
            merge = make_merge(owner, status="completed")
            made = api.post(CHALLENGES, statements_of(merge, lie_statement_index=(lie + 1) % 3))
            path = f"{CHALLENGES}/{made.json()['id']}"
            api.patch(path, {"lie_statement_index": lie})
            api.patch(path, {"lie_statement_index": 3})
            api.post(f"{path}/publish")
            other_api.get(path)
            other_api.get(CHALLENGES)
            browser(other).get(path.removeprefix("/api/v1"))
            other_api.post(f"{path}/guesses", {"statement_index": 1})
            other_api.post(f"{path}/guesses", {"statement_index": 1})
            other_api.post(f"{path}/reports", {"reason": "x"})
            moderator_api.post(f"{path}/unpublish")
            challenges.release(made.json()["id"], moderator, reason="r")
            api.delete(path)
            lines = [JsonFormatter().format(record) for record in caplog.records]
            whole = [f"{line} {vars(record)}" for line, record in zip(lines, caplog.records, strict=True)]
            assert any("challenge.guess" in line for line in lines)
            for line in whole:
                assert not re.search(r"lie_|statement_index|\blie\b|is_correct|'correct'|\"correct\"", line), line
            shown.append([re.sub(r'"ms": [\d.]+|"request_id": "\w*"', "", without_names(line)) for line in lines])
        assert shown[0] == shown[1] == shown[2]
        rows = [str(list(row.values())) for row in AuditEntry.objects.values()]
        assert len(rows) >= 12
        assert not [row for row in rows if re.search(r"lie|statement_index", row)]

    def test_metrics_count_nothing_of_it(self, owner: User, admin_api: Api) -> None:
        for lie in (0, 1):
            challenges.guess(make_challenge(owner, is_published=True, lie=lie), make_user(), 0)
        text = admin_api.client.get("/metrics", headers=admin_api.headers).content.decode()
        assert "vod_" in text
        assert not re.search(r"\blie|guess_correct|is_correct", text.replace("client", ""))

"""Reports on challenges: who may, once while open, seen by nobody else."""

from typing import Any

import pytest

from sessions_app.challenges import challenges
from sessions_app.challenges.models import Challenge, ChallengeReport
from tests.challenges.conftest import CHALLENGES
from tests.support.api import Api, refused
from tests.support.factories import make_challenge
from tests.support.together import at_once
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
committed = pytest.mark.django_db(transaction=True)


def report(api: Api, challenge: Challenge, reason: Any = "Not funny", **options: Any) -> Any:
    return api.post(f"{CHALLENGES}/{challenge.pk}/reports", {"reason": reason}, **options)


def test_a_report_is_noted(other: User, other_api: Api, challenge: Challenge) -> None:
    response = report(other_api, challenge)
    assert response.status_code == 201
    row = ChallengeReport.objects.get()
    assert response.json()["report_id"] == str(row.pk)
    assert (row.reporter, row.reason, row.settled_at) == (other, "Not funny", None)
    assert AuditEntry.objects.filter(action="challenge.report").count() == 1


def test_one_waits_at_a_time(other_api: Api, moderator_api: Api, moderator: User, challenge: Challenge) -> None:
    report(other_api, challenge)
    refused(report(other_api, challenge), 409, "already_reported")
    assert report(moderator_api, challenge).status_code == 201
    challenges.settle(challenge.pk, moderator, reason="It is fine")
    assert report(other_api, challenge).status_code == 201
    assert ChallengeReport.objects.count() == 3


@pytest.mark.both
@committed
def test_many_at_once_are_one(other_api: Api, challenge: Challenge) -> None:
    answers = at_once(*[lambda: report(other_api, challenge).status_code] * 5)
    assert sorted(answers) == [201, 409, 409, 409, 409]


def test_not_ones_own_and_not_what_is_not_published(
    api: Api, owner: User, other: User, other_api: Api, moderator: User, moderator_api: Api, challenge: Challenge
) -> None:
    refused(report(api, challenge), 403, "own_challenge")
    refused(report(other_api, make_challenge(owner)), 404, "challenge_not_found")
    challenges.report(challenge, other, "x")
    challenges.withhold(challenge.pk, moderator, reason="x")
    assert report(moderator_api, challenge).status_code in (404, 409)
    assert ChallengeReport.objects.count() == 1


def test_neither_owner_nor_players_learn_of_it(api: Api, other_api: Api, challenge: Challenge) -> None:
    before = [person.get(f"{CHALLENGES}/{challenge.pk}").json() for person in (api, other_api)]
    report(other_api, challenge, "Only for moderators")
    after = [person.get(f"{CHALLENGES}/{challenge.pk}").json() for person in (api, other_api)]
    for one, two in zip(before, after, strict=True):
        assert {**one, "stream_url": ""} == {**two, "stream_url": ""}

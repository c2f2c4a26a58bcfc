"""The admin tells a moderator nothing of the lie, whatever the address of a list asks for."""

from __future__ import annotations

import pytest
from django.test import Client

from sessions_app.challenges.models import Challenge, ChallengeReport
from tests.support.factories import make_challenge, make_user
from vodplatform.accounts.models import Role

pytestmark = pytest.mark.django_db
ASKED = [
    "lie_index={}", "lie_index__exact={}", "lie_index__in={}", "lie_index__lte={}", "merge__challenge__lie_index={}",
    "guesses__is_correct={}", "pk__in={}&lie_index={}",
]  # fmt: skip


@pytest.fixture
def challenge() -> Challenge:
    return make_challenge(make_user(), lie=1, is_published=True)


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user(role=Role.MODERATOR))
    return client


@pytest.mark.parametrize("asked", ASKED)
def test_a_list_cannot_be_asked_for_it(asked: str, challenge: Challenge, client: Client) -> None:
    answers = [client.get(f"/admin/merging/challenge/?{asked.replace('{}', number)}") for number in "012"]
    assert [answer.status_code for answer in answers] == [400, 400, 400]


def test_neither_can_the_reports(challenge: Challenge, client: Client) -> None:
    ChallengeReport.objects.create(challenge=challenge, reporter=make_user(), reason="It is not nice.")
    for number in "012":
        assert client.get(f"/admin/merging/challengereport/?challenge__lie_index={number}").status_code == 400


def test_the_page_shows_it_to_admins_alone(challenge: Challenge, client: Client) -> None:
    address = f"/admin/merging/challenge/{challenge.pk}/change/"
    assert "Statement 2" not in client.get(address).content.decode()
    client.force_login(make_user(role=Role.ADMIN))
    assert "Statement 2" in client.get(address).content.decode()

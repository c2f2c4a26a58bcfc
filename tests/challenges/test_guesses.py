"""Guesses: one for each player, right or wrong, told what the lie is; and who may not."""

from typing import Any

import pytest

from sessions_app.challenges import challenges
from sessions_app.challenges.models import Challenge, Guess
from tests.challenges.conftest import CHALLENGES
from tests.support.api import Api, refused
from tests.support.factories import make_challenge, make_user
from tests.support.together import at_once
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.both, pytest.mark.django_db, pytest.mark.usefixtures("media")]
committed = pytest.mark.django_db(transaction=True)


def path_of(challenge: Challenge, what: str = "/guesses") -> str:
    return f"{CHALLENGES}/{challenge.pk}{what}"


def guess(api: Api, challenge: Challenge, index: Any = 0, **options: Any) -> Any:
    return api.post(path_of(challenge), {"statement_index": index}, **options)


@pytest.mark.parametrize(("index", "is_right"), [(0, False), (1, True), (2, False)])
def test_a_guess_reveals_the_lie(api: Api, other_api: Api, challenge: Challenge, index: int, is_right: bool) -> None:
    before = other_api.get(path_of(challenge, "")).json()
    assert (before["can_guess"], before["my_guess"], before["results"]) == (True, None, None)
    response = guess(other_api, challenge, index)
    assert (response.status_code, response.json()) == (200, {"correct": is_right, "lie_statement_index": 1})
    body = other_api.get(path_of(challenge, "")).json()
    assert (body["can_guess"], body["guess_count"], body["lie_statement_index"]) == (False, 1, 1)
    mine = body["my_guess"]
    assert (mine["statement_index"], mine["correct"], mine["created_at"].endswith("Z")) == (index, is_right, True)
    counts = [0, 0, 0]
    counts[index] = 1
    assert body["results"] == {"correct": int(is_right), "by_statement": counts}
    assert api.get(path_of(challenge, "")).json()["results"] == body["results"]


def test_a_second_guess_is_refused_and_the_first_stays(other_api: Api, challenge: Challenge) -> None:
    guess(other_api, challenge, 0)
    body = refused(guess(other_api, challenge, 1), 409, "already_guessed")
    assert body["my_guess"]["statement_index"] == 0
    assert body["lie_statement_index"] == 1
    assert Guess.objects.get().is_correct is False


@committed
def test_many_at_once_are_one(other_api: Api, challenge: Challenge) -> None:
    answers = at_once(*(lambda n=n: guess(other_api, challenge, n % 3).status_code for n in range(6)))
    assert sorted(answers) == [200, 409, 409, 409, 409, 409]
    assert Guess.objects.count() == 1


def test_ones_own_a_draft_and_a_withheld_one_are_not_played(
    owner: User, other: User, moderator: User, api: Api, other_api: Api, moderator_api: Api, admin_api: Api,
    challenge: Challenge,
) -> None:  # fmt: skip
    draft = make_challenge(owner)
    for own in (challenge, draft):
        refused(guess(api, own), 403, "own_challenge")
    for person in (other_api, moderator_api):
        refused(guess(person, draft), 404, "challenge_not_found")
    challenges.report(challenge, other, "Not funny")
    challenges.withhold(challenge.pk, moderator, reason="x")
    for person in (moderator_api, admin_api):
        response = guess(person, challenge)
        assert response.status_code in (404, 409)
        assert "lie" not in response.content.decode().lower()
    assert not Guess.objects.exists()


@pytest.mark.parametrize("index", [3, -1, 1.0, True], ids=str)
def test_what_is_no_statement_is_refused(other_api: Api, challenge: Challenge, index: Any) -> None:
    body = refused(guess(other_api, challenge, index), 400, "invalid")
    assert "statement_index" in body["errors"]
    assert "lie" not in body["error"]
    assert not Guess.objects.exists()


def test_moderators_play_like_everybody(api: Api, moderator_api: Api, admin_api: Api, challenge: Challenge) -> None:
    for person in (moderator_api, admin_api):
        assert person.get(path_of(challenge, "")).json()["lie_statement_index"] is None
        assert guess(person, challenge, 1).json() == {"correct": True, "lie_statement_index": 1}
    for index in (0, 2, 1):
        challenges.guess(challenge, make_user(), index)
    body = api.get(path_of(challenge, "")).json()
    assert (body["guess_count"], body["results"]) == (5, {"correct": 3, "by_statement": [1, 3, 1]})


def test_a_guess_outlives_unpublishing_and_publishing_again(api: Api, other_api: Api, challenge: Challenge) -> None:
    guess(other_api, challenge, 0)
    api.post(path_of(challenge, "/unpublish"))
    refused(other_api.get(path_of(challenge, "")), 404, "challenge_not_found")
    api.post(path_of(challenge, "/publish"))
    body = other_api.get(path_of(challenge, "")).json()
    assert (body["lie_statement_index"], body["can_guess"], body["guess_count"]) == (1, False, 1)

"""Challenges played by their link without an account: where the owner lets people, once per browser, the lie unseen."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from sessions_app.challenges import challenges
from sessions_app.challenges.models import Challenge, Guess
from tests.support.api import Api, refused
from tests.support.factories import make_challenge, make_user
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def challenge(owner: User) -> Challenge:
    """Open to everybody; the second statement is the lie."""
    return make_challenge(owner, texts=["I won.", "I lost."], lie=1, is_published=True, guests_may_play=True)


def page(challenge: Challenge) -> str:
    return f"/challenges/{challenge.pk}"


def guess(client: Client, challenge: Challenge, index: Any) -> Any:
    return client.post(f"{page(challenge)}/guess", {"statement_index": index})


def state(client: Client, challenge: Challenge) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{page(challenge)}?part=state").json()
    return found


def test_a_guest_sees_it_and_is_told_the_lie_after_guessing_alone(client: Client, challenge: Challenge) -> None:
    text = client.get(page(challenge)).content.decode()
    found = re.search(r'<script id="challenge" type="application/json">(.*?)</script>', text)
    assert found
    before = json.loads(found[1])
    assert (before["lie_statement_index"], before["results"], before["can_guess"]) == (None, None, True)
    assert client.get(before["stream_url"]).status_code in (200, 206, 404)  # no sign-in is asked for
    assert guess(client, challenge, 0).json() == {"correct": False, "lie_statement_index": 1}
    after = state(client, challenge)
    assert (after["lie_statement_index"], after["can_guess"]) == (1, False)
    assert after["results"] == {"correct": 0, "by_statement": [1, 0, 0]}


def test_one_browser_guesses_once(client: Client, challenge: Challenge) -> None:
    guess(client, challenge, 1)
    refused(guess(client, challenge, 0), 409, "already_guessed")
    assert [(row.player, row.statement_index, row.is_correct) for row in Guess.objects.all()] == [(None, 1, True)]
    guess(Client(), challenge, 0)
    assert Guess.objects.count() == 2
    assert state(client, challenge)["guess_count"] == 2


def test_a_browser_is_the_same_at_every_challenge_and_another_ones_cookie_cannot_be_made(
    client: Client, challenge: Challenge, owner: User
) -> None:
    guess(client, challenge, 1)
    guess(client, make_challenge(owner, is_published=True, guests_may_play=True), 0)
    assert len({row.guest for row in Guess.objects.all()}) == 1
    forger = Client()
    forger.cookies["challenge_guest"] = str(Guess.objects.first().guest)  # type: ignore[union-attr]
    assert state(forger, challenge)["can_guess"] is True


@pytest.mark.parametrize("change", [{"guests_may_play": False}, {"published_at": None}, {}])
def test_what_is_not_open_to_guests_asks_them_to_sign_in(
    client: Client, challenge: Challenge, moderator: User, change: dict[str, Any]
) -> None:
    if change:
        Challenge.objects.filter(pk=challenge.pk).update(**change)
    else:
        challenges.withhold(challenge.pk, moderator, reason="Insults")
    assert client.get(page(challenge))["Location"] == f"/login?next={page(challenge)}"
    refused(client.get(f"{page(challenge)}?part=state"), 404, "challenge_not_found")
    assert guess(client, challenge, 1).status_code == 404
    assert not Guess.objects.exists()


@pytest.mark.parametrize("index", ["", "-1", "3", "99999999999", "one", "1.5"])
def test_no_statement_no_guess(client: Client, challenge: Challenge, index: str) -> None:
    refused(guess(client, challenge, index), 400, "invalid")
    assert not Guess.objects.exists()


def test_who_has_an_account_guesses_with_it(client: Client, challenge: Challenge) -> None:
    client.force_login(make_user())
    assert guess(client, challenge, 1).status_code == 404


def test_a_guess_without_the_pages_token_is_refused(challenge: Challenge) -> None:
    assert guess(Client(enforce_csrf_checks=True), challenge, 1).status_code == 403


def test_a_network_has_a_limit(client: Client, challenge: Challenge, settings: Any) -> None:
    settings.THROTTLES_ON, settings.THROTTLES = True, {**settings.THROTTLES, "guest_guess": 2}
    answers = [guess(Client(), challenge, 0) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2]["Retry-After"]) > 0


def test_the_owner_alone_decides_and_may_while_it_is_played(api: Api, other_api: Api, challenge: Challenge) -> None:
    url = f"/api/v1/challenges/{challenge.pk}"
    refused(other_api.patch(url, {"guests_may_play": False}), 403, "forbidden")
    answer = api.patch(url, {"guests_may_play": False})
    assert (answer.status_code, answer.json()["guests_may_play"]) == (200, False)
    refused(api.patch(url, {"guests_may_play": True, "title": "Another"}), 409, "challenge_published")
    refused(api.patch(url, {"guests_may_play": "yes"}), 400, "invalid")


def test_a_link_that_is_sent_along_has_a_title_and_a_picture(client: Client, challenge: Challenge) -> None:
    text = client.get(page(challenge)).content.decode()
    assert f'<meta property="og:title" content="{challenge.title}">' in text
    assert "One of these 3 statements is a lie." in text
    client.force_login(challenge.owner)
    assert "og:title" not in client.get(page(challenge)).content.decode()

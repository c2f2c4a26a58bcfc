"""The front door: facts for programs, a page for people, and the demo for whoever sits at this machine."""

import pytest

from tests.support.factories import make_session, make_user
from vodplatform.accounts.models import Role

PERSON = {"Accept": "text/html,application/xhtml+xml"}


def test_a_program_gets_json_even_when_it_accepts_anything(client, db):
    for accept in ("", "*/*", "application/json"):
        answer = client.get("/", headers={"Accept": accept})
        assert answer.json()["service"] == "vodplatform"


def test_a_person_gets_a_page_with_a_way_to_sign_in(client, db):
    answer = client.get("/", headers=PERSON)
    assert answer.status_code == 200
    assert "/login" in answer.content.decode()


def test_a_signed_in_person_goes_to_the_comparisons(client, db):
    client.force_login(make_user())
    assert client.get("/", headers=PERSON)["Location"] == "/compare"


@pytest.fixture
def demo(db, settings):
    settings.DEMO_ACCOUNT = "demo"
    return make_session(make_user("demo"))


def test_the_demo_opens_its_newest_comparison_signed_in(client, demo):
    answer = client.get("/", headers=PERSON, follow=True)
    assert answer.redirect_chain[0][0] == f"/compare/{demo.session_id}"
    assert answer.status_code == 200


def test_the_demo_signs_nobody_in_from_another_machine(client, demo):
    client.get("/", headers=PERSON, REMOTE_ADDR="192.0.2.7")
    assert "_auth_user_id" not in client.session


def test_without_the_setting_nobody_is_signed_in(client, demo, settings):
    settings.DEMO_ACCOUNT = ""
    client.get("/", headers=PERSON)
    assert "_auth_user_id" not in client.session


def test_the_demo_never_signs_in_as_staff(client, demo):
    demo.owner.role = Role.ADMIN
    demo.owner.save()
    client.get("/", headers=PERSON)
    assert "_auth_user_id" not in client.session


def test_the_demo_leaves_somebody_else_s_sign_in_alone(client, demo):
    person = make_user()
    client.force_login(person)
    assert client.get("/", headers=PERSON)["Location"] == "/compare"
    assert client.session["_auth_user_id"] == str(person.pk)

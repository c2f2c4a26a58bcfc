"""The front door: facts for programs, a page for people, and the demo for whoever sits at this machine."""

import re
from datetime import timedelta

import pytest
from django.contrib.staticfiles import finders
from django.db.models.functions import Now

from media_app.videos.media_urls import RENDITION, signed_name
from media_app.videos.models import Video
from sessions_app.comparison.models import Mention, SessionEvent
from tests.support.factories import (
    make_analysis,
    make_challenge,
    make_job,
    make_rendition,
    make_session,
    make_share,
    make_user,
    make_video,
)
from tests.support.pages import html_of
from vodplatform.accounts.models import Role
from vodplatform.core.web import signing

PERSON = {"Accept": "text/html,application/xhtml+xml"}


def test_a_program_gets_json_even_when_it_accepts_anything(client, db):
    for accept in ("", "*/*", "application/json"):
        answer = client.get("/", headers={"Accept": accept})
        assert answer.json()["service"] == "vodplatform"


def test_a_person_gets_a_page_with_a_way_to_sign_in_and_a_picture_of_each_system(client, db):
    answer = client.get("/", headers=PERSON)
    assert answer.status_code == 200
    page = html_of(answer)
    assert "/login" in page
    pictures = re.findall(r'<img src="/static/(img/front/[^"]+)"', page)
    assert len(pictures) == 5
    assert all(finders.find(name) for name in pictures)


@pytest.fixture
def person(client, db):
    user = make_user("ann")
    client.force_login(user)
    return user


@pytest.fixture
def page(client, person):
    return lambda query="": html_of(client.get(f"/{query}", headers=PERSON))


def test_a_new_account_is_shown_its_first_steps(page):
    text = page()
    assert "Welcome, ann" in text
    for href in ("/upload", "/compare?new", "/analysis", "/challenges", "/pro", "/catalogue"):
        assert f'href="{href}"' in text


def test_what_a_person_has_made_is_shown_with_its_pictures(page, person):
    videos = [make_video(person, title=f"Round {number}", duration=67.2) for number in range(3)]
    posters = [make_rendition(video, "poster") for video in videos[:2]]
    session = make_session(person, videos=videos, name="Three views")
    analysis, challenge = make_analysis(person, name="Best of"), make_challenge(person, title="Three things")
    own = make_rendition(analysis.video, "poster")
    text = page()
    assert "Welcome" not in text
    for href in (f"/compare/{session.pk}", f"/analysis/{analysis.pk}", f"/challenges/{challenge.pk}"):
        assert f'href="{href}"' in text
    assert "1:07" in text
    [token] = re.findall(rf"/([^/\"]+)/{own.pk}/", text)
    assert signing.verify(token, RENDITION, signed_name(own.pk, restricted=True))  # nobody else sees that file
    assert [text.count(str(poster.pk)) for poster in posters] == [2, 2]


def test_what_others_have_is_not_shown(page, person):
    other = make_user("other")
    video = make_video(other, title="zebra")
    make_session(other, videos=[video, make_video(other)], name="zebra")
    make_analysis(other, name="zebra")
    make_challenge(other, title="zebra", is_published=True)
    make_job(other, "failed", error={"type": "timeout", "message": "zebra"})
    make_session(person)
    assert "zebra" not in page()


def test_what_somebody_shared_is_shown_and_what_is_archived_is_not(page, person):
    shared = make_session(make_user("jo"), name="Of jo")
    make_share(shared, person)
    make_session(person, name="Put away", archived_at=Now())
    text = page()
    assert "Of jo" in text
    assert "Shared by jo" in text
    assert "Put away" not in text


def test_what_needs_attention_is_told_with_what_to_do(page, person):
    make_job(person, "failed", error={"type": "video_unreadable", "message": "The file ends too early."})
    old = make_job(person, "failed", error={"type": "video_unreadable", "message": "Long ago."})
    type(old).objects.filter(pk=old.pk).update(finished_at=Now() - timedelta(days=8))
    video = make_video(person)
    make_session(person, videos=[video, make_video(person)], name="One is gone")
    Video.objects.filter(pk=video.pk).update(deleted_at=Now())
    asked = make_session(person, name="With a question")
    event = SessionEvent.objects.create(session=asked, kind="comment", time=1, created_by_name="jo")
    Mention.objects.create(event=event, user=person)
    text = page()
    assert "The file ends too early." in text
    assert "Long ago." not in text
    assert "A video is missing in One is gone" in text
    assert "A deleted" in text
    assert "You were mentioned in With a question" in text
    assert "1 comment mentions you." in text


def test_what_runs_is_shown_and_can_be_asked_for_alone(page, person):
    make_session(person)
    running, other = make_job(person, "processing", progress=40.0), make_job(make_user("jo"), "processing")
    for query in ("", "?part=running"):
        text = page(query)
        assert f'data-job="{running.pk}"' in text
        assert 'value="40.0"' in text
        assert str(other.pk) not in text
    assert "<html" not in page("?part=running")


def test_the_page_asks_as_much_for_many_things_as_for_few(page, person, django_assert_max_num_queries):
    for count in (1, 6):
        for _ in range(count):
            make_rendition(make_video(person), "poster")
            make_session(person, videos=[make_video(person), make_video(person)])
            make_analysis(person)
            make_job(person, "failed")
            make_job(person, "queued")
        with django_assert_max_num_queries(36):
            page()


@pytest.fixture
def demo(db, settings):
    settings.DEMO_ACCOUNT = "demo"
    return make_session(make_user("demo"))


def test_the_demo_opens_its_newest_comparison_signed_in_and_then_home_is_home(client, demo):
    answer = client.get("/", headers=PERSON, follow=True)
    assert answer.redirect_chain[0][0] == f"/compare/{demo.session_id}"
    assert answer.status_code == 200
    assert "<h1>Home</h1>" in html_of(client.get("/", headers=PERSON))


@pytest.mark.parametrize("what", ["another machine", "no demo", "staff"])
def test_the_demo_signs_nobody_in_from_another_machine_without_its_setting_or_as_staff(client, demo, settings, what):
    settings.DEMO_ACCOUNT = "" if what == "no demo" else "demo"
    demo.owner.role = Role.ADMIN if what == "staff" else Role.USER
    demo.owner.save()
    client.get("/", headers=PERSON, REMOTE_ADDR="192.0.2.7" if what == "another machine" else "127.0.0.1")
    assert "_auth_user_id" not in client.session


def test_the_demo_leaves_somebody_else_s_sign_in_alone(client, demo):
    person = make_user()
    client.force_login(person)
    assert client.get("/", headers=PERSON).status_code == 200
    assert client.session["_auth_user_id"] == str(person.pk)

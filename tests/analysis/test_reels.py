"""Reels of moments that a person chose: what may be asked, what the results say then, and the file that is cut."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from jobs_app import services as jobs
from jobs_app.models import Job, JobStatus
from jobs_app.runner import run_queue
from media_app.av.frames import VideoFile
from media_app.av.source import Source
from media_app.uploads import quota
from media_app.videos.models import Rendition
from sessions_app.analysis import reels, services
from sessions_app.analysis.models import AnalysisSession
from sessions_app.analysis.pipelines import reel_effects
from sessions_app.analysis.pipelines.effect_lengths import FADE_SECONDS, TITLE_SECONDS
from sessions_app.analysis.pipelines.reel import cut_moments
from sessions_app.analysis.pipelines.task import AnalysisFailed, Task
from sessions_app.analysis.reels import check_moments, with_reel
from sessions_app.comparison.samples.rendering.barcode import decode_barcode, draw_barcode
from tests.analysis.conftest import DATA, DONE, Make, Pipeline, again
from tests.analysis.test_sessions import BASE
from tests.support.api import Api, refused
from tests.support.factories import make_video
from tests.support.footage import noise, write_pictures
from tests.support.node import PROJECT_ROOT
from tests.support.stored import files_in
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

RATE = 10
CHOSEN = [{"start_time": 2.0, "end_time": 4.5}, {"start_time": 12.0, "end_time": 17.0}]
CUT = (
    "make('reel.mp4'); make('thumb-0.jpg'); make('thumb-1.jpg')\n"
    "ends, at = [], 0\n"
    "for part, (start, end) in enumerate(request['params']['moments']):\n"
    "    ends.append({'part': part, 'source': [start, end], 'reel': [at, at + end - start]})\n"
    "    at += end - start\n"
    "say(result={'data': {'placed': ends}, 'files': {'reel': 'reel.mp4', 'thumb-0': 'thumb-0.jpg',\n"
    "    'thumb-1': 'thumb-1.jpg'}})\n"
)


def spans(*moments: tuple[float, float]) -> list[dict[str, float]]:
    return [{"start_time": start, "end_time": end} for start, end in moments]


@pytest.mark.pure
def test_the_page_has_the_same_limits_as_the_server() -> None:
    scripts = PROJECT_ROOT / "static/js/analysis"
    text = "".join((scripts / name).read_text() for name in ("reel-draft.js", "chosen-moments.js"))
    on_page = dict(re.findall(r"^(?:export )?const (\w+) = ([\d.]+);", text, re.MULTILINE))
    limits = {
        "TITLE_SECONDS": TITLE_SECONDS, "FADE_SECONDS": FADE_SECONDS, "MAX_TITLE": reels.MAX_TITLE,
        "MOST": reels.MAX_MOMENTS, "LEAST": reels.MIN_SECONDS, "LONGEST": reels.MAX_REEL_SECONDS,
        "NEAR": reels.TIME_TOLERANCE_SECONDS,
    }  # fmt: skip
    assert {name: float(on_page[name]) for name in limits} == limits


@pytest.mark.pure
def test_moments_keep_their_order_and_what_cannot_be_a_reel_is_refused() -> None:
    assert check_moments(spans((5, 9.04), (0, 2)), 9.0) == [(5.0, 9.0), (0.0, 2.0)]
    for moments, says in (
        (spans((3, 3.4)), "at least"), (spans((5, 3)), "at least"),
        (spans((18, 21)), "after the end of the video (20 s)"),
        (spans((1, 5), (4.9, 8)), "overlaps the previous"),
    ):  # fmt: skip
        with pytest.raises(DomainError) as refusal:
            check_moments(moments, 20.0)
        assert says in refusal.value.extra["errors"]["moments"][0]
    with pytest.raises(DomainError, match="at most 600 s"):
        check_moments(spans((0, 300), (400, 701)), 9000.0)
    with pytest.raises(DomainError, match="title cards may last at most 600 s"):
        check_moments([{"start_time": 0, "end_time": 598, "title": "Final"}], 9000.0)


@pytest.mark.pure
class TestResults:
    def test_what_the_program_chose_keeps_its_words_and_what_a_person_did_has_those_of_its_segment(self) -> None:
        placed = [
            {"part": 0, "source": [2.0, 4.5], "reel": [0.0, 2.5]},
            {"part": 1, "source": [12.0, 17.0], "reel": [2.5, 7.5]},
        ]
        data = with_reel(DATA, [(2.0, 4.5), (12.0, 17.0)], placed)
        first, second = data["highlights"]
        assert (first["origin"], first["description"]) == ("manual", "Quiet.")
        assert (first["segment"], first["reel_end"]) == (0, 2.5)
        assert (second["origin"], second["description"], second["reel_start"]) == ("highlights", "Loud.", 2.5)
        assert data["summary"] == "2 moments, 7.5 s, 1 of them chosen by hand."
        assert (data["segments"], DATA["highlights"][0].get("origin")) == (DATA["segments"], None)

    def test_the_length_of_the_reel_includes_its_title_cards(self) -> None:
        placed = [{"part": 0, "source": [2.0, 4.5], "reel": [2.5, 5.0]}]
        data = with_reel(DATA, [(2.0, 4.5)], placed, [{"title": "Final", "transition": "cut"}])
        assert data["summary"] == "1 moment, 5 s, chosen by hand. The reel has 1 title card."

    @pytest.mark.parametrize(("start", "segment"), [(0.4, 0), (3.0, 0), (4.0, 1), (9.0, 1)])
    def test_a_moment_that_hardly_reaches_into_a_segment_is_not_of_it(self, start: float, segment: int) -> None:
        placed = [{"part": 0, "source": [start, start + 10], "reel": [0.0, 10.0]}]
        assert with_reel(DATA, [(start, start + 10)], placed)["highlights"][0]["segment"] == segment

    def test_what_was_found_is_remembered_over_two_cuts(self) -> None:
        once = with_reel(DATA, [(2.0, 4.5)], [{"part": 0, "source": [2.0, 4.5], "reel": [0.0, 2.5]}])
        assert once["found"] == DATA["highlights"]
        twice = with_reel(once, [(12.0, 17.0)], [{"part": 0, "source": [12.0, 17.0], "reel": [0.0, 5.0]}])
        assert [one["description"] for one in twice["highlights"]] == ["Loud."]
        assert once["summary"] == "1 moment, 2.5 s, chosen by hand."
        assert twice["summary"] == "1 moment, 5 s, all found automatically."
        assert twice["found"] == DATA["highlights"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames that carry their numbers."""
    pictures = [noise(1, 224, 126) for _ in range(20 * RATE)]
    for number, picture in enumerate(pictures):
        draw_barcode(picture, number)
    return write_pictures(tmp_path_factory.mktemp("reels") / "numbered.mp4", pictures, fps=Fraction(RATE), gop=3 * RATE)


@pytest.mark.pure
class TestCutting:
    def test_the_reel_has_exactly_the_pictures_of_the_moments(self, recording: Path, tmp_path: Path) -> None:
        made = cut_moments(Task(recording, tmp_path, {"moments": [[2.0, 4.5], [12.0, 13.0]]}))
        with VideoFile(tmp_path / made.files["reel"]) as reel:
            seen = [decode_barcode(picture.scaled(224)) for picture in reel.iterate_frames(0.0)]
        assert seen == [*range(20, 45), *range(120, 130)]
        assert [one["part"] for one in made.data["placed"]] == [0, 1]
        assert made.data["placed"][1]["reel"] == pytest.approx([2.5, 3.5])
        assert (tmp_path / made.files["thumb-1"]).read_bytes()[:2] == b"\xff\xd8"

    def test_title_cards_and_fades_are_in_the_file(self, recording: Path, tmp_path: Path) -> None:
        edits = [{"title": "Round 1"}, {"transition": "fade"}, {"title": "a title of " * 7, "transition": "fade"}]
        made = cut_moments(Task(recording, tmp_path, {"moments": [[12, 13], [2, 4.5], [6, 7]], "edits": edits}))
        assert [one["reel"] for one in made.data["placed"]] == [[2.5, 3.5], [3.5, 6.0], [8.5, 9.5]]
        assert Source.open(tmp_path / made.files["reel"]).facts.duration == pytest.approx(9.5, abs=0.05)
        with VideoFile(tmp_path / made.files["reel"]) as reel:
            pictures = [picture.scaled(224) for picture in reel.iterate_frames(0.0)]
        light = [float(picture.mean()) for picture in pictures]
        assert [decode_barcode(pictures[n]) for n in (26, 31, 39, 56, 89)] == [121, 126, 24, 41, 64]
        assert all(0 < value < 90 for value in [*light[:25], *light[62:83]])
        assert max(light[34], light[35], light[59], light[60], light[84], light[85]) < 0.7 * light[30]
        assert [path.name for path in tmp_path.iterdir() if path.suffix == ".png" or "plain" in path.name] == []

    def test_many_cards_and_fades_need_no_more_inputs_and_filters_with_frames(
        self, recording: Path, tmp_path: Path
    ) -> None:
        started = []
        for count in (2, 50):
            folder = tmp_path / str(count)
            folder.mkdir()
            moments = [[n * 0.4, n * 0.4 + 0.4] for n in range(count)]
            edits = [{"title": f"Round {n}", "transition": "fade"} for n in range(count)]
            with patch.object(reel_effects, "run", wraps=reel_effects.run) as run:
                cut_moments(Task(recording, folder, {"moments": moments, "edits": edits}))
            argv = run.call_args.args[0]
            [graph] = [word for word in argv if "concat" in word]
            started.append((argv.count("-i"), graph.count("fade=") - graph.count("afade="), graph.count("eq=")))
        assert started == [(2, 0, 1), (2, 0, 1)]

    def test_what_is_no_video_is_told(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.mp4"
        broken.write_bytes(b"no video")
        with pytest.raises(AnalysisFailed, match="could not be cut"):
            cut_moments(Task(broken, tmp_path, {"moments": [[0.0, 1.0]]}))


@pytest.mark.django_db
@pytest.mark.usefixtures("media")
def test_only_a_person_who_may_change_a_finished_reel_sees_its_editor(
    client: Client, owner: User, other: User, make_analysis: Make, ready: Make
) -> None:
    session = ready(video=make_video(owner))
    page = f"/analysis/{session.pk}/reel"
    assert client.get(page).status_code == 302
    client.force_login(other)
    assert client.get(page).status_code == 404
    client.force_login(owner)
    assert client.get(page).status_code == 200
    for unfinished in (make_analysis(), make_analysis(kind="workout", **DONE)):
        assert client.get(f"/analysis/{unfinished.pk}/reel").headers["Location"] == f"/analysis/{unfinished.pk}"


def ask_reel(api: Api, session: AnalysisSession, moments: Any = CHOSEN) -> Any:
    return api.post(f"{BASE}/reel/{session.pk}", {"moments": moments})


@pytest.mark.both
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("media", "running_keeper")
class TestAsking:
    def test_a_new_reel_replaces_the_one_before(self, api: Api, media: Path, ready: Make, pipeline: Pipeline) -> None:
        log = pipeline(CUT)
        session = ready()
        [before] = Rendition.objects.filter(kind="reel")
        answer = ask_reel(api, session)
        assert (answer.status_code, answer.json()["status"]) == (202, "queued")
        state = api.get(f"{BASE}/status/{session.pk}").json()
        assert (state["status"], state["reel_job_id"]) == ("completed", answer.json()["job_id"])
        results = api.get(f"{BASE}/results/{session.pk}").json()["data"]
        assert [one["start_time"] for one in results["highlights"]] == [12.0]

        run_queue("analysis")
        assert Job.objects.get(pk=answer.json()["job_id"]).status == JobStatus.COMPLETED, log.read_text()
        data = api.get(f"{BASE}/results/{session.pk}").json()["data"]
        found = [(one["start_time"], one["origin"]) for one in data["highlights"]]
        assert found == [(2.0, "manual"), (12.0, "highlights")]
        assert data["highlights"][1]["thumbnail_url"].endswith(data["thumbnails"][1].partition("renditions")[2])
        assert api.get(data["thumbnails"][0]).content == b"thumb-0.jpg"
        [row] = Rendition.objects.filter(kind="reel")
        assert row.pk != before.pk  # what a browser has had at its address it does not ask for again
        with default_storage.open(row.key_of("video")) as file:
            assert file.read() == b"reel.mp4"
        assert not [name for name in files_in(media) if name.startswith(before.folder)]
        assert api.get(f"{BASE}/status/{session.pk}").json()["reel_job_id"] is None

    def test_one_that_fails_changes_nothing(self, api: Api, ready: Make, pipeline: Pipeline) -> None:
        pipeline("say(error={'type': 'vod_unreadable', 'message': 'The reel could not be cut.'})")
        session = ready()
        job_id = ask_reel(api, session).json()["job_id"]
        refused(ask_reel(api, session), 409, "job_live")
        run_queue("analysis")
        job = Job.objects.get(pk=job_id)
        assert (job.status, job.attempt, job.error) == (
            JobStatus.FAILED, 1, {"type": "vod_unreadable", "message": "The reel could not be cut."}
        )  # fmt: skip
        now = again(session)
        assert (now.status, now.data, now.thumbnails) == ("completed", DATA, session.thumbnails)
        assert ask_reel(api, session).status_code == 202

    def test_it_needs_room(self, api: Api, owner: User, ready: Make, pipeline: Pipeline, settings: Any) -> None:
        pipeline(CUT)
        session = ready()

        def set_room(size: int) -> None:
            free = settings.TIER_LIMITS["free"] | {"max_storage_bytes": quota.storage_bytes(owner.pk) + size}
            settings.TIER_LIMITS = settings.TIER_LIMITS | {"free": free}

        set_room(0)
        refused(ask_reel(api, session), 413, "storage_full")
        set_room(len("reel.mp4") - 1)
        assert ask_reel(api, session).status_code == 202
        run_queue("analysis")
        assert Job.objects.get(kind="highlight_reel").error["type"] == "storage_full"  # type: ignore[index]
        assert (again(session).status, again(session).data) == ("completed", DATA)

    def test_the_session_takes_it_along(self, api: Api, owner: User, media: Path, ready: Make) -> None:
        session = ready(video=make_video(owner))
        assert ask_reel(api, session).status_code == 202
        assert api.delete(f"{BASE}/cleanup/{session.pk}").status_code == 200
        assert (Job.objects.count(), files_in(media)) == (0, [])

    def test_it_ends_with_the_time_of_the_session(self, api: Api, ready: Make) -> None:
        session = ready()
        job_id = ask_reel(api, session).json()["job_id"]
        AnalysisSession.objects.filter(pk=session.pk).update(expires_at="2020-01-01T00:00:00Z")
        services.expire()
        assert not Job.objects.filter(pk=job_id).exists()
        refused(ask_reel(api, session), 410, "session_expired")

    def test_the_given_order_title_cards_and_fades_reach_the_results(
        self, api: Api, ready: Make, pipeline: Pipeline
    ) -> None:
        pipeline(CUT)
        session = ready()
        moments = [{**CHOSEN[1], "title": " The  end "}, {**CHOSEN[0], "transition": "fade"}]
        api.post(f"{BASE}/reel/{session.pk}", {"moments": moments, "order": "given"})
        run_queue("analysis")
        data = api.get(f"{BASE}/results/{session.pk}").json()["data"]
        found = [(one["start_time"], one["title"], one["transition"]) for one in data["highlights"]]
        assert found == [(12.0, "The end", "cut"), (2.0, "", "fade")]
        assert data["summary"].endswith("The reel has 1 title card.")

    def test_a_cancelled_one_runs_again_while_it_is_the_last(self, api: Api, ready: Make, pipeline: Pipeline) -> None:
        pipeline(CUT)
        session = ready()
        first = Job.objects.get(pk=ask_reel(api, session).json()["job_id"])
        jobs.cancel(first)
        last = Job.objects.get(pk=ask_reel(api, session, CHOSEN[:1]).json()["job_id"])
        refused(api.post(f"/api/v1/jobs/{first.pk}/retry"), 409, "not_retryable")
        jobs.cancel(last)
        assert api.post(f"/api/v1/jobs/{last.pk}/retry").status_code == 200

    def test_what_cannot_be_cut_is_refused(self, api: Api, owner: User, make_analysis: Make, ready: Make) -> None:
        session = ready(video=make_video(owner))
        for moments in (
            [], None, "2", [[2, 4]], spans((2, 2.1)), spans((19, 25)), [{"start_time": 1}],
            [{**CHOSEN[0], "title": "x" * 81}], [{**CHOSEN[0], "transition": "wipe"}], [{**CHOSEN[0], "title": 5}],
            [{"start_time": "1", "end_time": 3}], [{"start_time": -1, "end_time": 3}], spans(*[(0, 1)] * 51),
        ):  # fmt: skip
            refused(ask_reel(api, session, moments), 400, "invalid")
        assert again(session).reel_job is None
        running = make_analysis()
        refused(ask_reel(api, running), 400, "results_not_ready")
        workout = make_analysis(kind="workout", **DONE)
        refused(ask_reel(api, workout), 400, "invalid")
        assert session.video is not None
        type(session.video).objects.filter(pk=session.video.pk).update(status="failed")
        refused(ask_reel(api, session), 409, "video_not_ready")

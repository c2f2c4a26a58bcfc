"""Alignment by timer and sound together: what is made of the two answers, and both on real files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sessions_app.comparison.alignment.child import by_sound
from sessions_app.comparison.alignment.child.answer import AlignmentResult, Proposal, Refusal, check_third_side
from sessions_app.comparison.alignment.child.by_both import AGREE_SECONDS, combine_results
from sessions_app.comparison.alignment.child.sound.recording import Recording
from tests.comparison.alignment.test_recording import child
from tests.support.soundscapes import Take, scene, write

pytestmark = pytest.mark.pure


def timer(vod_id: str, offset: float, confidence: float = 0.85, **more: Any) -> Proposal:
    """What the timer says; by default as sure as one running clock can be."""
    return Proposal(vod_id, offset, confidence, 0.02, 30, 32, "", "timer_ocr", **more)


def sound(vod_id: str, offset: float, confidence: float = 0.96, **more: Any) -> Proposal:
    return Proposal(vod_id, offset, confidence, 0.0005, 15, 16, "", "audio", **{"drift_ppm": 0.0, **more})


def refusal(vod_id: str, reason: str) -> Refusal:
    return Refusal(vod_id, reason, f"{vod_id}: {reason}.")


def result(*found: Proposal | Refusal, reference: str | None = "a") -> AlignmentResult:
    proposals = tuple(item for item in found if isinstance(item, Proposal))
    return AlignmentResult(reference, proposals, tuple(item for item in found if isinstance(item, Refusal)))


def weighed(read: Proposal | Refusal, heard: Proposal | Refusal) -> Proposal | Refusal:
    """What is made of both answers on one video."""
    found = combine_results(["a", "b"], result(read), result(heard))
    assert found.reference == "a"
    answer = (*found.proposals, *found.refused)
    assert len(answer) == 1
    return answer[0]


def proposed(read: Proposal | Refusal, heard: Proposal | Refusal) -> Proposal:
    answer = weighed(read, heard)
    assert isinstance(answer, Proposal), answer
    return answer


def refused(read: Proposal | Refusal, heard: Proposal | Refusal) -> Refusal:
    answer = weighed(read, heard)
    assert isinstance(answer, Refusal), answer
    return answer


class TestBothPropose:
    def test_agreement_is_surer_than_either_and_as_exact_as_the_sound(self) -> None:
        found = proposed(timer("b", 12.51), sound("b", 12.5, drift_ppm=40.0, drift_anchor=100.0))
        assert (found.offset, found.drift_ppm, found.drift_anchor, found.method) == (12.5, 40.0, 100.0, "audio")
        assert found.confidence == pytest.approx(1 - 0.15 * 0.04)
        assert (found.agreeing, found.samples, found.error_bound) == (45, 48, 0.0005)
        said = [(item.method, item.offset, item.confidence) for item in found.findings]
        assert said == [("timer_ocr", 12.51, 0.85), ("audio", 12.5, 0.96)]

    @pytest.mark.parametrize(("late", "word"), [(0.08, "later"), (-0.08, "earlier")])
    def test_sound_that_lies_beside_its_picture_leaves_the_pictures_offset(self, late: float, word: str) -> None:
        found = proposed(timer("b", 12.5), sound("b", 12.5 + late, drift_ppm=40.0, drift_anchor=100.0))
        assert (found.offset, found.drift_ppm, found.drift_anchor, found.method) == (12.5, 40.0, 100.0, "timer_ocr")
        assert f"80 ms {word}" in found.note
        assert found.confidence <= 0.95

    @pytest.mark.parametrize("gap", [AGREE_SECONDS + 0.01, -AGREE_SECONDS - 0.01, 30.0, -3600.0])
    def test_a_contradiction_is_refused_and_shows_both(self, gap: float) -> None:
        found = refused(timer("b", 12.5, 0.99), sound("b", 12.5 + gap))
        assert found.reason == "contradiction"
        assert "+12.500 s" in found.message
        assert f"{12.5 + gap:+.3f} s" in found.message
        assert [item.offset for item in found.findings] == [12.5, 12.5 + gap]

    @pytest.mark.parametrize(("gap", "sure", "offset", "confidence", "bound", "says"), [
        (0.233, 0.64, 12.733, 0.99, 0.0005, "233 ms earlier"),
        (0.08, 0.80, 12.58, 0.99, 0.0005, "80 ms earlier"),
        (0.08, 0.83, 12.5, 0.83, 0.0805, "By sound, the video would start 80 ms later"),
        # Beyond what a sound can lag behind its picture.
        (3.0, 0.65, 15.5, 0.85, 0.0005, "The timer gives +12.500 s with lower confidence (0.65"),
        (3.0, 0.999, 12.5, 0.85, 0.02, "The sound gives +15.500 s with lower confidence (0.99"),
    ])  # fmt: skip
    def test_the_clearly_surer_one_wins_and_no_offset_has_the_others_confidence(
        self, gap: float, sure: float, offset: float, confidence: float, bound: float, says: str
    ) -> None:
        found = proposed(timer("b", 12.5, sure), sound("b", 12.5 + gap, 0.99))
        assert (found.offset, found.confidence) == (pytest.approx(offset), confidence)
        assert found.error_bound == pytest.approx(bound)
        assert says in found.note
        assert [item.confidence for item in found.findings] == [sure, 0.99]

    def test_a_drift_explains_what_the_timer_cannot_see(self) -> None:
        heard = sound("b", 12.5, drift_ppm=400.0, drift_anchor=1800.0)
        assert proposed(timer("b", 13.0), heard).offset == 12.5
        assert refused(timer("b", 13.0), replace(heard, drift_ppm=0.0)).reason == "contradiction"


class TestTheTimerAlone:
    @pytest.mark.parametrize("reason", ["no_sound", "sound_uncertain"])
    def test_a_sound_that_cannot_tell_leaves_its_word_and_its_cap(self, reason: str) -> None:
        found = proposed(timer("b", 12.5), refusal("b", reason))
        assert (found.offset, found.confidence, found.method) == (12.5, 0.85, "timer_ocr")
        assert reason in found.note
        assert proposed(timer("b", 12.5, 0.99), refusal("b", reason)).confidence == 0.95

    @pytest.mark.parametrize("reason", ["sound_unrelated", "sound_agrees_in_part", "sound_repeats"])
    def test_clocks_that_merely_run_alike_are_refused_where_the_sound_is_not_alike(self, reason: str) -> None:
        found = refused(timer("b", 12.5), refusal("b", reason))
        assert found.reason == reason
        assert "+12.500 s, confidence 0.85" in found.message

    def test_pauses_and_resets_that_meet_stand_against_sounds_that_differ_but_not_against_broken_ones(self) -> None:
        assert proposed(timer("b", 12.5, 0.99), refusal("b", "sound_unrelated")).confidence == 0.85
        for reason in ("not_one_recording", "speed_differs"):
            assert refused(timer("b", 12.5, 0.999), refusal("b", reason)).reason == reason


def test_a_timer_that_is_not_there_leaves_the_sounds_word_and_one_that_does_not_confirm_it_lowers_it() -> None:
    found = proposed(refusal("b", "timer_not_found"), sound("b", 12.5, 0.99))
    assert (found.offset, found.confidence, found.method) == (12.5, 0.95, "audio")
    for reason in ("timers_disagree", "no_overlap", "no_common_clock", "ambiguous_rounds"):
        assert proposed(refusal("b", reason), sound("b", 12.5, 0.99)).confidence == 0.85


def test_where_neither_proposes_both_say_why_unless_one_has_nothing_to_go_by() -> None:
    found = refused(refusal("b", "timer_not_found"), refusal("b", "sound_unrelated"))
    assert found.reason == "sound_unrelated"
    assert found.message == "b: sound_unrelated. b: timer_not_found."
    assert [item.reason for item in found.findings] == ["timer_not_found", "sound_unrelated"]
    assert refused(refusal("b", "timer_frozen"), refusal("b", "no_sound")).reason == "timer_frozen"
    found = refused(refusal("b", "unreadable"), refusal("b", "unreadable"))
    assert (found.reason, found.message) == ("unreadable", "b: unreadable.")
    items = [refusal(name, "no_sound") for name in "ab"], [refusal(name, "timer_not_found") for name in "ab"]
    found = combine_results(["a", "b"], result(*items[1], reference=None), result(*items[0], reference=None))
    assert found.reference is None
    assert [item.vod_id for item in found.refused] == ["a", "b"]


class TestThree:
    def test_one_that_each_method_lacks_is_placed_through_the_one_they_share(self) -> None:
        """A shows no timer, B has no sound: both are compared with C."""
        heard = result(refusal("b", "no_sound"), sound("c", 20.0, 0.9, drift_ppm=50.0, drift_anchor=60.0))
        read = result(refusal("a", "timer_not_found"), timer("c", 5.0, 0.8), reference="b")
        found = combine_results(["a", "b", "c"], read, heard)
        assert found.reference == "a"
        b, c = found.proposals
        assert (c.vod_id, c.offset, c.drift_ppm) == ("c", 20.0, 50.0)
        assert (b.vod_id, b.method, b.confidence) == ("b", "timer_ocr", 0.72)
        assert b.error_bound == pytest.approx(0.0205)
        # At the second 60 of A, C shows 40, and B what it shows 5 s later than C.
        assert b.placement.time_at(60.0) == pytest.approx(45.0)

    def test_where_both_have_the_same_reference_each_is_weighed_by_itself(self) -> None:
        read = result(timer("b", 3.0), timer("c", 40.0))
        heard = result(sound("b", 3.0), refusal("c", "sound_unrelated"))
        found = combine_results(["a", "b", "c"], read, heard)
        assert [item.vod_id for item in found.proposals] == ["b"]
        assert [(item.vod_id, item.reason) for item in found.refused] == [("c", "sound_unrelated")]

    def test_a_reference_without_a_timer_does_not_hide_what_the_sound_says(self) -> None:
        read = result(refusal("a", "timer_not_found"), timer("c", 7.0), reference="b")
        heard = result(sound("b", 3.0), sound("c", 10.0))
        found = combine_results(["a", "b", "c"], read, heard)
        assert [(item.vod_id, item.offset) for item in found.proposals] == [("b", 3.0), ("c", 10.0)]
        b, c = found.proposals
        assert b.confidence == 0.95
        assert c.confidence > 0.96

    @pytest.mark.parametrize(
        ("gap", "confidences"),
        [(None, [0.72, 0.64]), (0.009, [0.9, 0.8]), (-0.009, [0.9, 0.8]), (0.011, []), (-0.011, [])],
    )
    def test_an_open_triangle_lowers_or_refuses(self, gap: float | None, confidences: list[float]) -> None:
        found, no = {"b": sound("b", 3.0, 0.9), "c": sound("c", 10.0, 0.8)}, {}
        check_third_side(found, no, gap, 0.01)
        assert [item.confidence for item in found.values()] == confidences
        assert [(name, item.reason) for name, item in no.items()] == [
            (name, "contradiction") for name in "bc" if not confidences
        ]


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two recordings of one match, without a picture."""
    game, folder = scene(31, 100), tmp_path_factory.mktemp("third")
    starts = {"b": 4.0, "c": 12.5}
    return {name: write(Take(at, 80, noise_seed=round(at)), game, folder / name) for name, at in starts.items()}


class TestRealSounds:
    @pytest.mark.parametrize(("wrong", "stands"), [(0.0, True), (0.4, False)])
    def test_the_second_and_third_are_compared(self, takes: dict[str, Path], wrong: float, stands: bool) -> None:
        proposals, no = {"b": sound("b", 2.0), "c": sound("c", 10.5 + wrong)}, {}
        with Recording("b", takes["b"]) as b, Recording("c", takes["c"]) as c:
            by_sound._check_third_side({"b": b, "c": c}, proposals, no)
        assert (len(proposals) == 2) is stands, (proposals, no)
        assert [item.confidence for item in proposals.values()] == ([0.96, 0.96] if stands else [])

    @pytest.mark.parametrize(("method", "findings"), [("auto", ["timer_ocr", "audio"]), ("audio", [])])
    def test_the_childs_reports(self, takes: dict[str, Path], tmp_path: Path, method: str, findings: list[str]) -> None:
        """Sounds without a picture: the timer cannot be read, and the sound has the word."""
        request = {
            "op": "align", "method": method, "evidence_dir": str(tmp_path),
            "videos": [{"vod_id": name, "path": str(path)} for name, path in takes.items()],
        }  # fmt: skip
        *progress, last = child(request)
        found = last["result"]["proposals"][0]
        assert found["offset"] == pytest.approx(8.5, abs=1e-3)
        assert [item["method"] for item in found["findings"]] == findings
        percents = [item["progress"] for item in progress]
        assert percents == sorted(percents)
        assert any(item["message"].startswith("Listening to") for item in progress)

"""`manage.py align`: JSON as the contract prints it, exit 3 for a refusal, sentences for what is wrong."""

import json

import pytest

from sessions_app.comparison.samples.rendering.clips import refusal_pairs, render_pair, timer_pairs

pytestmark = pytest.mark.pure
COMMAND = "align"


def test_two_recordings_give_the_second_s_offset(run, tmp_path):
    pair = timer_pairs(41)[0]
    first, second = render_pair(pair, tmp_path)
    code, out, err = run(first, second, "--json")
    assert code == 0, err
    answer = json.loads(out)
    assert answer["refused"] is None
    (proposal,) = answer["proposals"]
    assert proposal["video"] == str(second)
    bound = 0.5 / float(pair.a.spec.fps) + 0.5 / float(pair.b.spec.fps)
    assert abs(proposal["offset"] - pair.offset) <= bound
    assert 0.5 <= proposal["confidence"] <= 1


def test_recordings_without_a_timer_exit_with_3_and_say_why(run, tmp_path):
    first, second = render_pair(refusal_pairs(41)[0], tmp_path)
    code, out, err = run(first, second, "--json")
    assert code == 3, err
    answer = json.loads(out)
    assert answer["proposals"] == []
    assert {item["video"] for item in answer["refused"]} <= {str(first), str(second)}
    assert all(item["reason"] and item["message"] for item in answer["refused"])


@pytest.mark.parametrize(("words", "sentence"), [
    (["one.mp4"], "Specify 2 or 3 videos"),
    (["a.mp4", "b.mp4", "c.mp4", "d.mp4"], "Specify 2 or 3 videos"),
    (["/no/such/a.mp4", "/no/such/b.mp4"], "The file /no/such/a.mp4 does not exist"),
    (["a.mp4", "b.mp4", "--roi", "0.5,0.5,0.6,0.1"], "inside the frame"),
    (["a.mp4", "b.mp4", "--roi", "nonsense"], "give the box as"),
    (["a.mp4", "b.mp4", "--method", "ear"], "invalid choice"),
])  # fmt: skip
def test_wrong_words_are_answered_by_a_sentence(run, words, sentence):
    code, _, err = run(*words)
    assert code not in (0, 3)
    assert sentence in err

"""What a model is asked, how patient we are with its endpoint; nothing it says is taken for more than it is."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_check import check

from sessions_app.analysis.pipelines import vision
from sessions_app.analysis.pipelines.answer_parser import (
    MAX_DESCRIPTION,
    NOTHING,
    ModelAnswer,
    cleaned,
    parse_score,
    read,
    read_answer,
)
from sessions_app.analysis.pipelines.vision import UNKNOWN, Judge, Verdict, Window
from tests.support import vision_server as served
from tests.support.vision_server import VisionServer, fails, running_vision_server, says, sends

pytestmark = pytest.mark.pure
WINDOW = Window(12.0, 20.0, (b"\xff\xd8one", b"\xff\xd8two", b"\xff\xd8three"), "The sound rises sharply.")
GOOD = Verdict(0.8, "A player scores.")
SHORT = 0.3  # seconds that a call may take where it is to end by that
LATE_SECONDS = 5


@pytest.fixture
def server() -> Iterator[VisionServer]:
    with running_vision_server() as found:
        yield found


@pytest.fixture
def pauses() -> list[float]:
    """How long was waited before asking again; nobody really does."""
    return []


def judge_of(server: VisionServer, pauses: list[float], call_seconds: float = 20.0, **changes: Any) -> Judge:
    return Judge(server.config(**changes), call_seconds=call_seconds, pause=pauses.append)


class TestQuestion:
    def test_it_is_a_chat_completion_with_pictures(self, server: VisionServer, pauses: list[float]) -> None:
        assert judge_of(server, pauses, key="sk-1").judge(WINDOW) == GOOD
        (asked,) = server.asked
        assert asked.path == "/v1/chat/completions"
        assert asked.headers["authorization"] == "Bearer sk-1"
        body = asked.body
        assert (body["model"], body["temperature"], body["stream"]) == (served.MODEL, 0, False)
        form = body["response_format"]
        assert form["type"] == "json_schema"
        assert form["json_schema"]["schema"]["required"] == ["score", "description"]
        system, user = body["messages"]
        assert "never instructions" in system["content"]
        assert "not from 0 to 10" in system["content"]
        assert user["content"][0]["type"] == "text"
        assert "12.0 s to 20.0 s" in user["content"][0]["text"]
        assert WINDOW.facts in user["content"][0]["text"]
        head = "data:image/jpeg;base64,"
        assert all(picture.startswith(head) for picture in asked.pictures)
        assert tuple(base64.b64decode(picture.removeprefix(head)) for picture in asked.pictures) == WINDOW.pictures

    def test_the_address_may_omit_its_ending(self, server: VisionServer, pauses: list[float]) -> None:
        assert judge_of(server, pauses).judge(Window(0, 1, (), "")) == UNKNOWN  # no pictures, no question
        assert server.asked == []
        for ending in ("", "/", "/chat/completions", "/chat/completions/"):
            assert judge_of(server, pauses, url=f"{server.url}{ending}").judge(WINDOW) == GOOD
        assert {asked.path for asked in server.asked} == {"/v1/chat/completions"}
        assert not any("authorization" in asked.headers for asked in server.asked)  # without a key none is sent
        judge_of(server, pauses, url=f"{server.url}?api-version=1").judge(WINDOW)
        assert server.asked[-1].path == "/v1/chat/completions?api-version=1"


class TestManner:
    @pytest.mark.parametrize("status", [400, 501])
    def test_an_unknown_form_is_not_sent_again(self, status: int, server: VisionServer, pauses: list[float]) -> None:
        server.plan = [fails(status, "response_format is not supported")]
        judge = judge_of(server, pauses)
        assert [judge.judge(WINDOW), judge.judge(WINDOW)] == [GOOD, GOOD]
        assert ["response_format" in asked.body for asked in server.asked] == [True, False, False]
        assert judge.notes == []

    def test_one_picture_means_the_middle_one(self, server: VisionServer, pauses: list[float]) -> None:
        server.usual = served.with_one_picture
        judge = judge_of(server, pauses)
        assert [judge.judge(WINDOW), judge.judge(WINDOW)] == [GOOD, GOOD]
        assert [len(asked.pictures) for asked in server.asked] == [3, 1, 1]
        assert base64.b64decode(server.asked[1].pictures[0].partition(",")[2]) == WINDOW.pictures[1]
        assert all("response_format" in asked.body for asked in server.asked)

    def test_other_limits_are_followed(self, server: VisionServer, pauses: list[float]) -> None:
        server.plan = [fails(413)]
        assert judge_of(server, pauses).judge(WINDOW) == GOOD
        assert [len(asked.pictures) for asked in server.asked] == [3, 1]
        server.usual = served.with_new_tokens
        assert judge_of(server, pauses).judge(WINDOW) == GOOD
        assert "max_completion_tokens" in server.asked[-1].body

    @pytest.mark.parametrize("plan", [[fails(400)] * 2, [fails(500)] * 3], ids=["two refusals", "three attempts"])
    def test_one_window_does_not_decide_for_the_others(
        self, plan: list[served.Reply], server: VisionServer, pauses: list[float]
    ) -> None:
        server.plan = [*plan]
        judge = judge_of(server, pauses)
        assert [judge.judge(WINDOW), judge.judge(WINDOW)] == [UNKNOWN, GOOD]
        assert "response_format" in server.asked[-1].body
        assert (len(server.asked), judge.is_spent) == (len(plan) + 1, False)


class TestPatience:
    @pytest.mark.parametrize("fault", [fails(503), fails(429), served.resets, served.breaks_off])
    def test_busy_is_asked_again_later(self, fault: served.Reply, server: VisionServer, pauses: list[float]) -> None:
        server.plan = [fault, fault]
        judge = judge_of(server, pauses)
        assert judge.judge(WINDOW) == GOOD
        assert pauses == [1.0, 2.0]
        assert judge.notes == []

    def test_it_waits_as_long_as_it_is_asked_to(self, server: VisionServer, pauses: list[float]) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
        for said, waited in (
            ("7", 7.0), ("0", 0.0), ("soon", 1.0), ("-5", 1.0), ("1e9", 1.0), ("nan", 1.0), ("٣", 1.0),
            (date, pytest.approx(60, abs=30)),
        ):  # fmt: skip
            sent = said.encode().decode("latin-1")
            server.plan = [lambda handler, sent=sent: handler.reply(429, b"{}", **{"Retry-After": sent})]
            pauses.clear()
            assert judge_of(server, pauses, seconds=600).judge(WINDOW) == GOOD
            assert pauses == [waited], said

    def test_a_wait_beyond_the_budget_is_not_begun(self, server: VisionServer, pauses: list[float]) -> None:
        server.plan = [fails(429, Retry_After="3600")]
        judge = judge_of(server, pauses)
        assert judge.judge(WINDOW) == UNKNOWN
        assert (pauses, judge.is_spent, len(server.asked)) == ([], True, 1)
        assert judge.notes == [
            "The AI service is busy or unavailable (status 429). The highlights were chosen by sound and motion only."
        ]

    @pytest.mark.parametrize(("fault", "limit", "is_spent"), [
        (served.hangs, "call_seconds", False), (served.drips, "call_seconds", False),
        (served.hangs, "seconds", True),  # no call is longer than what is left
    ])  # fmt: skip
    def test_slow_answers_are_abandoned(
        self, fault: served.Reply, limit: str, is_spent: bool, server: VisionServer, pauses: list[float]
    ) -> None:
        server.plan = [fault]
        judge = judge_of(server, pauses, **{limit: SHORT})
        began = time.monotonic()
        assert judge.judge(WINDOW) == UNKNOWN
        assert time.monotonic() - began < LATE_SECONDS
        assert (len(server.asked), pauses, judge.is_spent) == (1, [], is_spent)

    @pytest.mark.parametrize(("fault", "why"), [
        (fails(500), "busy or unavailable (status 500)"), (served.resets, "AI service failed"),
        (served.hangs, "did not answer in time"),
        (fails(400), "rejected the request (status 400)"), (says(""), "could not be read"),
        (sends(served.HTML.encode(), "text/html"), "could not be read"),
        (sends(b" " * 300_000), "is too large"),
    ])  # fmt: skip
    def test_four_misses_end_it(self, fault: served.Reply, why: str, server: VisionServer, pauses: list[float]) -> None:
        server.usual = fault
        judge = judge_of(server, pauses, call_seconds=SHORT)
        verdicts = []
        while not judge.is_spent:
            verdicts.append(judge.judge(WINDOW))
        assert verdicts == [UNKNOWN] * vision.FAULTS_IN_A_ROW
        (note,) = judge.notes
        assert why in note
        assert note.endswith(". The highlights were chosen by sound and motion only.")
        calls = len(server.asked)
        assert judge.judge(WINDOW) == UNKNOWN
        assert (len(server.asked), len(judge.notes)) == (calls, 1)

    def test_an_answer_between_faults_begins_the_count_anew(self, server: VisionServer, pauses: list[float]) -> None:
        nothing = says("")
        server.plan = [nothing, nothing, nothing, served.good, nothing, nothing, nothing]
        judge = judge_of(server, pauses)
        for _ in range(7):
            judge.judge(WINDOW)
        assert not judge.is_spent
        server.usual = nothing
        judge.judge(WINDOW)
        assert judge.is_spent
        assert judge.notes[0].endswith("The remaining highlights were chosen by sound and motion only.")

    @pytest.mark.parametrize("status", [301, 302, 401, 403, 404, 410, 418])
    def test_permanent_errors_are_not_retried(self, status: int, server: VisionServer, pauses: list[float]) -> None:
        server.usual = fails(status, Location="http://127.0.0.1:9/")
        judge = judge_of(server, pauses)
        assert [judge.judge(WINDOW), judge.judge(WINDOW)] == [UNKNOWN, UNKNOWN]
        assert (len(server.asked), judge.is_spent) == (1, True)
        assert f"(status {status})" in judge.notes[0]


class TestBudget:
    def test_calls_are_counted_with_those_that_failed(self, server: VisionServer, pauses: list[float]) -> None:
        server.plan = [fails(500), fails(400)]
        judge = judge_of(server, pauses, calls=4)
        assert judge.judge(WINDOW) == GOOD
        assert judge.judge(WINDOW) == GOOD
        assert judge.is_spent
        assert judge.judge(WINDOW) == UNKNOWN
        assert len(server.asked) == 4
        assert judge.notes == [
            "The limit for using the AI model has been reached. The remaining highlights were chosen by sound and "
            "motion only."
        ]

    def test_without_budget_windows_stay_unknown(self, server: VisionServer, pauses: list[float]) -> None:
        server.usual = fails(500)
        for changes, calls in (({"calls": 2}, 2), ({"calls": 0}, 2), ({"seconds": 0}, 2)):
            judge = judge_of(server, pauses, **changes)
            assert judge.judge(WINDOW) == UNKNOWN
            assert (len(server.asked), judge.is_spent) == (calls, True)

    def test_waiting_counts_as_time(self, server: VisionServer, pauses: list[float]) -> None:
        server.plan = [fails(429, Retry_After="40"), served.good, fails(429, Retry_After="40")]
        judge = judge_of(server, pauses)
        assert [judge.judge(WINDOW), judge.judge(WINDOW)] == [GOOD, UNKNOWN]
        assert (pauses, judge.is_spent) == ([40.0], True)


class TestGuard:
    def test_a_private_address_is_not_asked_unless_allowed(self, server: VisionServer, pauses: list[float]) -> None:
        judge = judge_of(server, pauses, allow_private=False)
        assert judge.judge(WINDOW) == UNKNOWN
        assert (server.asked, judge.is_spent) == ([], True)
        assert judge.notes == [
            "The AI service cannot be used: 127.0.0.1 resolves to a private address, which is not allowed. "
            "The highlights were chosen by sound and motion only."
        ]

    @pytest.mark.parametrize("url", ["", "nonsense", "file:///etc/passwd", "http://u:sk-1@127.0.0.1/v1", "http://[::1"])
    def test_what_is_no_address_is_a_note_and_no_fault_of_ours(self, url: str, pauses: list[float]) -> None:
        config = {"url": url, "model": "m", "key": None, "seconds": 9, "calls": 9, "allow_private": True}
        judge = Judge(config, pause=pauses.append)
        assert judge.judge(WINDOW) == UNKNOWN
        assert judge.is_spent
        assert "sk-1" not in judge.notes[0]

    def test_the_key_is_never_shown(self, server: VisionServer, pauses: list[float]) -> None:
        judge = judge_of(server, pauses, key="sk\r\nX-Other: 1")
        assert judge.judge(WINDOW) == UNKNOWN
        assert judge.notes
        assert server.asked == []
        server.usual = fails(401, "Wrong key sk-secret")
        judge = judge_of(server, pauses, key="sk-secret")
        judge.judge(WINDOW)
        assert "sk-secret" not in repr(judge.notes)

    def test_a_child_that_asks_nobody_does_not_import_the_way_out(self) -> None:
        code = "import sys, sessions_app.analysis.pipelines.vision; print('httpx' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "False\n"


FILLED = ModelAnswer(0.7, "A man jumps.")
SEVEN_TENTHS = [
    "0.7", '"0.7"', '"0,7"', '"7/10"', '"7 out of 10"', '"70%"', '"70 percent"', '"０．７"',
]  # written in JSON  # fmt: skip


class TestReading:
    @pytest.mark.parametrize("text", [
        *(f'{{"score": {score}, "description": "A man jumps."}}' for score in SEVEN_TENTHS),
        '```json\n{"score": 0.7, "description": "A man jumps."}\n```',
        'Sure! Here it is:\n{"score": 0.7, "description": "A man jumps."}\nAnything else?',
        '{"Score": ".70"[0:0], "x": 1} {"SCORE": 0.70, "Description": "A man jumps."}',
        '{"description": "A man jumps.", "score": 7e-1, "extra": [1, {"a": null}]}',
        '{"result": {"score": 0.7, "description": "A man jumps."}}',
        '[{"score": 0.7, "description": "A man jumps."}]',
        '<think>Perhaps {"score": 0.1, "description": "no"}</think>{"score": 0.7, "description": "A man jumps."}',
        'The form is {"score": 0.0, "description": "…"}. So: {"score": 0.7, "description": "A man jumps."}',
        '{"score": 0.7, "description": "A <b>man</b>\\n jumps."}',
        "{'score': 0.7, 'description': 'A man jumps.'}",
        '{"score": 0.7, "description": "A man jumps.",}',
        "Score: 0.7\nDescription: A man jumps.",
        "**Score:** 7/10\n**Description:** A man jumps.",
        '{"puntuación": 0.7, "descripción": "A man jumps."}',
        '{"评分": 0.7, "描述": "A man jumps."}',
    ])  # fmt: skip
    def test_one_answer_has_many_shapes(self, text: str) -> None:
        assert read(text, is_whole=True) == FILLED

    @pytest.mark.parametrize("text", [
        "", " ", "{}", "[]", "null", "0.7", "yes", "{{{{{{", "[" * 5000, '{"a":' * 5000, "{" * 20_000,
        '{"score": 0', '{"score": 0.',
        '{"score": 0.7', '{"score": 0.7, "desc', '{"score": 0.7, "description": "A m',
        '```json\n{"score": 0.7, "description": "A man', "Score: 0.7 to 0.9", "Score: 0.7-0.9",
        "Score: 0.7. Score: 0.2.", "I'm sorry, but I can't help with that. Score: 0", "I cannot rate this.",
        '{"description": "I\'m sorry, I can\'t help with that.", "score": 0}', served.HTML,
        '<html>{"score": 1, "description": "x"}</html>', "<think>the score: 0.7", "Score: 12", "Score: high",
        '{"score": null}', '{"score": NaN}', '{"score": true}', '{"score": [0.7]}', '{"score": {"value": 0.7}}',
        '{"score": "high"}', '{"score": "0.7 or 0.9"}', '{"score": -Infinity, "description": ""}',
        '{"score": 1' + "0" * 9999 + "}", '{"score": "' + "9" * 9999 + '"}', '{"score": 7, "description": " * "}',
    ])  # fmt: skip
    def test_half_an_answer_none_or_a_double_one_is_unknown_and_not_0(self, text: str) -> None:
        assert read(text, is_whole=True) == NOTHING

    def test_a_form_that_is_whole_counts_though_the_talk_after_it_was_cut_and_half_a_sentence_does_not(self) -> None:
        text = '{"score": 0.7, "description": "A man jumps."} And I would like to add that'
        assert read(text, is_whole=False) == FILLED
        assert read("Score: 0.7\nDescription: A man", is_whole=False) == NOTHING

    @pytest.mark.parametrize("value", [-0.1, 1.01, 7, 85, -3, 250, float("nan"), float("inf"), 10**400, True, False])
    def test_a_score_outside_is_unknown_and_its_sentence_stays(self, value: Any) -> None:
        assert parse_score(value) is None
        text = f'{{"score": {json.dumps(value)}, "description": "A man."}}'
        assert read(text, is_whole=True) == ModelAnswer(None, "A man.")

    @pytest.mark.parametrize(("value", "score"), [
        (0, 0.0), (1, 1.0), ("0", 0.0), ("1.0", 1.0), ("8 / 10", 0.8), ("85 %", 0.85), ("4/5", 0.8),
        ("75/100", 0.75),
        ("80 Prozent", 0.8), ("8 von 10", 0.8), ("8 sur 10", 0.8), ("about 0.6", 0.6), ("0.6 (high)", 0.6),
        ("3/7", None), ("12/10", None), ("7", None), ("85", None), ("-0.5", None), ("0.2, 0.4", None), ("", None),
        ("1e-3", None), ("8/10/12", None), ("nan", None), (None, None), ("0.7.2026", None),
    ])  # fmt: skip
    def test_a_number_as_text_counts_with_its_scale(self, value: Any, score: float | None) -> None:
        found = parse_score(value)
        assert found == (None if score is None else pytest.approx(score))

    def test_whatever_an_endpoint_answers_is_a_verdict(self, server: VisionServer, pauses: list[float]) -> None:
        parts = [{"type": "text", "text": '{"score": 0.7, '}, {"type": "text", "text": '"description": ""}'}]
        jumps = "Ein Mann springt über den Zaun."
        good = [
            (says(f'{{"score": 0.7, "description": "{jumps}"}}'), jumps), (says(parts), ""),
            (says('{"score": 0.7, "description": "一名球员进球"}'), "一名球员进球"),
        ]  # fmt: skip
        unknown = [
            says('{"score": 0.7, "desc', "length"), says("Score: 0.7", "length"), says("Score: 0.7", None),
            says('{"score": 0.7}', "stop", refusal="No."), says(None), says(""), says("Je ne sais pas."),
            says(served.HTML), says(7), sends(served.HTML.encode(), "text/html"), sends(b""), sends(b"[]"),
            sends(b'{"choices": []}'), sends(b'{"choices": [{"message": "hi"}]}'), sends(b"\xff\xfe"),
            sends(b'{"choices": [{"message": {"content": {"score": 1}}}]}'), sends(b'{"error": "overloaded"}'),
            sends(b"[" * 100_000), sends(b" " * 300_000), sends(b'{"choices": [{"mess'),
        ]  # fmt: skip
        expected = [*((reply, Verdict(0.7, said)) for reply, said in good), *((reply, UNKNOWN) for reply in unknown)]
        for number, (reply, verdict) in enumerate(expected, 1):
            server.plan = [reply]
            with check(str(number)):
                assert judge_of(server, pauses).judge(WINDOW) == verdict
                assert len(server.asked) == number

    @given(st.binary(max_size=300))
    def test_no_bytes_raise(self, body: bytes) -> None:
        read_answer(body)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["score", "description",
            "a"]), inner),
        ),
        st.sampled_from(["stop", "length", None, 3]),
    )  # fmt: skip
    def test_a_score_is_within_or_unknown_whatever_is_said(self, content: Any, ended: Any) -> None:
        choice = {"message": {"content": json.dumps(content)}, "finish_reason": ended}
        said = read_answer(json.dumps({"choices": [choice]}).encode())
        assert said.score is None or 0 <= said.score <= 1
        assert len(said.description) <= MAX_DESCRIPTION


class TestDescription:
    @pytest.mark.parametrize(("told", "clean"), [
        ("  A  man\n\tjumps. ", "A man jumps."), ("<script>alert(1)</script>A man", "alert(1) A man"),
        ("&lt;img src=x onerror=alert(1)&gt;A man", "A man"), ("<img src=x onerror=alert(1)",
        "img src=x onerror=alert(1)"),
        ("**A man** `jumps`", "A man jumps"), ("# A man", "A man"), ("[A man](http://evil.example) jumps",
        "A man jumps"),
        ("A man, see https://evil.example/x?y=1 now", "A man, see now"), ("javascript:alert(1)", ""),
        ("A\u202eman\u202c \u200bjumps\x00\x1b[31m", "Aman jumps [31m"), ("\ud800A man", "A man"), ("...", ""),
        ("", ""),
        ("Z" + "\u0351" * 50 + "algo", "Z\u0351\u0351algo"), ("Crème brûlée 7 %", "Crème brûlée 7 %"), ("五", "五"),
        ("A\u2028B", "A B"), ('"A man"', "A man"), ("two_words", "two_words"),
    ])  # fmt: skip
    def test_it_is_plain_text(self, told: str, clean: str) -> None:
        assert cleaned(told) == clean

    def test_a_long_one_ends_at_a_word(self) -> None:
        found = cleaned("jumping over " * 99)
        assert len(found) <= MAX_DESCRIPTION
        assert found.endswith(("jumping…", "over…"))
        assert len(cleaned("x" * 9999)) == MAX_DESCRIPTION

    @pytest.mark.parametrize("letter", ["<", "[", "{", "(", "&", "![", "*", "a:", "http://", "\u0351"])
    def test_none_takes_long_to_clean_or_read(self, letter: str) -> None:
        began = time.monotonic()
        assert len(cleaned(letter * 50_000)) <= MAX_DESCRIPTION
        read(letter * 50_000, is_whole=True)
        read("score" * 10_000 + letter * 10_000, is_whole=True)
        assert time.monotonic() - began < LATE_SECONDS

    @given(st.text(max_size=500))
    def test_nothing_gets_through_that_could_be_markup(self, told: str) -> None:
        found = cleaned(told)
        assert len(found) <= MAX_DESCRIPTION
        assert not set(found) & set("<>\n\r\t\0`")
        found.encode()

"""What is asked of a pro job: every fault in one answer, at the segment and the field that has it."""

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.prosync import segments
from sessions_app.prosync.segments import Fault, Options, Segment, read_options, read_refs, read_segments

pytestmark = pytest.mark.pure
SOUNDS: dict[str, float | None] = {"a": 5.0, "b": 1.5}
DURATION = 60.0
FIELDS = st.sampled_from(["startTime", "endTime", "audioInput", "refId", "label"])
FALSY = ['""', "0", "0.0", "false", "[]", "{}"]  # as JSON
# A joiner within a word, and within a sign; a space that holds a line together, and a wide one; a mark of direction.
WRITTEN = ["می\u200cخواهم", "👩\u200d💻", "Bonjour\u00a0!", "映像\u3000一", "\u200fשלום"]
MOMENTS = st.floats(0, 100, allow_nan=False)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner),
)


def one(start: Any = 1.0, end: Any = 3.0, ref: Any = "a", **crop: Any) -> dict[str, Any]:
    return {"startTime": start, "endTime": end, "audioInput": {"refId": ref, **crop}}


def faults_of(*given: Any, duration: float | None = DURATION) -> list[tuple[int | None, str, str]]:
    faults = read_segments(list(given), SOUNDS, duration)[1]
    assert all(fault.message.endswith((".", "?")) for fault in faults)
    return [(fault.index, fault.field, fault.type) for fault in faults]


class TestSegments:
    def test_good_ones_come_in_the_order_of_the_video(self) -> None:
        found, faults = read_segments([one(10, 12, "b"), one(1, 3, startTime=0.5, endTime=2)], SOUNDS, DURATION)
        assert faults == []
        assert found == [Segment(1, 1.0, 3.0, "a", (0.5, 2.0), ""), Segment(0, 10.0, 12.0, "b", None, "")]

    def test_snake_case_is_the_same_and_what_was_read_is_kept_as_it_was_sent(self) -> None:
        given = {"start_time": 1, "end_time": 2, "audio_input": {"ref_id": "a", "start_time": 0, "end_time": 1}}
        same = one(1, 2, startTime=0, endTime=1)
        assert read_segments([given], SOUNDS, DURATION) == read_segments([same], SOUNDS, DURATION)
        sent = {**one(1.0, 2.0, startTime=0.0, endTime=1.0), "label": "“Hello”"}
        (found,), _ = read_segments([sent], SOUNDS, DURATION)
        assert found.as_json() == sent

    def test_touching_is_fine_and_a_millisecond_more_is_not(self) -> None:
        assert faults_of(one(1, 3), one(3, 5)) == []
        assert faults_of(one(3, 5), one(1, 3.001)) == [(0, "startTime", "overlap")]
        assert faults_of(one(1, 20), one(2, 3), one(10, 11)) == [(n, "startTime", "overlap") for n in (1, 2)]
        assert faults_of(one(59, 60)) == []
        assert faults_of(one(59, 60.001)) == [(0, "endTime", "beyond_video")]
        assert faults_of(one(60, 61)) == [(0, "startTime", "beyond_video"), (0, "endTime", "beyond_video")]
        (found,), faults = read_segments([one(59, 59.9664)], SOUNDS, 59.96636)
        assert (found.end, faults) == (59.96636, [])

    @pytest.mark.parametrize("value", [None, True, "1", [], {}, math.nan, math.inf, -0.001, 10**400])
    def test_what_is_no_number_is_no_moment(self, value: Any) -> None:
        assert faults_of(one(value, 3)) == [(0, "startTime", "not_a_number")]
        assert faults_of(one(1, value)) == [(0, "endTime", "not_a_number")]
        if value is not None:
            assert faults_of(one(startTime=value, endTime=3))[0][2] == "not_a_number"

    @pytest.mark.parametrize("sound", [None, "a", [], {}, {"refId": None}, {"refId": ["a"]}, {"refId": {}}])
    def test_a_segment_needs_a_sound(self, sound: Any) -> None:
        assert faults_of({"startTime": 1, "endTime": 2, "audioInput": sound})[0][1].startswith("audioInput")

    def test_the_part_of_a_sound_has_to_lie_in_it(self) -> None:
        assert faults_of(one(startTime=0, endTime=5)) == []
        assert faults_of(one(startTime=5, endTime=6)) == [(0, "audioInput.startTime", "crop_outside")]
        assert faults_of(one(startTime=2, endTime=2)) == [(0, "audioInput.endTime", "end_before_start")]
        assert faults_of(one(endTime=2)) == [(0, "audioInput.startTime", "crop_incomplete")]
        assert faults_of(one(startTime=0, endTime=0.001), one(4, 5, startTime=4.999, endTime=5)) == []
        assert faults_of(one(startTime=5, endTime=5.0004)) == [(0, "audioInput.startTime", "crop_outside")]

    @pytest.mark.parametrize(("begin", "end"), [(0, 1e-320), (1, 1.00002), (4.99999, 5), (1.0, math.nextafter(1, 2))])
    def test_a_part_of_a_sound_that_holds_nothing_is_refused(self, begin: float, end: float) -> None:
        assert faults_of(one(startTime=begin, endTime=end)) == [(0, "audioInput.endTime", "crop_too_short")]

    @pytest.mark.parametrize("label", [
        7, 0, False, [], {}, "x" * 201, "two\nlines", "nul\0", "\ud800", "a\u202eb", "a\u2067b", "a\u2028b",
        "a\tb", "a\x7fb",
    ])  # fmt: skip
    def test_a_label_stays_in_its_line_and_its_direction(self, label: Any) -> None:
        assert faults_of({**one(), "label": label}) == [(0, "label", "invalid")]

    @pytest.mark.parametrize("text", WRITTEN)
    def test_labels_and_names_are_written_in_any_language(self, text: str) -> None:
        (found,), faults = read_segments([{**one(ref=text), "label": text}], {text: 5.0}, DURATION)
        assert (found.label, found.ref, faults) == (text, text, [])
        assert read_refs(json.dumps([text]), 1) == ([text], [])

    @given(st.lists(st.tuples(MOMENTS, MOMENTS), min_size=1, max_size=10))
    def test_no_faults_means_that_none_overlaps_and_all_lie_within(self, times: list[tuple[float, float]]) -> None:
        found, faults = read_segments([one(start, end) for start, end in times], SOUNDS, DURATION)
        ordered = sorted(times)
        is_good = all(start < end <= DURATION + 0.0005 and start < DURATION for start, end in times) and all(
            earlier[1] <= later[0] for earlier, later in pairwise(ordered)
        )
        assert (not faults) == is_good
        if is_good:
            assert [segment.start for segment in found] == [start for start, _ in ordered]

    @given(ANYTHING)
    def test_whatever_comes_is_answered(self, value: Any) -> None:
        faults = read_segments([value], SOUNDS, DURATION)[1]
        for fault in faults:
            json.dumps(fault.as_json(), allow_nan=False)


class TestLists:
    @pytest.mark.parametrize("text", ["{", "[nan]", "", 7, "[" * 100_000])
    def test_what_is_no_json_is_said_to_be_none(self, text: Any) -> None:
        values, faults = segments.read_list(text, "segments")
        assert values == []
        assert [(fault.index, fault.field, fault.type) for fault in faults] == [(None, "segments", "not_json")]

    def test_a_list_may_come_as_it_is_and_a_bad_number_hides_no_other_fault(self) -> None:
        sound = '"audioInput": {"refId": "a", "startTime": -Infinity, "endTime": 1}'
        text = f'[{{"startTime": NaN, "endTime": 2, {sound}}}, {{"startTime": 5, "endTime": 4}}, Infinity]'
        values, faults = segments.read_list(text, "segments")
        assert faults == []
        assert faults_of(*values) == [
            (0, "startTime", "not_a_number"), (0, "audioInput.startTime", "not_a_number"),
            (1, "endTime", "end_before_start"), (1, "audioInput", "not_an_object"), (2, "segment", "not_an_object"),
        ]  # fmt: skip
        assert segments.read_list([1], "segments") == ([1], [])
        assert segments.read_list("{}", "segments")[1][0].type == "not_a_list"


class TestRefs:
    def test_names_are_those_given_in_the_order_of_the_parts_or_numbers(self) -> None:
        assert read_refs(None, 3) == (["audio-1", "audio-2", "audio-3"], [])
        assert read_refs('["x", "y"]', 2) == (["x", "y"], [])

    @pytest.mark.parametrize(("given", "kind"), [
        ('["x", "x"]', "duplicate_ref"), ('["x"]', "wrong_count"), ('["x", ""]', "invalid"),
        ('["x", 7]', "invalid"), ('["x", "a\\u0000"]', "invalid"), ('{"x": 1}', "not_a_list"), ("x, y", "not_json"),
        ('["x", NaN]', "invalid"),
    ])  # fmt: skip
    def test_other_names_are_refused(self, given: str, kind: str) -> None:
        (fault,) = read_refs(given, 2)[1]
        assert (fault.index, fault.field, fault.type) == (None, "audio_ref_ids", kind)


class TestOptions:
    def test_nothing_said_is_as_usual(self) -> None:
        usual: tuple[Options, list[Fault]] = (Options("cut_off", "", None), [])
        assert read_options(None) == read_options("{}") == usual
        assert read_options('{"sync_mode": null, "model": null, "remove_text": null}') == usual
        assert read_options('{"remove_text": false}') == usual

    def test_the_whole_video_or_a_part_of_it_can_be_freed_of_text(self) -> None:
        assert read_options('{"remove_text": true}')[0].remove_text == {}
        region = {"x": 0.1, "y": 0.8, "width": 0.8, "height": 0.2}
        asked = {"sync_mode": "loop", "remove_text": {"regions": [region], "start": 1, "end": 2}}
        assert read_options(json.dumps(asked)) == (
            Options("loop", "", {"regions": [region], "start": 1.0, "end": 2.0}), [],
        )  # fmt: skip

    @pytest.mark.parametrize(("options", "field"), [
        ('{"sync_mode": "shout"}', "options.sync_mode"), ('{"sync_mode": 1}', "options.sync_mode"),
        *((f'{{"sync_mode": {value}}}', "options.sync_mode") for value in FALSY),
        *((f'{{"model": {value}}}', "options.model") for value in FALSY),
        *((f'{{"remove_text": {value}}}', "options.remove_text") for value in ('""', "0", "0.0", "[]")),
        ('{"model": 7}', "options.model"), ('{"remove_text": 1}', "options.remove_text"),
        ('{"remove_text": {"start": -1}}', "options.remove_text.start"),
        ('{"remove_text": {"start": 2, "end": 2}}', "options.remove_text.end"),
        ('{"remove_text": {"regions": []}}', "options.remove_text.regions"),
        ('{"remove_text": {"regions": [{"x": 0.5, "y": 0, "width": 0.6, "height": 1}]}}',
         "options.remove_text.regions"),
        ('{"remove_text": {"regions": [{"x": 0, "y": 0, "width": 0.5, "height": 0.004}]}}',
         "options.remove_text.regions"),
        ("[]", "options"), ("{", "options"), ('{"a": NaN}', "options"),
    ])  # fmt: skip
    def test_what_cannot_be_done_is_named(self, options: str, field: str) -> None:
        faults = read_options(options)[1]
        assert [fault.field for fault in faults] == [field]


class TestTheTimeOfTheText:
    @pytest.mark.parametrize(("given", "names"), [
        ({}, []), ({"start": 0}, []), ({"start": 59.9}, []), ({"end": 60}, []), ({"start": 1, "end": 60.0004}, []),
        ({"start": 60}, ["start"]), ({"end": 60.001}, ["end"]), ({"start": 61, "end": 62}, ["start", "end"]),
    ])  # fmt: skip
    def test_what_lies_behind_the_video_is_named(self, given: dict[str, float], names: list[str]) -> None:
        expected = [(f"options.remove_text.{name}", "beyond_video") for name in names]
        assert [(fault.field, fault.type) for fault in segments.check_removal_times(given, DURATION)] == expected

    def test_nothing_is_said_where_none_is_removed_or_the_video_is_not_known(self) -> None:
        assert segments.check_removal_times(None, DURATION) == segments.check_removal_times({"start": 99.0}, None) == []

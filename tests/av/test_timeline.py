"""Packets of recordings whose clocks break, on one presentation clock: nothing is lost, and picture and sound agree."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_app.av.timeline import Break, PacketPlacer

pytestmark = [pytest.mark.pure]
MILLI = Fraction(1, 1000)
SOUND = 20  # milliseconds of a packet
PICTURE = 40


@dataclass
class Track:
    index: int
    type: str
    average_rate: Fraction | None = None


VIDEO, AUDIO = Track(0, "video", Fraction(25)), Track(1, "audio")


@dataclass
class Packet:
    """content: the millisecond of the event that it shows; -1 in none."""

    stream: Track
    pts: int
    content: int
    is_keyframe: bool = True
    duration: int = 0
    size: int = 100
    is_corrupt: bool = False
    time_base: Fraction = MILLI

    @property
    def dts(self) -> int:
        return self.pts


def part(content: int, length: int, begin: int, *, gop: int = 10, late: int = 0) -> list[Packet]:
    """A recording of ``length`` milliseconds from ``content`` on, its clock beginning at ``begin``; the sound lies
    ``late`` milliseconds further back in the file than the picture beside it."""
    pictures = [
        Packet(VIDEO, begin + at, content + at, not number % gop, PICTURE)
        for number, at in enumerate(range(0, length, PICTURE))
    ]
    sounds = [Packet(AUDIO, begin + at, content + at, duration=SOUND) for at in range(0, length, SOUND)]
    return sorted(pictures + sounds, key=lambda one: (one.content + late * (one.stream is AUDIO), one.stream.index))


def placed(packets: list[Packet], **options: Any) -> tuple[dict[int, list[tuple[int, int]]], list[Break]]:
    """Of each track (millisecond it is shown, content), and the breaks."""
    streams: Any = [VIDEO, AUDIO] if any(one.stream is AUDIO for one in packets) else [VIDEO]
    unroller = PacketPlacer(streams, **({"origin": packets[0].pts / 1000, "is_stream": True} | options))
    found: dict[int, list[tuple[int, int]]] = {0: [], 1: []}
    for one in unroller.place(packets):  # type: ignore[arg-type]
        packet: Any = one.packet
        found[packet.stream.index].append((round(one.time * 1000), packet.content))
    return found, unroller.breaks


def test_a_clock_without_breaks_is_kept() -> None:
    packets = part(0, 30_000, 1_400, late=300)
    found, breaks = placed(packets)
    assert breaks == []
    assert all(time == content for track in found.values() for time, content in track)
    assert len(found[0]) + len(found[1]) == len(packets)


@pytest.mark.parametrize(
    ("second", "jump"),
    [(1_400, None), (3_620_000, 3599.8), (20_160, None), (20_200, None), (0, None)],
    ids=["begins again", "an hour on", "by less than pictures are reordered", "a frame back", "at zero"],
)
@pytest.mark.parametrize("late", [0, 240, 600])
def test_what_follows_a_break_is_joined(second: int, jump: float | None, late: int) -> None:
    first = part(0, 18_840, 1_400, late=late)  # its clock ends at 20.24 s
    found, breaks = placed(first + part(18_840, 10_000, second, late=late))
    assert [(one.at, one.track) for one in breaks] == [(pytest.approx(18.84), "")]
    assert breaks[0].jump == (None if jump is None else pytest.approx(3599.76, abs=0.1))
    assert all(time == content for time, content in found[0])
    assert all(time == content for time, content in found[1])
    assert [content for _, content in found[0]] == list(range(0, 28_840, PICTURE))


@given(
    parts=st.lists(st.tuples(st.integers(30, 100), st.integers(0, 90_000_000)), min_size=2, max_size=11),
    late=st.integers(0, 700),
)
def test_ten_breaks_move_picture_and_sound_alike(parts: list[tuple[int, int]], late: int) -> None:
    packets: list[Packet] = []
    content, ends, previous = 0, [], None
    for length, wanted in parts:
        # A clock that happens to go on is no break, and one that jumps a little is a gap.
        goes_on = previous is not None and -2 * PICTURE < wanted - previous < 11_000
        begin = max(0, previous - 5_000) if previous is not None and goes_on else wanted
        packets += part(content, length * PICTURE, begin, late=late)
        content += length * PICTURE
        previous = begin + length * PICTURE
        ends.append(content / 1000)
    found, breaks = placed(packets)
    assert [one.at for one in breaks] == pytest.approx(ends[:-1])
    assert all(time == content for track in found.values() for time, content in track)
    assert len(found[0]) == content // PICTURE


def test_sound_that_breaks_before_its_picture_stays_beside_it() -> None:
    whole = part(0, 30_000, 0)
    for one in whole:
        begins_again = 10_000 if one.stream is AUDIO else 12_000
        if one.content >= begins_again:
            one.pts -= 10_000
    found, breaks = placed(whole)
    assert len(breaks) == 1
    assert all(time == content for track in found.values() for time, content in track)


def test_a_picture_that_stands_still_while_sound_goes_on_is_no_break() -> None:
    packets = [one for one in part(0, 60_000, 0) if one.stream is AUDIO or not 5_000 < one.content < 40_000]
    found, breaks = placed(packets, is_stream=False)
    assert breaks == []
    assert all(time == content for track in found.values() for time, content in track)


@pytest.mark.parametrize(("is_stream", "count"), [(False, 0), (True, 1)])
def test_a_silent_recording_of_a_still_screen_is_believed_where_there_is_an_index(is_stream: bool, count: int) -> None:
    packets = [
        Packet(VIDEO, at, at, duration=PICTURE) for at in (*range(0, 4_000, PICTURE), *range(64_000, 68_000, 40))
    ]
    assert len(placed(packets, is_stream=is_stream)[1]) == count


def test_what_cannot_be_decoded_behind_a_break_is_left_out() -> None:
    second = part(10_000, 10_000, 0)
    for one in second[: len(second) // 10]:
        one.is_keyframe = one.stream is AUDIO
    found, breaks = placed(part(0, 10_000, 0) + second)
    missing = {content for _, content in found[0]} ^ set(range(0, 20_000, PICTURE))
    assert missing == set(range(10_000, min(content for _, content in found[0] if content >= 10_000), PICTURE))
    assert all(time == content for time, content in found[1])
    assert len(breaks) == 1


def test_sound_that_is_written_twice_is_heard_once() -> None:
    first, second = part(0, 10_000, 0), part(10_000, 10_000, 10_000)
    again = [Packet(AUDIO, at, at, duration=SOUND) for at in range(9_800, 10_000, SOUND)]
    found, breaks = placed(first + again + second)
    assert breaks == []
    assert [content for _, content in found[1]] == list(range(0, 20_000, SOUND))


def test_a_packet_in_which_the_file_ends_is_left_out() -> None:
    packets = part(0, 2_000, 0)
    last = [one for one in packets if one.stream is VIDEO][-1]
    last.is_corrupt = True
    found, _ = placed(packets)
    assert last.content not in {content for _, content in found[0]}


def test_material_that_is_written_twice_is_shown_twice_with_its_sound() -> None:
    """The sound steps back a little some seconds before the break, which alone is none."""
    parts = [part(0, 10_000, 0), part(10_000, 5_000, 10_000), part(15_000, 5_000, 10_000), part(20_000, 5_000, 15_000)]
    for one in parts[1]:
        one.pts -= 26 * (one.stream is AUDIO)
    found, breaks = placed([one for packets in parts for one in packets])
    assert [one.at for one in breaks] == pytest.approx([15.0], abs=0.03)
    assert all(time == content for time, content in found[0])
    assert all(abs(time - content) <= 30 for time, content in found[1])
    assert len(found[1]) >= 25_000 // SOUND - 3

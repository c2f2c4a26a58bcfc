"""Sound of all clips, encoded in one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from av.container import OutputContainer

from media_app.av.audio_splice import SoundTrack, Span
from media_app.av.merge.copying import Timed
from media_app.av.merge.layout import Layout
from media_app.av.merge.plan import Clip
from media_app.av.source import Source


def encoded_sound(
    clips: Sequence[Clip], sources: Sequence[Source], layout: Layout, channels: int, *, level: bool
) -> Callable[[OutputContainer], Timed]:
    spans = []
    for clip, source in zip(clips, sources, strict=True):
        length, gain = layout.seconds(clip.number), 1.0
        if level and source.sound is not None:
            from media_app.av.merge.loudness import gain_of

            gain = gain_of(source, clip.survey.start, length, channels)
        spans.append(Span(source if source.sound is not None else None, clip.survey.start, length, gain))

    def add(out: OutputContainer) -> Timed:
        return SoundTrack(out, channels).packets(spans)

    return add

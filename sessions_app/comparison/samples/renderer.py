"""The child process that renders the recordings of a sample comparison.

``python -m sessions_app.comparison.samples.renderer`` reads ``{"folder": path}`` from standard input. It writes JSON
lines: ``{"progress": 0 to 100, "message"}``, then ``{"result": {"recordings": [{"file", "name", "offset"}, …]}}`` with
offsets in seconds relative to the first, or ``{"error": {"type", "message"}}``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sessions_app.comparison.samples.rendering.clips import Clip, sample_specs
from sessions_app.comparison.samples.rendering.encode import render
from sessions_app.comparison.samples.rendering.specification import offset
from vodplatform.core.processes.child import Reports, serve_request


def serve(request: Any, reports: Reports) -> dict[str, Any]:
    folder, clips = Path(request["folder"]), sample_specs()
    seconds = [clip.spec.duration * float(clip.spec.fps) for clip in clips]
    made = []
    for number, clip in enumerate(clips):
        begun, share = sum(seconds[:number]) / sum(seconds), seconds[number] / sum(seconds)

        def tell(done: int, total: int, begun: float = begun, share: float = share) -> None:
            reports.progress(100 * (begun + share * done / total), "Rendering the sample match")

        made.append(_rendered(clip, clips[0], folder / f"recording-{number}.mp4", tell))
    return {"recordings": made}


def _rendered(clip: Clip, reference: Clip, path: Path, tell: Any) -> dict[str, Any]:
    render(clip.spec, clip.match, path, tell)
    return {"file": path.name, "name": clip.spec.name, "offset": offset(clip.spec, reference.spec)}


if __name__ == "__main__":
    serve_request(serve, lambda _: None)

"""Baseline of measurement P1: seek to one exact frame per second, and read its timer. Prints JSON.

    python -m bench.seek_baseline VIDEO X Y WIDTH HEIGHT --reader ours|rapidocr --samples 60 --seed 1

X, Y, WIDTH and HEIGHT are the timer's box in fractions of the frame. Uses one thread.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from typing import Any

import av
import cv2
import numpy as np

from media_app.av.frames import Box, VideoFile
from sessions_app.comparison.alignment.child.readers import load_reader


def rapidocr_with_detection() -> Any:
    from rapidocr import RapidOCR

    threads = {f"EngineConfig.onnxruntime.{name}_op_num_threads": 1 for name in ("intra", "inter")}
    engine = RapidOCR(params={**threads, "Global.log_level": "error"})

    def read(crops: list[np.ndarray]) -> list[str]:
        return [" ".join(engine(crop).txts or ()) for crop in crops]

    return read


def exact_frame(container: Any, stream: Any, seconds: float) -> Any:
    container.seek(round(seconds / stream.time_base), stream=stream, backward=True)
    last = None
    for frame in container.decode(stream):
        if frame.pts * stream.time_base > seconds and last is not None:
            return last
        last = frame
    return last


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("video")
    parser.add_argument("box", nargs=4, type=float)
    parser.add_argument("--reader", choices=("ours", "rapidocr"), default="ours")
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    box = Box(*options.box)
    if options.reader == "ours":
        reader = load_reader("rapidocr")

        def read(crops: list[np.ndarray]) -> list[str]:
            return [reading.text for reading in reader.read(crops)]
    else:
        read = rapidocr_with_detection()
        # RapidOCR's text detection needs space around the text.
        box = box.grown(0.6, 1.2)
    with VideoFile(options.video) as video:
        duration = video.duration
    times = random.Random(options.seed).sample(range(int(duration)), options.samples)
    texts = []
    with av.open(options.video) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        # Run the model once before measuring, because its first use costs more.
        read([np.zeros((48, 160, 3), np.uint8)])
        started = time.process_time()
        for second in times:
            image = exact_frame(container, stream, float(second)).to_ndarray(format="bgr24")
            height, width = image.shape[:2]
            x0, y0 = int(box.x * width), int(box.y * height)
            x1, y1 = round((box.x + box.width) * width), round((box.y + box.height) * height)
            texts += read([np.ascontiguousarray(image[y0:y1, x0:x1])])
        cpu = time.process_time() - started
    print(json.dumps({"cpu_per_sample": cpu / len(times), "duration": duration, "read": sum(map(bool, texts))}))


if __name__ == "__main__":
    main()

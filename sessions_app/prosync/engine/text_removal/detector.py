from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from media_app.av.frames import Image
from sessions_app.prosync.engine.text_removal.region import Region

MODEL = "PP-OCRv6_det_small.onnx"
STRIDE = 32  # Width and height of the network's input are multiples of this, in pixels.
MAX_PIXELS = 960 * 544  # maximum number of pixels in the network's input, to limit memory
TEXT_LEVEL, BOX_LEVEL = 0.3, 0.6  # minimum network score of a text pixel, and minimum mean score of a line (0 to 1)
UNCLIP = 1.6  # factor that enlarges detected boxes; the network is trained on shrunken ones (arXiv:1911.08947)
MIN_SIDE = 3


class DetectorMissing(Exception):
    """Error: the text detector is not installed."""


class TextDetector:
    def __init__(self, threads: int = 1) -> None:
        # Do not import rapidocr, which takes 0.5 s.
        package = find_spec("rapidocr")
        path = Path(package.origin).parent / "models" / MODEL if package and package.origin else None
        if path is None or not path.is_file():
            raise DetectorMissing(
                f"Text cannot be found: the model {MODEL} of rapidocr 3.10 is not installed on this server."
            )
        runtime: Any = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def find(self, image: Image) -> list[Region]:
        height, width = image.shape[:2]
        scale = min(1.0, (MAX_PIXELS / (width * height)) ** 0.5)
        size = tuple(max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in (width, height))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        given = np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32) / np.float32(127.5) - np.float32(1)
        chances = self._session.run(None, {"x": given})[0][0, 0]
        mask = cv2.dilate((chances > TEXT_LEVEL).astype(np.uint8), np.ones((2, 2), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
        found = []
        for number in range(1, count):
            x, y, wide, high, area = (int(value) for value in stats[number])
            inside = labels[y : y + high, x : x + wide] == number
            if min(wide, high) < MIN_SIDE or chances[y : y + high, x : x + wide][inside].mean() < BOX_LEVEL:
                continue
            by = round(UNCLIP * area / (2 * (wide + high)))
            region = Region(x, y, x + wide, y + high).grown(by)
            found.append(region.scaled(width / size[0], height / size[1]).inside(width, height))
        return found

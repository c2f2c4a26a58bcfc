"""Loader of MediaPipe from a separate folder, because its dependencies conflict with this project's."""

from __future__ import annotations

import importlib
import os
import sys
import types
from pathlib import Path
from typing import Any

FOLDER = Path(sys.prefix) / "pose"


def solution(name: str) -> Any:
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    os.environ.setdefault("GLOG_minloglevel", "2")
    # MediaPipe uses matplotlib only for drawing, so import an empty module instead.
    for module in ("matplotlib", "matplotlib.pyplot"):
        sys.modules.setdefault(module, types.ModuleType(module))
    sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]  # type: ignore[attr-defined]
    return importlib.import_module(f"mediapipe.python.solutions.{name}")

"""Loads MediaPipe, whose dependencies contradict ours: it lies in a folder of its own, see ``make install``."""

from __future__ import annotations

import importlib
import os
import sys
import types
from pathlib import Path
from typing import Any

FOLDER = Path(sys.prefix) / "pose"


def solution(name: str) -> Any:
    """One of MediaPipe's solutions, such as ``face_mesh``. Raises ImportError where it is not installed."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    os.environ.setdefault("GLOG_minloglevel", "2")
    # It draws with this, and nothing is drawn here.
    for module in ("matplotlib", "matplotlib.pyplot"):
        sys.modules.setdefault(module, types.ModuleType(module))
    sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]  # type: ignore[attr-defined]
    return importlib.import_module(f"mediapipe.python.solutions.{name}")

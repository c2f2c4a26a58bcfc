"""Loader of MediaPipe from its own folder, with conflicting dependencies."""

from __future__ import annotations

import importlib
import os
import sys
import types
from pathlib import Path
from typing import Any

FOLDER = Path(sys.prefix) / "pose"


def solution(name: str) -> Any:
    """Import a MediaPipe solution such as ``face_mesh``. Raises ImportError if it is not installed."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    os.environ.setdefault("GLOG_minloglevel", "2")
    # MediaPipe imports matplotlib only for drawing.
    for module in ("matplotlib", "matplotlib.pyplot"):
        sys.modules.setdefault(module, types.ModuleType(module))
    sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]  # type: ignore[attr-defined]
    return importlib.import_module(f"mediapipe.python.solutions.{name}")

"""What the program's own processes load."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.pure


def test_neither_web_process_nor_worker_loads_what_decodes() -> None:
    """Decoders belong to children: each process of the program would carry them, some 60 MB."""
    asked = (
        "import django, sys; django.setup(); from jobs_app.kinds import registry; registry();"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "print(sorted({'av', 'cv2', 'numpy', 'ffmpeg', 'PIL', 'opentimelineio'} & set(sys.modules)))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "vodplatform.settings.embedded"}
    assert subprocess.check_output([sys.executable, "-c", asked], text=True, env=environment) == "[]\n"

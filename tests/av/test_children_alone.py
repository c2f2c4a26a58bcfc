"""Pictures and sounds are for the children: the program itself does not even load what reads them."""

import subprocess
import sys

import pytest

from tests.support.program import PROJECT_ROOT, clean_environment

pytestmark = pytest.mark.pure
READERS = ("av", "cv2", "mediapipe", "numpy", "onnxruntime", "scipy", "torch")


@pytest.mark.parametrize("part", ["vodplatform.asgi, vodplatform.urls", "jobs_app.worker"])
def test_neither_the_web_nor_a_worker_loads_what_reads_media(part: str) -> None:
    code = f"import sys, django; django.setup(); import {part}; print([n for n in {READERS!r} if n in sys.modules])"
    environment = clean_environment({"DJANGO_SETTINGS_MODULE": "vodplatform.settings.embedded"})
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert answer.stdout == "[]\n", answer.stderr

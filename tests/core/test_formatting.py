"""Formats of numbers that the server and the pages share; tests/node/format.test.mjs reads the same table."""

import json
from typing import Any

import pytest

from tests.support.node import FOLDER
from vodplatform.core import formatting

pytestmark = pytest.mark.pure
FORMATS: dict[str, list[list[Any]]] = json.loads((FOLDER / "formats.json").read_text())


@pytest.mark.parametrize("name", FORMATS)
def test_the_server_writes_what_the_pages_write(name: str) -> None:
    write = getattr(formatting, name)
    assert [write(*row[:-1]) for row in FORMATS[name]] == [row[-1] for row in FORMATS[name]]

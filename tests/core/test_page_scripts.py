"""Scripts of pages: bundles while they belong to the modules, else the modules themselves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vodplatform.core.templatetags.page_scripts import base_styles, page_script
from vodplatform.core.web import page_scripts

SCRIPTS = {
    "base/shell.js": 'import "./api.js";\n',
    "base/api.js": "export const get = 1;\n",
    "jobs/page.js": 'import { a } from "../base/api.js";\nimport {\n  row,\n} from "./row.js";\nimport("./late.js");\n',
    "jobs/row.js": 'export { all } from "../../vendor/tus/tus.js";\n',
    "jobs/late.js": "",
    "../vendor/tus/tus.js": "",
}
MODULES = ["/static/js/base/api.js", "/static/js/jobs/row.js", "/static/vendor/tus/tus.js"]


@pytest.fixture
def static(tmp_path: Path, settings: Any) -> Iterator[Path]:
    settings.BASE_DIR = tmp_path
    for name, text in SCRIPTS.items():
        path = tmp_path / "static" / "js" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    cached = (page_scripts.assets_of, page_scripts.base_styles, page_scripts._bundles)
    for function in cached:
        function.cache_clear()
    yield tmp_path / "static"
    for function in cached:
        function.cache_clear()


def test_modules_are_loaded_without_bundles(static: Path) -> None:
    scripts = ["/static/js/base/shell.js", "/static/js/jobs/page.js"]
    assert page_scripts.assets_of("js/jobs/page.js") == (scripts, MODULES)
    assert page_script("js/jobs/page.js").count("modulepreload") == len(MODULES)


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_bundle_is_loaded_until_a_script_changes(static: Path, is_changed: bool) -> None:
    manifest = {"sources": page_scripts.digest_of(static), "pages": {"js/jobs/page.js": ["page-A.js", "chunk-B.js"]}}
    (static / "bundles").mkdir()
    (static / "bundles" / "manifest.json").write_text(json.dumps(manifest))
    if is_changed:
        (static / "js/jobs/late.js").write_text("1;")
    bundle = (["/static/bundles/page-A.js"], ["/static/bundles/chunk-B.js"])
    assert (page_scripts.assets_of("js/jobs/page.js") == bundle) is not is_changed


@pytest.mark.parametrize("is_changed", [False, True])
def test_shared_styles_are_one_file_until_a_style_changes(static: Path, is_changed: bool) -> None:
    for name in page_scripts.STYLES:
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name).write_text("a { color: red }")
    manifest = {"sources": page_scripts.digest_of(static), "pages": {}, "styles": "base-A.css"}
    (static / "bundles").mkdir()
    (static / "bundles" / "manifest.json").write_text(json.dumps(manifest))
    if is_changed:
        (static / "css/base/parts.css").write_text("a { color: blue }")
    links = [f'<link rel="stylesheet" href="/static/{name}">' for name in page_scripts.STYLES]
    bundled = '<link rel="stylesheet" href="/static/bundles/base-A.css">'
    assert base_styles() == ("\n".join(links) if is_changed else bundled)

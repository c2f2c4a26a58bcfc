"""The documents say what the code does."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

from django.core.management import get_commands, load_command_class

import vodplatform.site.metrics  # noqa: F401 - defines its metrics
from sessions_app.prosync.providers.syncso_engine import SENTENCES
from tests.support.sources import SOURCES
from vodplatform.core.errors import ERROR_TYPES
from vodplatform.core.metrics import DEFINITIONS
from vodplatform.settings.variables import PROJECT_ROOT, VARIABLES

README = Path(PROJECT_ROOT, "README.md").read_text()


def test_every_listed_setting_is_read_somewhere():
    text = "".join(path.read_text() for path in SOURCES)
    for variable in VARIABLES:
        assert text.count(f'"{variable.name}"') >= 2, f"{variable.name} is listed and never read"


def test_settings_are_read_in_one_place_only():
    allowed = {"__main__.py", "environment.py", "process.py", "sandbox.py"}
    for path in SOURCES:
        if path.name in allowed or "management" in path.parts:
            continue
        reads = re.findall(
            r"os\.(?:environ\[|environ\.get\(|getenv\()\s*\"(VOD_\w+|REDIS_URL|DATABASE_URL)", path.read_text()
        )
        assert set(reads) <= {"VOD_CHILD_THREADS"}, f"{path} reads {reads} from the environment"


def test_every_command_that_is_listed_exists_with_its_options():
    commands = get_commands()
    table = Path(PROJECT_ROOT, "docs/reference/commands.md").read_text().partition("## What can be done")[0]
    cells = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    for name, usage in re.findall(r"`([a-z_]+)((?: [^`]*)?)`", cells):
        assert name in commands, f"docs/reference/commands.md names {name}"
        parser = load_command_class(commands[name], name).create_parser("manage.py", name)
        options = {option for action in parser._actions for option in action.option_strings}
        for option in re.findall(r"--[a-z-]+", usage):
            assert option in options, f"{name} has no {option}"


def test_the_readme_is_short():
    assert len(README.split()) <= 900


def test_every_error_of_a_job_is_in_the_registry():
    # The first word of what a job says when it fails: a literal where it is raised, or a table of such words.
    raised = re.compile(
        r'(?:JobFailed|TransientFault|ClipFailed|leases\.fail, lease,)\(?\s*"([a-z_]+)"|^REFUSED = "([a-z_]+)"', re.M
    )
    named = {one or other for path in SOURCES for one, other in raised.findall(path.read_text())}
    named |= {kind for kind, _ in SENTENCES.values()}
    assert {"merge_failed", "generation_failed", "provider_refused", "timeout"} <= named
    assert named <= set(ERROR_TYPES)


def test_every_alert_and_panel_asks_for_metrics_that_exist_and_every_alert_says_what_to_do():
    alerts = Path(PROJECT_ROOT, "deploy/alerts.yaml").read_text()
    dashboard = json.loads(Path(PROJECT_ROOT, "deploy/grafana/vodplatform.json").read_text())
    asked = alerts + "\n".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    known = set(DEFINITIONS) | {
        f"{name}_{part}"
        for name, found in DEFINITIONS.items()
        if found.type == "histogram"
        for part in ("bucket", "count")
    }
    for name in re.findall(r"vod_\w+", asked):
        assert name in known, name
    guide = Path(PROJECT_ROOT, "docs/guides/alerts.md").read_text()
    names = re.findall(r"alert: (\w+)", alerts)
    assert names == re.findall(r"^## (\w+)$", guide, re.MULTILINE)
    assert re.findall(r"alerts\.md#(\w+)", alerts) == [name.lower() for name in names]


# Files that have one role in every feature; Django's own and README.md besides.
ROLES = {
    "__init__.py", "__main__.py", "README.md", "actors.py", "admin.py", "api.js", "api.py", "apps.py", "asgi.py",
    "conftest.py", "consumers.py", "index.html", "kinds.py", "models.py", "page.js", "pages.py", "serializers.py",
    "services.py", "settings.py", "upload_handlers.py", "urls.py",
}  # fmt: skip


def test_a_file_name_says_what_the_file_holds():
    files = subprocess.run(["git", "ls-files"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout
    names = Counter(
        name
        for path in files.splitlines()
        if not {"commands", "migrations", "vendor", "tests"} & set(path.split("/"))
        and (name := path.rpartition("/")[2]) not in ROLES
    )
    assert {name for name, count in names.items() if count > 2} == set()

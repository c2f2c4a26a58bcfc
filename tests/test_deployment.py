"""What deploy/ tells containers fits the program: queues, variables, and what the image holds."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pytest_check import check

from tests.support.program import PROJECT_ROOT, clean_environment
from vodplatform.settings.variables import BY_NAME
from vodplatform.version import commit

DEPLOY = PROJECT_ROOT / "deploy"
OF_OTHERS = {"DJANGO_SETTINGS_MODULE", "FORWARDED_ALLOW_IPS", "PROMETHEUS_MULTIPROC_DIR"}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / "vodplatform.yaml").read_text()))


def containers() -> list[dict[str, Any]]:
    pods = [one["spec"]["template"]["spec"] for one in manifests() if one["kind"] == "Deployment"]
    return [container for pod in pods for container in pod["containers"]]


def queues_of(words: list[str]) -> list[str]:
    return words[words.index("--queues") + 1].split(",") if "--queues" in words else []


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_each_queue_has_one_kind_of_worker(where: str) -> None:
    if where == "compose":
        commands = [one.get("command", []) for one in compose()["services"].values()]
    else:
        commands = [one.get("args", []) for one in containers()]
    assert sorted(name for words in commands for name in queues_of(words)) == sorted(settings.JOB_LANES)


def test_workers_are_added_for_their_own_queues() -> None:
    scalers = {one["metadata"]["name"]: one for one in manifests() if one["kind"] == "HorizontalPodAutoscaler"}
    for one in manifests():
        if one["kind"] == "Deployment" and "args" in (container := one["spec"]["template"]["spec"]["containers"][0]):
            metric = scalers[one["metadata"]["name"]]["spec"]["metrics"][0]["external"]["metric"]
            assert f"`{metric['name']}`" in (PROJECT_ROOT / "docs" / "reference" / "metrics.md").read_text()
            assert metric["selector"]["matchExpressions"][0]["values"] == queues_of(container["args"])


def test_every_variable_is_one_of_the_program() -> None:
    named = set(compose()["services"]["web-1"]["environment"]) | set(manifests()[0]["data"])
    named |= set(re.findall(r"^([A-Z_0-9]+)=", (DEPLOY / "vodplatform.env").read_text(), re.MULTILINE))
    named |= {one["name"] for container in containers() for one in container.get("env", [])}
    named |= set(re.findall(r"^(?:ENV)? +([A-Z_]+)=", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)) - {"PATH"}
    assert named - OF_OTHERS - {"POD_IP", "PYTHONPATH", "PYTHONUNBUFFERED"} <= set(BY_NAME)


def test_an_operators_command_has_no_secret_in_its_command_line(tmp_path: Path) -> None:
    variables = {"SECRET_KEY": "hush $HOME 'x' = y", "DATABASE_URL": "postgres://u:p%40ss@db/name"}
    (tmp_path / "variables").write_text("# note\n" + "".join(f"{name}={value}\n" for name, value in variables.items()))
    for name in ("setpriv", "env"):  # replaced by a program that prints its arguments and environment
        (tmp_path / name).write_text(
            f"#!{sys.executable}\nimport json, os, sys\nprint(json.dumps([sys.argv, dict(os.environ)]))\n"
        )
        (tmp_path / name).chmod(0o755)
    (tmp_path / "vod").write_text((DEPLOY / "vod").read_text().replace("/opt/vodplatform", str(tmp_path)))
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "VOD_ENVIRONMENT": str(tmp_path / "variables")}
    command = ["bash", tmp_path / "vod", "create_account", "anna"]
    words, given = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    assert words[-4:] == [".venv/bin/python", "manage.py", "create_account", "anna"]
    assert given.items() >= variables.items()
    assert not [value for value in variables.values() if value in " ".join(words)]


@pytest.mark.full
def test_the_image_holds_what_the_program_needs(tmp_path: Path) -> None:
    copied = re.findall(
        r"^COPY ((?!--)(?!requirements).+) (\S+)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE
    )
    let_in = (PROJECT_ROOT / ".containerignore").read_text().splitlines()
    root = tmp_path / "root"
    for names, place in copied:
        for name in names.split():
            source, target = PROJECT_ROOT / name, root / place
            assert f"!{name}" in let_in
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
    assert (root / "vodplatform" / "settings" / "production.py").is_file()
    run_in(root, tmp_path)


@pytest.mark.full
def test_a_wheel_holds_what_the_program_needs(tmp_path: Path) -> None:
    root = tmp_path / "site-packages"
    build = ["setup.py", "-q", "egg_info", "--egg-base", str(tmp_path), "build_py", "--build-lib", str(root)]
    subprocess.run([sys.executable, *build], cwd=PROJECT_ROOT, capture_output=True, check=True)
    assert (root / "vodplatform" / "commit.txt").read_text() == f"{commit()}\n"
    assert not (root / "tests").exists()
    said = run_in(
        root, tmp_path,
        "from vodplatform.core.processes.commands import manage_argv\n"
        "from vodplatform.site.schema_view import read_schema\n"
        "from vodplatform.settings.variables import BY_NAME\n"
        "read_schema('yaml')\n"
        "print(BY_NAME['VOD_DATA_DIR'].default, *manage_argv('check')[1:])\n",
    )  # fmt: skip
    assert said.splitlines()[-1] == "~/.local/share/vodplatform -P -m vodplatform check"


def run_in(root: Path, folder: Path, more: str = "") -> str:
    """Import and check the program that lies in ``root``, run ``more`` too, and return what that prints."""
    # Production's settings are read alone: its database would be waited for.
    environment = clean_environment({
        "DJANGO_SETTINGS_MODULE": "vodplatform.settings.embedded", "VOD_DATA_DIR": str(folder / "data"),
        "PYTHONPATH": str(root),
    })  # fmt: skip
    script = (
        "import vodplatform.asgi, jobs_app.worker\n"
        "from django.core.management import call_command\n"
        "from django.template.loader import get_template\n"
        "from django.contrib.staticfiles.finders import find\n"
        "call_command('check')\n"
        "get_template('front.html').render({})\n"
        "assert find('js/comparison/page.js')\n"
        f"assert vodplatform.__file__.startswith({str(root)!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script + more], env=environment, cwd=folder, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pip_finds_a_pin_for_each_extra_that_a_package_needs() -> None:
    """With hashes, Debian 12's pip (23.0) refuses ``coverage[toml]`` where only ``coverage`` is pinned."""
    lines = (PROJECT_ROOT / "requirements" / "dev.txt").read_text().splitlines()
    pinned = [Requirement(line.rstrip("\\")) for line in lines if re.match(r"\w", line)]
    pins = {canonicalize_name(pin.name): pin for pin in pinned if pin.marker is None or pin.marker.evaluate()}
    assert "django" in pins
    for name in pins:
        for needed in map(Requirement, requires(name) or ()):
            if needed.extras and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
                with check(f"{name} needs {needed}"):
                    assert needed.extras <= pins[canonicalize_name(needed.name)].extras

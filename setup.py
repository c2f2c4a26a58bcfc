"""Build steps that pyproject.toml cannot express: copy files from outside the packages, and record the commit."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# Files copied to vodplatform/share.
SHARED = ("templates", "static", "docs/openapi.yaml", "docs/api-examples.json")

sys.path.insert(0, str(ROOT))
from vodplatform.version import commit  # noqa: E402


class BuildWithResources(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib, "vodplatform")
        for name in SHARED:
            source, target = ROOT / name, package / "share" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy2(source, target)
        (package / "commit.txt").write_text(f"{commit()}\n")


setup(cmdclass={"build_py": BuildWithResources})

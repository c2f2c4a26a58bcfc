"""Check that the files and names to which docstrings, comments and documents refer exist; part of `make lint`.

`python -m tests.support.references` parses the project's code without importing it. It imports other packages to which
a reference points.
"""

import ast
import builtins
import functools
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("vodplatform", "jobs_app", "media_app", "sessions_app", "tests", "bench")
RECORD = ROOT / "docs" / "test-durations.md"  # names the tests of a past run
# Files that are not in the repository, because an installation creates them.
MADE = {"deploy/.env", "deploy/certificates/vod.pem", "deploy/s3.json", "static/bundles"}
ROLE = re.compile(r":(?:func|class|meth|data|mod|attr|exc):`~?([^`]*)`")
# A path from the project's root may be anywhere in a text. In backticks, the end of a file's path is enough.
ROOTED = re.compile(
    rf"(?<![\w/.:$@-])(?<!\]\()(?:{'|'.join(CODE)}|docs|scripts|static|templates|deploy|requirements)/[\w*.@/-]*[\w*]"
)
ENDING = re.compile(r"`(?:\./)?([\w./-]+\.(?:py|md|html|js|mjs|css|toml|yaml))`")
SPAN = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
MAKE = re.compile(r"(?:^|[`\n;&|]) *(?:sudo )?make ([a-z][a-z-]*)")
MANAGE = re.compile(r"(?:[`\n] *|python )manage\.py ([a-z_]+)")
# Links that begin with a slash are ignored: they are URLs of the running program.
LINK = re.compile(r"\]\((?!https?:|mailto:|#|/)([^)#\s]+)")
COMMENT = re.compile(r"(?:^|  )#(.*)", re.MULTILINE)


def names_in(scope: ast.AST) -> set[str]:
    """Return the names that a module or a class defines, and the attributes that a class's methods give to ``self``."""
    names, rest = set(), list(ast.iter_child_nodes(scope))
    while rest:
        node = rest.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            if isinstance(scope, ast.ClassDef):
                names |= set(re.findall(r"\bself\.(\w+)(?:: .+)? = ", ast.unparse(node)))
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        rest += ast.iter_child_nodes(node)
    return names


class Module:
    """A Python file of the project: its names, classes, imports, docstrings and comments."""

    def __init__(self, path: Path) -> None:
        text = path.read_text()
        tree = ast.parse(text)
        self.names = names_in(tree)
        self.classes: dict[str, ast.ClassDef] = {}
        self.imported: dict[str, str] = {}
        self.prose = [(text.count("\n", 0, one.start()) + 1, one[1]) for one in COMMENT.finditer(text)]
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self.classes[node.name] = node
            elif isinstance(node, ast.Import):
                self.imported |= {one.asname or one.name.partition(".")[0]: one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                self.imported |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                self.prose.append((node.lineno, str(node.value.value)))

    def has(self, parts: list[str]) -> bool:
        """Return whether a dotted name, split into parts, exists here: a name, a class member, or part of an import."""
        first, *rest = parts
        if first in self.classes and rest:
            return len(rest) == 1 and self.has_member(self.classes[first], rest[0])
        if first in self.imported and (rest or first not in self.names):
            return exists(".".join((self.imported[first], *rest)))
        return first in self.names

    def has_member(self, node: ast.ClassDef, name: str) -> bool:
        """Return whether a class or one of its bases has a member of this name."""
        if name in names_in(node):
            return True
        bases = [ast.unparse(one.value if isinstance(one, ast.Subscript) else one) for one in node.bases]
        return any(self.has([*one.split("."), name]) or hasattr(getattr(builtins, one, None), name) for one in bases)

    def knows(self, line: int, dotted: str) -> bool:
        """Return whether the name in a role on this line, such as :func:, exists."""
        parts = dotted.removesuffix("()").split(".")
        around = [one for one in self.classes.values() if one.lineno <= line <= (one.end_lineno or 0)]
        if len(parts) == 1 and any(self.has_member(one, dotted) for one in around):
            return True
        return self.has(parts) or hasattr(builtins, parts[0]) or exists(dotted)


@functools.cache
def module(name: str) -> Module | None:
    """Return the project's module of a dotted name, or None."""
    path = ROOT / name.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return Module(file) if name.partition(".")[0] in CODE and file.is_file() else None


@functools.cache
def exists(dotted: str) -> bool:
    """Return whether a dotted name exists: one of the project, of the standard library or of an installed package."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        if found := module(".".join(parts[:end])):
            return end == len(parts) or found.has(parts[end:])
    if parts[0] in CODE:
        return ROOT.joinpath(*parts).is_dir()
    try:
        value = importlib.import_module(parts[0])
        for number, part in enumerate(parts[1:], 2):
            value = getattr(value, part, None) or importlib.import_module(".".join(parts[:number]))
    except Exception:  # importing a package can raise any error
        return False
    return True


@functools.cache
def endings() -> frozenset[str]:
    """Return the paths of all files and folders of the project, and all ends of these paths."""
    found = set(MADE)
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [one for one in folders if one not in ("node_modules", "data", "__pycache__") and one[0] != "."]
        for name in (*folders, *names):
            parts = Path(folder, name).relative_to(ROOT).parts
            found |= {"/".join(parts[start:]) for start in range(len(parts))}
    return frozenset(found)


@functools.cache
def commands() -> frozenset[str]:
    """Return the commands of manage.py: the project's, Django's and those of other packages that documents name."""
    folders = [ROOT / one for one in CODE]
    for package in ("django", "drf_spectacular"):
        folders.append(Path(importlib.util.find_spec(package).origin).parent)  # type: ignore[union-attr,arg-type]
    return frozenset(file.stem for one in folders for file in one.rglob("management/commands/*.py"))


@functools.cache
def targets() -> frozenset[str]:
    """Return the targets of the Makefile."""
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def faults_of(path: Path) -> Iterator[str]:
    """Yield each broken reference of a file, with its line."""
    found = Module(path) if path.suffix == ".py" else None
    for first, text in found.prose if found else [(1, path.read_text())]:
        wrong = [
            one for one in ROOTED.finditer(text)
            if one[0] not in endings() and not ("*" in one[0] and any(ROOT.glob(one[0])))
        ]  # fmt: skip
        wrong += [one for one in ENDING.finditer(text) if one[1] not in endings()]
        for span in SPAN.finditer(text):
            shift = span.start()
            wrong += [one for one in MAKE.finditer(text, shift, span.end()) if one[1] not in targets()]
            wrong += [one for one in MANAGE.finditer(text, shift, span.end()) if one[1] not in commands()]
        if found:
            wrong += [
                one for one in ROLE.finditer(text)
                if not found.knows(first + text.count("\n", 0, one.start()), one[1])
            ]  # fmt: skip
        else:
            wrong += [one for one in LINK.finditer(text) if not (path.parent / one[1]).exists()]
        for one in wrong:
            place = f"{path.relative_to(ROOT)}:{first + text.count(chr(10), 0, one.start(1 if one.re.groups else 0))}"
            yield f"{place}: {one[1] if one.re is ENDING else one[0].lstrip('`&;| ' + chr(10))}"


def main() -> int:
    """Print the broken references."""
    paths = [path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path != RECORD]
    paths += [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    faults = [fault for path in sorted(paths) for fault in faults_of(path)]
    print(*faults, f"References that lead nowhere: {len(faults)}", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

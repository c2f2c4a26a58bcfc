"""``make coverage``: lines and branches of each package that the last run under coverage has been through.

The tests' own process alone is watched: what only a program that they start runs, or a child, does not count.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from coverage import Coverage

LEAST_LINES = 90.0


def main() -> int:
    """Print the table; 1 where a package has less than :data:`LEAST_LINES` % of its lines."""
    measured = Coverage()
    measured.load()
    found: dict[str, Counter[str]] = {}
    for file in measured.get_data().measured_files():
        analysis = measured._analyze(file).numbers
        package = found.setdefault(Path(file).relative_to(Path.cwd()).parts[0], Counter())
        package.update(
            lines=analysis.n_statements, missing=analysis.n_missing,
            branches=analysis.n_branches, missing_branches=analysis.n_missing_branches,
        )  # fmt: skip
    print(f"{'package':12} {'lines':>7} {'%':>6} {'branches':>9} {'%':>6}")
    too_low = []
    for package, counts in sorted(found.items()):
        lines = 100 * (1 - counts["missing"] / counts["lines"])
        branches = 100 * (1 - counts["missing_branches"] / max(1, counts["branches"]))
        print(f"{package:12} {counts['lines']:7} {lines:6.2f} {counts['branches']:9} {branches:6.2f}")
        if lines < LEAST_LINES:
            too_low.append(package)
    if too_low:
        print(f"Under {LEAST_LINES:g} % of the lines: {', '.join(too_low)}. Test what is not, or delete it.")
    return 1 if too_low else 0


if __name__ == "__main__":
    sys.exit(main())

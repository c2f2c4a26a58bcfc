"""Report of ``make coverage``: share of each package's lines and branches that the last recorded run executed.

Only the test process is measured, on SQLite. Code that runs only in other processes does not count, so tests of pages,
programs and crashes are left out.
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from coverage import Coverage

MIN_LINES = 90.0


def counts() -> dict[str, Counter[str]]:
    """Return, by package, the numbers of lines and branches, and how many of them were executed."""
    measured = Coverage()
    measured.load()
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        measured.json_report(outfile=report.name)
        files = json.load(report)["files"]
    found: dict[str, Counter[str]] = {}
    for name, file in files.items():
        found.setdefault(Path(name).parts[0], Counter()).update(file["summary"])
    return found


def main() -> int:
    """Print the table; return 1 if less than :data:`MIN_LINES` % of a package's lines were executed."""
    print(f"{'package':12} {'lines':>7} {'%':>6} {'branches':>9} {'%':>6}")
    too_low = []
    for package, found in sorted(counts().items()):
        lines = 100 * found["covered_lines"] / found["num_statements"]
        branches = 100 * found["covered_branches"] / max(1, found["num_branches"])
        print(f"{package:12} {found['num_statements']:7} {lines:6.2f} {found['num_branches']:9} {branches:6.2f}")
        if lines < MIN_LINES:
            too_low.append(package)
    if too_low:
        print(f"Under {MIN_LINES:g} % of the lines: {', '.join(too_low)}. Test the other lines, or delete them.")
    return 1 if too_low else 0


if __name__ == "__main__":
    sys.exit(main())

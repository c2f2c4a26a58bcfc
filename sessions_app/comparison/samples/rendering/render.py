"""Command that renders the demo's three recordings and writes their true offsets.

python -m sessions_app.comparison.samples.rendering.render --out DIR --truth FILE --seed N
"""

import argparse
from pathlib import Path

from sessions_app.comparison.samples.rendering.barcode import decode_barcode
from sessions_app.comparison.samples.rendering.clips import render_demo, render_pair
from sessions_app.comparison.samples.rendering.encode import render
from sessions_app.comparison.samples.rendering.specification import RecordingSpec

__all__ = ["RecordingSpec", "decode_barcode", "main", "render", "render_demo", "render_pair"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Render three synthetic recordings of one match.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the recordings")
    parser.add_argument("--truth", type=Path, required=True, help="JSON file for the true offsets, outside --out")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    render_demo(options.out, options.truth, options.seed)


if __name__ == "__main__":
    main()

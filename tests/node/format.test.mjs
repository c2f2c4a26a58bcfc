// Numbers as people read and type them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import * as format from "./js/base/format.js";
import { formatBytes, formatRoundBytes } from "./js/videos/api.js";
import { assertMatches, near } from "./near.mjs";

const { describeConfidence, formatOffset, formatPosition, parseOffset } = format;
const FORMATS = JSON.parse(readFileSync(new URL("formats.json", import.meta.url), "utf8"));
const WRITERS = {
  clock: format.formatClock,
  duration: format.formatDuration,
  tenths: format.formatTenths,
  hundredths: format.formatHundredths,
  percent: format.formatPercent,
  size: formatBytes,
  limit_size: formatRoundBytes,
  counted: format.formatCount,
};

for (const [name, rows] of Object.entries(FORMATS)) {
  test(`${name} writes what the server writes`, () => {
    const write = WRITERS[name];
    assert.deepEqual(
      rows.map((row) => write(...row.slice(0, -1))),
      rows.map((row) => row.at(-1)),
    );
  });
}

for (const [text, seconds] of [
  ["+1.5 s", 1.5],
  ["−1,5", -1.5],
  ["-0.033s", -0.033],
  ["1:02.5", 62.5],
  ["1:00:00", 3600],
  [" 12 ", 12],
]) {
  test(`an offset is understood as people type it: “${text}”`, () => assertMatches(parseOffset(text), near(seconds)));
}

for (const text of ["", "abc", "1.2.3", "--1", "1:2:3:4", "1e9", "NaN"]) {
  test(`what is no offset is not taken for one: “${text}”`, () => assert.equal(parseOffset(text), null));
}

test("numbers are shown without surprises", () => {
  assert.equal(formatPosition(59.9996), "00:01:00.000");
  assert.equal(formatOffset(-1.5334), "−1.533 s");
  assert.equal(formatOffset(-0.0001), "+0.000 s");
  assert.equal(describeConfidence(0.8999).word, "fair");
  assert.equal(describeConfidence(0.8999).number, "0.89");
});

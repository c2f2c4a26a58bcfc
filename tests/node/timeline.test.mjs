// The one formula of the common timeline, and the ruler above it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { toGlobalTime, isRunning, makeTicks, toVideoTime, toTimeWithinVideo } from "./js/base/timeline.js";
import { assertMatches, near } from "./near.mjs";

const at = (offset, driftPpm = 0, anchor = 0) => ({ offset, driftPpm, anchor });

for (const [T, offset, duration, expected] of [
  [150, -50, 600, 200],
  [150, 37, 600, 113],
  [10, 37, 600, 0],
  [900, 37, 600, 600],
  [0, 0, 600, 0],
]) {
  test(`the formula gives the contract's example of T ${T}, offset ${offset}, duration ${duration}`, () => {
    assert.equal(toTimeWithinVideo(T, { placement: at(offset), duration }), expected);
  });
}

test("page and server agree on the formula", () => {
  // tests/test_javascript.py writes the file: what the server computes of the same.
  const cases = JSON.parse(readFileSync(process.env.TIMELINE_CASES, "utf8"));
  assert.equal(cases.length, 500);
  assertMatches(
    cases.map(({ given: [T, ...placement] }) => toVideoTime(T, at(...placement))),
    cases.map(({ expected }) => near(expected, 1e-9)),
  );
  assertMatches(
    cases.map(({ given: [, ...placement], expected }) => toGlobalTime(expected, at(...placement))),
    cases.map(({ given: [T] }) => near(T, 1e-6)),
  );
});

test("a video runs from its offset to its end", () => {
  const running = [1.999, 2, 4.999, 5].map((T) => isRunning(T, { placement: at(2), duration: 3 }));
  assert.deepEqual(running, [false, true, true, false]);
});

test("the ruler has round marks and not too many", () => {
  for (const end of [3, 42.5, 600, 4360, 90_000]) {
    const marks = makeTicks(0, end, 12);
    assert.ok(marks[0] === 0, `the first is ${marks[0]}`); // not assert.equal: it may be -0
    assert.ok(marks.length >= 3 && marks.length <= 13, `${marks.length} marks up to ${end}`);
  }
});

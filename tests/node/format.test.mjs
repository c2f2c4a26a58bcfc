// Numbers as people read and type them.

import assert from "node:assert/strict";
import test from "node:test";

import { confidence, offset, parseOffset, position } from "./js/base/format.js";
import { assertMatches, near } from "./near.mjs";

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
  assert.equal(position(59.9996), "00:01:00.000");
  assert.equal(offset(-1.5334), "−1.533 s");
  assert.equal(offset(-0.0001), "+0.000 s");
  assert.equal(confidence(0.8999).word, "fair");
  assert.equal(confidence(0.8999).number, "0.89");
});

// The progress that pages show: it never falls within an attempt, ends at 100 %, and has a time only if that is known.

import assert from "node:assert/strict";
import test from "node:test";
import { Furthest, describeProgress } from "./js/base/progress.js";

test("progress never falls within one attempt, and a new attempt starts from zero", () => {
  const furthest = new Furthest();
  const shown = [
    { progress: 15, attempt: 1 },
    { progress: 79, attempt: 1 },
    { progress: 15, attempt: 1 },
    { progress: 5, attempt: 2 },
  ].map((job) => furthest.of(job));
  assert.deepEqual(shown, [15, 79, 79, 5]);
});

test("a finished job is at a hundred percent", () => {
  assert.equal(new Furthest().of({ progress: 15, attempt: 1, status: "completed" }), 100);
});

test("the time left is shown only if it is known", () => {
  assert.equal(describeProgress(15.4), "15 %");
  assert.equal(describeProgress(15.4, null), "15 %");
  assert.equal(describeProgress(79.9, 81), "79 % · 81 s left");
  assert.equal(describeProgress(100, 2), "100 %");
});

// The segments of a pro job: moments as people write them, where there is room, and what the server is asked for.

import assert from "node:assert/strict";
import test from "node:test";

import { formatMoment, parseMoment } from "./js/base/format.js";
import { describeSegment, describeRun } from "./js/prosync/status-text.js";
import { toRequest, findRoom } from "./js/prosync/segments.js";
import { assertMatches, near } from "./near.mjs";

test("moments are read as people write them", () => {
  assertMatches(
    ["38.6", "0:38,6", "1:02:03.5", "1:00"].map(parseMoment),
    [38.6, 38.6, 3723.5, 60].map((at) => near(at)),
  );
  for (const text of ["", "x", "-1"]) assert.equal(parseMoment(text) ?? null, null, text);
  assert.deepEqual([0, 38.6, 3723.5].map(formatMoment), ["0:00.000", "0:38.600", "1:02:03.500"]);
});

test("room is found behind what is there", () => {
  const taken = [
    { id: 1, start: 1, end: 3 },
    { id: 2, start: 5, end: 6 },
  ];
  const room = [0, 1, 3.5, 5.5, 7.95].map((at) => findRoom(taken, at, 8, 4));
  assert.deepEqual(room, [
    { start: 0, end: 1 },
    { start: 3, end: 5 },
    { start: 3.5, end: 5 },
    { start: 6, end: 8 },
    null,
  ]);
});

test("what is asked has the sounds that are used alone", () => {
  const segments = [
    { id: 1, start: 4, end: 5, sound: 9, from: null, to: 1, label: "" },
    { id: 2, start: 1, end: 2, sound: 7, from: null, to: null, label: "Hi" },
  ];
  const sounds = [7, 8, 9].map((id) => ({ id, name: "a.wav", duration: id === 9 ? 2 : 3 }));
  assert.deepEqual(JSON.parse(JSON.stringify(toRequest(segments, sounds))), {
    files: [7, 9],
    refs: ["sound-1", "sound-2"],
    segments: [
      { startTime: 1, endTime: 2, audioInput: { refId: "sound-1" }, label: "Hi" },
      { startTime: 4, endTime: 5, audioInput: { refId: "sound-2", startTime: 0, endTime: 1 } },
    ],
  });
});

test("what became of the mouths is said once for all segments", () => {
  const segment = (/** @type {any} */ mouth) => ({ mode: "cut_off", used: 2, stretch: 1, silence: 0, gain: 0, mouth });
  const moved = { label: "drawn", moved: 40, frames: 50 };
  const noFace = { label: null, why: "No face was found." };
  const none = { segments: [segment(noFace), segment(noFace)] };
  assert.equal(describeRun(none), "Lips not matched. No face was found.");
  assert.match(describeSegment(none, 0), /of the sound once\. Lips not matched\.$/);
  const some = { segments: [segment(moved), segment(noFace), segment({ label: null, why: "It is turned away." })] };
  assert.equal(describeRun(some), "Lips matched in 1 of 3 segments.");
  assert.match(describeSegment(some, 1), /Lips not matched: No face was found\.$/);
  assert.match(describeSegment(some, 0), /Lips matched \(drawn\) in 40 of 50 frames\.$/);
  assert.equal(describeRun({ segments: [segment(moved)] }), "Lips matched in every segment.");
  assert.equal(describeRun({ segments: [segment(null)] }), "");
  assert.equal(describeSegment(null, 0), "");
});

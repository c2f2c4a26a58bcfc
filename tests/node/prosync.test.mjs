// The segments of a pro job: moments as people write them, where there is room, and what the server is asked for.

import assert from "node:assert/strict";
import test from "node:test";

import { moment, parseMoment } from "./js/base/format.js";
import { asked, roomFor } from "./js/prosync/segments.js";
import { assertMatches, near } from "./near.mjs";

test("moments are read as people write them", () => {
  assertMatches(
    ["38.6", "0:38,6", "1:02:03.5", "1:00"].map(parseMoment),
    [38.6, 38.6, 3723.5, 60].map((at) => near(at)),
  );
  for (const text of ["", "x", "-1"]) assert.equal(parseMoment(text) ?? null, null, text);
  assert.deepEqual([0, 38.6, 3723.5].map(moment), ["0:00.000", "0:38.600", "1:02:03.500"]);
});

test("room is found behind what is there", () => {
  const taken = [
    { id: 1, start: 1, end: 3 },
    { id: 2, start: 5, end: 6 },
  ];
  const room = [0, 1, 3.5, 5.5, 7.95].map((at) => roomFor(taken, at, 8, 4));
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
  assert.deepEqual(JSON.parse(JSON.stringify(asked(segments, sounds))), {
    files: [7, 9],
    refs: ["sound-1", "sound-2"],
    segments: [
      { startTime: 1, endTime: 2, audioInput: { refId: "sound-1" }, label: "Hi" },
      { startTime: 4, endTime: 5, audioInput: { refId: "sound-2", startTime: 0, endTime: 1 } },
    ],
  });
});

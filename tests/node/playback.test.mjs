// What keeps videos in step: frames, what is done about drift, the group's clock and the server's.

import assert from "node:assert/strict";
import test from "node:test";

import { ServerClock } from "./js/base/live-channel.js";
import { GroupClock } from "./js/comparison/playback/clock.js";
import { frameOfMediaTime, frameMiddle, snapToFrame, stepFrames } from "./js/base/frames.js";
import {
  FIRST_LEAD,
  SeekTimes,
  chooseCorrection,
  chooseClockCorrection,
  updateLead,
} from "./js/comparison/playback/drift-policy.js";
import { assertMatches, near } from "./near.mjs";

for (const fps of [60, 30000 / 1001, 25, 24000 / 1001]) {
  test(`a step lands in the middle of the next frame at ${fps} fps`, () => {
    const found = Array.from({ length: 40 }, (_, n) => stepFrames(frameMiddle(n, fps), 1, fps, 10));
    assertMatches(
      found,
      Array.from({ length: 40 }, (_, n) => near((n + 1.5) / fps)),
    );
  });
}

test("steps stop at the first and at the last frame", () => {
  assertMatches(stepFrames(0, -1, 30, 2), near(0.5 / 30));
  assertMatches(stepFrames(2, 5, 30, 2), near(59.5 / 30));
  assertMatches(snapToFrame(2, 30, 2), near(59.5 / 30));
});

test("the frame of a timestamp survives the container's rounding", () => {
  const frames = Array.from({ length: 2000 }, (_, n) => n);
  const times = frames.map((n) => Math.floor(((n * 1001) / 30000) * 1000) / 1000);
  assert.deepEqual(
    times.map((time) => frameOfMediaTime(time, 30000 / 1001)),
    frames,
  );
});

function correct(error, { maySeek = true, correcting = false } = {}) {
  return chooseCorrection(error, { maySeek, correcting });
}

test("small drift is left alone but a correction goes on to its end", () => {
  assert.deepEqual(correct(0.0019), { do: "rate", factor: 1 });
  assert.ok(correct(0.0019, { correcting: true }).factor < 1);
  assert.deepEqual(correct(0.0009, { correcting: true }), { do: "rate", factor: 1 });
});

for (const [error, factor] of [
  [0.008, 0.99],
  [-0.008, 1.01],
  [0.045, 0.95],
  [0.06, 0.926],
  [0.2, 0.9],
  [-0.29, 1.1],
]) {
  test(`drift of ${error} s is made up by speed within its limits`, () => {
    assertMatches(correct(error), { do: "rate", factor: near(factor, 0.0011) });
  });
}

test("a seek is for large drift only and not twice in a row", () => {
  assert.deepEqual(correct(0.31), { do: "seek" });
  assertMatches(correct(-0.31, { maySeek: false }), { do: "rate", factor: near(1.1) });
});

test("the lead of a seek is learned", () => {
  const learned = Array(12)
    .fill(0.4)
    .reduce((lead, late) => updateLead(lead, lead - late), FIRST_LEAD);
  assertMatches(learned, near(0.4, 0.005));
});

test("a follower moves gently and seeks when far off", () => {
  assertMatches(
    [0.03, 0.5, -0.5, 1.2].map((error) => chooseClockCorrection(error)),
    [{ do: "rate", factor: 1 }, { do: "rate", factor: near(0.98) }, { do: "rate", factor: near(1.02) }, { do: "seek" }],
  );
});

test("the clock runs straight through changes of speed", () => {
  const clock = new GroupClock();
  clock.set(10, 0);
  clock.start(1000);
  const before = clock.at(2000);
  clock.setRate(2, 2000);
  const after = clock.at(3000);
  clock.stop(3000);
  assert.deepEqual([before, after, clock.at(9000)], [11, 13, 13]);
});

test("the server's clock is told by the message that was least delayed", () => {
  const clock = new ServerClock();
  clock.note(104.0, 4_300);
  clock.note(105.0, 5_020);
  clock.note(106.0, 6_900);
  assertMatches(clock.now(10_000), near(109.98));
});

test("seeking is slow when most of the last seeks were", () => {
  const times = new SeekTimes();
  for (const ms of [2000, 100, 900, 800, 120]) times.add(ms);
  assert.equal(times.areSlow, false);
  times.add(501);
  assert.equal(times.areSlow, true);
  for (const ms of [100, 100]) times.add(ms);
  assert.equal(times.areSlow, false);
  for (const ms of [600, 600, 600]) times.add(ms);
  assert.equal(times.areSlow, true);
  times.forget();
  assert.equal(times.areSlow, false);
});

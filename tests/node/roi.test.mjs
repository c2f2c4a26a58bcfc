// The box around a timer, the picture it keeps to, and the moments at which it is read.

import test from "node:test";

import { chooseTimes } from "./js/comparison/reading-times.js";
import { makeBox, fitIntoFrame, findFittedArea } from "./js/base/timer-box.js";
import { assertMatches, near } from "./near.mjs";

test("a box stays inside the frame whichever way it is drawn", () => {
  assertMatches(makeBox({ x: 0.9, y: 1.4 }, { x: 0.6, y: 0.8 }), {
    x: near(0.6),
    y: near(0.8),
    width: near(0.3),
    height: near(0.2),
  });
  assertMatches(fitIntoFrame({ x: 0.95, y: -1, width: 0.2, height: 0 }), {
    x: near(0.8),
    y: 0,
    width: near(0.2),
    height: near(0.01),
  });
});

test("the box keeps to the picture where it does not fill its frame", () => {
  assertMatches(findFittedArea(16 / 9, 4 / 3), { left: near(0.125), top: 0, width: near(0.75), height: 1 });
});

test("the preview reads the moment that is shown", () => {
  const vods = [
    { vod_id: "A", duration: 100 },
    { vod_id: "B", duration: 50 },
  ];
  const found = chooseTimes(vods, { vod_id: "A", time: 47.3 });
  assertMatches(found, { A: [10, 30, 47.3, 70, 90], B: [5, 15, 25, 35, 45] });
});

// What the page of an analysis computes: moments of the reel as moments of the video, and what it says in words.

import assert from "node:assert/strict";
import test from "node:test";

import { findTotalError, findMomentErrors, findNextBest, findRoomAround } from "./js/analysis/chosen-moments.js";
import { sourceToReelTime, reelToSourceTime, findHighlightsOf } from "./js/analysis/reel-times.js";
import { explainShortReel } from "./js/analysis/short-reel.js";
import { formatExerciseTitle, makeFileName, describeReach, formatSpan } from "./js/analysis/labels.js";

const spans = (...pairs) => pairs.map(([start, end]) => ({ start, end }));

test("a moment of the reel is one of the video", () => {
  const highlights = [
    { start_time: 10, end_time: 14, reel_start: 0, reel_end: 4 },
    { start_time: 30, end_time: 33, reel_start: 4, reel_end: 7 },
  ];
  assert.deepEqual(
    [0, 3, 4, 6.5, 9].map((at) => reelToSourceTime(highlights, at)),
    [10, 13, 30, 32.5, 33],
  );
  assert.deepEqual(
    [10, 13, 20, 31, 33].map((at) => sourceToReelTime(highlights, at)),
    [0, 3, null, 5, null],
  );
  const segments = [0, 10, 30].map((start) => ({ start_time: start, end_time: start + 10, index: start / 10 }));
  assert.deepEqual(
    segments.map((segment) => findHighlightsOf(highlights, segment)),
    [[], [1], [2]],
  );
});

test("times and names are told as people tell them", () => {
  assert.deepEqual([10, 2400, 76_440, 7200, 360_000].map(formatSpan), [
    "1 min",
    "40 min",
    "21 h 14 min",
    "2 h",
    "4 days 4 h",
  ]);
  const titles = [
    formatExerciseTitle("squat", 12),
    formatExerciseTitle("push-up", 1),
    formatExerciseTitle("movement", 5),
  ];
  assert.deepEqual(titles, ["Squats", "Push-up", "Repeated movement"]);
  assert.equal(formatExerciseTitle("crunch", 3), "Crunches");
  assert.equal(makeFileName("a/b: c?.mp4", "reel.mp4"), "a b c reel.mp4");
  assert.equal(makeFileName("", "x.csv"), "analysis x.csv");
});

test("a short reel says why, and what would make it longer", () => {
  const segments = [0.9, 0.1, 0.4, 0.3, 0, 0.2].map((score, index) => ({
    score,
    start_time: 10 * index,
    end_time: 10 * index + 10,
  }));
  const params = { target_duration: 30, max_highlights: 10, min_score: 0.5 };
  const reel = [{ start_time: 2, end_time: 8 }];
  const short = explainShortReel({ highlights: reel, segments, duration: 60 }, params);
  assert.equal(
    short.text,
    "The reel lasts 6 s instead of the requested 30 s. Only 1 of 6 segments reaches the minimum score of 0.50.",
  );
  assert.deepEqual(short.params, { ...params, min_score: 0.2 });
  // What is above 60 % of what was asked for, or could be had, is long enough.
  assert.equal(
    explainShortReel({ highlights: [{ start_time: 0, end_time: 18 }], segments, duration: 60 }, params),
    null,
  );
  assert.equal(explainShortReel({ highlights: reel, segments, duration: 9 }, params), null);
  const few = explainShortReel({ highlights: reel, segments, duration: 60 }, { ...params, max_highlights: 1 });
  assert.equal(few.text, "The reel lasts 6 s instead of the requested 30 s. The settings allow at most 1 highlight.");
  assert.equal(few.params.max_highlights, 2);
  const none = segments.map((one) => ({ ...one, score: one.score > 0.5 ? one.score : 0 }));
  assert.deepEqual(explainShortReel({ highlights: reel, segments: none, duration: 60 }, params), {
    text: "The reel lasts 6 s instead of the requested 30 s. Nothing else in the video stands out.",
    params: null,
  });
});

test("where no moment reaches the minimum, the best there is gives a lower one", () => {
  const best = [{ start_time: 11.4, end_time: 15.9, score: 0.379 }];
  const params = { target_duration: 30, max_highlights: 10, min_score: 0.5 };
  assert.deepEqual(explainShortReel({ highlights: [], segments: [], duration: 50, below_minimum: best }, params), {
    text: "No moment reached the minimum score, so there is no reel. The table lists the moments with the highest scores.",
    params: { ...params, min_score: 0.37 },
  });
});

test("one segment reaches, several reach", () => {
  const segments = [0.2, 0.5, 0.7].map((score) => ({ score }));
  assert.equal(describeReach(segments, 0.7), "1 of 3 segments reaches the minimum score of 0.70.");
  assert.equal(describeReach(segments, 0.5), "2 of 3 segments reach the minimum score of 0.50.");
});

test("a moment is added where there is room for one", () => {
  const moments = spans([10, 20], [30, 40]);
  assert.deepEqual(findRoomAround(moments, 25, 4, 60), { start: 23, end: 27 });
  assert.deepEqual(findRoomAround(moments, 21, 4, 60), { start: 20, end: 24 });
  assert.deepEqual(findRoomAround(moments, 25, 30, 60), { start: 20, end: 30 });
  assert.deepEqual(findRoomAround(moments, 60, 10, 60), { start: 50, end: 60 });
  assert.equal(findRoomAround(moments, 15, 4, 60), null);
  assert.equal(findRoomAround(spans([10, 20], [20.3, 40]), 20.1, 4, 60), null);
});

test("the next best is the segment with the highest score that is not in the reel", () => {
  const segments = [0.2, 0.9, 0.7].map((score, n) => ({ score, start_time: 10 * n, end_time: 10 * n + 10 }));
  assert.deepEqual(findNextBest([], segments, 30), { start: 10, end: 20 });
  assert.deepEqual(findNextBest([{ start: 12, end: 18 }], segments, 30), { start: 20, end: 30 });
  assert.equal(findNextBest([{ start: 0, end: 30 }], segments, 30), null);
});

test("what is wrong with the moments of a reel is said of each and of all", () => {
  const moments = spans([5, 4], [10, 10.2], [10.1, 20], [58, 61]);
  assert.deepEqual(
    findMomentErrors(moments, 60).map((fault) => fault.split(" ").slice(0, 3).join(" ")),
    ["The end must", "A moment must", "This moment overlaps", "The video ends"],
  );
  assert.deepEqual(findMomentErrors([{ start: 0, end: 60.04 }], 60), [""]);
  assert.match(findTotalError([]), /Add a moment/);
  assert.match(findTotalError([{ start: 0, end: 601 }]), /10 minutes/);
  assert.match(findTotalError(Array(51).fill({ start: 0, end: 1 })), /50 moments/);
  assert.equal(findTotalError([{ start: 0, end: 600 }]), "");
});

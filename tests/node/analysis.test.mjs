// What the page of an analysis computes: moments of the reel as moments of the video, and what it says in words.

import assert from "node:assert/strict";
import test from "node:test";

import { findTotalError, findNextBest, findOffers, findRoomAround } from "./js/analysis/chosen-moments.js";
import {
  describeMoment,
  findTimeError,
  moveItem,
  placeMoments,
  splitMoment,
  trimMoment,
} from "./js/analysis/reel-draft.js";
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

test("segments that reach the minimum score and are not in the reel are offered", () => {
  const segments = [0.2, 0.9, 0.7].map((score, n) => ({ score, start_time: 10 * n, end_time: 10 * n + 10 }));
  assert.deepEqual(findOffers([], segments, 0.7, 30), [
    { start: 10, end: 20, score: 0.9 },
    { start: 20, end: 30, score: 0.7 },
  ]);
  assert.deepEqual(findOffers([{ start: 11, end: 22 }], segments, 0.5, 30), [{ start: 22, end: 30, score: 0.7 }]);
  assert.deepEqual(findOffers([{ start: 11, end: 24 }], segments, 0.5, 30), []);
  assert.deepEqual(findOffers(spans([11, 12], [29, 30]), segments, 0.5, 30), [], "short moments inside segments");
});

test("a reel is neither empty nor too long", () => {
  assert.match(findTotalError(0, 0), /Add a moment/);
  assert.match(findTotalError(1, 601), /10 minutes/);
  assert.match(findTotalError(51, 51), /50 moments/);
  assert.equal(findTotalError(1, 600), "");
});

test("a moment is trimmed and moved between its neighbours, and split", () => {
  const moments = spans([30, 40], [10, 20]);
  const [late, early] = moments;
  const times = (list) => list.map(({ start, end }) => [start, end]);
  assert.deepEqual(times(trimMoment(moments, late, "start", 15, 60))[0], [20, 40]);
  assert.deepEqual(times(trimMoment(moments, late, "start", 39.9, 60))[0], [39.5, 40]);
  assert.deepEqual(times(trimMoment(moments, early, "end", 70, 60))[1], [10, 30]);
  assert.deepEqual(times(trimMoment(moments, late, "both", 58, 60))[0], [50, 60]);
  assert.deepEqual(times(splitMoment(moments, early, 12)), [
    [30, 40],
    [10, 12],
    [12, 20],
  ]);
  assert.equal(splitMoment(moments, early, 19.8), null);
  assert.deepEqual(moveItem([1, 2, 3], 1, 2), [2, 3, 1]);
});

test("a time at which a moment cannot start or end is refused with the reason", () => {
  const moments = spans([30, 40], [10, 20]);
  const [late, early] = moments;
  const find = (moment, edge, time) => findTimeError(moments, moment, edge, time, 59.9996);
  assert.equal(find(late, "start", 20), "");
  assert.equal(find(late, "start", 39.5), "");
  assert.equal(find(late, "end", 60), "", "the end of the video is displayed as 1:00.000");
  assert.match(find(late, "start", 39.6), /at least 0.5 s: the latest start is 0:39.500/);
  assert.match(find(late, "end", 30.4), /at least 0.5 s: the earliest end is 0:30.500/);
  assert.match(find(late, "end", 61), /The video ends at 1:00.000/);
  assert.match(find(late, "start", 19.9), /cannot overlap: moment 2 is at 0:10.000–0:20.000/);
  assert.match(find(late, "start", 5), /cannot overlap: moment 2/);
  assert.match(find(early, "end", 50), /cannot overlap: moment 1/);
});

test("title cards move the moments of the reel, and a moment has the score of its segment", () => {
  const moments = [
    { start: 30, end: 40, title: "Final" },
    { start: 0, end: 5, title: " " },
  ];
  assert.deepEqual(
    placeMoments(moments).map(({ card, start, end }) => [card, start, end]),
    [
      [0, 2.5, 12.5],
      [12.5, 12.5, 17.5],
    ],
  );
  const segments = [0.1, 0.9].map((score, n) => ({
    score,
    description: `${n}`,
    start_time: 10 * n,
    end_time: 10 * n + 10,
  }));
  const data = { segments, highlights: [{ start_time: 2, end_time: 4, score: 0.7, description: "Loud." }] };
  assert.equal(describeMoment({ start: 2.01, end: 4 }, data).description, "Loud.");
  assert.equal(describeMoment({ start: 4, end: 13 }, data).description, "1");
  assert.equal(describeMoment({ start: 0.4, end: 10.4 }, data).description, "0");
});

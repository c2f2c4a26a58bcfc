// The moments that a person chooses for a reel: where there is room for another, and what is wrong with those that there
// are. Pure; knows no page.

import { moment } from "../base/format.js";

/** @typedef {{start: number, end: number}} Moment seconds of the video */

export const MOST = 50;
const LEAST = 0.5; // seconds of one
const LONGEST = 600; // seconds of all together
const SLACK = 0.05; // a file's end is not known to the last digit

/** @param {Moment[]} moments @returns {number} seconds of all together */
export const lengthOf = (moments) => moments.reduce((sum, { start, end }) => sum + Math.max(0, end - start), 0);

/** @param {Moment[]} moments @returns {Moment[]} in the order of the video */
export const inOrder = (moments) => [...moments].sort((one, other) => one.start - other.start || one.end - other.end);

/**
 * A moment around `at` that touches none of those that there are.
 * @param {Moment[]} moments
 * @param {number} at seconds
 * @param {number} wanted seconds that it should last
 * @param {number} duration of the video
 * @returns {Moment|null} null where there is no room
 */
export function roomAround(moments, at, wanted, duration) {
  if (moments.some(({ start, end }) => at >= start && at < end)) return null;
  const from = Math.max(0, ...moments.filter(({ end }) => end <= at).map(({ end }) => end));
  const to = Math.min(duration, ...moments.filter(({ start }) => start > at).map(({ start }) => start));
  const start = Math.max(from, Math.min(at - wanted / 2, to - wanted));
  const end = Math.min(to, start + wanted);
  return end - start >= LEAST ? { start, end } : null;
}

/**
 * The segment with the highest score that is not in the reel.
 * @param {Moment[]} moments
 * @param {import("./api.js").Segment[]} segments
 * @param {number} duration of the video
 * @returns {Moment|null}
 */
export function nextBest(moments, segments, duration) {
  for (const { start_time, end_time } of [...segments].sort((one, other) => other.score - one.score)) {
    const found = roomAround(moments, (start_time + end_time) / 2, end_time - start_time, duration);
    if (found) return found;
  }
  return null;
}

/**
 * What is wrong with each, as a sentence; empty where nothing is.
 * @param {Moment[]} moments in the order of the video
 * @param {number} duration of the video
 * @returns {string[]}
 */
export function faultsOf(moments, duration) {
  return moments.map(({ start, end }, n) => {
    if (end <= start) return "It ends before it begins.";
    if (end - start < LEAST) return `A moment lasts ${LEAST} s at least.`;
    if (end > duration + SLACK) return `The video ends at ${moment(duration)}.`;
    if (n && start < moments[n - 1].end) return `It begins before moment ${n} ends.`;
    return "";
  });
}

/**
 * What is wrong with all of them; empty where nothing is.
 * @param {Moment[]} moments
 */
export function faultOfAll(moments) {
  if (!moments.length) return "Add a moment first.";
  if (moments.length > MOST) return `A reel has ${MOST} moments at most.`;
  return lengthOf(moments) > LONGEST ? `A reel lasts ${LONGEST / 60} minutes at most.` : "";
}

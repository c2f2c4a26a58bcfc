// Pure functions for the moments that a user chooses for a reel.

import { formatMoment } from "../base/format.js";

/** @typedef {{start: number, end: number}} Moment A moment between two times, in seconds of the video. */

export const MOST = 50;
const LEAST = 0.5; // minimum length of a moment, in seconds
const LONGEST = 600; // maximum total length of all moments, in seconds
const SLACK = 0.05; // seconds by which a moment may end after the video, because a file's duration is not exact

/** @param {{start_time: number, end_time: number}} part @returns {Moment} */
export const toMoment = ({ start_time, end_time }) => ({ start: start_time, end: end_time });

/** @param {Moment[]} moments @returns {number} */
export const getTotalLength = (moments) => moments.reduce((sum, { start, end }) => sum + Math.max(0, end - start), 0);

/** @param {Moment[]} moments @returns {Moment[]} */
export const sortMoments = (moments) =>
  [...moments].sort((one, other) => one.start - other.start || one.end - other.end);

/**
 * Return a new moment, in seconds, that contains a time and overlaps no other moment. Return null if there is not
 * enough space.
 * @param {Moment[]} moments @param {number} at @param {number} wanted @param {number} duration @returns {Moment|null}
 */
export function findRoomAround(moments, at, wanted, duration) {
  if (moments.some(({ start, end }) => at >= start && at < end)) return null;
  const from = Math.max(0, ...moments.filter(({ end }) => end <= at).map(({ end }) => end));
  const to = Math.min(duration, ...moments.filter(({ start }) => start > at).map(({ start }) => start));
  const start = Math.max(from, Math.min(at - wanted / 2, to - wanted));
  const end = Math.min(to, start + wanted);
  return end - start >= LEAST ? { start, end } : null;
}

/**
 * Return the highest-scored segment that fits into a gap between the reel's moments.
 * @param {Moment[]} moments @param {import("./api.js").Segment[]} segments @param {number} duration
 * @returns {Moment|null}
 */
export function findNextBest(moments, segments, duration) {
  for (const { start_time, end_time } of [...segments].sort((one, other) => other.score - one.score)) {
    const found = findRoomAround(moments, (start_time + end_time) / 2, end_time - start_time, duration);
    if (found) return found;
  }
  return null;
}

/**
 * Return one error message per moment; the message of a valid moment is empty.
 * @param {Moment[]} moments @param {number} duration @returns {string[]}
 */
export function findMomentErrors(moments, duration) {
  return moments.map(({ start, end }, n) => {
    if (end <= start) return "The end must be after the start.";
    if (end - start < LEAST) return `A moment must last at least ${LEAST} s.`;
    if (end > duration + SLACK) return `The video ends at ${formatMoment(duration)}. Set an earlier end.`;
    if (n && start < moments[n - 1].end) return `This moment overlaps moment ${n}.`;
    return "";
  });
}

/** Return an error message about the number and total length of moments; empty if valid. @param {Moment[]} moments */
export function findTotalError(moments) {
  if (!moments.length) return "Add a moment first.";
  if (moments.length > MOST) return `A reel can have at most ${MOST} moments. Remove some.`;
  return getTotalLength(moments) > LONGEST
    ? `A reel can last at most ${LONGEST / 60} minutes. Shorten or remove moments.`
    : "";
}

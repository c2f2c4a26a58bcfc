// Conversion between times of a source video and times of its reel.

import { IN_REEL_SHARE } from "./chosen-moments.js";

/** @typedef {import("./api.js").Highlight} Highlight */

const EDGE = 0.02; // tolerance for comparing inexact times, in seconds

/**
 * Return the index of the highlight at a time of the source video; -1 if no highlight contains this time.
 * @param {Highlight[]} highlights @param {number} time @returns {number}
 */
export const findHighlightAt = (highlights, time) =>
  highlights.findLastIndex((one) => time >= one.start_time - EDGE && time < one.end_time);

/**
 * Return the index of the highlight at a time of the reel; -1 without highlights.
 * @param {Highlight[]} highlights @param {number} time @returns {number}
 */
export function findPlayingHighlight(highlights, time) {
  const found = highlights.findLastIndex((one) => time >= one.reel_start - EDGE);
  return found < 0 && highlights.length ? 0 : found;
}

/**
 * Convert seconds of the reel to seconds of the source video.
 * @param {Highlight[]} highlights @param {number} time @returns {number}
 */
export function reelToSourceTime(highlights, time) {
  const one = highlights[findPlayingHighlight(highlights, time)];
  return one ? Math.min(one.start_time + Math.max(0, time - one.reel_start), one.end_time) : time;
}

/**
 * Convert a time of the source video to a time of the reel, in seconds; null if the reel does not contain the time.
 * @param {Highlight[]} highlights @param {number} time @returns {number|null}
 */
export function sourceToReelTime(highlights, time) {
  const one = highlights[findHighlightAt(highlights, time)];
  return one ? Math.min(one.reel_start + Math.max(0, time - one.start_time), one.reel_end) : null;
}

/**
 * Return the numbers, from 1, of the highlights that belong to a segment. A highlight belongs to the segment if it was
 * made from that segment, or if both overlap for more than a quarter of the shorter of the two.
 * @param {Highlight[]} highlights @param {{start_time: number, end_time: number, index?: number}} segment
 * @returns {number[]}
 */
export function findHighlightsOf(highlights, segment) {
  const length = segment.end_time - segment.start_time;
  return highlights.flatMap((one, n) => {
    const shared = Math.min(one.end_time, segment.end_time) - Math.max(one.start_time, segment.start_time);
    const isOwn = one.segment !== undefined && one.segment === segment.index && shared > 0;
    return isOwn || shared > IN_REEL_SHARE * Math.min(length, one.end_time - one.start_time) ? [n + 1] : [];
  });
}

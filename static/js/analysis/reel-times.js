// Conversion between times of a video and times of its reel. Pure.

/** @typedef {import("./api.js").Highlight} Highlight */

const EDGE = 0.02; // tolerance in seconds: times measured in a file are not exact

/**
 * @param {Highlight[]} highlights sorted by time
 * @param {number} time seconds of the video
 * @returns {number} index of the highlight at this time, or -1
 */
export const at = (highlights, time) =>
  highlights.findLastIndex((one) => time >= one.start_time - EDGE && time < one.end_time);

/**
 * @param {Highlight[]} highlights
 * @param {number} time seconds of the reel
 * @returns {number} index of the highlight that plays at this time; -1 without highlights
 */
export function playing(highlights, time) {
  const found = highlights.findLastIndex((one) => time >= one.reel_start - EDGE);
  return found < 0 && highlights.length ? 0 : found;
}

/**
 * @param {Highlight[]} highlights
 * @param {number} time seconds of the reel
 * @returns {number} seconds of the video
 */
export function toSource(highlights, time) {
  const one = highlights[playing(highlights, time)];
  return one ? Math.min(one.start_time + Math.max(0, time - one.reel_start), one.end_time) : time;
}

/**
 * @param {Highlight[]} highlights
 * @param {number} time seconds of the video
 * @returns {number|null} seconds of the reel; null if the reel lacks this time
 */
export function toReel(highlights, time) {
  const one = highlights[at(highlights, time)];
  return one ? Math.min(one.reel_start + Math.max(0, time - one.start_time), one.reel_end) : null;
}

/**
 * Return the numbers, from 1, of a segment's highlights: made from it, or sharing a quarter of the shorter of both.
 * @param {Highlight[]} highlights
 * @param {{start_time: number, end_time: number, index?: number}} segment
 * @returns {number[]}
 */
export function within(highlights, segment) {
  const length = segment.end_time - segment.start_time;
  return highlights.flatMap((one, n) => {
    const shared = Math.min(one.end_time, segment.end_time) - Math.max(one.start_time, segment.start_time);
    const isOwn = one.segment !== undefined && one.segment === segment.index && shared > 0;
    return isOwn || shared > 0.25 * Math.min(length, one.end_time - one.start_time) ? [n + 1] : [];
  });
}

// Where a moment of the video is in its reel, and the other way round. Pure.

/** @typedef {import("./api.js").Highlight} Highlight */

const EDGE = 0.02; // seconds: what is measured on a file is not exact to the last digit

/**
 * @param {Highlight[]} highlights in the order of time
 * @param {number} time seconds of the video
 * @returns {number} index of the one that holds it, -1 without
 */
export const at = (highlights, time) =>
  highlights.findLastIndex((one) => time >= one.start_time - EDGE && time < one.end_time);

/**
 * @param {Highlight[]} highlights
 * @param {number} time seconds of the reel
 * @returns {number} index of the one that is played then, -1 without any
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
 * @returns {number|null} seconds of the reel; null for what is not in it
 */
export function toReel(highlights, time) {
  const one = highlights[at(highlights, time)];
  return one ? Math.min(one.reel_start + Math.max(0, time - one.start_time), one.reel_end) : null;
}

/**
 * The numbers, from 1, of the highlights that a stretch of the video has a part in.
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

// Pure functions for the moments that a user chooses for a reel.

/** @typedef {{start: number, end: number}} Moment A moment between two times, in seconds of the video. */

export const MOST = 50;
export const LEAST = 0.5; // minimum length of a moment, in seconds
// share of a segment, or of a shorter moment, above which the segment counts as in the reel
export const IN_REEL_SHARE = 0.25;
const LONGEST = 600; // maximum length of a reel, in seconds

/** @param {{start_time: number, end_time: number}} part @returns {Moment} */
export const toMoment = ({ start_time, end_time }) => ({ start: start_time, end: end_time });

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
 * Return the moments that can be added to the reel: segments that reach the minimum score and are not in the reel.
 * @param {Moment[]} moments @param {import("./api.js").Segment[]} segments @param {number} least @param {number} duration
 * @returns {(Moment & {score: number})[]}
 */
export function findOffers(moments, segments, least, duration) {
  return segments.flatMap(({ start_time: from, end_time: to, score }) => {
    const isTaken = moments.some(
      ({ start, end }) => Math.min(end, to) - Math.max(start, from) > IN_REEL_SHARE * Math.min(to - from, end - start),
    );
    const found = score < least || isTaken ? null : findRoomAround(moments, (from + to) / 2, to - from, duration);
    return found ? [{ ...found, score }] : [];
  });
}

/**
 * Return an error message about the number of moments and the length of the reel in seconds; empty if valid.
 * @param {number} count @param {number} length
 */
export function findTotalError(count, length) {
  if (!count) return "Add a moment first.";
  if (count > MOST) return `A reel can have at most ${MOST} moments. Remove some.`;
  return length > LONGEST ? `A reel can last at most ${LONGEST / 60} minutes. Shorten or remove moments.` : "";
}

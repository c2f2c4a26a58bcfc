// Conversion between the global time T of a comparison and the times of its videos, in seconds. The formula is: video
// time = clamp(T − offset + driftPpm·10⁻⁶·(T − anchor), 0, duration).

/**
 * Position of a video on the global timeline.
 * @typedef {object} Placement
 * @property {number} offset The global time of the video's start, in seconds.
 * @property {number} driftPpm How much faster the video's clock runs, in parts per million.
 * @property {number} anchor The global time at which the offset is exact, in seconds.
 */

/**
 * @typedef {object} Placed
 * @property {Placement} placement
 * @property {number} duration
 */

/**
 * @param {{offset: number, drift_ppm: number, drift_anchor: number}} vod
 * @returns {Placement}
 */
export function getPlacement({ offset, drift_ppm: driftPpm, drift_anchor: anchor }) {
  return { offset, driftPpm, anchor };
}

/**
 * Return the seconds of video per second of global time.
 * @param {Placement} placement
 * @returns {number}
 */
export function getRate({ driftPpm }) {
  return 1 + driftPpm * 1e-6;
}

/**
 * Convert a global time to a video time, which may lie outside the video.
 * @param {number} T
 * @param {Placement} placement
 * @returns {number}
 */
export function toVideoTime(T, { offset, driftPpm, anchor }) {
  return T - offset + driftPpm * 1e-6 * (T - anchor);
}

/**
 * Convert a global time to a position in the video, limited to its beginning and end.
 * @param {number} T
 * @param {Placed} vod
 * @returns {number}
 */
export function toTimeWithinVideo(T, { placement, duration }) {
  return Math.min(Math.max(toVideoTime(T, placement), 0), duration);
}

/**
 * @param {number} time
 * @param {Placement} placement
 * @returns {number}
 */
export function toGlobalTime(time, placement) {
  const { offset, driftPpm, anchor } = placement;
  return driftPpm ? anchor + (time + offset - anchor) / getRate(placement) : time + offset;
}

/**
 * @param {number} T
 * @param {Placed} vod
 * @returns {boolean}
 */
export function isRunning(T, { placement, duration }) {
  return T >= toGlobalTime(0, placement) && T < toGlobalTime(duration, placement);
}

/**
 * Return the global times at which the first video starts and the last one ends; the range includes 0.
 * @param {Placed[]} vods
 * @returns {{start: number, end: number}}
 */
export function getExtent(vods) {
  return {
    start: Math.min(0, ...vods.map((v) => toGlobalTime(0, v.placement))),
    end: Math.max(0.001, ...vods.map((v) => toGlobalTime(v.duration, v.placement))),
  };
}

/**
 * Return at most `wanted` round times for the marks of a ruler.
 * @param {number} start
 * @param {number} end
 * @param {number} wanted
 * @returns {number[]}
 */
export function makeTicks(start, end, wanted) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  const span = end - start;
  const step = steps.find((s) => span / s <= wanted) ?? Math.ceil(span / wanted / 3600) * 3600;
  const marks = [];
  for (let i = Math.ceil(start / step - 1e-9); i * step <= end + 1e-9; i += 1) marks.push(i * step);
  return marks;
}

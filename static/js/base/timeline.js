// Converts between a comparison's global time T (seconds) and video times:
// vod_time = clamp(T − offset + driftPpm·10⁻⁶·(T − anchor), 0, duration).

/**
 * @typedef {object} Placement position on the global timeline
 * @property {number} offset seconds
 * @property {number} driftPpm speed difference of the video's clock, parts per million
 * @property {number} anchor global time at which the offset is exact, seconds
 */

/**
 * @typedef {object} Placed
 * @property {Placement} placement
 * @property {number} duration seconds
 */

/**
 * @param {{offset: number, drift_ppm: number, drift_anchor: number}} vod video from the API
 * @returns {Placement}
 */
export function placementOf({ offset, drift_ppm: driftPpm, drift_anchor: anchor }) {
  return { offset, driftPpm, anchor };
}

/**
 * @param {Placement} placement
 * @returns {number} seconds of video per global second
 */
export function rateOf({ driftPpm }) {
  return 1 + driftPpm * 1e-6;
}

/**
 * @param {number} T global time, seconds
 * @param {Placement} placement
 * @returns {number} position in the video, seconds; not clamped
 */
export function timeAt(T, { offset, driftPpm, anchor }) {
  return T - offset + driftPpm * 1e-6 * (T - anchor);
}

/**
 * @param {number} T global time, seconds
 * @param {Placed} vod
 * @returns {number} position in the video, seconds; clamped
 */
export function vodTime(T, { placement, duration }) {
  return Math.min(Math.max(timeAt(T, placement), 0), duration);
}

/**
 * @param {number} time position in the video, seconds
 * @param {Placement} placement
 * @returns {number} global time, seconds
 */
export function globalTime(time, placement) {
  const { offset, driftPpm, anchor } = placement;
  return driftPpm ? anchor + (time + offset - anchor) / rateOf(placement) : time + offset;
}

/**
 * @param {number} T global time
 * @param {Placed} vod
 * @returns {boolean}
 */
export function isRunning(T, { placement, duration }) {
  return T >= globalTime(0, placement) && T < globalTime(duration, placement);
}

/**
 * Return the playable range of all videos; it includes 0.
 * @param {Placed[]} vods
 * @returns {{start: number, end: number}}
 */
export function extent(vods) {
  return {
    start: Math.min(0, ...vods.map((v) => globalTime(0, v.placement))),
    end: Math.max(0.001, ...vods.map((v) => globalTime(v.duration, v.placement))),
  };
}

/**
 * Return round times for a ruler.
 * @param {number} start seconds
 * @param {number} end seconds
 * @param {number} wanted maximum count
 * @returns {number[]} seconds
 */
export function ticks(start, end, wanted) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  const span = end - start;
  const step = steps.find((s) => span / s <= wanted) ?? Math.ceil(span / wanted / 3600) * 3600;
  const marks = [];
  for (let i = Math.ceil(start / step - 1e-9); i * step <= end + 1e-9; i += 1) marks.push(i * step);
  return marks;
}

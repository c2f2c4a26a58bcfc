// The common timeline: where each video is at a global time T. The one formula of the contract,
// vod_time = clamp(T − offset, 0, duration), and what follows from it. Pure; knows no page and no player.

/**
 * @typedef {object} Placed
 * @property {number} offset seconds
 * @property {number} duration seconds
 */

/**
 * @param {number} T global time, seconds
 * @param {number} offset seconds
 * @param {number} duration seconds
 * @returns {number} position in the video, seconds
 */
export function vodTime(T, offset, duration) {
  return Math.min(Math.max(T - offset, 0), duration);
}

/**
 * @param {number} time position in the video, seconds
 * @param {number} offset seconds
 * @returns {number} global time, seconds
 */
export function globalTime(time, offset) {
  return time + offset;
}

/**
 * Whether a video has begun and not yet ended at T.
 * @param {number} T
 * @param {Placed} vod
 * @returns {boolean}
 */
export function isRunning(T, { offset, duration }) {
  return T >= offset && T < offset + duration;
}

/**
 * The stretch that can be played: T is never negative; it ends where the last video ends.
 * @param {Placed[]} vods
 * @returns {{start: number, end: number}}
 */
export function extent(vods) {
  return { start: 0, end: Math.max(0.001, ...vods.map((v) => v.offset + v.duration)) };
}

/**
 * Round marks for a ruler, about `wanted` of them.
 * @param {number} start seconds
 * @param {number} end seconds
 * @param {number} wanted
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

// Frame arithmetic. Seeks target the middle of a frame, because its border may show the other frame.

const EPSILON = 1e-6;
/** Steps per second at a variable frame rate: finer than its frames. */
export const VARIABLE_GRID = 120;

/**
 * @param {number} time seconds
 * @param {number} fps
 * @returns {number} frame number, from 0
 */
function frameAt(time, fps) {
  return Math.max(0, Math.floor(time * fps + EPSILON));
}

/**
 * @param {number} duration seconds
 * @param {number} fps
 * @returns {number} frame number
 */
function lastFrame(duration, fps) {
  return Math.max(0, Math.round(duration * fps) - 1);
}

/**
 * @param {number} n frame number
 * @param {number} fps
 * @returns {number} seconds
 */
export function midFrame(n, fps) {
  return (n + 0.5) / fps;
}

/**
 * Return the middle of the frame at a time.
 * @param {number} time seconds
 * @param {number} fps
 * @param {number} duration seconds
 * @returns {number} seconds
 */
export function snap(time, fps, duration) {
  return midFrame(Math.min(frameAt(time, fps), lastFrame(duration, fps)), fps);
}

/**
 * @param {number} time seconds
 * @param {number} by frames; negative: back
 * @param {number} fps
 * @param {number} duration seconds
 * @returns {number} seconds
 */
export function step(time, by, fps, duration) {
  const n = Math.min(Math.max(frameAt(time, fps) + by, 0), lastFrame(duration, fps));
  return midFrame(n, fps);
}

/**
 * Return the frame of a browser's `mediaTime`, its rounded start.
 * @param {number} mediaTime seconds
 * @param {number} fps
 * @returns {number}
 */
export function frameOf(mediaTime, fps) {
  return Math.max(0, Math.round(mediaTime * fps));
}

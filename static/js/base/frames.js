// Frame arithmetic. Seeks target the middle of a frame, because at its border a neighbouring frame may be shown.

const EPSILON = 1e-6;
/** Steps per second in a video of variable frame rate; they are finer than its frames. */
export const VARIABLE_GRID = 120;

/**
 * @param {number} time
 * @param {number} fps
 * @returns {number}
 */
function frameAt(time, fps) {
  return Math.max(0, Math.floor(time * fps + EPSILON));
}

/**
 * @param {number} duration
 * @param {number} fps
 * @returns {number}
 */
function lastFrame(duration, fps) {
  return Math.max(0, Math.round(duration * fps) - 1);
}

/**
 * @param {number} n
 * @param {number} fps
 * @returns {number}
 */
export function midFrame(n, fps) {
  return (n + 0.5) / fps;
}

/**
 * Return the middle of the frame at a time, all in seconds.
 * @param {number} time
 * @param {number} fps
 * @param {number} duration
 * @returns {number}
 */
export function snap(time, fps, duration) {
  return midFrame(Math.min(frameAt(time, fps), lastFrame(duration, fps)), fps);
}

/**
 * Return the time after a step of some frames; a negative number steps back.
 * @param {number} time
 * @param {number} by
 * @param {number} fps
 * @param {number} duration
 * @returns {number}
 */
export function step(time, by, fps, duration) {
  const n = Math.min(Math.max(frameAt(time, fps) + by, 0), lastFrame(duration, fps));
  return midFrame(n, fps);
}

/**
 * Return the number of the frame at a `mediaTime`, which is the rounded start of a frame in seconds.
 * @param {number} mediaTime
 * @param {number} fps
 * @returns {number}
 */
export function frameOf(mediaTime, fps) {
  return Math.max(0, Math.round(mediaTime * fps));
}

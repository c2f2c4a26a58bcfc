// Frame arithmetic by a video's own rate. A seek goes to the middle of a frame, (n + 0.5)/fps: a time on the border
// of two frames shows either of them. Pure.

const EPSILON = 1e-6;
/** Steps a second in a video of variable frame rate: finer than its frames, so that none is stepped over. */
export const VARIABLE_GRID = 120;

/**
 * @param {number} time position in the video, seconds
 * @param {number} fps
 * @returns {number} number of the frame shown at that time, from 0
 */
function frameAt(time, fps) {
  return Math.max(0, Math.floor(time * fps + EPSILON));
}

/**
 * @param {number} duration seconds
 * @param {number} fps
 * @returns {number} number of the last frame
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
 * The middle of the frame shown at a time, never past the last frame.
 * @param {number} time seconds
 * @param {number} fps
 * @param {number} duration seconds
 * @returns {number} seconds
 */
export function snap(time, fps, duration) {
  return midFrame(Math.min(frameAt(time, fps), lastFrame(duration, fps)), fps);
}

/**
 * Where a step of `by` frames leads.
 * @param {number} time seconds
 * @param {number} by frames, negative is back
 * @param {number} fps
 * @param {number} duration seconds
 * @returns {number} seconds, the middle of a frame
 */
export function step(time, by, fps, duration) {
  const n = Math.min(Math.max(frameAt(time, fps) + by, 0), lastFrame(duration, fps));
  return midFrame(n, fps);
}

/**
 * The frame of a presentation timestamp as the browser reports it (a frame's own start, rounded by the container).
 * @param {number} mediaTime seconds
 * @param {number} fps
 * @returns {number}
 */
export function frameOf(mediaTime, fps) {
  return Math.max(0, Math.round(mediaTime * fps));
}

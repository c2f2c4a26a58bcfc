// Frame arithmetic. Seeks target the middle of a frame, because a seek to its border may show the neighbouring frame.

const EPSILON = 1e-6;
/** Number of seek positions per second of a video with variable frame rate, whose frames are further apart. */
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
export function frameMiddle(n, fps) {
  return (n + 0.5) / fps;
}

/**
 * Move a time, in seconds, to the middle of its frame.
 * @param {number} time
 * @param {number} fps
 * @param {number} duration
 * @returns {number}
 */
export function snapToFrame(time, fps, duration) {
  return frameMiddle(Math.min(frameAt(time, fps), lastFrame(duration, fps)), fps);
}

/**
 * Step from a time by a number of frames, and return the new time in seconds. A negative number steps back.
 * @param {number} time
 * @param {number} by
 * @param {number} fps
 * @param {number} duration
 * @returns {number}
 */
export function stepFrames(time, by, fps, duration) {
  const n = Math.min(Math.max(frameAt(time, fps) + by, 0), lastFrame(duration, fps));
  return frameMiddle(n, fps);
}

/**
 * Return the number of a frame from its `mediaTime`, which is its rounded start time in seconds.
 * @param {number} mediaTime
 * @param {number} fps
 * @returns {number}
 */
export function frameOfMediaTime(mediaTime, fps) {
  return Math.max(0, Math.round(mediaTime * fps));
}

// Rules that bring a video back in sync if it is ahead or behind. The constants come from measurements with three
// videos (60, 29.97 and 30 fps), a blocked thread, missing data and seeks.

export const LOOK = 60; // ms between two checks for videos that must start, have ended or lack data
export const TICK = 250; // ms between two measurements of the videos' sync errors
/**
 * A session's default sync settings, in ms. A default value means that the user has not chosen one. The page then uses
 * the stricter TICK as the interval, or DEAD_BAND as the tolerance.
 */
const UNCHANGED = { interval: 500, tolerance: 100 };
const DEAD_BAND = 0.002; // sync error, in seconds, above which a correction starts
export const SETTLED = 0.001; // sync error, in seconds, at which a running correction ends
const RECOVERY = 0.8; // seconds in which a change of speed removes a sync error; GENTLE and FIRM limit the change
const GENTLE = 0.05; // maximum relative change of speed that corrects a small sync error
const FIRM = 0.1; // maximum relative change of speed that corrects a large sync error
const FIRM_FROM = 0.05; // sync error, in seconds, above which FIRM limits the change of speed instead of GENTLE
const RATE_STEP = 0.002;
// sync error, in seconds, above which a seek corrects it; with 0.1, busy computers would seek again and again
const SEEK_FROM = 0.3;
export const FIRST_LEAD = 0.08; // initial estimate of the duration of a seek during play, in seconds
export const COOL_DOWN = 1500; // minimum ms between two corrective seeks of a video
export const STARVED = 120; // ms for which a video may lack data before all videos pause and wait
export const REBASE = 0.01; // if the clock is off by more than this many seconds, it takes the leading video's time
const FOLLOW_DEAD_BAND = 0.04; // differences from the session's clock of up to this many seconds are ignored
const FOLLOW_REACH = 0.02; // maximum relative change of speed while following the session's clock
const FOLLOW_SEEK = 1; // differences from the session's clock of more than this many seconds are corrected by a seek
export const FOLLOW_COOL_DOWN = 5000; // minimum ms between two seeks while following the session's clock
const SLOW_SEEK = 500; // seeks of more than this many ms count as slow; seeks in proxy videos take less than 200 ms
const [SEEKS_KEPT, SLOW_SEEKS] = [6, 4];

/**
 * @typedef {{do: "rate", factor: number} | {do: "seek"}} Correction
 */

/**
 * Return the check interval (ms) and the tolerated error (seconds) for a session's settings.
 * @param {{interval: number, tolerance: number}} said
 * @returns {{tick: number, deadBand: number}}
 */
export function getSyncSettings({ interval, tolerance }) {
  return {
    tick: interval === UNCHANGED.interval ? TICK : interval,
    deadBand: tolerance === UNCHANGED.tolerance ? DEAD_BAND : tolerance / 1000,
  };
}

/**
 * Return how to correct a video's sync error: by a seek, or by a change of its speed. The new speed is the speed of the
 * group times `factor`.
 * @param {number} error The sync error in seconds; it is positive if the video is ahead of the leading
 *   video.
 * @param {{maySeek: boolean, correcting: boolean, deadBand?: number}} state `maySeek` is false shortly after a seek;
 *   `deadBand` is the tolerated error in seconds.
 * @returns {Correction}
 */
export function chooseCorrection(error, { maySeek, correcting, deadBand = DEAD_BAND }) {
  const size = Math.abs(error);
  if (size <= (correcting ? Math.min(SETTLED, deadBand) : deadBand)) return { do: "rate", factor: 1 };
  if (size > SEEK_FROM && maySeek) return { do: "seek" };
  const reach = size > FIRM_FROM ? FIRM : GENTLE;
  return { do: "rate", factor: quantize(1 - limitTo(error / RECOVERY, reach)) };
}

/**
 * Return how to bring the videos back to the session's clock: by a seek, or by a change of their speed. The new speed
 * is the usual speed times `factor`.
 * @param {number} error The difference in seconds; it is positive if the videos are ahead of the clock.
 * @returns {Correction}
 */
export function chooseClockCorrection(error) {
  const size = Math.abs(error);
  if (size > FOLLOW_SEEK) return { do: "seek" };
  if (size <= FOLLOW_DEAD_BAND) return { do: "rate", factor: 1 };
  return { do: "rate", factor: quantize(1 - limitTo(error, FOLLOW_REACH)) };
}

/**
 * Return a new estimate of a seek's duration, in seconds, from the result of the latest seek.
 * @param {number} lead The estimate used for the latest seek, in seconds.
 * @param {number} error The sync error after the latest seek, in seconds; it is positive if the estimate was
 *   too long.
 * @returns {number}
 */
export function updateLead(lead, error) {
  return Math.min(1.5, Math.max(0.01, lead - 0.5 * error));
}

/**
 * Return the median; NaN if there are no values.
 * @param {number[]} values
 * @returns {number}
 */
export function findMedian(values) {
  if (!values.length) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** @param {number} value @param {number} reach */
function limitTo(value, reach) {
  return Math.min(reach, Math.max(-reach, value));
}

/** @param {number} factor */
function quantize(factor) {
  return Math.round(factor / RATE_STEP) * RATE_STEP;
}

export class SeekTimes {
  /** @type {number[]} */ #last = [];

  /** @param {number} ms */
  add(ms) {
    this.#last = [...this.#last, ms].slice(-SEEKS_KEPT);
  }

  /** True if most of the latest seeks were too slow for scrubbing. */
  get areSlow() {
    return this.#last.filter((ms) => ms > SLOW_SEEK).length >= SLOW_SEEKS;
  }

  forget() {
    this.#last = [];
  }
}

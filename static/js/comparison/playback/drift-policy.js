// Corrections for a video that is ahead or behind: none, a change of speed, or a seek. The constants were measured with
// three videos (60, 29.97 and 30 fps), a blocked thread, starvation and seeks.

export const LOOK = 60; // ms between two checks for starts, ends and missing data
export const TICK = 250; // ms between two checks of the sync error
/** Default settings of a session, ms; they select the measured TICK and DEAD_BAND. */
const UNCHANGED = { interval: 500, tolerance: 100 };
const DEAD_BAND = 0.002; // seconds; smaller errors are never corrected
export const SETTLED = 0.001; // seconds; error at which a correction ends, below the dead band's edge
const RECOVERY = 0.8; // seconds within which an error is corrected
const GENTLE = 0.05; // maximum change of speed for small errors
const FIRM = 0.1; // maximum change of speed for larger errors
const FIRM_FROM = 0.05; // seconds; smallest error that uses FIRM
const RATE_STEP = 0.002;
const SEEK_FROM = 0.3; // seconds; a limit of 0.1 causes repeated seeks under load
export const FIRST_LEAD = 0.08; // initial estimate of the duration of a seek during play, seconds
export const COOL_DOWN = 1500; // minimum ms between two seeks of a video
export const STARVED = 120; // ms without data before all videos wait
export const REBASE = 0.01; // seconds between clock and leader that reset the clock
const FOLLOW_DEAD_BAND = 0.04; // seconds; smaller errors against the session's clock are ignored
const FOLLOW_REACH = 0.02; // maximum change of speed while following
const FOLLOW_SEEK = 1; // seconds; larger errors need a seek
export const FOLLOW_COOL_DOWN = 5000; // minimum ms between two seeks while following
const SLOW_SEEK = 500; // ms; a seek in a quick copy takes under 200
const [SEEKS_KEPT, SLOW_SEEKS] = [6, 4];

/**
 * @typedef {{do: "rate", factor: number} | {do: "seek"}} Correction
 */

/**
 * Return the check interval (ms) and the tolerated error (seconds) for a session's settings.
 * @param {{interval: number, tolerance: number}} said ms
 * @returns {{tick: number, deadBand: number}}
 */
export function stepKeeping({ interval, tolerance }) {
  return {
    tick: interval === UNCHANGED.interval ? TICK : interval,
    deadBand: tolerance === UNCHANGED.tolerance ? DEAD_BAND : tolerance / 1000,
  };
}

/**
 * @param {number} error seconds; positive is ahead of the leader
 * @param {{maySeek: boolean, correcting: boolean, deadBand?: number}} state maySeek: false during the cool-down;
 *   deadBand: tolerated error, seconds
 * @returns {Correction} `factor` multiplies the group's speed
 */
export function correction(error, { maySeek, correcting, deadBand = DEAD_BAND }) {
  const size = Math.abs(error);
  if (size <= (correcting ? Math.min(SETTLED, deadBand) : deadBand)) return { do: "rate", factor: 1 };
  if (size > SEEK_FROM && maySeek) return { do: "seek" };
  const reach = size > FIRM_FROM ? FIRM : GENTLE;
  return { do: "rate", factor: quantise(1 - limit(error / RECOVERY, reach)) };
}

/**
 * Return the correction towards the session's clock.
 * @param {number} error seconds; positive is ahead of the session
 * @returns {Correction}
 */
export function followCorrection(error) {
  const size = Math.abs(error);
  if (size > FOLLOW_SEEK) return { do: "seek" };
  if (size <= FOLLOW_DEAD_BAND) return { do: "rate", factor: 1 };
  return { do: "rate", factor: quantise(1 - limit(error, FOLLOW_REACH)) };
}

/**
 * Return the new estimate of a seek's duration.
 * @param {number} lead seconds used for the latest seek
 * @param {number} error remaining seconds; positive if the lead was too long
 * @returns {number} seconds
 */
export function learnLead(lead, error) {
  return Math.min(1.5, Math.max(0.01, lead - 0.5 * error));
}

/**
 * @param {number[]} values
 * @returns {number} NaN if empty
 */
export function median(values) {
  if (!values.length) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** @param {number} value @param {number} reach */
function limit(value, reach) {
  return Math.min(reach, Math.max(-reach, value));
}

/** @param {number} factor */
function quantise(factor) {
  return Math.round(factor / RATE_STEP) * RATE_STEP;
}

/** Durations of the group's latest seeks. */
export class SeekTimes {
  /** @type {number[]} */ #last = [];

  /** @param {number} ms */
  add(ms) {
    this.#last = [...this.#last, ms].slice(-SEEKS_KEPT);
  }

  /** True if most seeks were too slow for scrubbing. */
  get areSlow() {
    return this.#last.filter((ms) => ms > SLOW_SEEK).length >= SLOW_SEEKS;
  }

  forget() {
    this.#last = [];
  }
}

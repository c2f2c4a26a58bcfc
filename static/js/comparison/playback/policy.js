// What to do about a video that is ahead or behind: nothing, play a little slower or faster, or seek. Pure; the
// constants were measured on three videos of 60, 29.97 and 30 fps with a blocked thread, starvation and seeks.

export const LOOK = 60; // ms between two looks for one that begins, ends or starves
export const TICK = 250; // ms between two looks at how far out of step they are
/** What a session says where nobody has changed it, ms: it stands for the two measured ones. */
const UNCHANGED = { interval: 500, tolerance: 100 };
const DEAD_BAND = 0.002; // s that are left alone: what is smaller may stay for ever
export const SETTLED = 0.001; // s at which a correction that was begun ends, so that none rests at the band's edge
const RECOVERY = 0.8; // s in which an error is to be made up
const GENTLE = 0.05; // ±5 % …
const FIRM = 0.1; // … ±10 % …
const FIRM_FROM = 0.05; // … from 50 ms on
const RATE_STEP = 0.002;
const SEEK_FROM = 0.3; // s; seeking at 0.1 s thrashes under load
export const FIRST_LEAD = 0.08; // s a seek in play takes, until it is known
export const COOL_DOWN = 1500; // ms after a seek in which no other follows
export const STARVED = 120; // ms without data before all wait
export const REBASE = 0.01; // s between group clock and leader
const FOLLOW_DEAD_BAND = 0.04; // s; a viewer who follows another
const FOLLOW_REACH = 0.02; // ±2 %
const FOLLOW_SEEK = 1; // s
export const FOLLOW_COOL_DOWN = 5000; // ms
const SLOW_SEEK = 500; // ms; a quick copy's takes under 200
const [SEEKS_KEPT, SLOW_SEEKS] = [6, 4];

/**
 * @typedef {{do: "rate", factor: number} | {do: "seek"}} Correction
 */

/**
 * How often is looked, ms, and what is let be, s, for what a session says of both.
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
 * @param {{maySeek: boolean, correcting: boolean, deadBand?: number}} state no seek in the cool-down after one; deadBand:
 *   seconds that are let be
 * @returns {Correction} `factor` multiplies the speed the whole group has
 */
export function correction(error, { maySeek, correcting, deadBand = DEAD_BAND }) {
  const size = Math.abs(error);
  if (size <= (correcting ? Math.min(SETTLED, deadBand) : deadBand)) return { do: "rate", factor: 1 };
  if (size > SEEK_FROM && maySeek) return { do: "seek" };
  const reach = size > FIRM_FROM ? FIRM : GENTLE;
  return { do: "rate", factor: quantise(1 - limit(error / RECOVERY, reach)) };
}

/**
 * How a viewer's whole group moves towards the session's clock.
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
 * A learned lead after one more seek in play.
 * @param {number} lead seconds used for that seek
 * @param {number} error seconds left after it; positive is ahead, so the lead was too long
 * @returns {number} seconds
 */
export function learnLead(lead, error) {
  return Math.min(1.5, Math.max(0.01, lead - 0.5 * error));
}

/**
 * @param {number[]} values
 * @returns {number} the median; NaN of none
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

/** How long the last seeks of the group took. */
export class SeekTimes {
  /** @type {number[]} */ #last = [];

  /** @param {number} ms */
  add(ms) {
    this.#last = [...this.#last, ms].slice(-SEEKS_KEPT);
  }

  /** Whether most were so slow that moving along the timeline is no pleasure. */
  get areSlow() {
    return this.#last.filter((ms) => ms > SLOW_SEEK).length >= SLOW_SEEKS;
  }

  forget() {
    this.#last = [];
  }
}

// Formatting of numbers and times, as in vodplatform/core/formatting.py. The cases in tests/node/formats.json test
// both modules.

const MINUS = "\u2212";
const MILLI = 1000;
const TINY = 1e-6; // added to values before rounding down, because 100 * 0.29 is slightly less than 29

/**
 * Format seconds, also negative ones, as `HH:MM:SS.mmm`.
 * @param {number} seconds
 * @returns {string}
 */
export function formatPosition(seconds) {
  const ms = Math.round(Math.abs(seconds) * 1000);
  if (seconds < 0 && ms) return `${MINUS}${formatPosition(-seconds)}`;
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const whole = Math.floor(ms / 1000);
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.${String(ms % 1000).padStart(3, "0")}`;
}

/**
 * Format seconds as `1:12:40` or `42:18`.
 * @param {number} seconds
 * @returns {string}
 */
export function formatDuration(seconds) {
  const whole = Math.round(Math.abs(seconds));
  if (seconds < 0 && whole) return `${MINUS}${formatDuration(-seconds)}`;
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/**
 * Format seconds, rounded down, as `6:18`.
 * @param {number} seconds
 * @returns {string}
 */
export const formatClock = (seconds) => formatDuration(Math.floor(seconds + TINY));

/** Format seconds as `2.8 s` or `10 s`. @param {number} seconds @returns {string} */
export const formatTenths = (seconds) => `${Math.floor(seconds * 10 + 0.5) / 10} s`;

/**
 * Format a score of 0 to 1 as `0.94`, rounded down, so that a score below 0.2 never reads `0.20`.
 * @param {number} value
 * @returns {string}
 */
export const formatHundredths = (value) => (Math.floor(value * 100 + TINY) / 100).toFixed(2);

/**
 * Round a percentage down, so that only complete work reads `100 %`.
 * @param {number} value
 * @returns {string}
 */
export const formatPercent = (value) => `${Math.floor(value + TINY)} %`;

/**
 * Format seconds as `0:38.600`.
 * @param {number} seconds
 * @returns {string}
 */
export function formatMoment(seconds) {
  const ms = Math.round(Math.max(0, seconds) * MILLI);
  const whole = Math.floor(ms / MILLI);
  const rest = `${String(whole % 60).padStart(2, "0")}.${String(ms % MILLI).padStart(3, "0")}`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes}:${rest}`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/**
 * Parse `38.6`, `0:38,6` or `1:02:03.5` into seconds; null if invalid.
 * @param {string} text
 * @returns {number|null}
 */
export function parseMoment(text) {
  const match = /^(?:(?:(\d+):)?(\d{1,3}):)?(\d+(?:\.\d*)?|\.\d+)$/.exec(
    text.trim().replace(/\s*s$/i, "").replace(",", "."),
  );
  if (!match) return null;
  const [, hours = "0", minutes = "0", rest] = match;
  return Math.round((Number(hours) * 3600 + Number(minutes) * 60 + Number(rest)) * MILLI) / MILLI;
}

/**
 * Format an offset in seconds as `+193.217 s`.
 * @param {number} seconds
 * @returns {string}
 */
export function formatOffset(seconds) {
  const rounded = Math.round(seconds * 1000) / 1000;
  return `${rounded < 0 ? MINUS : "+"}${Math.abs(rounded).toFixed(3)} s`;
}

/**
 * Parse `+1.5`, `−1,5 s` or `1:02.5` into seconds; null if invalid.
 * @param {string} text
 * @returns {number|null}
 */
export function parseOffset(text) {
  const plain = text.trim().replace(/\s*s$/i, "").replaceAll(MINUS, "-").replaceAll("\u2013", "-").replace(",", ".");
  const match = /^([+-]?)(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d+)?|\.\d+)$/.exec(plain.trim());
  if (!match) return null;
  const [, sign, first, second, rest] = match;
  const upper = second === undefined ? Number(first ?? 0) * 60 : Number(first) * 3600 + Number(second) * 60;
  const value = upper + Number(rest);
  return sign === "-" ? -value : value;
}

/**
 * Format a sync error in seconds as `+4 ms` or `−1.2 s`.
 * @param {number} seconds
 * @returns {string}
 */
export function formatSyncError(seconds) {
  const ms = Math.round(seconds * 1000);
  if (ms === 0) return "0 ms";
  const sign = ms < 0 ? MINUS : "+";
  return Math.abs(ms) < 1000 ? `${sign}${Math.abs(ms)} ms` : `${sign}${(Math.abs(ms) / 1000).toFixed(1)} s`;
}

/**
 * @param {number} value
 * @returns {string}
 */
export function formatPpm(value) {
  const rounded = Math.round(value * 10) / 10;
  return rounded ? `${rounded < 0 ? MINUS : "+"}${Math.abs(rounded).toFixed(1)} ppm` : "0 ppm";
}

/**
 * @param {number} fps
 * @returns {string}
 */
export function formatFrameRate(fps) {
  return String(Math.round(fps * 100) / 100);
}

/**
 * @param {number} n
 * @returns {string}
 */
export function formatFrameNumber(n) {
  return String(n).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/**
 * Describe a confidence: high from 0.9, fair from 0.5, otherwise low.
 * @param {number} confidence
 * @returns {{number: string, word: string, tone: string}}
 */
export function describeConfidence(confidence) {
  const [word, tone] = confidence >= 0.9 ? ["high", "ok"] : confidence >= 0.5 ? ["fair", "warn"] : ["low", "bad"];
  return { number: formatHundredths(confidence), word, tone };
}

/**
 * @param {{resolution: string, fps: number}} vod
 * @returns {string}
 */
export function formatPicture(vod) {
  const height = /x(\d+)/.exec(vod.resolution ?? "")?.[1];
  return `${height ? `${height}p` : ""}${formatFrameRate(vod.fps)}`;
}

/**
 * Convert epoch seconds or ISO 8601 to a date.
 * @param {number|string} instant
 * @returns {Date}
 */
export function toDate(instant) {
  return new Date(typeof instant === "number" ? instant * 1000 : instant);
}

const DAY = 86_400_000;

/**
 * Format a time in the browser's time zone as `14:06`, `yesterday 10:02` or `9 January 08:15`.
 * @param {Date} date
 * @param {Date} [now]
 * @returns {string}
 */
export function formatWhen(date, now = new Date()) {
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const midnight = (/** @type {Date} */ d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  const days = Math.round((midnight(now) - midnight(date)) / DAY);
  const near = /** @type {Record<number, string>} */ ({ 0: "", 1: "yesterday ", [-1]: "tomorrow " })[days];
  if (near !== undefined) return near + clock;
  if (date.getFullYear() !== now.getFullYear()) return formatIsoDay(date);
  return `${date.getDate()} ${date.toLocaleDateString("en", { month: "long" })} ${clock}`;
}

/**
 * @param {Date} date
 * @returns {string}
 */
export function formatIsoDay(date) {
  return [
    date.getFullYear(),
    String(date.getMonth() + 1).padStart(2, "0"),
    String(date.getDate()).padStart(2, "0"),
  ].join("-");
}

/**
 * Format a time as `12 minutes ago`, `in 3 days` or `now`.
 * @param {Date} date
 * @param {Date} [now]
 * @returns {string}
 */
export function formatRelative(date, now = new Date()) {
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const seconds = Math.round((date.getTime() - now.getTime()) / 1000);
  for (const [unit, length] of /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ])) {
    if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit);
  }
  return words.format(0, "second");
}

/**
 * Return a count with its noun, such as `1 video` or `3 matches`.
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 * @returns {string}
 */
export function formatCount(count, one, many = pluralize(one)) {
  return `${count} ${count === 1 ? one : many}`;
}

/** @param {string} word @returns {string} */
export function pluralize(word) {
  return /(s|x|ch|sh)$/.test(word) ? `${word}es` : `${word}s`;
}

/**
 * Format remaining seconds as `30 s left` or `2 h 10 min left`.
 * @param {number} seconds
 * @returns {string}
 */
export function formatTimeLeft(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s left`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min left`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min left`;
}

// In pieces of what size clips are sent, and how long to wait after one that failed. Pure.

const KIB = 1024;
const LEAST = 256 * KIB;
const MOST = 4096 * KIB;
/** A piece shall take about so long: short enough to lose little of it, long enough to lose no time between two. */
const SECONDS = 2;
/** An upload has at most 25 000 pieces; some are left over, for sizes are rounded. */
const PIECES = 20_000;
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;

/**
 * @typedef {object} Network
 * @property {number} speed bytes a second, as measured when something was last sent; 0 where nothing was
 * @property {string} kind the browser's `effectiveType`: `4g`, `3g`, `2g`, `slow-2g`; empty where it does not tell
 * @property {number} downlink the browser's guess, megabits a second; 0 where it has none
 */

/**
 * @param {Network} network
 * @param {number} largest bytes of the largest file
 * @param {{least: number, most: number}} allowed bytes, by the server
 * @returns {number} bytes of a piece, a power of two wherever the limits are
 */
export function chunkSize({ speed, kind, downlink }, largest, { least, most }) {
  const wanted = speed > 0 ? 2 ** Math.floor(Math.log2(speed * SECONDS)) : byKind(kind, downlink);
  const size = Math.max(
    Math.min(MOST, Math.max(LEAST, wanted)),
    2 ** Math.ceil(Math.log2(Math.max(1, largest / PIECES))),
  );
  return Math.min(most, Math.max(least, size));
}

/** @param {string} kind @param {number} downlink */
function byKind(kind, downlink) {
  if (kind === "slow-2g" || kind === "2g") return LEAST;
  if (kind === "3g") return 512 * KIB;
  if (kind === "4g" && downlink >= 10) return MOST;
  if (kind === "4g" && downlink >= 5) return 2048 * KIB;
  return 1024 * KIB;
}

/**
 * @param {number} tries failed so far, in a row
 * @param {number|null} [retryAfter] seconds that the server asked for
 * @param {number} [chance] 0 to 1, so that not everybody comes at once
 * @returns {number} milliseconds until the next try
 */
export function waitLength(tries, retryAfter = null, chance = Math.random()) {
  const wait = retryAfter ? retryAfter * 1000 : Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.max(0, tries - 1));
  return wait * (retryAfter ? 1 + 0.2 * chance : 0.8 + 0.4 * chance);
}

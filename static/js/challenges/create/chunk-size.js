// The size of upload chunks, and the delay before a retry.

const KIB = 1024;
const LEAST = 256 * KIB;
const MOST = 4096 * KIB;
/** Target duration of a chunk: longer ones lose more when interrupted, shorter ones add pauses. */
const SECONDS = 2;
/** Maximum number of chunks. The server allows 25 000; the margin covers rounded sizes. */
const PIECES = 20_000;
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;

/**
 * @typedef {object} Network
 * @property {number} speed bytes per second of the last upload; 0 if unknown
 * @property {string} kind the browser's `effectiveType`: `4g`, `3g`, `2g`, `slow-2g`; empty if unknown
 * @property {number} downlink the browser's estimate, Mbit/s; 0 if unknown
 */

/**
 * @param {Network} network
 * @param {number} largest size of the largest file, bytes
 * @param {{least: number, most: number}} allowed server limits, bytes
 * @returns {number} chunk size in bytes: a power of two, unless limited by the server
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
 * @param {number} tries failures in a row
 * @param {number|null} [retryAfter] seconds requested by the server
 * @param {number} [chance] random number from 0 to 1
 * @returns {number} milliseconds until the next try
 */
export function waitLength(tries, retryAfter = null, chance = Math.random()) {
  const wait = retryAfter ? retryAfter * 1000 : Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.max(0, tries - 1));
  return wait * (retryAfter ? 1 + 0.2 * chance : 0.8 + 0.4 * chance);
}

// The network's speed, the size of upload chunks that suits it, and the delay before a retry.

const KIB = 1024;
const LEAST = 256 * KIB;
const MOST = 4096 * KIB;
// Target upload time of a chunk in seconds. With longer chunks, an interruption loses more data; with shorter chunks,
// there are more pauses.
const SECONDS = 2;
/** Maximum number of chunks in a file, below the server's limit of 25 000. */
const PIECES = 20_000;
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;
const KEY = "vod-upload-speed";
const HOLDS = 24 * 3600 * 1000; // ms for which a measured speed stays valid

/**
 * @typedef {object} Network
 * @property {number} speed The speed of the latest upload in bytes per second; 0 if unknown.
 * @property {string} kind The browser's `effectiveType` of the connection, such as `4g`; empty if unknown.
 * @property {number} downlink The browser's estimate of the bandwidth in Mbit/s; 0 if unknown.
 */

/** @returns {Network} */
export function readNetwork() {
  const { saveData, effectiveType, downlink = 0 } = /** @type {any} */ (navigator).connection ?? {};
  let speed = 0;
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (Date.now() - stored.at < HOLDS && stored.speed > 0) speed = stored.speed;
  } catch {}
  return { speed, kind: saveData ? "2g" : (effectiveType ?? ""), downlink };
}

/** @param {number} speed Measured upload speed in bytes per second. */
export function storeSpeed(speed) {
  try {
    if (speed > 0) localStorage.setItem(KEY, JSON.stringify({ speed: Math.round(speed), at: Date.now() }));
  } catch {}
}

/**
 * Return the chunk size in bytes: a power of two, unless a server limit applies.
 * @param {Network} network
 * @param {number} largest The size of the largest file in bytes.
 * @param {{least: number, most: number}} allowed The server's minimum and maximum chunk size in bytes.
 */
export function chooseChunkSize({ speed, kind, downlink }, largest, { least, most }) {
  const wanted = speed > 0 ? 2 ** Math.floor(Math.log2(speed * SECONDS)) : guessSize(kind, downlink);
  const needed = 2 ** Math.ceil(Math.log2(Math.max(1, largest / PIECES)));
  return Math.min(most, Math.max(least, needed, Math.min(MOST, Math.max(LEAST, wanted))));
}

/** @param {string} kind @param {number} downlink */
function guessSize(kind, downlink) {
  if (kind === "slow-2g" || kind === "2g") return LEAST;
  if (kind === "3g") return 512 * KIB;
  if (kind === "4g" && downlink >= 10) return MOST;
  return kind === "4g" && downlink >= 5 ? 2048 * KIB : 1024 * KIB;
}

/**
 * Return the milliseconds to wait before a retry.
 * @param {number} tries The number of failed tries of the request so far.
 * @param {number|null} [retryAfter] The wait that the server requested, in seconds.
 * @param {number} [chance] A random number from 0 to 1, which spreads the retries of many pages.
 */
export function chooseWait(tries, retryAfter = null, chance = Math.random()) {
  const wait = retryAfter ? retryAfter * 1000 : Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.max(0, tries - 1));
  return wait * (retryAfter ? 1 + 0.2 * chance : 0.8 + 0.4 * chance);
}

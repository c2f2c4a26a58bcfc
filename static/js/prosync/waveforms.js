// Waveforms of sounds.

const BARS = 240;
const MAX_BYTES = 300 * 1024 ** 2; // maximum bytes of a file to decode, because all samples are kept in memory
const SVG = "http://www.w3.org/2000/svg";

/** @typedef {{duration: number, bars: number[]}} Wave A waveform; `bars` are the sound's peaks over time, 0 to 1. */

/**
 * Compute a file's waveform; null if the file is too large or unreadable.
 * @param {Blob} file
 * @param {number} [count]
 * @returns {Promise<Wave|null>}
 */
export async function computeWave(file, count = BARS) {
  if (file.size > MAX_BYTES) return null;
  const context = new OfflineAudioContext(1, 1, 16_000);
  try {
    const decoded = await context.decodeAudioData(await file.arrayBuffer());
    return { duration: decoded.duration, bars: findPeaks(decoded.getChannelData(0), count) };
  } catch {
    return null;
  }
}

/**
 * @param {ArrayLike<number>} samples
 * @param {number} count
 * @returns {number[]}
 */
function findPeaks(samples, count) {
  const bars = [];
  const each = Math.max(1, Math.ceil(samples.length / count));
  for (let begin = 0; begin < samples.length; begin += each) {
    let most = 0;
    const end = Math.min(samples.length, begin + each);
    for (let at = begin; at < end; at += 1) most = Math.max(most, Math.abs(samples[at]));
    bars.push(Math.min(1, most));
  }
  return bars;
}

/**
 * Read a sound's peaks from the server, in version 2 of audiowaveform's JSON format.
 * @param {string} address
 * @param {number} [count]
 * @returns {Promise<number[]>}
 */
export async function fetchPeaks(address, count = 4 * BARS) {
  const response = await fetch(address, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`The waveform could not be loaded (${response.status}).`);
  const { data } = await response.json();
  return findPeaks(
    data.map((/** @type {number} */ level) => level / 128),
    2 * count,
  );
}

/**
 * Draw a part of a waveform as SVG. `from` and `to` are fractions of the sound's duration, 0 to 1.
 * @param {number[]} bars
 * @param {number} [from]
 * @param {number} [to]
 * @returns {SVGElement}
 */
export function drawWave(bars, from = 0, to = 1) {
  const shown = bars.slice(
    Math.floor(from * bars.length),
    Math.max(Math.floor(from * bars.length) + 1, Math.ceil(to * bars.length)),
  );
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "waveform");
  svg.setAttribute("viewBox", `0 0 ${Math.max(1, shown.length)} 40`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  // Draw the square root of the peaks, to keep quiet speech visible.
  const height = (/** @type {number} */ bar) => Math.sqrt(bar) * 18 + 0.5;
  path.setAttribute(
    "d",
    shown.map((bar, at) => `M${at + 0.5} ${(20 - height(bar)).toFixed(1)}v${(2 * height(bar)).toFixed(1)}`).join(""),
  );
  svg.append(path);
  return svg;
}

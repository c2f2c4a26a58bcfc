// Waveforms of sounds.

import { html } from "../base/view.js";
import { loadPeaks } from "../base/waveform.js";

const BARS = 240;
const MAX_BYTES = 300 * 1024 ** 2; // maximum bytes of a file to decode, because all samples are kept in memory

/** @typedef {{duration: number, bars: number[]}} Wave A waveform; `bars` are the sound's peaks over time, 0 to 1. */

/**
 * Compute a file's waveform; null if the file is too large or unreadable.
 * @param {Blob} file @param {number} [count] @returns {Promise<Wave|null>}
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

/** @param {ArrayLike<number>} samples @param {number} count */
function findPeaks(samples, count) {
  const each = Math.max(1, Math.ceil(samples.length / count));
  /** @type {number[]} */ const bars = Array(Math.ceil(samples.length / each)).fill(0);
  for (let at = 0; at < samples.length; at += 1) {
    const bar = Math.floor(at / each);
    bars[bar] = Math.min(1, Math.max(bars[bar], Math.abs(samples[at])));
  }
  return bars;
}

/**
 * Read a sound's peaks from the server, in version 2 of audiowaveform's JSON format.
 * @param {string} address @param {number} [count] @returns {Promise<number[]>}
 */
export async function fetchPeaks(address, count = 4 * BARS) {
  const { data } = await loadPeaks(address);
  const levels = data.map((level) => level / 128);
  return findPeaks(levels, 2 * count);
}

/**
 * Return the template of a part of a waveform. `from` and `to` are fractions of the sound's duration, 0 to 1. `share`
 * is the fraction of a segment that the sound fills.
 * @param {number[]} bars @param {number} [from] @param {number} [to] @param {number} [share]
 */
export function waveView(bars, from = 0, to = 1, share = 1) {
  const first = Math.floor(from * bars.length);
  const shown = bars.slice(first, Math.max(first + 1, Math.ceil(to * bars.length)));
  const lines = shown.map((bar, at) => {
    const height = Math.sqrt(bar) * 18 + 0.5; // the square root keeps quiet speech visible
    return `M${at + 0.5} ${(20 - height).toFixed(1)}v${(2 * height).toFixed(1)}`;
  });
  return html`<svg class="waveform" viewBox="0 0 ${Math.max(1, shown.length)} 40" preserveAspectRatio="none"
    aria-hidden="true" .style=${`--share: ${share}`}><path d=${lines.join("")}></path></svg>`;
}

// The shape and the description of a waveform.

import { formatClock } from "./format.js";

const HEIGHT = 100; // height of the waveform's SVG coordinate system

/**
 * Return a waveform's outline as an SVG path: along the maxima, then back along the minima.
 * @param {number[]} data
 * @param {number} full
 */
export function makeOutline(data, full) {
  const at = (/** @type {number} */ sample) => (HEIGHT / 2 - (sample / full) * (HEIGHT / 2)).toFixed(1);
  const top = [];
  const bottom = [];
  for (let n = 0; n * 2 < data.length; n += 1) {
    top.push(`${n} ${at(Math.max(data[n * 2 + 1], full / HEIGHT))}`);
    bottom.push(`${n} ${at(Math.min(data[n * 2], -full / HEIGHT))}`);
  }
  return `M${top.join("L")}L${bottom.reverse().join("L")}Z`;
}

/** @param {{data: number[], bits: number}} peaks @param {number} whole @returns {string} */
export function describePeaks({ data, bits }, whole) {
  let loudest = 0;
  for (let n = 0; n * 2 < data.length; n += 1) {
    if (data[n * 2 + 1] - data[n * 2] > data[loudest * 2 + 1] - data[loudest * 2]) loudest = n;
  }
  const height = (data[loudest * 2 + 1] - data[loudest * 2]) / 2 ** bits;
  if (height < 0.01) return "Waveform: almost silent.";
  return `Waveform: loudest at ${formatClock(((loudest + 0.5) / (data.length / 2)) * whole)}.`;
}

/**
 * Read a recording's peaks from the server, in version 2 of audiowaveform's JSON format.
 * @param {string} address @returns {Promise<{data: number[], bits: number}>}
 */
export async function loadPeaks(address) {
  const response = await fetch(address, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`The waveform could not be loaded (${response.status}).`);
  return response.json();
}

/**
 * Return the size of a waveform's SVG, as `viewBox`, and its outline as a path.
 * @param {{data: number[], bits: number}} peaks
 */
export const getShape = ({ data, bits }) => ({
  box: `0 0 ${data.length / 2} ${HEIGHT}`,
  path: makeOutline(data, 2 ** (bits - 1)),
});

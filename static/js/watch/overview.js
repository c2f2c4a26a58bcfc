// Pictures and waveform below the player; a click seeks.

import { h, requireElement, setText } from "../base/dom.js";
import { formatClock } from "../base/format.js";

const PICTURES = 10;
const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100; // height of the waveform's SVG coordinate system

/** @typedef {import("../videos/player.js").Player} Player */

/**
 * Draw the strip of pictures; the returned function marks the playback position.
 * @param {HTMLElement} strip
 * @param {import("../base/sprite.js").Sprite} sprite
 * @param {Player} player
 * @returns {() => void}
 */
export function drawPictures(strip, sprite, player) {
  const whole = player.video.duration_exact;
  const count = Math.min(PICTURES, sprite.cues.length);
  const starts = Array.from({ length: count }, (_, n) => (n * whole) / count);
  const links = starts.map((start, n) => {
    const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", {}));
    sprite.draw(canvas, start + whole / count / 2);
    return h(
      "a",
      {
        href: `#t=${Math.floor(start)}`,
        "aria-label": formatClock(start),
        onclick: (/** @type {Event} */ event) => {
          event.preventDefault();
          player.seek(starts[n]);
        },
      },
      h("span", { class: "picture dark" }, canvas),
    );
  });
  strip.replaceChildren(...links);
  strip.hidden = false;
  return () => {
    const now = Math.min(count - 1, Math.floor((player.time / whole) * count + 1e-6));
    links.forEach((link, n) => {
      if ((n === now) === link.hasAttribute("aria-current")) return;
      if (n === now) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  };
}

/**
 * Draw the waveform from audiowaveform's JSON; the returned function marks the playback position.
 * @param {HTMLElement} lane
 * @param {string} address
 * @param {Player} player
 * @returns {Promise<() => void>}
 */
export async function drawWaveform(lane, address, player) {
  const response = await fetch(address, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`The waveform could not be loaded (${response.status}).`);
  const peaks = await response.json();
  const path = makeOutline(peaks.data, 2 ** (peaks.bits - 1));
  const pairs = peaks.data.length / 2;
  for (const name of ["all", "played"]) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${pairs} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("class", `waveform ${name}`);
    svg.setAttribute("aria-hidden", "true");
    const shape = document.createElementNS(SVG, "path");
    shape.setAttribute("d", path);
    svg.append(shape);
    requireElement("[data-wave-shapes]", lane).append(svg);
  }
  setText(requireElement("[data-wave-words]", lane), describePeaks(peaks, player.video.duration_exact));
  const seek = (/** @type {PointerEvent} */ event) => {
    const box = lane.getBoundingClientRect();
    player.seek(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * player.duration);
  };
  lane.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    lane.setPointerCapture(event.pointerId);
    seek(event);
  });
  lane.addEventListener("pointermove", (event) => lane.hasPointerCapture(event.pointerId) && seek(event));
  lane.hidden = false;
  return () => lane.style.setProperty("--share", Math.min(1, player.time / (player.duration || 1)).toFixed(5));
}

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

/**
 * @param {{data: number[], bits: number}} peaks
 * @param {number} whole
 * @returns {string}
 */
function describePeaks({ data, bits }, whole) {
  let loudest = 0;
  for (let n = 0; n * 2 < data.length; n += 1) {
    if (data[n * 2 + 1] - data[n * 2] > data[loudest * 2 + 1] - data[loudest * 2]) loudest = n;
  }
  const height = (data[loudest * 2 + 1] - data[loudest * 2]) / 2 ** bits;
  if (height < 0.01) return "Waveform: almost silent.";
  return `Waveform: loudest at ${formatClock(((loudest + 0.5) / (data.length / 2)) * whole)}.`;
}

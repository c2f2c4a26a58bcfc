// Pictures and waveform below the player; a click seeks.

import { requireElement, setText } from "../base/dom.js";
import { formatClock } from "../base/format.js";
import { html, mount, nothing } from "../base/view.js";
import { describePeaks, getShape, loadPeaks } from "../base/waveform.js";

const PICTURES = 10;

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
  const draw = mount(strip);
  const seek = (/** @type {Event} */ event, /** @type {number} */ start) => {
    event.preventDefault();
    player.seek(start);
  };
  let drawn = -1;
  const mark = () => {
    const now = Math.min(count - 1, Math.floor((player.time / whole) * count + 1e-6));
    if (now === drawn) return;
    drawn = now;
    draw(
      starts.map(
        (start, n) => html`
          <a href="#t=${Math.floor(start)}" aria-label=${formatClock(start)}
            aria-current=${n === now ? "true" : nothing} @click=${(/** @type {Event} */ event) => seek(event, start)}>
            <span class="picture dark"><canvas></canvas></span>
          </a>`,
      ),
    );
  };
  mark();
  strip.querySelectorAll("canvas").forEach((canvas, n) => sprite.draw(canvas, starts[n] + whole / count / 2));
  strip.hidden = false;
  return mark;
}

/**
 * Draw the waveform from audiowaveform's JSON; the returned function marks the playback position.
 * @param {HTMLElement} lane
 * @param {string} address
 * @param {Player} player
 * @returns {Promise<() => void>}
 */
export async function drawWaveform(lane, address, player) {
  const peaks = await loadPeaks(address);
  const { box, path } = getShape(peaks);
  mount(requireElement("[data-wave-shapes]", lane))(
    ["all", "played"].map(
      (name) => html`
        <svg viewBox=${box} preserveAspectRatio="none" class="waveform ${name}"
          aria-hidden="true"><path d=${path}></path></svg>`,
    ),
  );
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

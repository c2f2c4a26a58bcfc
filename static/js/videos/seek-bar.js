// The player's seek bar, with chapters and preview thumbnails.

import { requireElement, setText } from "../base/dom.js";
import { formatClock } from "../base/format.js";
import { createRoot, html } from "../base/view.js";

const STEP = 5; // seconds that an arrow key seeks
const SMALL_STEP = 1; // seconds that an arrow key with Shift seeks
const LARGE_STEP = 30;

export class SeekBar {
  /** @type {import("../base/sprite.js").Sprite|null} */ sprite = null;
  /** @type {{start: number, text: string}[]} */ #chapters = [];
  #dragging = false;
  /** Pointer position on the bar, 0 to 1; null if the pointer is elsewhere. @type {number|null} */ #hover = null;

  /** @param {HTMLElement} element @param {import("./player.js").Player} player */
  constructor(element, player) {
    this.element = element;
    this.player = player;
    this.preview = requireElement("[data-preview]", element);
    this.canvas = /** @type {HTMLCanvasElement} */ (requireElement("canvas", this.preview));
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#moved(event));
    for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, () => this.#up());
    element.addEventListener("pointerleave", () => this.#point(null));
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("focus", () => this.update());
    element.addEventListener("blur", () => this.update());
  }

  /** @param {{start: number, text: string}[]} chapters */
  showChapters(chapters) {
    this.#chapters = chapters;
    for (const old of this.element.querySelectorAll(".chapter")) old.remove();
    const whole = this.player.duration || 1;
    const marks = chapters
      .filter(({ start }) => start > 0 && start < whole)
      .map(({ start }) => createRoot()(html`<i class="chapter" .style=${`--at: ${(start / whole).toFixed(5)}`}></i>`));
    requireElement(".played", this.element).after(...marks);
    this.update();
  }

  update() {
    const { player, element } = this;
    const whole = player.duration || 1;
    const share = Math.min(1, player.time / whole);
    element.style.setProperty("--share", share.toFixed(5));
    element.style.setProperty("--loaded", getLoadedShare(player.element, whole).toFixed(4));
    element.setAttribute("aria-valuemax", whole.toFixed(3));
    element.setAttribute("aria-valuenow", player.time.toFixed(3));
    element.setAttribute("aria-valuetext", `${describeDuration(player.time)} of ${describeDuration(whole)}`);
    this.#showPreview(share);
  }

  /**
   * Show the preview thumbnail at the pointer, or at the playback position if the user operates the bar with keys.
   * @param {number} share
   */
  #showPreview(share) {
    const byKeys = this.#hover === null && this.element.matches(":focus-visible");
    const at = this.#hover ?? (byKeys ? share : null);
    this.preview.hidden = at === null;
    this.element.toggleAttribute("data-hover", this.#hover !== null);
    if (at === null) return;
    const time = at * this.player.duration;
    this.element.style.setProperty("--hover", at.toFixed(5));
    const chapter = this.#chapters.findLast(({ start }) => start <= time);
    const words = [formatClock(time), chapter?.text].filter(Boolean);
    setText(requireElement("[data-preview-time]", this.preview), words.join(" · "));
    this.canvas.hidden = this.sprite === null;
    this.sprite?.draw(this.canvas, time);
  }

  /** @param {PointerEvent} event */
  #shareOf(event) {
    const box = this.element.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  }

  /** @param {number|null} share */
  #point(share) {
    if (share === null && this.#dragging) return;
    this.#hover = share;
    this.update();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    this.element.setPointerCapture(event.pointerId);
    this.#dragging = true;
    this.#moved(event);
  }

  /** @param {PointerEvent} event */
  #moved(event) {
    const share = this.#shareOf(event);
    if (this.#dragging) this.player.seek(share * this.player.duration);
    this.#point(share);
  }

  #up() {
    this.#dragging = false;
    // Hide the preview: after a finger has left the screen, there is no pointer position.
    this.#point(null);
  }

  /** Handle the usual keys of a slider, even if shortcuts are switched off. @param {KeyboardEvent} event */
  #key(event) {
    const { player } = this;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const step = event.shiftKey ? SMALL_STEP : STEP;
    const by = {
      ArrowRight: step,
      ArrowUp: step,
      ArrowLeft: -step,
      ArrowDown: -step,
      PageUp: LARGE_STEP,
      PageDown: -LARGE_STEP,
    }[event.key];
    const to = by !== undefined ? player.time + by : { Home: 0, End: player.duration }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    player.seek(to);
  }
}

/**
 * Return the end of the loaded part around the playback position, as a fraction of the duration.
 * @param {HTMLVideoElement} video
 * @param {number} whole
 * @returns {number}
 */
function getLoadedShare(video, whole) {
  for (let i = 0; i < video.buffered.length; i += 1) {
    if (video.buffered.start(i) <= video.currentTime + 0.1 && video.buffered.end(i) >= video.currentTime)
      return Math.min(1, video.buffered.end(i) / whole);
  }
  return 0;
}

/** Describe a duration for screen readers, such as `14 minutes 31 seconds`. @param {number} seconds */
function describeDuration(seconds) {
  const whole = Math.floor(Math.max(0, seconds));
  const parts = [
    [Math.floor(whole / 3600), "hour"],
    [Math.floor(whole / 60) % 60, "minute"],
    [whole % 60, "second"],
  ];
  const said = parts.filter(([n]) => Number(n) > 0).map(([n, word]) => `${n} ${word}${n === 1 ? "" : "s"}`);
  return said.join(" ") || "0 seconds";
}

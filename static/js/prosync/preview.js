// The picture of the dubbing page: original and result, side by side or with a wipe line.

import { requireElement, setIcon, setText } from "../base/dom.js";
import { formatMoment } from "../base/format.js";
import { followPointer } from "../base/pointer.js";

/** @typedef {"before"|"beside"|"wipe"|"after"} View */

const TICK = 250; // ms between two checks of how far the videos have drifted apart
const DEAD = 0.02; // tolerated difference between the two videos' positions, in seconds
const FAR = 0.3;
const PULL = 0.8; // the playback rate is changed so that the drift disappears in this many seconds (limit: MAX_PULL)
const MAX_PULL = 0.05; // maximum change of the playback rate to correct drift; 0.05 is 5 %
const WIPE_STEP = 0.02;

export class Stage {
  /** @type {View} */ view = "before";
  /** @type {{start: number, end: number}|null} */ loop = null;
  #wipe = 0.5;
  duration = 0;
  hasAfter = false;

  /** @param {HTMLElement} root @param {import("./page.js").Page} page */
  constructor(root, page) {
    this.root = root;
    this.page = page;
    /** @type {HTMLVideoElement} */ this.before = requireElement("[data-before]", root);
    /** @type {HTMLVideoElement} */ this.after = requireElement("[data-after]", root);
    this.beforeLabel = requireElement("[data-before-label]", root);
    this.afterLabel = requireElement("[data-after-label]", root);
    this.picture = requireElement("[data-picture]", root);
    this.line = requireElement("[data-wipe]", root);
    this.time = requireElement("[data-time]", root);
    this.play = requireElement("[data-play]", root);
    this.#listen();
    setInterval(() => this.#pull(), TICK);
    requestAnimationFrame(this.#frame);
  }

  get at() {
    return this.before.currentTime;
  }

  get isPlaying() {
    return !this.before.paused;
  }

  /** @param {string} address @param {number} duration */
  show(address, duration) {
    this.duration = duration;
    this.before.src = address;
    this.#draw();
  }

  clear() {
    this.pause();
    this.duration = 0;
    this.before.removeAttribute("src");
    this.before.load();
    this.compare(null);
    this.#tell();
  }

  /** @param {string|null} address @param {string} [label] */
  compare(address, label = "After") {
    this.hasAfter = address !== null;
    if (address) {
      this.after.src = address;
      this.after.addEventListener("loadedmetadata", () => (this.after.currentTime = this.at), { once: true });
    } else this.after.removeAttribute("src");
    requireElement("[data-against]", this.root).hidden = true;
    setText(this.beforeLabel, "Before");
    setText(this.afterLabel, label);
    this.setView(address ? "wipe" : "before");
  }

  /**
   * Compare the result with the original or with another run's result.
   * @param {string} address @param {string} label
   */
  against(address, label) {
    // While the other video loads, it has no position, so use the result's position.
    const { at } = this.before.readyState ? this : { at: this.after.currentTime };
    this.pause();
    this.before.src = address;
    this.before.addEventListener("loadedmetadata", () => (this.before.currentTime = at), { once: true });
    setText(this.beforeLabel, label);
    this.setView(this.view === "after" ? "wipe" : this.view);
  }

  /** @param {View} view */
  setView(view) {
    this.view = this.hasAfter ? view : "before";
    const heard = this.view === "before" ? this.before : this.after;
    this.before.muted = heard !== this.before;
    this.after.muted = heard !== this.after;
    if (this.hasAfter && this.isPlaying) this.#startAfter();
    this.#draw();
    this.page.drawLoop();
  }

  /** @param {number} seconds */
  seek(seconds) {
    const at = Math.min(Math.max(0, seconds), this.duration || 0);
    this.before.currentTime = at;
    if (this.hasAfter) this.after.currentTime = at;
    this.#tell();
  }

  async toggle() {
    if (!this.before.src) return;
    if (this.isPlaying) return this.pause();
    if (this.loop && (this.at < this.loop.start - DEAD || this.at >= this.loop.end - DEAD)) this.seek(this.loop.start);
    else if (this.at >= this.duration - DEAD) this.seek(0);
    await this.#ready();
    this.before.play().catch(() => {});
    this.#startAfter();
  }

  pause() {
    this.before.pause();
    this.after.pause();
  }

  /** Wait, at most two seconds, until both videos can play from the same position. */
  async #ready() {
    const videos = this.hasAfter ? [this.before, this.after] : [this.before];
    if (this.hasAfter && Math.abs(this.after.currentTime - this.at) > DEAD) this.after.currentTime = this.at;
    await Promise.all(
      videos.map((video) =>
        video.seeking || video.readyState < 3
          ? new Promise((resolve) => {
              for (const event of ["canplay", "seeked", "error"])
                video.addEventListener(event, resolve, { once: true });
              setTimeout(resolve, 2000);
            })
          : null,
      ),
    );
  }

  #startAfter() {
    if (this.hasAfter && this.isPlaying) this.after.play().catch(() => {});
  }

  /** Correct the drift: the result follows the original's position. */
  #pull() {
    if (!this.hasAfter || !this.isPlaying || this.after.seeking) return;
    const apart = this.after.currentTime - this.at;
    if (Math.abs(apart) > FAR) this.after.currentTime = this.at;
    const pull = Math.abs(apart) < DEAD ? 0 : Math.min(MAX_PULL, Math.max(-MAX_PULL, apart / PULL));
    this.after.playbackRate = 1 - pull;
    if (this.after.paused && this.at < this.duration - DEAD) this.#startAfter();
  }

  #frame = () => {
    if (this.isPlaying) {
      if (this.loop && this.at >= this.loop.end) this.seek(this.loop.start);
      this.#tell();
    }
    requestAnimationFrame(this.#frame);
  };

  #tell() {
    setText(this.time, formatMoment(this.at));
    this.page.timeline.follow(this.at);
  }

  #listen() {
    for (const event of ["play", "pause", "ended"])
      this.before.addEventListener(event, () => {
        if (!this.isPlaying) this.after.pause();
        this.#draw();
        this.page.drawLoop();
      });
    // If the loop ends at the video's end, restart the loop when the video ends.
    this.before.addEventListener("ended", () => this.loop && this.loop.end >= this.duration - DEAD && this.toggle());
    for (const event of ["seeked", "loadedmetadata"]) this.before.addEventListener(event, () => this.#tell());
    this.before.addEventListener("loadedmetadata", () => {
      if (!this.duration && Number.isFinite(this.before.duration)) this.duration = this.before.duration;
    });
    for (const video of [this.before, this.after]) video.addEventListener("click", () => this.toggle());
    this.line.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.#drag(event));
    this.line.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowLeft: -WIPE_STEP, ArrowRight: WIPE_STEP, Home: -1, End: 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.#setWipe(this.#wipe + step);
    });
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    event.preventDefault();
    this.line.focus();
    followPointer(event, ({ clientX }) => {
      const { left, width } = this.picture.getBoundingClientRect();
      this.#setWipe((clientX - left) / width);
    });
  }

  /** @param {number} share */
  #setWipe(share) {
    this.#wipe = Math.min(1, Math.max(0, share));
    this.#draw();
  }

  #draw() {
    const { view, isPlaying } = this;
    const shown = { before: 1, beside: 0, wipe: this.#wipe, after: 0 }[view];
    this.picture.style.setProperty("--wipe", String(shown));
    this.picture.dataset.shows = view;
    this.after.hidden = this.afterLabel.hidden = view === "before";
    this.beforeLabel.hidden = !this.hasAfter || view === "after";
    this.line.hidden = view !== "wipe";
    this.line.setAttribute("aria-valuenow", String(Math.round(this.#wipe * 100)));
    this.play.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    setIcon(this.play, isPlaying ? "pause" : "play");
    for (const button of this.root.querySelectorAll("[data-view]")) {
      const own = button.getAttribute("data-view");
      button.setAttribute("aria-pressed", String(own === view));
      button.toggleAttribute("disabled", own !== "before" && !this.hasAfter);
    }
  }
}

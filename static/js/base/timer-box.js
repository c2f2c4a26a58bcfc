// The box around an in-game timer, drawn on a video by mouse, touch or keys.

import { h } from "./dom.js";

/**
 * @typedef {{x: number, y: number, width: number, height: number}} Box A box has its position and size in fractions of
 * the displayed frame.
 */

const SMALLEST = 0.01;
const STEP = 0.005;
const FINE = 0.001;
/** Box at the usual position of a timer. */
const USUAL = Object.freeze({ x: 0.41, y: 0.02, width: 0.18, height: 0.1 });

/**
 * Move a box into the frame; enlarge it to the minimum size if needed.
 * @param {Box} box
 * @returns {Box}
 */
export function fitIntoFrame(box) {
  const width = Math.min(Math.max(box.width, SMALLEST), 1);
  const height = Math.min(Math.max(box.height, SMALLEST), 1);
  return { width, height, x: Math.min(Math.max(box.x, 0), 1 - width), y: Math.min(Math.max(box.y, 0), 1 - height) };
}

/**
 * @param {{x: number, y: number}} from
 * @param {{x: number, y: number}} to
 * @returns {Box}
 */
export function makeBox(from, to) {
  const inside = (/** @type {number} */ v) => Math.min(Math.max(v, 0), 1);
  const [x0, x1] = [inside(from.x), inside(to.x)].sort((a, b) => a - b);
  const [y0, y1] = [inside(from.y), inside(to.y)].sort((a, b) => a - b);
  return fitIntoFrame({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
}

/**
 * Return the area that a picture covers with `object-fit: contain`, in fractions of the frame. The parameters are the
 * aspect ratios of frame and picture.
 * @param {number} frame
 * @param {number} picture
 * @returns {{left: number, top: number, width: number, height: number}}
 */
export function findFittedArea(frame, picture) {
  const width = Math.min(1, picture / frame);
  const height = Math.min(1, frame / picture);
  return { left: (1 - width) / 2, top: (1 - height) / 2, width, height };
}

export class RoiBox {
  /** @type {Box} */ #box;
  /** @type {HTMLVideoElement} */ #video;

  /**
   * @param {HTMLElement} host
   * @param {HTMLVideoElement} video
   * @param {{box?: Box, onChange: (box: Box) => void}} options
   */
  constructor(host, video, { box = USUAL, onChange }) {
    this.host = host;
    this.#video = video;
    this.#box = fitIntoFrame(box);
    this.onChange = onChange;
    this.label = h("b", { class: "mono", "aria-hidden": "true" });
    this.said = h("span", { class: "visually-hidden", role: "status" });
    this.element = h(
      "div",
      {
        class: "roi-box",
        tabindex: "0",
        role: "group",
        "aria-label": "Timer box. Use the arrow keys to move it, and Shift with the arrow keys to resize it",
        onkeydown: (/** @type {KeyboardEvent} */ e) => this.#key(e),
      },
      ...["nw", "ne", "sw", "se"].map((edge) => h("i", { data: { edge } })),
      this.label,
    );
    this.area = h(
      "div",
      { class: "roi-area", onpointerdown: (/** @type {PointerEvent} */ e) => this.#down(e) },
      this.element,
      this.said,
    );
    host.append(this.area);
    this.observer = new ResizeObserver(() => this.#layout());
    this.observer.observe(host);
    this.draw();
  }

  get box() {
    return this.#box;
  }

  /** @param {Box} box */
  set box(box) {
    this.#box = fitIntoFrame(box);
    this.draw();
  }

  /** @param {HTMLVideoElement} video */
  set video(video) {
    this.#video = video;
    this.#layout();
  }

  /** @param {string} text */
  say(text) {
    this.label.textContent = text;
  }

  draw() {
    const { x, y, width, height } = this.#box;
    const style = this.element.style;
    style.setProperty("--x", String(x));
    style.setProperty("--y", String(y));
    style.setProperty("--w1", String(width));
    style.setProperty("--h1", String(height));
    this.element.toggleAttribute("data-low", y + height > 0.85);
  }

  dispose() {
    this.observer.disconnect();
    this.area.remove();
    this.#video.removeEventListener("loadedmetadata", this.#layout);
  }

  #layout = () => {
    const { clientWidth, clientHeight } = this.host;
    if (!this.#video.videoWidth) this.#video.addEventListener("loadedmetadata", this.#layout, { once: true });
    const picture = this.#video.videoWidth ? this.#video.videoWidth / this.#video.videoHeight : 16 / 9;
    const place = findFittedArea(clientWidth / Math.max(1, clientHeight), picture);
    for (const [name, value] of Object.entries({
      "--l": place.left,
      "--t0": place.top,
      "--w0": place.width,
      "--h0": place.height,
    })) {
      this.area.style.setProperty(name, String(value));
    }
  };

  /** @param {Box} box */
  #change(box) {
    this.box = box;
    this.label.textContent = "";
    this.onChange(this.#box);
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    const rect = this.area.getBoundingClientRect();
    const at = (/** @type {PointerEvent} */ e) => ({
      x: (e.clientX - rect.left) / rect.width,
      y: (e.clientY - rect.top) / rect.height,
    });
    const start = at(event);
    const was = this.#box;
    const target = /** @type {HTMLElement} */ (event.target);
    const edge = target.dataset.edge;
    // A touch or pen movement may turn into scrolling, so report the box only when the movement ends.
    const put = (/** @type {Box} */ box) => {
      if (event.pointerType !== "mouse") this.box = box;
      else this.#change(box);
    };
    const moving = !edge && this.element.contains(target);
    const fixed = edge && {
      x: edge.includes("w") ? was.x + was.width : was.x,
      y: edge.includes("n") ? was.y + was.height : was.y,
    };
    const move = (/** @type {PointerEvent} */ e) => {
      if (e.pointerId !== event.pointerId) return; // ignore other fingers
      const now = at(e);
      if (moving) put({ ...was, x: was.x + now.x - start.x, y: was.y + now.y - start.y });
      else if (fixed || Math.hypot(now.x - start.x, now.y - start.y) > SMALLEST) put(makeBox(fixed || start, now));
    };
    const end = new AbortController();
    this.area.setPointerCapture(event.pointerId);
    this.area.addEventListener("pointermove", move, { signal: end.signal });
    const ended = (/** @type {PointerEvent} */ { type, pointerId }) => {
      if (pointerId !== event.pointerId) return;
      end.abort();
      if (type === "pointercancel") this.box = was;
      else if (this.#box !== was) this.#change(this.#box);
    };
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"]))
      this.area.addEventListener(name, ended, { signal: end.signal });
    this.element.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const by = event.ctrlKey ? FINE : STEP;
    const [dx, dy] = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key] ?? [
      0, 0,
    ];
    if (!dx && !dy) return;
    event.preventDefault();
    const { x, y, width, height } = this.#box;
    this.#change(
      event.shiftKey
        ? { x, y, width: Math.min(width + dx, 1 - x), height: Math.min(height + dy, 1 - y) }
        : { x: x + dx, y: y + dy, width, height },
    );
    const percent = (/** @type {number} */ v) => `${(v * 100).toFixed(1)} %`;
    const box = this.#box;
    this.said.textContent = `${percent(box.x)} from the left, ${percent(box.y)} from the top, ${percent(box.width)} wide, ${percent(box.height)} high`;
  }
}

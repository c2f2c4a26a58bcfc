// The timeline of the dubbing page: pictures, original sound, and editable segments.

import { h, icon, requireElement, setText } from "../base/dom.js";
import { formatMoment, formatDuration as spoken } from "../base/format.js";
import { Sprite } from "../base/sprite.js";
import { makeTicks } from "../base/timeline.js";
import { getState } from "./status-text.js";
import { dragSegment, sortSegments } from "./segments.js";
import { drawWave } from "./waveforms.js";

/** @typedef {import("./segments.js").Segment} Segment */
/** @typedef {import("./segments.js").Fault} Fault */

const ZOOMS = [1, 2, 4, 8, 16];
const TICKS = 12; // number of marks on the ruler at zoom 1
const CELLS = 12; // number of pictures in the strip
const NEAR = 8; // pixels within which a segment's edge snaps to the playhead
const NUDGE = { plain: 0.1, shift: 1, alt: 0.01 };

/**
 * @typedef {object} TimelineState
 * @property {Segment[]} segments
 * @property {Fault[]} faults
 * @property {number|null} selected
 * @property {number} duration
 * @property {number} at
 * @property {(id: number|null) => number} number
 * @property {(id: number|null) => {bars: number[], duration: number}|null} bars
 * @property {(id: number) => string} status
 * @property {boolean} isLocked
 *
 * @typedef {object} TimelineOptions
 * @property {() => TimelineState} state
 * @property {(id: number) => void} onSelect
 * @property {(id: number, change: {start: number, end: number}, done: boolean) => void} onChange
 * @property {(seconds: number) => void} onSeek
 */

export class Timeline {
  #zoom = 0;
  /** @type {Map<number, HTMLElement>} */ #blocks = new Map();
  /** @type {Sprite|null} */ #sprite = null;

  /**
   * @param {HTMLElement} root
   * @param {TimelineOptions} options
   */
  constructor(root, options) {
    this.root = root;
    this.options = options;
    this.lane = requireElement("[data-segments]", root);
    requireElement("[data-zoom-in]", root).addEventListener("click", () => this.#setZoom(this.#zoom + 1));
    requireElement("[data-zoom-out]", root).addEventListener("click", () => this.#setZoom(this.#zoom - 1));
    for (const place of root.querySelectorAll("[data-seeks]"))
      place.addEventListener("pointerdown", (event) => this.#seeking(/** @type {PointerEvent} */ (event)));
    this.#setZoom(0);
  }

  /** @param {number} zoom */
  #setZoom(zoom) {
    this.#zoom = Math.min(ZOOMS.length - 1, Math.max(0, zoom));
    this.root.style.setProperty("--zoom", String(ZOOMS[this.#zoom]));
    requireElement("[data-zoom-out]", this.root).toggleAttribute("disabled", this.#zoom === 0);
    requireElement("[data-zoom-in]", this.root).toggleAttribute("disabled", this.#zoom === ZOOMS.length - 1);
    this.drawRuler();
    this.follow(this.options.state().at, true);
  }

  drawRuler() {
    const { duration } = this.options.state();
    const ruler = requireElement("[data-ruler]", this.root);
    if (!duration) return ruler.replaceChildren();
    const marks = makeTicks(0, duration, TICKS * ZOOMS[this.#zoom]).filter((mark) => mark < duration * 0.97);
    const isFine = marks.length > 1 && marks[1] - marks[0] < 0.99;
    /** @param {number} mark */
    const told = (mark) => {
      const tenths = Math.floor(mark * 10 + 1e-6);
      return isFine ? `${spoken(Math.floor(tenths / 10))}.${tenths % 10}` : spoken(mark);
    };
    ruler.replaceChildren(
      ...[...marks, duration].map((mark) => h("span", { vars: { "--at": mark / duration } }, told(mark))),
    );
  }

  /** Remove pictures and sound of the previous video. */
  clear() {
    this.drawRuler();
    requireElement("[data-film]", this.root).replaceChildren();
    requireElement("[data-original]", this.root).querySelector("svg")?.remove();
    requireElement("[data-no-sound]", this.root).hidden = true;
  }

  /** @param {number[]|null} bars */
  drawOriginal(bars) {
    const lane = requireElement("[data-original]", this.root);
    lane.querySelector("svg")?.remove();
    if (bars?.length) lane.prepend(drawWave(bars));
    requireElement("[data-no-sound]", lane).hidden = Boolean(bars?.length);
  }

  /**
   * Draw the strip of pictures from a sprite sheet or the video file.
   * @param {{sheet?: string|null, file?: string}} source
   */
  async drawPictures({ sheet = null, file = "" }) {
    const strip = requireElement("[data-film]", this.root);
    const cells = Array.from({ length: CELLS }, () => h("canvas", { width: "160", height: "90" }));
    strip.replaceChildren(...cells);
    const { duration } = this.options.state();
    const middle = (/** @type {number} */ at) => ((at + 0.5) * duration) / CELLS;
    try {
      if (sheet) {
        this.#sprite = await Sprite.load(sheet);
        cells.forEach((cell, at) => this.#sprite?.draw(/** @type {HTMLCanvasElement} */ (cell), middle(at)));
      } else if (file) await drawFromFile(file, /** @type {HTMLCanvasElement[]} */ (cells), middle);
    } catch {
      strip.replaceChildren(); // ignore the error: the timeline also works without pictures
    }
  }

  draw() {
    const { segments, faults, selected, duration, number, status, isLocked } = this.options.state();
    const ids = new Set(segments.map((segment) => segment.id));
    this.lane.querySelectorAll(".clash").forEach((/** @type {Element} */ one) => one.remove());
    for (const [id, block] of this.#blocks)
      if (!ids.has(id)) {
        block.remove();
        this.#blocks.delete(id);
      }
    sortSegments(segments).forEach((segment, at) => {
      const block = this.#blocks.get(segment.id) ?? this.#make(segment.id);
      const fault = faults.find((one) => one.segment === segment.id);
      const place = {
        "--from": duration ? segment.start / duration : 0,
        "--to": duration ? segment.end / duration : 0,
      };
      for (const [name, value] of Object.entries(place)) block.style.setProperty(name, String(value));
      block.dataset.sound = String(((number(segment.sound) - 1) % 6) + 1);
      block.classList.toggle("bad", Boolean(fault));
      block.setAttribute("aria-pressed", String(segment.id === selected));
      block.setAttribute("aria-disabled", String(isLocked));
      block.setAttribute("aria-label", this.#said(segment, at + 1, fault));
      const words = `${at + 1} ${segment.label || "Segment"}`;
      const sign = fault ? "alert" : (getState(status(segment.id))?.sign ?? "dot");
      requireElement("b", block).replaceChildren(icon(sign), words);
      this.#drawSound(block, segment);
      // Move a segment's block only if needed: moving a block takes the focus from it and ends a drag.
      if (this.lane.children[at] !== block) this.lane.insertBefore(block, this.lane.children[at] ?? null);
    });
    this.#drawClashes(segments, duration);
    const cover = requireElement("[data-covered]", this.root);
    cover.replaceChildren(
      ...segments.map((segment) =>
        h("i", { vars: { "--from": segment.start / (duration || 1), "--to": segment.end / (duration || 1) } }),
      ),
    );
  }

  /** @param {Segment} segment @param {number} at @param {Fault|undefined} fault */
  #said(segment, at, fault) {
    const { number, status } = this.options.state();
    const sound = number(segment.sound);
    const words = [
      `${at}${segment.label ? ` ${segment.label}` : ""}`,
      `segment from ${formatMoment(segment.start)} to ${formatMoment(segment.end)}`,
    ];
    return [...words, sound ? `sound ${sound}` : "no sound", fault?.text, getState(status(segment.id))?.word]
      .filter(Boolean)
      .join(", ");
  }

  /** @param {HTMLElement} block @param {Segment} segment */
  #drawSound(block, { sound, from, to, start, end }) {
    const wave = this.options.state().bars(sound);
    const key = JSON.stringify([sound, from, to, end - start, Boolean(wave)]);
    if (block.dataset.drawn === key) return;
    block.dataset.drawn = key;
    block.querySelector("svg.waveform")?.remove();
    if (!wave?.duration || end <= start) return;
    const begin = (from ?? 0) / wave.duration;
    const stop = (to ?? wave.duration) / wave.duration;
    const svg = drawWave(wave.bars, begin, Math.max(begin + 1e-3, stop));
    // A sound shorter than its segment fills only a part of the block.
    svg.style.setProperty("--share", String(Math.min(1, ((stop - begin) * wave.duration) / (end - start))));
    block.append(svg);
  }

  /** @param {Segment[]} segments @param {number} duration */
  #drawClashes(segments, duration) {
    const ordered = sortSegments(segments);
    ordered.forEach((segment, at) => {
      const over = Math.max(0, ...ordered.slice(0, at).map((one) => Math.min(one.end, segment.end))) - segment.start;
      if (at && over > 1e-9)
        this.lane.append(
          h("i", {
            class: "clash",
            vars: { "--from": segment.start / duration, "--to": (segment.start + over) / duration },
          }),
        );
    });
  }

  /** @param {number} id */
  #make(id) {
    const block = h(
      "button",
      { class: "segment-block", type: "button", data: { segment: String(id) } },
      h("b", {}),
      h("i", { class: "edge", data: { edge: "start" } }),
      h("i", { class: "edge", data: { edge: "end" } }),
    );
    block.addEventListener("pointerdown", (event) => this.#drag(event, id));
    block.addEventListener("click", () => this.options.onSelect(id));
    block.addEventListener("keydown", (event) => this.#key(event, id));
    this.#blocks.set(id, block);
    return block;
  }

  /** @param {KeyboardEvent} event @param {number} id */
  #key(event, id) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const { segments, duration, isLocked } = this.options.state();
    const segment = segments.find((one) => one.id === id);
    if (way === undefined || !segment || isLocked) return;
    event.preventDefault();
    event.stopPropagation();
    const by = way * (event.shiftKey ? NUDGE.shift : event.altKey ? NUDGE.alt : NUDGE.plain);
    const what = event.ctrlKey ? "end" : "move";
    this.options.onChange(id, dragSegment(segments, segment, what, by, duration), true);
  }

  /** @param {PointerEvent} event @param {number} id */
  #drag(event, id) {
    const { segments, duration, isLocked } = this.options.state();
    const before = segments.find((one) => one.id === id);
    this.options.onSelect(id);
    if (!before || isLocked || event.button !== 0 || !duration) return;
    const block = /** @type {HTMLElement} */ (event.currentTarget);
    const what =
      /** @type {"start"|"end"|undefined} */ (/** @type {HTMLElement} */ (event.target).dataset.edge) ?? "move";
    const origin = { ...before };
    const scale = duration / this.lane.getBoundingClientRect().width;
    let last = { start: origin.start, end: origin.end };
    block.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ moved) => {
      let by = (moved.clientX - event.clientX) * scale;
      if (what !== "move") {
        const { at } = this.options.state();
        if (Math.abs(origin[what] + by - at) < NEAR * scale) by = at - origin[what];
      }
      last = dragSegment(segments, origin, what, by, duration);
      this.options.onChange(id, last, false);
    };
    block.addEventListener("pointermove", move);
    for (const end of ["pointerup", "pointercancel"])
      block.addEventListener(
        end,
        () => {
          block.removeEventListener("pointermove", move);
          if (last.start !== origin.start || last.end !== origin.end) this.options.onChange(id, last, true);
        },
        { once: true },
      );
  }

  /** @param {PointerEvent} event */
  #seeking(event) {
    const { duration } = this.options.state();
    if (event.button !== 0 || !duration || /** @type {Element} */ (event.target).closest(".segment-block")) return;
    event.preventDefault();
    // Remove the focus from a text field, because the field would receive the shortcut keys.
    /** @type {HTMLElement|null} */ (document.activeElement)?.blur();
    const place = /** @type {HTMLElement} */ (event.currentTarget);
    const to = (/** @type {PointerEvent} */ one) => {
      const { left, width } = this.lane.getBoundingClientRect();
      this.options.onSeek(Math.min(duration, Math.max(0, ((one.clientX - left) / width) * duration)));
    };
    to(event);
    place.setPointerCapture(event.pointerId);
    place.addEventListener("pointermove", to);
    for (const end of ["pointerup", "pointercancel"])
      place.addEventListener(end, () => place.removeEventListener("pointermove", to), { once: true });
  }

  /**
   * @param {number} seconds
   * @param {boolean} [bring]
   */
  follow(seconds, bring = false) {
    const { duration } = this.options.state();
    const share = duration ? Math.min(1, seconds / duration) : 0;
    this.root.style.setProperty("--now", String(share));
    if (!bring) return;
    const box = requireElement("[data-scroll]", this.root);
    box.scrollLeft = share * box.scrollWidth - box.clientWidth / 2;
  }

  /** @param {string} text */
  setHint(text) {
    setText(requireElement("[data-room]", this.root), text);
  }

  /** @param {number} id */
  focus(id) {
    this.#blocks.get(id)?.focus();
  }
}

/**
 * Draw the pictures of the strip from a video file.
 * @param {string} address
 * @param {HTMLCanvasElement[]} cells
 * @param {(at: number) => number} moments
 */
async function drawFromFile(address, cells, moments) {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, preload: "auto", src: address });
  await new Promise((resolve, reject) => Object.assign(video, { onloadeddata: resolve, onerror: reject }));
  for (const [at, cell] of cells.entries()) {
    const seeked = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
    video.currentTime = moments(at);
    await seeked;
    cell.getContext("2d")?.drawImage(video, 0, 0, cell.width, cell.height);
  }
  video.removeAttribute("src");
  video.load();
}

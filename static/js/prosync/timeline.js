// The timeline of the dubbing page: pictures, original sound, and editable segments.

import { requireElement } from "../base/dom.js";
import { formatMoment, formatDuration as spoken } from "../base/format.js";
import { Sprite } from "../base/sprite.js";
import { makeTicks } from "../base/timeline.js";
import { guard, html, iconView, mount, repeat } from "../base/view.js";
import { followPointer } from "../base/pointer.js";
import { getState } from "./status-text.js";
import { dragSegment, sortSegments } from "./segments.js";
import { waveView } from "./waveforms.js";

/** @typedef {import("./segments.js").Segment} Segment */
/** @typedef {import("./segments.js").Fault} Fault */

const ZOOMS = [1, 2, 4, 8, 16];
const TICKS = 12; // number of marks on the ruler at zoom 1
const CELLS = 12; // number of pictures in the strip
const NEAR = 8; // pixels within which a segment's edge snaps to the playhead
const NUDGE = { plain: 0.1, shift: 1, alt: 0.01 };

export class Timeline {
  #zoom = 0;
  /** Waveform of the video; null if unavailable, undefined while unknown. @type {number[]|null|undefined} */ #bars;

  /** @param {HTMLElement} root @param {import("./page.js").Page} page */
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.lane = requireElement("[data-segments]", root);
    this.strip = requireElement("[data-film]", root);
    this.drawRuler = mount(requireElement("[data-ruler]", root));
    this.drawSound = mount(requireElement("[data-original]", root));
    this.drawSegments = mount(this.lane);
    requireElement("[data-zoom-in]", root).addEventListener("click", () => this.#setZoom(this.#zoom + 1));
    requireElement("[data-zoom-out]", root).addEventListener("click", () => this.#setZoom(this.#zoom - 1));
    for (const place of root.querySelectorAll("[data-seeks]"))
      place.addEventListener("pointerdown", (event) => this.#seek(/** @type {PointerEvent} */ (event)));
    this.#setZoom(0);
  }

  /** @param {number} zoom */
  #setZoom(zoom) {
    this.#zoom = Math.min(ZOOMS.length - 1, Math.max(0, zoom));
    this.root.style.setProperty("--zoom", String(ZOOMS[this.#zoom]));
    requireElement("[data-zoom-out]", this.root).toggleAttribute("disabled", this.#zoom === 0);
    requireElement("[data-zoom-in]", this.root).toggleAttribute("disabled", this.#zoom === ZOOMS.length - 1);
    this.draw();
    this.follow(this.page.stage.at, true);
  }

  #rulerView() {
    const { duration } = this.page;
    if (!duration) return null;
    const marks = makeTicks(0, duration, TICKS * ZOOMS[this.#zoom]).filter((mark) => mark < duration * 0.97);
    const isFine = marks.length > 1 && marks[1] - marks[0] < 0.99;
    return [...marks, duration].map((mark) => {
      const tenths = Math.floor(mark * 10 + 1e-6);
      const words = isFine ? `${spoken(Math.floor(tenths / 10))}.${tenths % 10}` : spoken(mark);
      return html`<span .style=${`--at: ${mark / duration}`}>${words}</span>`;
    });
  }

  /** Remove pictures and sound of the previous video. */
  clear() {
    this.strip.replaceChildren();
    this.drawOriginal(undefined);
  }

  /** @param {number[]|null|undefined} bars */
  drawOriginal(bars) {
    this.#bars = bars;
    this.draw();
  }

  /**
   * Draw the strip of pictures from a sprite sheet or the video file.
   * @param {{sheet?: string|null, file?: string}} source
   */
  async drawPictures({ sheet = null, file = "" }) {
    const cells = Array.from({ length: CELLS }, () =>
      Object.assign(document.createElement("canvas"), { width: 160, height: 90 }),
    );
    this.strip.replaceChildren(...cells);
    const { duration } = this.page;
    const middle = (/** @type {number} */ at) => ((at + 0.5) * duration) / CELLS;
    try {
      if (sheet) {
        const sprite = await Sprite.load(sheet);
        cells.forEach((cell, at) => sprite.draw(cell, middle(at)));
      } else if (file) await drawFromFile(file, cells, middle);
    } catch {
      this.strip.replaceChildren(); // ignore the error: the timeline also works without pictures
    }
  }

  draw() {
    const { segments, duration } = this.page;
    const ordered = sortSegments(segments);
    const focused = /** @type {HTMLElement|null} */ (document.activeElement);
    this.drawRuler(guard([duration, this.#zoom], () => this.#rulerView()));
    this.drawSegments([
      repeat(
        ordered,
        ({ id }) => id,
        (segment) => this.#blockView(segment, ordered.indexOf(segment) + 1),
      ),
      ordered.map((segment, at) => {
        const over = Math.max(0, ...ordered.slice(0, at).map((one) => Math.min(one.end, segment.end))) - segment.start;
        return at && over > 1e-9
          ? html`<i class="clash" .style=${placeAt(segment.start, segment.start + over, duration)}></i>`
          : null;
      }),
    ]);
    // A block loses the focus if it moves past another block.
    if (this.lane.contains(focused)) focused?.focus({ preventScroll: true });
    this.drawSound(html`
      ${guard([this.#bars], () => (this.#bars?.length ? waveView(this.#bars) : null))}
      <span class="text-small faint none" data-no-sound ?hidden=${this.#bars === undefined || this.#bars?.length}
        >This video has no sound, or its waveform is not available.</span>
      <div class="cover" data-covered aria-hidden="true">${segments.map(
        ({ start, end }) => html`<i .style=${placeAt(start, end, duration)}></i>`,
      )}</div>`);
  }

  /** @param {Segment} segment @param {number} at */
  #blockView(segment, at) {
    const { faults, selected, duration, sounds, isLocked } = this.page;
    const { id, start, end, label } = segment;
    const fault = faults.find((one) => one.segment === id);
    const state = getState(this.page.getStatus(segment));
    const sound = sounds.number(segment.sound);
    const words = [
      label ? `${at} ${label}` : `${at}`,
      `segment from ${formatMoment(start)} to ${formatMoment(end)}`,
      sound ? `sound ${sound}` : "no sound",
      fault?.text,
      state?.word,
    ];
    return html`
      <button class=${fault ? "segment-block bad" : "segment-block"} type="button" data-segment=${id}
        data-sound=${((sound - 1) % 6) + 1} .style=${placeAt(start, end, duration)} aria-pressed=${id === selected}
        aria-disabled=${isLocked} aria-label=${words.filter(Boolean).join(", ")}
        @pointerdown=${(/** @type {PointerEvent} */ event) => this.#drag(event, id)}
        @click=${() => this.page.select(id)}
        @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event, id)}>
        <b>${iconView(fault ? "alert" : (state?.sign ?? "dot"))}${at} ${label || "Segment"}</b>
        <i class="edge" data-edge="start"></i><i class="edge" data-edge="end"></i>${this.#soundView(segment)}
      </button>`;
  }

  /** @param {Segment} segment */
  #soundView({ sound, from, to, start, end }) {
    const { bars = [], duration } = this.page.sounds.find(sound) ?? {};
    if (!duration || end <= start) return null;
    return guard([bars, from, to, end - start], () => {
      const begin = (from ?? 0) / duration;
      const stop = (to ?? duration) / duration;
      // A sound shorter than its segment fills only a part of the block.
      const share = Math.min(1, ((stop - begin) * duration) / (end - start));
      return waveView(bars, begin, Math.max(begin + 1e-3, stop), share);
    });
  }

  /** @param {KeyboardEvent} event @param {number} id */
  #key(event, id) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const { segments, duration, isLocked } = this.page;
    const segment = segments.find((one) => one.id === id);
    if (way === undefined || !segment || isLocked) return;
    event.preventDefault();
    event.stopPropagation();
    const by = way * (event.shiftKey ? NUDGE.shift : event.altKey ? NUDGE.alt : NUDGE.plain);
    const what = event.ctrlKey ? "end" : "move";
    this.page.change(id, dragSegment(segments, segment, what, by, duration), true);
  }

  /** @param {PointerEvent} event @param {number} id */
  #drag(event, id) {
    const { segments, duration, isLocked } = this.page;
    const before = segments.find((one) => one.id === id);
    this.page.select(id);
    if (!before || isLocked || event.button !== 0 || !duration) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const what = /** @type {"start"|"end"|undefined} */ (target.dataset.edge) ?? "move";
    const origin = { ...before };
    const scale = duration / this.lane.getBoundingClientRect().width;
    let last = { start: origin.start, end: origin.end };
    followPointer(
      event,
      ({ clientX }) => {
        let by = (clientX - event.clientX) * scale;
        if (what !== "move") {
          const { at } = this.page.stage;
          if (Math.abs(origin[what] + by - at) < NEAR * scale) by = at - origin[what];
        }
        last = dragSegment(segments, origin, what, by, duration);
        this.page.change(id, last, false);
      },
      (isReleased) => {
        const { start, end } = origin;
        if (!isReleased) return this.page.change(id, { start, end }, false);
        if (last.start !== start || last.end !== end) this.page.change(id, last, true);
      },
    );
  }

  /** @param {PointerEvent} event */
  #seek(event) {
    const { duration } = this.page;
    if (event.button !== 0 || !duration || /** @type {Element} */ (event.target).closest(".segment-block")) return;
    event.preventDefault();
    // Remove the focus from a text field, because the field would receive the shortcut keys.
    /** @type {HTMLElement|null} */ (document.activeElement)?.blur();
    const seekTo = (/** @type {PointerEvent} */ { clientX }) => {
      const { left, width } = this.lane.getBoundingClientRect();
      this.page.stage.seek(Math.min(duration, Math.max(0, ((clientX - left) / width) * duration)));
    };
    seekTo(event);
    followPointer(event, seekTo);
  }

  /** Move the playhead, and scroll to it if `bring` is true. @param {number} seconds @param {boolean} [bring] */
  follow(seconds, bring = false) {
    const { duration } = this.page;
    const share = duration ? Math.min(1, seconds / duration) : 0;
    this.root.style.setProperty("--now", String(share));
    if (!bring) return;
    const box = requireElement("[data-scroll]", this.root);
    box.scrollLeft = share * box.scrollWidth - box.clientWidth / 2;
  }

  /** @param {number} id */
  focus(id) {
    requireElement(`[data-segment="${id}"]`, this.lane).focus();
  }
}

/** Return the style of a part of the timeline. @param {number} start @param {number} end @param {number} duration */
const placeAt = (start, end, duration) => `--from: ${start / (duration || 1)}; --to: ${end / (duration || 1)}`;

/**
 * Draw the pictures of the strip from a video file.
 * @param {string} address @param {HTMLCanvasElement[]} cells @param {(at: number) => number} moments
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

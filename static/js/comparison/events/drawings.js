// Drawings on video frames, and their editor. Positions are fractions of the frame, so drawings follow zoom and size.

import { isComposing } from "../../base/drafts.js";
import { showToast } from "../../base/notice.js";
import { findFittedArea } from "../../base/timer-box.js";
import { createRoot, html, iconView } from "../../base/view.js";
import { beginStroke, extendStroke, isWithinLimits, isVisible, createPicture } from "./strokes.js";

/**
 * @typedef {import("../panes.js").Pane} Pane
 * @typedef {import("./strokes.js").Stroke} Stroke
 * @typedef {{tool: import("./strokes.js").Tool, color: string, width: number}} Pen
 */

export const SHOWN_SECONDS = 3; // seconds for which a drawing is shown if its event has no end
const TOOLS = /** @type {[import("./strokes.js").Tool, string, string][]} */ ([
  ["pen", "pencil", "Pen"],
  ["line", "minus", "Line"],
  ["arrow", "arrow", "Arrow"],
  ["box", "box", "Box"],
  ["ellipse", "ellipse", "Ellipse"],
  ["text", "letter", "Text"],
]);
const COLORS = { Yellow: "#ffd166", Red: "#ff5a5f", Blue: "#4ea1ff", Green: "#39c98d", White: "#ffffff" };
const WIDTHS = { Thin: 3, Medium: 6, Thick: 12 };
const LETTERS = 8; // height of letters in a drawing, as a multiple of the line width
const MAX_TEXT = 200;

/** Create an element that covers the displayed frame in a pane. @param {Pane} pane @param {string} name */
function createFrameArea(pane, name) {
  const whole = createRoot()(html`<div class="on-frame"><div class=${name}></div></div>`);
  const area = /** @type {HTMLElement} */ (whole.firstElementChild);
  pane.pic.append(whole);
  const { video } = pane.track;
  const place = () => {
    const { clientWidth, clientHeight } = pane.pic;
    const { left, top, width, height } = findFittedArea(clientWidth / Math.max(1, clientHeight), getAspect(video));
    for (const [key, value] of Object.entries({ "--l": left, "--t0": top, "--w0": width, "--h0": height }))
      area.style.setProperty(key, String(value));
  };
  place(); // set the position at once; the observer calls `place` only in the next frame
  const observer = new ResizeObserver(place);
  observer.observe(pane.pic);
  video.addEventListener("resize", place);
  return {
    area,
    remove: () => {
      observer.disconnect();
      video.removeEventListener("resize", place);
      whole.remove();
    },
  };
}

/** @param {HTMLVideoElement} video */
const getAspect = (video) => (video.videoWidth ? video.videoWidth / video.videoHeight : 16 / 9);

export class DrawingLayer {
  /** @type {import("./store.js").SessionEvent[]} */ #drawn = [];
  #shown = "";

  /** @param {Pane} pane */
  constructor(pane) {
    this.pane = pane;
    this.place = createFrameArea(pane, "drawing");
  }

  /** @param {import("./store.js").SessionEvent[]} drawn Events whose drawings this pane can show. */
  show(drawn) {
    this.#drawn = drawn;
    this.#shown = "?";
  }

  /**
   * Show the drawings that belong to a time on the shared clock, in seconds.
   * @param {number} T
   * @param {string} hidden The id of the event whose drawing is hidden because the user is editing it.
   */
  update(T, hidden) {
    const { track } = this.pane;
    const frame = 1 / track.fps;
    const now = track.mediaTime ?? track.time;
    const runs = T >= track.begin && T < track.end;
    const visible = this.#drawn.filter(({ event_id: id, vod_id: vod, time, end }) => {
      if (id === hidden || (vod !== null && !runs)) return false;
      const at = vod === null ? T : now;
      return at > time - frame && at < (end ?? time + SHOWN_SECONDS);
    });
    const key = visible.map((event) => event.event_id).join(" ");
    if (key === this.#shown) return;
    this.#shown = key;
    const strokes = visible.flatMap((event) => event.drawing.strokes);
    this.place.area.replaceChildren(...(visible.length ? [createPicture(strokes, getAspect(track.video))] : []));
  }
}

export class Sketch {
  /** @type {Stroke[]} */ #strokes;
  /** The strokes in the draft. @type {Stroke[]} */ #drafted;
  /** Strokes that undo has removed, the latest last. @type {Stroke[]} */ #undone = [];
  /** @type {Pen} */ #pen = { tool: TOOLS[0][0], color: COLORS.Yellow, width: WIDTHS.Medium };
  #isFinishing = false;
  #begun = 0;
  /** The text that is being typed. @type {{stroke: Stroke, input: HTMLInputElement}|null} */ #typing = null;
  #root = createRoot(this);

  /**
   * @param {Pane} pane @param {Stroke[]} strokes @param {object} on
   * @param {(strokes: Stroke[]) => void} on.changed Receives all strokes after each change, including a text that is
   *   still being typed.
   * @param {(strokes: Stroke[]|null) => Promise<boolean>} on.done Receives the strokes to save, or null if the user
   *   closes the editor without saving. If `done` returns false, the editor stays open.
   */
  constructor(pane, strokes, { changed, done }) {
    this.pane = pane;
    this.#strokes = strokes;
    this.#drafted = strokes;
    this.#begun = strokes.length;
    this.changed = (/** @type {Stroke[]} */ all) => {
      this.#drafted = all;
      changed(all);
    };
    this.done = done;
    this.place = createFrameArea(pane, "sketch");
    this.bar = this.#drawBar();
    pane.element.append(this.bar);
    this.end = new AbortController();
    const { signal } = this.end;
    this.place.area.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    const leave = (/** @type {KeyboardEvent} */ event) => {
      // Escape closes the editor only if no stroke was added, because users may expect Escape to save their strokes.
      if (event.key === "Escape" && !event.defaultPrevented && this.#strokes.length === this.#begun) this.#finish(null);
    };
    window.addEventListener("keydown", leave, { signal });
    this.#draw(null);
    /** @type {HTMLElement} */ (this.bar.querySelector("button")).focus({ preventScroll: true });
  }

  /** Close the editor: another tab has saved or discarded this drawing. */
  close() {
    this.#typing?.input.remove();
    this.#typing = null;
    return this.#finish(null);
  }

  /** @param {Stroke[]|null} strokes */
  async #finish(strokes) {
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    // Lock the editor: strokes that are added while the drawing is saved would be lost.
    this.place.area.inert = this.bar.inert = true;
    const isDone = await this.done(strokes);
    this.#isFinishing = this.place.area.inert = this.bar.inert = false;
    if (!isDone) return;
    this.end.abort();
    this.bar.remove();
    this.place.remove();
  }

  keep() {
    this.place.area.querySelector("input")?.blur(); // when the field loses the focus, its text becomes a stroke
    return this.#finish(this.#strokes);
  }

  /**
   * Apply another user's change to the saved drawing. Keep the strokes that this user has not saved yet.
   * @param {Stroke[]} now All strokes on the server after the other user's change.
   * @param {Stroke[]} saved All strokes on the server before that change.
   */
  merge(now, saved) {
    this.#set(this.#mergeStrokes(now, saved));
  }

  /** Apply the changes that another tab has made to this draft. @param {Stroke[]} strokes */
  follow(strokes) {
    if (JSON.stringify(strokes) === JSON.stringify(this.#drafted)) return;
    // The draft contains the text that is being typed here, which is not a stroke yet.
    const typed = JSON.stringify(this.#typing?.stroke.points);
    const finished = strokes.filter(({ tool, points }) => tool !== "text" || JSON.stringify(points) !== typed);
    const merged = this.#mergeStrokes(finished, this.#drafted);
    if (merged.length > finished.length) return this.#set(merged);
    // Do not store what the other tab has stored: it may have changed the draft again, and would lose this change.
    this.#strokes = finished;
    this.#drafted = strokes;
    this.#draw(null);
  }

  /** @param {Stroke[]} now @param {Stroke[]} saved */
  #mergeStrokes(now, saved) {
    // Do not add strokes twice: the server may have saved this user's strokes although its answer was lost.
    const known = new Set([...saved, ...now].map((stroke) => JSON.stringify(stroke)));
    return [...now, ...this.#strokes.filter((stroke) => !known.has(JSON.stringify(stroke)))];
  }

  /** Remove the last stroke. */
  undo() {
    this.#undone.push(...this.#strokes.slice(-1));
    this.#set(this.#strokes.slice(0, -1));
  }

  /** Add the stroke again that undo removed last. */
  redo() {
    const stroke = this.#undone.at(-1);
    if (!stroke || !this.#hasRoom(stroke)) return;
    this.#undone.pop();
    this.#set([...this.#strokes, stroke]);
  }

  /** @param {Stroke[]} strokes */
  #set(strokes) {
    this.#strokes = strokes;
    this.#store();
    this.#draw(null);
  }

  /** Store all strokes, including the text that is being typed. */
  #store() {
    const text = this.#typing?.input.value ?? "";
    this.changed(text.trim() && this.#typing ? [...this.#strokes, { ...this.#typing.stroke, text }] : this.#strokes);
  }

  #drawBar() {
    const tools = TOOLS.map(([tool, name, label]) => this.#choiceView(label, { tool }, iconView(name)));
    const colors = Object.entries(COLORS).map(([label, color]) =>
      this.#choiceView(label, { color }, html`<i .style=${`--kind: ${color}`}></i>`),
    );
    const widths = Object.entries(WIDTHS).map(([label, width]) =>
      this.#choiceView(label, { width }, html`<i class="width" .style=${`--width: ${width / 2}px`}></i>`),
    );
    return this.#root(html`
      <div class="foot sketch-bar" role="toolbar" aria-label="Drawing on ${this.pane.letter}">
        <span class="segmented" role="group" aria-label="Tool">${tools}</span>
        <span class="row swatches" role="group" aria-label="Colour">${colors}</span>
        <span class="segmented" role="group" aria-label="Width">${widths}</span>
        <button class="btn icon-only" type="button" aria-label="Undo the last stroke" title="Undo the last stroke"
          @click=${this.undo}>${iconView("undo")}</button>
        <button class="btn icon-only" type="button" aria-label="Redo the last stroke" title="Redo the last stroke"
          @click=${this.redo}>${iconView("redo")}</button>
        <span class="spacer"></span>
        <button class="btn quiet" type="button" @click=${() => this.#finish(null)}>Close</button>
        <button class="btn" type="button" @click=${this.keep}>${iconView("check")}Save</button>
      </div>`);
  }

  /** @param {string} name @param {Partial<Pen>} choice @param {import("../../base/view.js").View} sign */
  #choiceView(name, choice, sign) {
    const [[key, value]] = Object.entries(choice);
    const choose = () => {
      this.#pen = { ...this.#pen, ...choice };
      this.#drawBar();
    };
    return html`<button type="button" value=${value} aria-label=${name} title=${name}
      aria-pressed=${String(this.#pen[/** @type {keyof Pen} */ (key)] === value)} @click=${choose}>${sign}</button>`;
  }

  /** @param {Stroke|null} stroke Stroke that is still being drawn. */
  #draw(stroke) {
    const all = stroke ? [...this.#strokes, stroke] : this.#strokes;
    this.place.area.querySelector("svg")?.remove();
    this.place.area.prepend(createPicture(all, getAspect(this.pane.track.video)));
  }

  /** Return whether the drawing can hold another stroke; if not, tell the user. @param {Stroke} stroke */
  #hasRoom(stroke) {
    const fits = isWithinLimits([...this.#strokes, stroke]);
    if (!fits) showToast("The drawing has reached its maximum size. Save it, and continue in a new event.", "warn");
    return fits;
  }

  /** @param {Stroke} stroke */
  #add(stroke) {
    if (!isVisible(stroke)) return this.#set(this.#strokes);
    if (!this.#hasRoom(stroke)) return this.#draw(null);
    this.#undone = [];
    this.#set([...this.#strokes, stroke]);
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0 || !(event.target instanceof Element) || event.target.closest("input")) return;
    event.preventDefault();
    event.stopPropagation();
    const { area } = this.place;
    const rect = area.getBoundingClientRect();
    const at = (/** @type {PointerEvent} */ e) =>
      /** @type {[number, number]} */ ([(e.clientX - rect.left) / rect.width, (e.clientY - rect.top) / rect.height]);
    const { tool, color, width } = this.#pen;
    if (tool === "text") return this.#write(...at(event));
    let stroke = beginStroke(tool, color, width, ...at(event));
    const pressures = [event.pressure];
    const end = new AbortController();
    const { signal } = end;
    area.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ e) => {
      for (const one of e.getCoalescedEvents?.().length ? e.getCoalescedEvents() : [e])
        stroke = extendStroke(stroke, ...at(one));
      pressures.push(e.pressure);
      this.#draw(stroke);
    };
    const release = (/** @type {PointerEvent} */ e) => {
      end.abort();
      // A pen's mean pressure sets the stroke's width. For other devices, use 0.5, the pressure that mice report.
      const pressure = e.pointerType === "pen" ? pressures.reduce((a, b) => a + b, 0) / pressures.length : 0.5;
      this.#add({ ...stroke, width: Math.round(stroke.width * (0.5 + pressure) * 10) / 10 });
    };
    const cancel = () => {
      end.abort();
      this.#draw(null);
    };
    area.addEventListener("pointermove", move, { signal });
    area.addEventListener("pointerup", release, { signal });
    area.addEventListener("pointercancel", cancel, { signal });
    this.#draw(stroke);
  }

  /** Show a text field at a point, given as fractions of the frame's size. @param {number} x @param {number} y */
  #write(x, y) {
    const stroke = beginStroke("text", this.#pen.color, this.#pen.width * LETTERS, x, y);
    // Check now: a text that turns out too long after typing would be lost.
    if (!this.#hasRoom({ ...stroke, text: "x".repeat(MAX_TEXT) })) return;
    const leave = () => {
      input.remove();
      this.#typing = null;
      this.#add({ ...stroke, text: input.value.trim() });
    };
    const press = (/** @type {KeyboardEvent} */ event) => {
      if ((event.key !== "Enter" && event.key !== "Escape") || isComposing(event)) return;
      event.preventDefault();
      event.stopPropagation();
      input.blur();
    };
    const view = html`<input class="input" aria-label="Text to draw on the frame" maxlength=${MAX_TEXT} dir="auto"
      autocomplete="off" .style=${`--x: ${x}; --y: ${y}`} @input=${this.#store} @blur=${leave} @keydown=${press} />`;
    const input = /** @type {HTMLInputElement} */ (createRoot(this)(view));
    this.#typing = { stroke, input };
    this.place.area.append(input);
    input.focus({ preventScroll: true });
  }
}

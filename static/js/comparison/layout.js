// Layouts (row, focus, single), blends (wipe, overlay, difference) and common zoom of the panes. Only classes and CSS
// properties change; the video elements stay in place.

import { requireElement } from "../base/dom.js";
import { html, mount } from "../base/view.js";
import { listenToButtons, markButton } from "./button-group.js";

const LAYOUTS = ["focus", "row", "single"];
const MODES = ["grid", "wipe", "overlay", "difference"];
const ZOOMS = ["fit", "100", "200"];
const FREE = "free"; // name of a zoom level set by the mouse wheel or by two fingers
const MOST = 16; // maximum zoom, as a multiple of "fit"
const WHEEL = 0.002; // relative change of the zoom per pixel of wheel movement
const NEAR_EDGE = 24; // distance in px from the wipe's edge within which a press in a zoomed picture drags the edge
const NARROW = 1000; // maximum window width in px at which the wheel scrolls the page instead of zooming

/**
 * @typedef {object} ViewState
 * @property {string} layout
 * @property {string} mode
 * @property {string} main The id of the main video.
 * @property {string} over The id of the video blended over the main video.
 * @property {number} blend The position of the wipe's edge, or the opacity of the upper video, from 0 to 1.
 */

export class View {
  #zoom = "fit";
  /** Zoom set by wheel or fingers, as a multiple of "fit". */ #free = 1;
  #pan = { x: 0, y: 0 };
  /** Positions of pressed pointers. @type {Map<number, {x: number, y: number}>} */ #fingers = new Map();
  #modes = requireElement("[data-modes]");
  #layouts = requireElement("[data-layouts]");

  /**
   * @param {HTMLElement} stage
   * @param {import("./panes.js").Pane[]} panes
   * @param {Partial<ViewState>} saved
   * @param {(state: ViewState) => void} onChange
   */
  constructor(stage, panes, saved, onChange) {
    this.stage = stage;
    this.panes = panes;
    this.onChange = onChange;
    this.drawOvers = panes.map(({ element }) => mount(requireElement("[data-overs]", element)));
    const ids = panes.map((pane) => pane.id);
    const choose = (
      /** @type {string[]} */ known,
      /** @type {string|undefined} */ wanted,
      /** @type {string} */ usual,
    ) => known.find((one) => one === wanted) ?? usual;
    /** @type {ViewState} */
    this.state = {
      layout: choose(LAYOUTS, saved.layout, "focus"),
      mode: choose(MODES, saved.mode, "grid"),
      main: choose(ids, saved.main, ids[0]),
      over: choose(ids, saved.over, ids[1]),
      blend: typeof saved.blend === "number" ? Math.min(Math.max(saved.blend, 0), 1) : 0.5,
    };
    listenToButtons(this.#modes, (mode) => this.set({ mode }));
    listenToButtons(this.#layouts, (layout) => this.set({ layout, mode: "grid" }));
    for (const pane of panes) this.#connect(pane);
    new ResizeObserver(() => this.#drawZoom()).observe(stage);
    this.draw();
  }

  /** @param {Partial<ViewState>} change */
  set(change) {
    this.state = { ...this.state, ...change };
    this.draw();
    this.onChange(this.state);
  }

  nextLayout() {
    const { layout, mode } = this.state;
    const next = LAYOUTS[(LAYOUTS.indexOf(layout) + 1) % LAYOUTS.length];
    this.set({ mode: "grid", layout: mode === "grid" ? next : layout });
  }

  /** Select a blend of two videos, or return to the grid if this blend is already selected. @param {string} mode */
  toggleMode(mode) {
    this.set({ mode: this.state.mode === mode ? "grid" : mode });
  }

  /** Zoom in (1), zoom out (-1), or fit the picture into the pane (0). @param {number} direction */
  zoomBy(direction) {
    const now = Math.max(0, ZOOMS.indexOf(this.#zoom));
    const index = direction === 0 ? 0 : Math.min(Math.max(now + direction, 0), ZOOMS.length - 1);
    this.zoom(ZOOMS[index]);
  }

  /**
   * Zoom by a factor around a point.
   * @param {number} factor
   * @param {{x: number, y: number}} at The position of the point, in fractions of the pane's width and height.
   */
  #zoomAt(factor, at) {
    const before = this.#scale();
    const after = Math.min(Math.max(before * factor, 1), MOST);
    const keep = (/** @type {number} */ pan, /** @type {number} */ place) => place - ((place - pan) * after) / before;
    this.#zoom = after === 1 ? "fit" : FREE;
    this.#free = after;
    this.#pan = { x: keep(this.#pan.x, at.x), y: keep(this.#pan.y, at.y) };
    this.#drawZoom();
  }

  /** @param {string} zoom */
  zoom(zoom) {
    this.#zoom = zoom;
    const scale = this.#scale();
    this.#pan = { x: (1 - scale) / 2, y: (1 - scale) / 2 };
    this.#drawZoom();
  }

  draw() {
    const { layout, mode, main, blend } = this.state;
    const others = this.panes.filter((pane) => pane.id !== main);
    if (this.state.over === main) this.state.over = others[0].id;
    this.stage.dataset.layout = layout;
    this.stage.dataset.mode = mode;
    this.stage.style.setProperty("--blend", String(blend));
    markButton(this.#modes, mode);
    markButton(this.#layouts, mode === "grid" ? layout : null);
    for (const [at, pane] of this.panes.entries()) {
      requireElement("[data-overs]", pane.element).hidden = this.panes.length < 3;
      this.drawOvers[at](
        others.map(
          ({ id, letter }) => html`<button type="button" data-letter=${letter} aria-pressed=${id === this.state.over}
            aria-label="${letter} over ${pane.letter}" @click=${() => this.set({ over: id })}
            ><span class="letter-badge">${letter}</span></button>`,
        ),
      );
      const slider = requireElement("[data-blend]", pane.element);
      slider.setAttribute("aria-label", mode === "wipe" ? "Wipe position" : "Opacity of the video on top");
      slider.value = String(blend * 100);
    }
    this.#drawZoom();
  }

  get main() {
    return /** @type {import("./panes.js").Pane} */ (this.panes.find((p) => p.id === this.state.main));
  }

  /** @param {import("./panes.js").Pane} pane */
  #connect(pane) {
    const { element, pic } = pane;
    const slider = requireElement("[data-blend]", element);
    slider.addEventListener("input", () => this.set({ blend: Number(slider.value) / 100 }));
    for (const button of element.querySelectorAll("[data-zoom]"))
      button.addEventListener("click", () => this.zoom(button.getAttribute("data-zoom") ?? "fit"));
    pic.addEventListener("keydown", (/** @type {KeyboardEvent} */ e) => {
      const [dx, dy] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key] ?? [0, 0];
      if (this.#zoom === "fit" || (!dx && !dy)) return;
      e.preventDefault();
      this.#move(dx * 0.05, dy * 0.05);
    });
    pic.addEventListener("pointerdown", (/** @type {PointerEvent} */ e) => this.#press(pic, e));
    const zoom = (/** @type {WheelEvent} */ e) => {
      if (!e.ctrlKey && innerWidth <= NARROW) return;
      e.preventDefault();
      this.#zoomAt(Math.exp(-e.deltaY * (e.ctrlKey ? 5 : 1) * WHEEL), getPointIn(pic, e));
    };
    pic.addEventListener("wheel", zoom, { passive: false });
  }

  /** @param {HTMLElement} pic @param {PointerEvent} event */
  #press(pic, event) {
    if (event.button !== 0 || /** @type {Element} */ (event.target).closest("button, .roi-area, .sketch")) return;
    const isTouch = event.pointerType === "touch";
    const isWipe = this.state.mode === "wipe" && this.#isAtEdge(pic, event);
    if (!isTouch && !isWipe && this.#zoom === "fit") return;
    if (!isTouch) event.preventDefault();
    const end = new AbortController();
    const options = { signal: end.signal };
    let last = { x: event.clientX, y: event.clientY };
    this.#fingers.set(event.pointerId, last);
    pic.setPointerCapture(event.pointerId);
    const moved = (/** @type {PointerEvent} */ e) => {
      if (e.pointerId !== event.pointerId) return;
      const now = { x: e.clientX, y: e.clientY };
      const [other] = [...this.#fingers].flatMap(([id, place]) => (id === e.pointerId ? [] : [place]));
      const { width, height } = pic.getBoundingClientRect();
      if (other) {
        const [before, after] = [last, now].map(({ x, y }) => Math.hypot(x - other.x, y - other.y));
        const middle = { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 };
        if (before > 0) this.#zoomAt(after / before, getPointIn(pic, middle));
      } else if (isWipe) this.set({ blend: Math.min(1, Math.max(0, getPointIn(pic, e).x)) });
      else if (this.#zoom !== "fit") this.#move((now.x - last.x) / width, (now.y - last.y) / height);
      last = now;
      this.#fingers.set(e.pointerId, now);
    };
    const stop = (/** @type {PointerEvent} */ e) => {
      if (e.pointerId !== event.pointerId) return;
      this.#fingers.delete(e.pointerId);
      end.abort();
    };
    pic.addEventListener("pointermove", moved, options);
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) pic.addEventListener(name, stop, options);
  }

  /**
   * Return whether a press on the picture drags the wipe's edge. In a zoomed picture, only a press near the edge does;
   * other presses move the picture.
   * @param {HTMLElement} pic
   * @param {PointerEvent} event
   */
  #isAtEdge(pic, event) {
    const { width } = pic.getBoundingClientRect();
    return this.#zoom === "fit" || Math.abs(getPointIn(pic, event).x - this.state.blend) * width < NEAR_EDGE;
  }

  /** Move the zoomed picture by fractions of the pane. @param {number} dx @param {number} dy */
  #move(dx, dy) {
    this.#pan = { x: this.#pan.x + dx, y: this.#pan.y + dy };
    this.#drawZoom();
  }

  /**
   * Return the scale of the picture; at scale 1, the picture fits the pane. The buttons "100 %" and "200 %" use another
   * scale: at 100 %, a pixel of the main video is as large as a CSS pixel.
   */
  #scale() {
    if (this.#zoom === "fit") return 1;
    if (this.#zoom === FREE) return this.#free;
    const { video } = this.main.track;
    const { clientWidth, clientHeight } = this.main.pic;
    if (!video.videoWidth || !clientWidth) return 1;
    const fitted = Math.min(clientWidth / video.videoWidth, clientHeight / video.videoHeight);
    return Number(this.#zoom) / 100 / fitted;
  }

  #drawZoom() {
    const scale = this.#scale();
    const bound = (/** @type {number} */ v) => (scale <= 1 ? (1 - scale) / 2 : Math.min(0, Math.max(1 - scale, v)));
    this.#pan = { x: bound(this.#pan.x), y: bound(this.#pan.y) };
    const { style } = this.stage;
    style.setProperty("--zoom", String(scale));
    style.setProperty("--pan-x", `${this.#pan.x * 100}%`);
    style.setProperty("--pan-y", `${this.#pan.y * 100}%`);
    const zoomed = this.#zoom !== "fit";
    this.stage.toggleAttribute("data-zoomed", zoomed);
    for (const { element, pic, letter } of this.panes) {
      for (const button of element.querySelectorAll("[data-zoom]"))
        button.setAttribute("aria-pressed", String(button.getAttribute("data-zoom") === this.#zoom));
      const label = `Zoomed video ${letter}; use the arrow keys to move it`;
      for (const [name, value] of Object.entries({ tabindex: "0", role: "group", "aria-label": label }))
        if (zoomed) pic.setAttribute(name, value);
        else pic.removeAttribute(name);
    }
  }
}

/** @param {HTMLElement} pic @param {{clientX: number, clientY: number}} point @returns {{x: number, y: number}} */
function getPointIn(pic, { clientX, clientY }) {
  const { left, top, width, height } = pic.getBoundingClientRect();
  return { x: (clientX - left) / width, y: (clientY - top) / height };
}

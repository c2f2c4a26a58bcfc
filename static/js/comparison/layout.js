// Layouts (row, focus, single), blends (wipe, overlay, difference) and common zoom of the panes. Only classes and CSS
// properties change; the video elements stay in place.

import { h, requireElement } from "../base/dom.js";

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
    const known = (/** @type {any} */ id) => panes.some((p) => p.id === id);
    /** @type {ViewState} */
    this.state = {
      layout: LAYOUTS.includes(saved.layout ?? "") ? /** @type {string} */ (saved.layout) : "focus",
      mode: MODES.includes(saved.mode ?? "") ? /** @type {string} */ (saved.mode) : "grid",
      main: known(saved.main) ? /** @type {string} */ (saved.main) : panes[0].id,
      over: known(saved.over) ? /** @type {string} */ (saved.over) : panes[1].id,
      blend: typeof saved.blend === "number" ? Math.min(Math.max(saved.blend, 0), 1) : 0.5,
    };
    requireElement("[data-modes]").addEventListener("click", (/** @type {Event} */ e) =>
      this.#pressed(e, (mode) => this.set({ mode })),
    );
    requireElement("[data-layouts]").addEventListener("click", (/** @type {Event} */ e) =>
      this.#pressed(e, (layout) => this.set({ layout, mode: "grid" })),
    );
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
    this.set({
      mode: "grid",
      layout: mode === "grid" ? LAYOUTS[(LAYOUTS.indexOf(layout) + 1) % LAYOUTS.length] : layout,
    });
  }

  /**
   * Select a blend of two videos, or return to the grid if this blend is already selected.
   * @param {string} mode
   */
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
    if (this.state.over === main) this.state.over = /** @type {any} */ (this.panes.find((p) => p.id !== main)).id;
    this.stage.dataset.layout = layout;
    this.stage.dataset.mode = mode;
    this.stage.style.setProperty("--blend", String(blend));
    this.#mark("[data-modes]", (value) => value === mode);
    this.#mark("[data-layouts]", (value) => mode === "grid" && value === layout);
    for (const pane of this.panes) {
      const overs = requireElement("[data-overs]", pane.element);
      overs.hidden = this.panes.length < 3;
      overs.replaceChildren(
        ...this.panes
          .filter((p) => p.id !== main)
          .map((p) =>
            h(
              "button",
              {
                type: "button",
                data: { letter: p.letter },
                "aria-pressed": String(p.id === this.state.over),
                "aria-label": `${p.letter} over ${pane.letter}`,
                onclick: () => this.set({ over: p.id }),
              },
              h("span", { class: "letter-badge" }, p.letter),
            ),
          ),
      );
      const slider = /** @type {HTMLInputElement} */ (requireElement("[data-blend]", pane.element));
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
    requireElement("[data-blend]", element).addEventListener("input", (/** @type {Event} */ e) =>
      this.set({ blend: Number(/** @type {HTMLInputElement} */ (e.target).value) / 100 }),
    );
    for (const button of element.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.zoom(/** @type {HTMLElement} */ (button).dataset.zoom ?? "fit"));
    }
    pic.addEventListener("keydown", (/** @type {KeyboardEvent} */ e) => {
      const [dx, dy] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key] ?? [0, 0];
      if (this.#zoom === "fit" || (!dx && !dy)) return;
      e.preventDefault();
      this.#move(dx * 0.05, dy * 0.05);
    });
    pic.addEventListener("pointerdown", (/** @type {PointerEvent} */ e) => this.#press(pic, e));
    pic.addEventListener(
      "wheel",
      (/** @type {WheelEvent} */ e) => {
        if (!e.ctrlKey && innerWidth <= NARROW) return;
        e.preventDefault();
        this.#zoomAt(Math.exp(-e.deltaY * (e.ctrlKey ? 5 : 1) * WHEEL), getPointIn(pic, e));
      },
      { passive: false },
    );
  }

  /**
   * @param {HTMLElement} pic
   * @param {PointerEvent} event
   */
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
    for (const pane of this.panes) {
      for (const button of pane.element.querySelectorAll("[data-zoom]")) {
        button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.zoom === this.#zoom));
      }
      for (const [name, value] of Object.entries({
        tabindex: "0",
        role: "group",
        "aria-label": `Zoomed video ${pane.letter}; use the arrow keys to move it`,
      })) {
        if (zoomed) pane.pic.setAttribute(name, value);
        else pane.pic.removeAttribute(name);
      }
    }
  }

  /** @param {Event} event @param {(value: string) => void} act */
  #pressed(event, act) {
    const button = /** @type {Element} */ (event.target).closest("button");
    if (button) act(button.value);
  }

  /** @param {string} group @param {(value: string) => boolean} on */
  #mark(group, on) {
    for (const button of requireElement(group).querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(on(button.value)));
  }
}

/**
 * @param {HTMLElement} pic
 * @param {{clientX: number, clientY: number}} point
 * @returns {{x: number, y: number}}
 */
function getPointIn(pic, { clientX, clientY }) {
  const { left, top, width, height } = pic.getBoundingClientRect();
  return { x: (clientX - left) / width, y: (clientY - top) / height };
}

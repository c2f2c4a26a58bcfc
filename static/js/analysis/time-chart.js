// A chart over a video's time: lanes, ruler and playhead. A click or drag seeks; arrow keys move between given times.

import { formatDuration } from "../base/format.js";
import { makeTicks } from "../base/timeline.js";
import { createRef, html, mount, ref, svg } from "../base/view.js";

/**
 * @typedef {import("../base/view.js").View} View
 * @typedef {{name: string, kind: string, content: View, axis?: View}} Lane A lane. `axis` labels its vertical axis.
 */

const PIXELS_PER_MARK = 96;
const FAR = 10; // number of `stops` by which Page Up and Page Down move the position

/** @param {number} width @param {number} height @param {...{d: string, class: string}} paths */
export const drawingView = (width, height, ...paths) => html`
  <svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true">
    ${paths.map((path) => svg`<path d=${path.d} class=${path.class}></path>`)}
  </svg>`;

/** Return a label of a vertical axis. @param {number} y Height, 0 to 1. @param {string} text */
export const axisLabelView = (y, text) => html`<span class="axis-label" .style=${`--y: ${y}`}>${text}</span>`;

/**
 * Return the area below a curve of values 0 to 1 as an SVG path.
 * @param {number[]} values @param {number} step @param {number} height @returns {string}
 */
export function makeAreaPath(values, step, height) {
  if (!values.length) return "";
  const points = values.map((value, n) => `${round(n * step)} ${round(height * (1 - value))}`);
  return `M0 ${height}L${points.join("L")}L${round((values.length - 1) * step)} ${height}Z`;
}

/**
 * Return a waveform of values 0 to 1 as an SVG path that is symmetric about the middle.
 * @param {number[]} values @param {number} step @param {number} height @returns {string}
 */
export function makeMirroredPath(values, step, height) {
  if (!values.length) return "";
  const half = height / 2;
  const line = (/** @type {1|-1} */ side) =>
    values.map((value, n) => `${round(n * step)} ${round(half + side * Math.max(value, 0.02) * half)}`);
  return `M${line(-1).join("L")}L${line(1).reverse().join("L")}Z`;
}

/** @param {number} value */
export const round = (value) => Math.round(value * 100) / 100;

/** @param {Lane} lane */
const laneView = ({ name, kind, content }) => html`
  <div class="lane ${kind}">${content}<span class="lane-label phone" aria-hidden="true">${name}</span></div>`;

/**
 * @typedef {object} ChartOptions
 * @property {number} duration The video's duration in seconds.
 * @property {string} label The accessible name of the chart.
 * @property {number[]} stops The positions between which the arrow keys move, in ascending seconds.
 * @property {(time: number) => string} say Describes a time for screen readers.
 * @property {(time: number) => void} seek
 * @property {(chart: TimeChart) => Lane[]} lanes Returns the lanes; runs again at each `draw`.
 * @property {(chart: TimeChart) => View} [overlay] Returns controls that lie over the lanes.
 */

export class TimeChart {
  #time = 0;
  #width = 0;
  #zoom = 1;
  #lanes = createRef();
  #scroller = createRef();
  #playhead = createRef();

  /** @param {HTMLElement} holder @param {ChartOptions} options */
  constructor(holder, options) {
    this.options = options;
    this.render = mount(holder, this);
    this.draw();
    new ResizeObserver(() => this.lanes.clientWidth !== this.#width && this.draw()).observe(this.lanes);
    this.update(0);
  }

  get lanes() {
    return /** @type {HTMLElement} */ (this.#lanes.value);
  }

  draw() {
    const { label, duration, overlay } = this.options;
    const lanes = this.options.lanes(this);
    this.render(html`
      <div class="scroller" ${ref(this.#scroller)}>
        <div class="chart" .style=${`--zoom: ${this.#zoom}`}>
          <div class="names" aria-hidden="true">
            ${lanes.map(({ name, kind, axis }) => html`<span class=${kind}>${name}${axis}</span>`)}
          </div>
          <div class="lanes" role="slider" tabindex="0" aria-label=${label} aria-valuemin="0"
            aria-valuemax=${duration.toFixed(2)} aria-valuenow="0" ${ref(this.#lanes)}
            @pointerdown=${this.#drag} @click=${this.#seekTo} @keydown=${this.#key}>
            ${lanes.map(laneView)}
            <i class="playhead" ${ref(this.#playhead)}></i>
          </div>
          ${overlay && html`<div class="overlay-lanes">${overlay(this)}</div>`}
          <span></span>
          <div class="ruler" aria-hidden="true">${this.#ticksView()}</div>
        </div>
      </div>`);
  }

  /**
   * Return an element that covers a lane from one time to another.
   * @param {number} from @param {number} to @param {string} kind @param {View} [inside]
   */
  stretchView(from, to, kind, inside = null) {
    const { duration } = this.options;
    const width = Math.max(0, Math.min(to, duration) - from) / duration;
    return html`<i class=${kind} .style=${`--x: ${this.share(from)}; --w2: ${width}`}>${inside}</i>`;
  }

  /** Widen the chart, and keep the playhead in the middle. @param {number} zoom 1 fits the chart into the page. */
  zoom(zoom) {
    this.#zoom = zoom;
    this.draw();
    const scroller = /** @type {HTMLElement} */ (this.#scroller.value);
    const { offsetLeft, clientWidth } = this.lanes;
    scroller.scrollLeft = offsetLeft + this.share(this.#time) * clientWidth - scroller.clientWidth / 2;
    this.draw(); // the ruler depends on the new width
  }

  /** Convert a time to a fraction of the chart's width, 0 to 1. @param {number} time @returns {number} */
  share(time) {
    return Math.min(1, Math.max(0, time / this.options.duration));
  }

  /** @param {number} time */
  update(time) {
    const before = this.share(this.#time);
    this.#time = time;
    const now = this.share(time);
    /** @type {HTMLElement} */ (this.#playhead.value).style.setProperty("--x", now.toFixed(5));
    this.lanes.setAttribute("aria-valuenow", time.toFixed(2));
    const words = this.options.say(time);
    if (this.lanes.getAttribute("aria-valuetext") !== words) this.lanes.setAttribute("aria-valuetext", words);
    const scroller = /** @type {HTMLElement} */ (this.#scroller.value);
    if (before === now || scroller.scrollWidth <= scroller.clientWidth) return;
    // The chart is wider than the screen: scroll it once the playhead leaves the visible part.
    const { offsetLeft, clientWidth } = this.lanes;
    const shows = (/** @type {number} */ share) => {
      const at = offsetLeft + share * clientWidth - scroller.scrollLeft;
      return at >= 0 && at <= scroller.clientWidth;
    };
    if (shows(before) && !shows(now))
      scroller.scrollLeft = offsetLeft + now * clientWidth - scroller.clientWidth * 0.15;
  }

  #ticksView() {
    if (this.#lanes.value) this.#width = this.lanes.clientWidth || this.#width;
    if (!this.#width) return null;
    const { duration } = this.options;
    const ticks = makeTicks(0, duration, Math.max(2, this.#width / PIXELS_PER_MARK));
    const marks = ticks.filter((time) => this.share(time) < 0.95);
    const markView = (/** @type {number} */ time) => html`
      <span class=${time > 0 ? "mid" : ""} .style=${`--x: ${this.share(time)}`}>
        ${marks[1] < 1 ? `${round(time)} s` : formatDuration(time)}
      </span>`;
    return html`${marks.map(markView)}<span class="last">${formatDuration(duration)}</span>`;
  }

  /** Seek to the time at the pointer. @param {MouseEvent} event */
  #seekTo(event) {
    const box = this.lanes.getBoundingClientRect();
    this.options.seek(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * this.options.duration);
  }

  /** Drag the playhead, except by touch: on touch screens, a drag scrolls the chart. @param {PointerEvent} event */
  #drag(event) {
    if (event.button !== 0 || event.pointerType === "touch") return;
    const end = new AbortController();
    const { signal } = end;
    this.lanes.setPointerCapture(event.pointerId);
    this.lanes.addEventListener("pointermove", (moved) => this.#seekTo(moved), { signal });
    for (const name of ["pointerup", "pointercancel"]) this.lanes.addEventListener(name, () => end.abort(), { signal });
  }

  /** Handle the usual keys of a slider, even if shortcuts are switched off. @param {KeyboardEvent} event */
  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    /** @type {Record<string, number>} */
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: FAR, PageDown: -FAR };
    /** @type {Record<string, number>} */ const ends = { Home: 0, End: this.options.duration };
    const to = event.key in steps ? this.stop(steps[event.key]) : ends[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.options.seek(to);
  }

  /**
   * Return the time, in seconds, to which the playhead moves if it goes forward by `steps` entries of `stops`. If
   * `steps` is negative, the playhead goes back.
   * @param {number} steps @returns {number}
   */
  stop(steps) {
    const { stops, duration: whole } = this.options;
    const at = stops.findLastIndex((stop) => stop <= this.#time + 0.05);
    if (steps > 0) return stops[at + steps] ?? (at + 1 < stops.length ? stops[stops.length - 1] : whole);
    // If playback is more than 1 s past a stop, the first step back goes to this stop, not to the stop before it.
    const isBehind = at >= 0 && this.#time - stops[at] > 1;
    return stops[at + steps + (isBehind ? 1 : 0)] ?? 0;
  }
}

// A chart over a video's time: lanes, ruler and playhead. A click or drag seeks; arrow keys move between given times.

import { h } from "../base/dom.js";
import { formatDuration } from "../base/format.js";
import { makeTicks } from "../base/timeline.js";

const SVG = "http://www.w3.org/2000/svg";
const PIXELS_PER_MARK = 96;
const FAR = 10; // number of `stops` by which Page Up and Page Down move the position

/**
 * @param {number} width
 * @param {number} height
 * @param {...{d: string, class: string}} paths
 * @returns {SVGElement}
 */
export function createDrawing(width, height, ...paths) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  }))
    svg.setAttribute(name, value);
  for (const path of paths) {
    const shape = document.createElementNS(SVG, "path");
    shape.setAttribute("d", path.d);
    shape.setAttribute("class", path.class);
    svg.append(shape);
  }
  return svg;
}

/**
 * Return the area below a curve of values 0 to 1 as an SVG path.
 * @param {number[]} values
 * @param {number} step
 * @param {number} height
 * @returns {string}
 */
export function makeAreaPath(values, step, height) {
  if (!values.length) return "";
  const points = values.map((value, n) => `${roundToHundredths(n * step)} ${roundToHundredths(height * (1 - value))}`);
  return `M0 ${height}L${points.join("L")}L${roundToHundredths((values.length - 1) * step)} ${height}Z`;
}

/**
 * Return a waveform of values 0 to 1 as an SVG path that is symmetric about the middle.
 * @param {number[]} values
 * @param {number} step
 * @param {number} height
 * @returns {string}
 */
export function makeMirroredPath(values, step, height) {
  if (!values.length) return "";
  const half = height / 2;
  const top = values.map(
    (value, n) => `${roundToHundredths(n * step)} ${roundToHundredths(half - Math.max(value, 0.02) * half)}`,
  );
  const bottom = values
    .map((value, n) => `${roundToHundredths(n * step)} ${roundToHundredths(half + Math.max(value, 0.02) * half)}`)
    .reverse();
  return `M${top.join("L")}L${bottom.join("L")}Z`;
}

/** @param {number} value */
export const roundToHundredths = (value) => Math.round(value * 100) / 100;

/**
 * @typedef {object} ChartOptions
 * @property {number} duration The video's duration in seconds.
 * @property {string} label The accessible name of the chart.
 * @property {number[]} stops The positions between which the arrow keys move, in ascending seconds.
 * @property {(time: number) => string} say Describes a time for screen readers.
 * @property {(time: number) => void} seek
 */

export class TimeChart {
  #time = 0;
  #width = 0;

  /**
   * @param {HTMLElement} holder
   * @param {ChartOptions} options
   */
  constructor(holder, options) {
    this.options = options;
    this.playhead = h("i", { class: "playhead" });
    this.lanes = h(
      "div",
      {
        class: "lanes",
        role: "slider",
        tabindex: "0",
        "aria-label": options.label,
        "aria-valuemin": "0",
        "aria-valuemax": options.duration.toFixed(2),
        "aria-valuenow": "0",
      },
      this.playhead,
    );
    this.names = h("div", { class: "names", "aria-hidden": "true" });
    this.ruler = h("div", { class: "ruler", "aria-hidden": "true" });
    this.chart = h("div", { class: "chart" }, this.names, this.lanes, h("span", {}), this.ruler);
    this.scroller = h("div", { class: "scroller" }, this.chart);
    holder.replaceChildren(this.scroller);
    this.lanes.addEventListener("pointerdown", (event) => this.#drag(event));
    this.lanes.addEventListener("click", (event) => this.#click(event));
    this.lanes.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#drawRuler()).observe(this.lanes);
    this.update(0);
  }

  /**
   * @param {string} name
   * @param {string} kind
   * @param {...(Node|false|null)} inside
   * @returns {HTMLElement}
   */
  lane(name, kind, ...inside) {
    const lane = h(
      "div",
      { class: `lane ${kind}` },
      ...inside,
      h("span", { class: "lane-label phone", "aria-hidden": "true" }, name),
    );
    this.names.append(h("span", { class: kind }, name));
    this.playhead.before(lane);
    return lane;
  }

  /**
   * Return an element that covers a lane from one time to another.
   * @param {number} from
   * @param {number} to
   * @param {string} kind
   * @param {...(Node|string)} inside
   * @returns {HTMLElement}
   */
  stretch(from, to, kind, ...inside) {
    const { duration: whole } = this.options;
    return h(
      "i",
      { class: kind, vars: { "--x": this.share(from), "--w2": Math.max(0, Math.min(to, whole) - from) / whole } },
      ...inside,
    );
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
    this.playhead.style.setProperty("--x", now.toFixed(5));
    this.lanes.setAttribute("aria-valuenow", time.toFixed(2));
    const words = this.options.say(time);
    if (this.lanes.getAttribute("aria-valuetext") !== words) this.lanes.setAttribute("aria-valuetext", words);
    if (before !== now) this.#follow(before, now);
  }

  /**
   * If the chart is wider than the screen, scroll it once the playhead leaves the visible part.
   * @param {number} before
   * @param {number} now
   */
  #follow(before, now) {
    const { scroller, lanes } = this;
    if (scroller.scrollWidth <= scroller.clientWidth) return;
    const shows = (/** @type {number} */ share) => {
      const at = lanes.offsetLeft + share * lanes.clientWidth - scroller.scrollLeft;
      return at >= 0 && at <= scroller.clientWidth;
    };
    if (shows(before) && !shows(now))
      scroller.scrollLeft = lanes.offsetLeft + now * lanes.clientWidth - scroller.clientWidth * 0.15;
  }

  #drawRuler() {
    const width = this.lanes.clientWidth;
    if (!width || width === this.#width) return;
    this.#width = width;
    const { duration: whole } = this.options;
    const marks = makeTicks(0, whole, Math.max(2, width / PIXELS_PER_MARK)).filter((time) => this.share(time) < 0.95);
    const fine = marks.length > 1 && marks[1] < 1;
    this.ruler.replaceChildren(
      ...marks.map((time) =>
        h(
          "span",
          { class: time > 0 ? "mid" : "", vars: { "--x": this.share(time) } },
          fine ? `${roundToHundredths(time)} s` : formatDuration(time),
        ),
      ),
      h("span", { class: "last" }, formatDuration(whole)),
    );
  }

  /** @param {MouseEvent} event @returns {number} */
  #at(event) {
    const box = this.lanes.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * this.options.duration;
  }

  /** Drag the playhead, except by touch: on touch screens, a drag scrolls the chart. @param {PointerEvent} event */
  #drag(event) {
    if (event.button !== 0 || event.pointerType === "touch") return;
    const end = new AbortController();
    this.lanes.setPointerCapture(event.pointerId);
    this.lanes.addEventListener("pointermove", (moved) => this.options.seek(this.#at(moved)), { signal: end.signal });
    for (const name of ["pointerup", "pointercancel"])
      this.lanes.addEventListener(name, () => end.abort(), { signal: end.signal });
  }

  /** @param {MouseEvent} event */
  #click(event) {
    if (event.button === 0) this.options.seek(this.#at(event));
  }

  /** Handle the usual keys of a slider, even if shortcuts are switched off. @param {KeyboardEvent} event */
  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const steps = /** @type {Record<string, number>} */ ({
      ArrowRight: 1,
      ArrowUp: 1,
      ArrowLeft: -1,
      ArrowDown: -1,
      PageUp: FAR,
      PageDown: -FAR,
    })[event.key];
    const to =
      steps !== undefined
        ? this.stop(steps)
        : /** @type {Record<string, number>} */ ({ Home: 0, End: this.options.duration })[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.options.seek(to);
  }

  /**
   * Return the time, in seconds, to which the playhead moves if it goes forward by `steps` entries of `stops`. If
   * `steps` is negative, the playhead goes back.
   * @param {number} steps
   * @returns {number}
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

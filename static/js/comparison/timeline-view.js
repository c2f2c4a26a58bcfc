// The timeline: lanes, ruler, loop and playhead. If zoomed in, it scrolls to keep the playhead visible.

import { requireElement } from "../base/dom.js";
import { formatDuration, formatPosition } from "../base/format.js";
import { getExtent, makeTicks } from "../base/timeline.js";
import { html, mount } from "../base/view.js";
import { getShape, loadPeaks } from "../base/waveform.js";

const SHORTEST = 2; // seconds that the timeline shows at maximum zoom
const PIXELS_PER_MARK = 110;

/** Timeline that fires `layout` when the visible range or the lanes change. */
export class TimelineView extends EventTarget {
  #zoom = 1;
  #start = 0;
  #drawn = "";
  time = 0;

  /**
   * @param {HTMLElement} root
   * @param {import("./playback/track.js").Track[]} tracks
   * @param {{seek: (T: number, final: boolean) => void, jump: (seconds: number) => void}} act
   */
  constructor(root, tracks, act) {
    super();
    this.tracks = tracks;
    this.act = act;
    this.lanes = /** @type {HTMLElement} */ (requireElement("[data-lanes]", root));
    this.drawRuler = mount(requireElement("[data-ruler]", root));
    this.playhead = requireElement("[data-playhead]", root);
    this.loop = requireElement("[data-loop]", root);
    for (const wave of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-wave]"))) drawWave(wave);
    this.lanes.addEventListener("pointerdown", (event) => this.#drag(event));
    this.lanes.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#layout()).observe(this.lanes);
  }

  get #extent() {
    return getExtent(this.tracks);
  }

  get #length() {
    const { start, end } = this.#extent;
    return end - start;
  }

  get #span() {
    return Math.max(SHORTEST, this.#length / this.#zoom);
  }

  /** Visible range: start and length in seconds, width in pixels. */
  get stretch() {
    return { start: this.#start, span: this.#span, width: this.lanes.clientWidth };
  }

  /** Position and height of the lanes in pixels; `vodId` is null for the lane of shared events. */
  get rows() {
    return /** @type {HTMLElement[]} */ ([...this.lanes.querySelectorAll("[data-lane]")]).map((lane) => ({
      vodId: lane.dataset.lane || null,
      top: lane.offsetTop,
      height: lane.offsetHeight,
    }));
  }

  /** @param {number} factor Factor by which to zoom in; 2 shows half as much time. */
  zoomBy(factor) {
    this.#zoom = Math.min(Math.max(this.#zoom * factor, 1), Math.max(1, this.#length / SHORTEST));
    this.#start = this.time - this.#span / 2;
    this.#layout();
  }

  /** @param {number} T @param {{from: number|null, to: number|null}} loop */
  update(T, loop) {
    this.time = T;
    if (T < this.#start || T > this.#start + this.#span) this.#start = T - this.#span * 0.05;
    this.#layout();
    this.playhead.style.setProperty("--x", String(this.#x(T)));
    const now = T.toFixed(2);
    if (this.lanes.getAttribute("aria-valuenow") !== now) {
      this.lanes.setAttribute("aria-valuenow", now);
      this.lanes.setAttribute("aria-valuetext", formatPosition(T));
    }
    const { from, to } = loop;
    this.loop.hidden = from === null && to === null;
    if (!this.loop.hidden) {
      const { start, end } = this.#extent;
      const [a, b] = [this.#x(from ?? start), this.#x(to ?? end)].map((x) => Math.min(Math.max(x, 0), 1));
      this.loop.style.setProperty("--x", String(a));
      this.loop.style.setProperty("--w2", String(Math.max(0, b - a)));
    }
  }

  /** Return a time's position on the lanes: 0 at the left edge, 1 at the right. @param {number} T @returns {number} */
  #x(T) {
    return (T - this.#start) / this.#span;
  }

  #layout() {
    const { start, end } = this.#extent;
    this.#start = Math.min(Math.max(this.#start, start), Math.max(start, end - this.#span));
    const width = this.lanes.clientWidth;
    const key = [this.#start, this.#span, width, ...this.tracks.flatMap((t) => [t.begin, t.end])].join(" ");
    if (key === this.#drawn || !width) return;
    this.#drawn = key;
    this.lanes.setAttribute("aria-valuemin", start.toFixed(2));
    this.lanes.setAttribute("aria-valuemax", end.toFixed(2));
    for (const track of this.tracks) {
      const clip = requireElement(`[data-lane="${CSS.escape(track.id)}"] .clip`, this.lanes);
      const [begin, end] = [this.#x(track.begin), this.#x(track.end)];
      const from = Math.max(begin, 0);
      const shown = Math.max(0, Math.min(end, 1) - from);
      clip.style.setProperty("--x", String(from));
      clip.style.setProperty("--w2", String(shown));
      // The waveform is as long as the recording, and its visible part is as long as the clip.
      clip.style.setProperty("--wave-x", String(shown && (begin - from) / shown));
      clip.style.setProperty("--wave-w", String(shown && (end - begin) / shown));
      clip.toggleAttribute("data-from-before", begin < 0);
      clip.toggleAttribute("data-goes-on", end > 1);
    }
    const marks = makeTicks(this.#start, this.#start + this.#span, Math.max(2, width / PIXELS_PER_MARK));
    const fine = marks.length > 1 && marks[1] - marks[0] < 1;
    this.drawRuler(
      marks
        .filter((T) => this.#x(T) < 0.985)
        .map((T) => {
          const text = fine ? formatPosition(T).replace(/^(\D?)00:(.*)..$/, "$1$2") : formatDuration(T);
          return html`<span class=${this.#x(T) > 0.02 ? "mid" : ""} .style=${`--x: ${this.#x(T)}`}>${text}</span>`;
        }),
    );
    this.dispatchEvent(new Event("layout"));
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    if (event.button !== 0) return;
    const rect = this.lanes.getBoundingClientRect();
    const at = (/** @type {PointerEvent} */ e) =>
      this.#start + Math.min(Math.max((e.clientX - rect.left) / rect.width, 0), 1) * this.#span;
    const end = new AbortController();
    let waiting = /** @type {number|null} */ (null);
    const seek = () => {
      if (waiting !== null) this.act.seek(waiting, false);
      waiting = null;
    };
    const move = (/** @type {PointerEvent} */ e) => {
      if (waiting === null) requestAnimationFrame(seek);
      waiting = at(e);
    };
    const release = (/** @type {PointerEvent} */ e) => {
      end.abort();
      waiting = null;
      this.act.seek(at(e), true);
    };
    this.lanes.setPointerCapture(event.pointerId);
    this.lanes.addEventListener("pointermove", move, { signal: end.signal });
    this.lanes.addEventListener("pointerup", release, { signal: end.signal });
    this.lanes.addEventListener("pointercancel", () => end.abort(), { signal: end.signal });
    this.act.seek(at(event), false);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const by = { PageUp: 10, PageDown: -10 }[event.key];
    if (!by) return;
    event.preventDefault();
    this.act.jump(by);
  }
}

/** Draw the waveform of a recording in its lane; a lane without peaks stays empty. @param {HTMLElement} holder */
async function drawWave(holder) {
  if (!holder.dataset.wave) return;
  const peaks = await loadPeaks(holder.dataset.wave).catch(() => null);
  if (!peaks) return;
  const { box, path } = getShape(peaks);
  mount(holder)(html`<svg class="waveform" viewBox=${box} preserveAspectRatio="none" aria-hidden="true">
    <path d=${path}></path>
  </svg>`);
}

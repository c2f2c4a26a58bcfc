// Events on the timeline: a lane for events shared by several videos, and a lane for each video. Overlapping events
// become one marker that shows how many events it stands for.

import { requireElement } from "../../base/dom.js";
import { formatCount, formatPosition } from "../../base/format.js";
import { createRoot, html, mount, nothing, repeat } from "../../base/view.js";
import { getLook } from "./kinds.js";
import { getEventName } from "./store.js";

const APART = 18; // minimum px between two markers; nearer events share a marker
const APART_WITH_NUMBER = 34;
const DRAGGED = 4; // px of pointer movement that turn a press into a drag
const DRAGGED_BY_TOUCH = 12; // px of a finger's movement that turn a press into a drag
const WITH_EDGES = 30; // minimum width in px of a span whose ends can be dragged

/**
 * @typedef {import("./store.js").Shown} Shown
 *
 * @typedef {"move"|"start"|"end"} Hold
 * @typedef {PointerEvent & {currentTarget: HTMLElement}} Held
 *
 * @typedef {object} Marker A mark on a lane. It stands for one event, or for several close events.
 * @property {Shown[]} shown
 * @property {string|null} vodId The id of the lane's video; null in the lane of shared events.
 * @property {number} at
 * @property {number|null} until
 */

export class EventLanes {
  /** True while a marker is pressed; a redraw would end the drag. */ #isHeld = false;
  #isDue = false;
  /** @type {Shown[]} */ #shown = [];
  #selected = "";
  /** Marker under the pointer. @type {HTMLElement|null} */ #hovered = null;

  /**
   * @param {HTMLElement} layer @param {import("../timeline-view.js").TimelineView} timeline
   * @param {import("./panel.js").EventsPanel} panel
   */
  constructor(layer, timeline, panel) {
    this.timeline = timeline;
    this.panel = panel;
    this.draw = mount(layer);
    timeline.addEventListener("layout", () => this.#draw());
  }

  /** @param {Shown[]} shown @param {string} selected */
  show(shown, selected) {
    this.#shown = shown;
    this.#selected = selected;
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#isDue = false;
    if (this.#isHeld) return;
    this.panel.card.hide();
    this.draw(this.timeline.rows.map((row) => this.#laneView(row)));
    if (this.#hovered?.isConnected) this.#hovered.dispatchEvent(new Event("pointerenter")); // show the card again
  }

  /** @param {{vodId: string|null, top: number, height: number}} row */
  #laneView({ vodId, top, height }) {
    const { start, span, width } = this.timeline.stretch;
    const x = (/** @type {number} */ T) => (T - start) / span;
    const markers = /** @type {Marker[]} */ ([]);
    for (const one of this.#shown) {
      const marker = placeMarker(one, vodId);
      if (!marker || x(marker.until ?? marker.at) < -0.02 || x(marker.at) > 1.02) continue;
      const last = markers.at(-1);
      const room = last && (last.shown.length > 1 || countVideos(last) > 1) ? APART_WITH_NUMBER : APART;
      const near = last && (x(marker.at) - x(last.at)) * width < room;
      if (near && one.id !== this.#selected && last.shown[0].id !== this.#selected) last.shown.push(one);
      else markers.push(marker);
    }
    const spans = markers.filter(({ until }) => until !== null);
    const seen = markers.filter(({ at }) => x(at) >= 0 && x(at) <= 1);
    const key = (/** @type {Marker} */ { shown: [one] }) => `${vodId} ${one.id}`;
    return [
      repeat(spans, key, (marker) => this.#spanView(marker, x, width, `${top}px`, `${height}px`)),
      repeat(seen, key, (marker) => this.#markerView(marker, x(marker.at), `${top + height / 2}px`)),
    ];
  }

  /** @param {Marker} marker @param {number} x Position as a share of the lane. @param {string} top */
  #markerView(marker, x, top) {
    const { shown, at } = marker;
    const [one] = shown;
    const { name, tone, shape } = getLook(one.event.kind);
    const count = shown.length;
    const seen = countVideos(marker);
    const number = count > 1 ? count : seen > 1 ? seen : 0;
    const words =
      count > 1
        ? `${formatCount(count, "event")} from ${formatPosition(at)} to ${formatPosition(shown[count - 1].at)}`
        : `${name} ${one.event.label}, ${formatPosition(at)}${seen > 1 ? `, in ${seen} videos` : ""}`;
    const enter = (/** @type {Held} */ { currentTarget }) => {
      this.#hovered = currentTarget;
      this.panel.card.show(marker, currentTarget, at);
    };
    const leave = () => {
      this.#hovered = null;
      this.panel.card.hide();
    };
    return html`<button class="marker" type="button" tabindex="-1" aria-label=${words}
      aria-current=${shown.some(({ id }) => id === this.#selected) ? "true" : nothing}
      data-tone=${tone} data-shape=${shape} data-event=${one.id}
      .style=${`--x: ${x}; --top-px: ${top}; ${getColorStyle(one.event)}`} @pointerenter=${enter} @pointerleave=${leave}
      @pointerdown=${(/** @type {Held} */ event) => this.#press(event, marker, "move", event.currentTarget)}
      >${glyphView(one.event)}${number ? html`<b>${number}</b>` : null}</button>`;
  }

  /**
   * @param {Marker} marker @param {(T: number) => number} x
   * @param {number} width @param {string} top @param {string} height
   */
  #spanView(marker, x, width, top, height) {
    const [one] = marker.shown;
    const { tone, shape } = getLook(one.event.kind);
    const from = Math.max(0, x(marker.at));
    const share = Math.max(0, Math.min(1, x(/** @type {number} */ (marker.until))) - from);
    const hasEdges = share * width >= WITH_EDGES && this.panel.canChangeAll(one);
    const press = (/** @type {Held} */ event) => {
      const { dataset, parentElement } = event.currentTarget;
      this.#press(event, marker, /** @type {Hold} */ (dataset.hold), /** @type {HTMLElement} */ (parentElement));
    };
    const edges = ["start", "end"].map((hold) => html`<i data-hold=${hold} @pointerdown=${press}></i>`);
    return html`<div class="marker-span" data-tone=${tone} data-shape=${shape}
      .style=${`--x: ${from}; --w2: ${share}; --top-px: ${top}; --height-px: ${height}; ${getColorStyle(one.event)}`}
      >${hasEdges ? edges : null}</div>`;
  }

  /** @param {Held} event @param {Marker} marker @param {Hold} hold @param {HTMLElement} element */
  #press(event, marker, hold, element) {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    const [one] = marker.shown;
    const began = event.clientX;
    const { span, width } = this.timeline.stretch;
    const canMove = marker.shown.length === 1 && this.panel.canChangeAll(one);
    const by = (/** @type {PointerEvent} */ e) => ((e.clientX - began) / width) * span;
    const end = new AbortController();
    const target = event.currentTarget;
    target.setPointerCapture(event.pointerId);
    let isDragged = false;
    const enough = event.pointerType === "touch" ? DRAGGED_BY_TOUCH : DRAGGED;
    this.#isHeld = true;
    const { signal } = end;
    const stop = () => {
      end.abort();
      this.#isHeld = false;
      element.style.removeProperty("--by");
      delete element.dataset.hold;
    };
    const move = (/** @type {PointerEvent} */ e) => {
      if (!canMove || (!isDragged && Math.abs(e.clientX - began) < enough)) return;
      isDragged = true;
      element.style.setProperty("--by", `${e.clientX - began}px`);
      element.dataset.hold = hold;
      const from = hold === "end" ? (marker.until ?? marker.at) : marker.at;
      this.panel.card.show(marker, element, from + by(e));
    };
    const release = (/** @type {PointerEvent} */ e) => {
      stop();
      if (isDragged) this.panel.drag(one, marker.vodId, hold, by(e));
      else this.panel.open(one);
      this.#draw();
    };
    const cancel = () => {
      stop();
      this.#draw();
    };
    target.addEventListener("pointermove", move, { signal });
    target.addEventListener("pointerup", release, { signal });
    target.addEventListener("pointercancel", cancel, { signal });
  }
}

/** Return the number of videos that show a marker's event; always 1 in a video's lane. @param {Marker} marker */
const countVideos = ({ shown: [one], vodId }) => (vodId === null ? one.sources.length : 1);

/**
 * Return the marker of a group of events in a lane, or null if the group is not in the lane.
 * @param {Shown} one @param {string|null} vodId @returns {Marker|null}
 */
function placeMarker(one, vodId) {
  if (vodId === null) {
    if (one.sources.length === 1 && one.event.vod_id !== null) return null;
    return { shown: [one], vodId, at: one.at, until: one.until };
  }
  const source = one.sources.find(({ event }) => event.vod_id === vodId);
  return source ? { shown: [one], vodId, at: source.at, until: source.until } : null;
}

/** @param {import("./store.js").SessionEvent} event @returns {Record<string, string>} */
export function getLookAttributes(event) {
  const { tone, shape } = getLook(event.kind);
  return { tone, shape };
}

/** Return the style that sets an event's own colour. @param {import("./store.js").SessionEvent} event */
export const getColorStyle = ({ color }) => (color ? `--kind: ${color};` : "");

/** @param {{kind: string}} event */
export const glyphView = ({ kind }) => html`<i class="glyph" aria-hidden="true">${getLook(kind).letter}</i>`;

/** @param {import("./store.js").SessionEvent} event */
export const createGlyph = (event) => createRoot()(glyphView(event));

/** @param {string} letter */
export const letterView = (letter) => html`<span class="letter-badge" data-letter=${letter}>${letter}</span>`;

const HOVER_PAUSE = 120;

export class HoverCard {
  #timer = 0;
  /** @type {Map<string, HTMLVideoElement>} */ #videos = new Map();

  /** @param {HTMLElement} element @param {import("../panes.js").Pane[]} panes */
  constructor(element, panes) {
    this.element = element;
    this.panes = panes;
    this.picture = requireElement("[data-hover-picture]", element);
    this.drawWords = mount(requireElement("[data-hover-words]", element));
  }

  /** Unload the preview videos: the comparison was deleted, or the user has lost access to it. */
  close() {
    this.hide();
    for (const video of this.#videos.values()) {
      video.removeAttribute("src");
      video.load();
    }
    this.#videos.clear();
  }

  hide() {
    clearTimeout(this.#timer);
    this.element.hidden = true;
  }

  /** @param {Marker} marker @param {HTMLElement} beside @param {number} at Time on the shared clock, in seconds. */
  show(marker, beside, at) {
    const [one] = marker.shown;
    const words = marker.shown.length > 1 ? formatCount(marker.shown.length, "event") : getEventName(one.event);
    this.drawWords(html`<b class="mono">${formatPosition(at)}</b><span class="truncate" dir="auto">${words}</span>`);
    const pane = this.#pane(marker.vodId ?? one.event.vod_id, at);
    this.picture.hidden = !pane;
    this.element.hidden = false;
    const { left, width, top } = beside.getBoundingClientRect();
    const own = this.element.getBoundingClientRect();
    const x = Math.min(Math.max(left + width / 2 - own.width / 2, 8), innerWidth - own.width - 8);
    this.element.style.setProperty("--left", `${x}px`);
    this.element.style.setProperty("--top-edge", `${Math.max(8, top - own.height - 8)}px`);
    clearTimeout(this.#timer);
    if (pane) this.#timer = window.setTimeout(() => this.#frame(pane, at), HOVER_PAUSE);
  }

  /** @param {string|null} vodId @param {number} at */
  #pane(vodId, at) {
    const wanted = this.panes.find((pane) => pane.id === vodId);
    const runs = (/** @type {import("../panes.js").Pane} */ { track }) =>
      !track.failed && at >= track.begin && at < track.end;
    return [...(wanted ? [wanted] : this.panes)].find(runs) ?? null;
  }

  /** @param {import("../panes.js").Pane} pane @param {number} at */
  #frame({ id, track }, at) {
    let video = this.#videos.get(id);
    if (!video) {
      const view = html`<video muted playsinline preload="metadata" tabindex="-1"></video>`;
      video = /** @type {HTMLVideoElement} */ (createRoot()(view));
      this.#videos.set(id, video);
    }
    if (video.src !== track.video.currentSrc) video.src = track.video.currentSrc;
    if (this.picture.firstElementChild !== video) this.picture.replaceChildren(video);
    video.currentTime = track.placeAt(at);
  }
}

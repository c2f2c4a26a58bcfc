// Events on the timeline: a lane for events shared by several videos, and a lane for each video. Overlapping events
// become one marker that shows how many events it stands for.

import { h, requireElement } from "../../base/dom.js";
import { formatCount, formatPosition } from "../../base/format.js";
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

  /**
   * @param {HTMLElement} layer
   * @param {import("../timeline-view.js").TimelineView} timeline
   * @param {object} act
   * @param {(one: Shown) => void} act.open
   * @param {(one: Shown, vodId: string|null, hold: Hold, by: number) => void} act.drag Callback that moves an event, or
   *   one end of its span, by a number of seconds.
   * @param {(marker: Marker|null, element?: HTMLElement, at?: number) => void} act.hover
   * @param {(one: Shown) => boolean} act.canChange
   */
  constructor(layer, timeline, act) {
    this.layer = layer;
    this.timeline = timeline;
    this.act = act;
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
    this.act.hover(null);
    this.layer.replaceChildren(...this.timeline.rows.flatMap((row) => this.#lane(row)));
  }

  /** @param {{vodId: string|null, top: number, height: number}} row */
  #lane({ vodId, top, height }) {
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
    return [
      ...markers.flatMap((marker) => (marker.until === null ? [] : [this.#span(marker, x, width, top, height)])),
      ...markers.filter(({ at }) => x(at) >= 0 && x(at) <= 1).map((marker) => this.#button(marker, x, top, height)),
    ];
  }

  /**
   * @param {Marker} marker
   * @param {(T: number) => number} x
   * @param {number} top
   * @param {number} height
   */
  #button(marker, x, top, height) {
    const { shown, at } = marker;
    const [one] = shown;
    const seen = countVideos(marker);
    const number = shown.length > 1 ? shown.length : seen > 1 ? seen : 0;
    const words =
      shown.length > 1
        ? `${formatCount(shown.length, "event")} from ${formatPosition(at)} to ${formatPosition(shown[shown.length - 1].at)}`
        : `${getLook(one.event.kind).name} ${one.event.label}, ${formatPosition(at)}${seen > 1 ? `, in ${seen} videos` : ""}`;
    const button = h(
      "button",
      {
        class: "marker",
        type: "button",
        tabindex: "-1",
        "aria-label": words,
        "aria-current": shown.some(({ id }) => id === this.#selected) ? "true" : null,
        data: { ...getLookAttributes(one.event), event: one.id },
        vars: { "--x": x(at), "--top-px": `${top + height / 2}px`, ...getColors(one.event) },
        onpointerenter: () => this.act.hover(marker, button, at),
        onpointerleave: () => this.act.hover(null),
      },
      createGlyph(one.event),
      number ? h("b", {}, String(number)) : null,
    );
    button.addEventListener("pointerdown", (event) => this.#press(event, marker, "move", button));
    return button;
  }

  /**
   * @param {Marker} marker
   * @param {(T: number) => number} x
   * @param {number} width
   * @param {number} top
   * @param {number} height
   */
  #span(marker, x, width, top, height) {
    const [one] = marker.shown;
    const from = Math.max(0, x(marker.at));
    const to = Math.min(1, x(/** @type {number} */ (marker.until)));
    const element = h("div", {
      class: "marker-span",
      data: getLookAttributes(one.event),
      vars: {
        "--x": from,
        "--w2": Math.max(0, to - from),
        "--top-px": `${top}px`,
        "--height-px": `${height}px`,
        ...getColors(one.event),
      },
    });
    if ((to - from) * width >= WITH_EDGES && this.act.canChange(one))
      for (const hold of /** @type {Hold[]} */ (["start", "end"])) {
        const edge = h("i", { data: { hold } });
        edge.addEventListener("pointerdown", (event) => this.#press(event, marker, hold, element));
        element.append(edge);
      }
    return element;
  }

  /**
   * @param {PointerEvent} event
   * @param {Marker} marker
   * @param {Hold} hold
   * @param {HTMLElement} element
   */
  #press(event, marker, hold, element) {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    const [one] = marker.shown;
    const began = event.clientX;
    const { span, width } = this.timeline.stretch;
    const canMove = marker.shown.length === 1 && this.act.canChange(one);
    const by = (/** @type {PointerEvent} */ e) => ((e.clientX - began) / width) * span;
    const end = new AbortController();
    const target = /** @type {HTMLElement} */ (event.currentTarget);
    target.setPointerCapture(event.pointerId);
    let isDragged = false;
    const enough = event.pointerType === "touch" ? DRAGGED_BY_TOUCH : DRAGGED;
    this.#isHeld = true;
    const stop = () => {
      end.abort();
      this.#isHeld = false;
    };
    target.addEventListener(
      "pointermove",
      (e) => {
        if (!canMove || (!isDragged && Math.abs(e.clientX - began) < enough)) return;
        isDragged = true;
        element.style.setProperty("--by", `${e.clientX - began}px`);
        element.dataset.hold = hold;
        const from = hold === "end" ? (marker.until ?? marker.at) : marker.at;
        this.act.hover(marker, element, from + by(e));
      },
      { signal: end.signal },
    );
    target.addEventListener(
      "pointerup",
      (e) => {
        stop();
        if (isDragged) this.act.drag(one, marker.vodId, hold, by(e));
        else this.act.open(one);
        this.#draw();
      },
      { signal: end.signal },
    );
    target.addEventListener(
      "pointercancel",
      () => {
        stop();
        this.#draw();
      },
      { signal: end.signal },
    );
  }
}

/** Return the number of videos that show a marker's event; always 1 in a video's lane. @param {Marker} marker */
function countVideos({ shown: [one], vodId }) {
  return vodId === null ? one.sources.length : 1;
}

/**
 * Return the marker of a group of events in a lane, or null if the group is not in the lane.
 * @param {Shown} one
 * @param {string|null} vodId
 * @returns {Marker|null}
 */
function placeMarker(one, vodId) {
  if (vodId === null) {
    if (one.sources.length === 1 && one.event.vod_id !== null) return null;
    return { shown: [one], vodId, at: one.at, until: one.until };
  }
  const source = one.sources.find(({ event }) => event.vod_id === vodId);
  return source ? { shown: [one], vodId, at: source.at, until: source.until } : null;
}

/**
 * @param {import("./store.js").SessionEvent} event
 * @returns {Record<string, string>}
 */
export function getLookAttributes(event) {
  const { tone, shape } = getLook(event.kind);
  return { tone, shape };
}

/** @param {import("./store.js").SessionEvent} event @returns {Record<string, string>} */
export function getColors(event) {
  return event.color ? { "--kind": event.color } : {};
}

/** @param {import("./store.js").SessionEvent} event */
export function createGlyph(event) {
  return h("i", { class: "glyph", "aria-hidden": "true" }, getLook(event.kind).letter);
}

const HOVER_PAUSE = 120;

export class HoverCard {
  #timer = 0;
  /** @type {Map<string, HTMLVideoElement>} */ #videos = new Map();

  /**
   * @param {HTMLElement} element
   * @param {import("../panes.js").Pane[]} panes
   */
  constructor(element, panes) {
    this.element = element;
    this.panes = panes;
    this.picture = requireElement("[data-hover-picture]", element);
    this.words = requireElement("[data-hover-words]", element);
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

  /**
   * @param {Marker} marker
   * @param {HTMLElement} beside
   * @param {number} at Time on the shared clock, in seconds.
   */
  show(marker, beside, at) {
    const [one] = marker.shown;
    this.words.replaceChildren(
      h("b", { class: "mono" }, formatPosition(at)),
      h(
        "span",
        { class: "truncate", dir: "auto" },
        marker.shown.length > 1 ? formatCount(marker.shown.length, "event") : getEventName(one.event),
      ),
    );
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
      video = /** @type {HTMLVideoElement} */ (
        h("video", { muted: true, playsinline: true, preload: "metadata", src: track.video.currentSrc, tabindex: "-1" })
      );
      this.#videos.set(id, video);
    }
    if (video.src !== track.video.currentSrc) video.src = track.video.currentSrc;
    if (this.picture.firstElementChild !== video) this.picture.replaceChildren(video);
    video.currentTime = track.placeAt(at);
  }
}

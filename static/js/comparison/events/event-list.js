// The list of events. It scrolls with the clock unless the user is reading the list. Only visible rows are built.

import { formatDuration, formatHundredths, formatTenths } from "../../base/format.js";
import { html, mount, nothing, repeat } from "../../base/view.js";
import { findLastBegun } from "./filters.js";
import { NOTE, getLook } from "./kinds.js";
import { getColorStyle, glyphView, letterView } from "./lanes.js";

const AHEAD = 8; // number of rows built before and after the visible rows
const SAME = 0.0005; // tolerance in seconds; an event counts as begun this long before its start

/** @typedef {import("./store.js").Shown} Shown */

export class EventList {
  /** @type {Shown[]} */ #shown = [];
  #selected = "";
  #current = -1;
  #isRead = false;

  /** @param {HTMLElement} scroller @param {import("./panel.js").EventsPanel} panel */
  constructor(scroller, panel) {
    this.scroller = scroller;
    this.panel = panel;
    this.rows = document.createElement("ol");
    this.draw = mount(this.rows);
    scroller.append(this.rows);
    scroller.addEventListener("scroll", () => this.#draw(), { passive: true });
    scroller.addEventListener("keydown", (event) => this.#key(event));
    scroller.addEventListener("pointerenter", () => (this.#isRead = true));
    scroller.addEventListener("pointerleave", () => (this.#isRead = false));
    new ResizeObserver(() => this.#draw()).observe(scroller);
  }

  /** @param {Shown[]} shown Groups of events, ordered by time. @param {string} selected */
  show(shown, selected) {
    this.#shown = shown;
    this.#selected = selected;
    this.rows.style.setProperty("--rows", String(shown.length));
    this.#draw();
  }

  /** Mark the latest event that has begun by the given time, and scroll to this event. @param {number} T */
  update(T) {
    const current = findLastBegun(this.#shown, T + SAME);
    if (current === this.#current) return;
    this.#current = current;
    // Do not scroll while the pointer or the keyboard focus is in the list. Focus from a click does not count.
    if (!this.#isRead && !this.scroller.querySelector(":focus-visible")) this.#reveal(current);
    this.#draw();
  }

  /** @param {string} id */
  reveal(id) {
    const index = this.#shown.findIndex((one) => one.id === id);
    if (index >= 0) this.#reveal(index);
  }

  /** @param {string} id */
  focus(id) {
    this.reveal(id);
    this.#draw();
    this.#button(id)?.focus({ preventScroll: true });
  }

  get #rowHeight() {
    return Number.parseFloat(getComputedStyle(this.rows).getPropertyValue("--row")) || 32;
  }

  /** @param {number} index */
  #reveal(index) {
    const height = this.#rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    const top = Math.max(0, index) * height;
    if (top < scrollTop || top + height > scrollTop + clientHeight)
      this.scroller.scrollTop = top - clientHeight / 2 + height / 2;
  }

  #draw() {
    const height = this.#rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / height) - AHEAD);
    const last = Math.min(this.#shown.length, Math.ceil((scrollTop + clientHeight) / height) + AHEAD);
    const active = /** @type {HTMLElement|null} */ (document.activeElement);
    const focused = this.rows.contains(active) ? active?.dataset.event : undefined;
    const indexes = Array.from({ length: Math.max(0, last - first) }, (_, n) => first + n);
    // Keep the focused row even outside the visible part, because arrow keys continue from it.
    const kept = focused ? this.#shown.findIndex((one) => one.id === focused) : -1;
    if (kept >= 0 && kept < first) indexes.unshift(kept);
    else if (kept >= last) indexes.push(kept);
    const stop = this.#findTabStop(kept, first, last);
    const getKey = (/** @type {number} */ index) => this.#shown[index].id;
    this.draw(repeat(indexes, getKey, (index) => this.#rowView(this.#shown[index], index, index === stop)));
    // A row that has moved to another place in the list has lost the focus.
    if (focused) this.#button(focused)?.focus({ preventScroll: true });
  }

  /**
   * Return the index of the only row that Tab reaches; arrow keys reach the other rows.
   * @param {number} focused @param {number} first @param {number} last
   */
  #findTabStop(focused, first, last) {
    const isDrawn = (/** @type {number} */ index) => index >= first && index < last;
    const selected = this.#shown.findIndex((one) => one.id === this.#selected);
    if (focused >= 0) return focused;
    if (isDrawn(selected)) return selected;
    return isDrawn(this.#current) ? this.#current : first;
  }

  /** @param {string} id @returns {HTMLElement|null} */
  #button(id) {
    return this.rows.querySelector(`[data-event="${CSS.escape(id)}"]`);
  }

  /** @param {Shown} one @param {number} index @param {boolean} isTabStop */
  #rowView(one, index, isTabStop) {
    const { panel } = this;
    const { event, sources, at } = one;
    const { tone, shape } = getLook(event.kind);
    const vods = [...new Set(sources.map((source) => source.event.vod_id))].filter((id) => id !== null);
    return html`
      <li .style=${`--at: ${index}`} aria-setsize=${this.#shown.length} aria-posinset=${index + 1}
        aria-current=${index === this.#current ? "time" : nothing}>
        <button class="event-row" type="button" tabindex=${isTabStop ? "0" : "-1"}
          aria-pressed=${String(one.id === this.#selected)} data-event=${one.id} data-tone=${tone} data-shape=${shape}
          ?data-resolved=${event.resolved} .style=${getColorStyle(event)} @click=${() => panel.open(one)}>
          <span class="mono">${formatClock(at)}</span>${glyphView(event)}
          <span class="truncate" dir="auto">${getTitle(one)}</span>
          <span class="row letters">${vods.map((id) => letterView(panel.letterOf(id)))}</span>
          ${panel.hasDraft(one) ? html`<small data-draft>Draft</small>` : html`<small>${getState(one)}</small>`}
        </button>
      </li>`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const id = /** @type {HTMLElement} */ (event.target).dataset.event;
    if (!id) return;
    if (event.key === "Enter" && id === this.#selected) {
      event.preventDefault();
      return this.panel.details.focus("label");
    }
    const now = this.#shown.findIndex((one) => one.id === id);
    const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: this.#shown.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = this.#shown[to];
    if (next) this.focus(next.id);
  }
}

/** Format seconds as `14:31.4`. @param {number} T @returns {string} */
function formatClock(T) {
  const whole = Math.floor(Math.abs(T) * 10 + 1e-6) / 10;
  const sign = T < 0 && whole ? "\u2212" : "";
  return `${sign}${formatDuration(Math.floor(whole))}.${Math.round((whole % 1) * 10)}`;
}

/** @param {Shown} one @returns {string} */
function getTitle({ event, at, until }) {
  const name = event.label || event.body.split("\n")[0] || getLook(event.kind).name;
  return until === null || event.label || event.body ? name : `${name}, ${formatTenths(until - at)}`;
}

/** @param {Shown} one @returns {string} */
function getState({ event }) {
  if (event.confidence !== null) return formatHundredths(event.confidence);
  if (event.origin !== "manual" && event.origin !== "import") return "detected";
  if (event.resolved) return "done";
  if (event.replies.length) return `${event.replies.length} ${event.replies.length === 1 ? "reply" : "replies"}`;
  return event.kind === NOTE ? "open" : "";
}

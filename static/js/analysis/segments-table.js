// The table of segments: those in the reel, or all of the video, sorted by time or score.

import { requireElement, setText } from "../base/dom.js";
import { formatClock, formatHundredths } from "../base/format.js";
import { html, mount, nothing } from "../base/view.js";
import { findHighlightsOf } from "./reel-times.js";
import { itemViews, pictureView } from "./views.js";

/**
 * @typedef {import("./api.js").Highlights} Highlights
 * @typedef {{numbers: number[], start_time: number, end_time: number, score: number, description: string, picture: string|null, highlight: number|null}} Line
 */

const AT_ONCE = 200;

export class Segments {
  /** @type {"reel"|"all"} */ #which = "reel";
  /** @type {"time"|"score"} */ #order = "time";
  #most = AT_ONCE;
  /** The lines in the table. @type {Line[]} */ #lines = [];
  /** @type {Line|undefined} */ #current;

  /** @param {HTMLElement} root @param {Highlights} data @param {(line: Line) => void} onPress */
  constructor(root, data, onPress) {
    this.root = root;
    this.body = requireElement("tbody", root);
    this.draw = mount(this.body);
    this.list = requireElement("[data-segment-list]", root);
    const best = data.highlights.length ? [] : (data.below_minimum ?? []);
    /** The reel's highlights, or the best segments if no segment reaches the minimum score. @type {Line[]} */
    this.highlights = best.length
      ? best.map((one) => ({ ...one, numbers: [], picture: null, highlight: null }))
      : data.highlights.map((one, n) => ({ ...one, numbers: [n + 1], picture: one.thumbnail_url, highlight: n }));
    if (best.length) setText(requireElement("[data-reel-words]", root), "Below minimum score");
    const find = (/** @type {import("./api.js").Segment} */ one) => findHighlightsOf(data.highlights, one);
    /** @type {Line[]} */
    this.segments = data.segments.map((one) => ({ ...one, numbers: find(one), picture: null, highlight: null }));
    setText(requireElement("[data-count=reel]", root), String(this.highlights.length));
    setText(requireElement("[data-count=all]", root), String(this.segments.length));
    requireElement("[data-which]", root).addEventListener("click", (/** @type {any} */ { target }) => {
      const button = target.closest("button");
      if (button) this.#show(button.value);
    });
    requireElement("[data-order]", root).addEventListener("change", (/** @type {any} */ { target }) => {
      this.#order = target.value;
      this.#list();
    });
    this.body.addEventListener("click", (/** @type {any} */ { target }) => {
      const line = this.#lines[target.closest("tr")?.sectionRowIndex];
      if (line) onPress(line);
    });
    this.#show(this.highlights.length ? "reel" : "all");
  }

  /** @param {number} time @param {number} highlight */
  mark(time, highlight) {
    const next = this.#lines.find((line) =>
      line.highlight !== null ? line.highlight === highlight : time >= line.start_time && time < line.end_time,
    );
    if (next === this.#current) return;
    this.#current = next;
    this.#draw();
    const { list } = this;
    if (!next || list.matches(":hover, :focus-within")) return;
    // Scroll the table to the row without scrolling the page.
    const row = this.body.rows[this.#lines.indexOf(next)];
    const top = row.offsetTop - requireElement("thead", this.root).clientHeight;
    const bottom = row.offsetTop + row.offsetHeight;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  }

  /** @param {"reel"|"all"} which */
  #show(which) {
    this.#which = which;
    this.#most = AT_ONCE;
    for (const button of requireElement("[data-which]", this.root).querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.value === which));
    this.#list();
  }

  get #all() {
    return this.#which === "reel" ? this.highlights : this.segments;
  }

  #list() {
    const lines = [...this.#all];
    if (this.#order === "score") lines.sort((a, b) => b.score - a.score || a.start_time - b.start_time);
    this.#lines = lines.slice(0, this.#most);
    this.#current = undefined;
    this.#draw();
    this.list.scrollTop = 0;
  }

  #draw() {
    const none = this.#which === "reel" ? "No segment stood out enough for a reel." : "There are no segments.";
    const count = this.#all.length;
    this.draw([
      itemViews(this.#lines, (line) => this.#rowView(line)),
      count > this.#most
        ? html`<tr><td colspan="4">
            <button class="btn" type="button" @click=${() => this.#showMore()}>Show more (${count} in total)</button>
          </td></tr>`
        : null,
      count ? null : html`<tr><td colspan="4" class="muted">${none}</td></tr>`,
    ]);
  }

  #showMore() {
    const first = this.#most;
    const { scrollTop } = this.list;
    this.#most += AT_ONCE;
    this.#list();
    this.list.scrollTop = scrollTop;
    this.body.rows[first]?.querySelector("button")?.focus();
  }

  /** @param {Line} line */
  #rowView(line) {
    const { numbers, start_time, score, highlight } = line;
    const inReel = numbers.length > 0;
    const its = `${numbers.length === 1 ? "highlight" : "highlights"} ${numbers.join(" and ")}`;
    const where = highlight !== null ? `Highlight ${highlight + 1}, at` : inReel ? `In ${its}, at` : "At";
    return html`
      <tr aria-current=${line === this.#current ? "true" : nothing}>
        <td class="who">
          ${inReel ? html`<span class="segment-number" aria-hidden="true">${numbers[0]}</span>` : null}${
            line.picture ? pictureView(line.picture) : null
          }
        </td>
        <td class="when">
          <button class="mono" type="button">
            <span class="visually-hidden">${where} </span>${formatClock(start_time)}
          </button>
        </td>
        <td class="segment-score">
          <span class="row">
            <progress class="bar conf${inReel ? "" : " off"}" value=${score} max="1" aria-hidden="true"></progress>
            <span class="mono text-small">${formatHundredths(score)}</span>
          </span>
        </td>
        <td class="description" dir="auto">${line.description}</td>
      </tr>`;
  }
}

// The table of segments: those in the reel, or all of the video, sorted by time or score.

import { h, icon, requireElement, setText } from "../base/dom.js";
import { formatClock, formatHundredths } from "../base/format.js";
import { findHighlightsOf } from "./reel-times.js";

/**
 * @typedef {import("./api.js").Highlights} Highlights
 * @typedef {{numbers: number[], start_time: number, end_time: number, score: number, description: string, picture: string|null, highlight: number|null}} Line
 */

const AT_ONCE = 200;

export class Segments {
  /** @type {"reel"|"all"} */ #which = "reel";
  /** @type {"time"|"score"} */ #order = "time";
  #shown = AT_ONCE;
  /** @type {{line: Line, element: HTMLElement}[]} */ #rows = [];
  /** @type {HTMLElement|null} */ #current = null;

  /**
   * @param {HTMLElement} root
   * @param {Highlights} data
   * @param {(line: Line) => void} onPress
   */
  constructor(root, data, onPress) {
    this.root = root;
    this.onPress = onPress;
    this.body = requireElement("tbody", root);
    this.list = requireElement("[data-segment-list]", root);
    const best = data.highlights.length ? [] : (data.below_minimum ?? []);
    /** The reel's highlights, or the best segments if no segment reaches the minimum score. @type {Line[]} */
    this.highlights = best.length
      ? best.map((one) => ({ ...one, numbers: [], picture: null, highlight: null }))
      : data.highlights.map((one, n) => ({
          ...one,
          numbers: [n + 1],
          picture: one.thumbnail_url ?? null,
          highlight: n,
        }));
    if (best.length) setText(requireElement("[data-reel-words]", root), "Below minimum score");
    /** @type {Line[]} */ this.segments = data.segments.map((one) => ({
      ...one,
      numbers: findHighlightsOf(data.highlights, one),
      picture: null,
      highlight: null,
    }));
    setText(requireElement("[data-count=reel]", root), String(this.highlights.length));
    setText(requireElement("[data-count=all]", root), String(this.segments.length));
    const which = requireElement("[data-which]", root);
    which.addEventListener("click", (/** @type {Event} */ event) => {
      const button = /** @type {Element} */ (event.target).closest("button");
      if (button) this.#show(/** @type {any} */ (button.value));
    });
    const order = requireElement("[data-order]", root);
    order.addEventListener("change", () => {
      this.#order = order.value;
      this.#draw();
    });
    this.body.addEventListener("click", (/** @type {Event} */ event) => {
      const row = /** @type {Element} */ (event.target).closest("tr");
      const found = this.#rows.find(({ element }) => element === row);
      if (found) this.onPress(found.line);
    });
    this.#show(this.highlights.length ? "reel" : "all");
  }

  /**
   * @param {number} time
   * @param {number} highlight
   */
  mark(time, highlight) {
    const found = this.#rows.find(({ line }) =>
      line.highlight !== null ? line.highlight === highlight : time >= line.start_time && time < line.end_time,
    );
    const next = found?.element ?? null;
    if (next === this.#current) return;
    this.#current?.removeAttribute("aria-current");
    next?.setAttribute("aria-current", "true");
    this.#current = next;
    if (next && !this.list.matches(":hover, :focus-within")) this.#bringIn(next);
  }

  /** Scroll the table to a row without scrolling the page. @param {HTMLElement} row */
  #bringIn(row) {
    const { list } = this;
    const [top, bottom] = [
      row.offsetTop - (this.root.querySelector("thead")?.clientHeight ?? 0),
      row.offsetTop + row.offsetHeight,
    ];
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  }

  /** @param {"reel"|"all"} which */
  #show(which) {
    this.#which = which;
    this.#shown = AT_ONCE;
    for (const button of requireElement("[data-which]", this.root).querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.value === which));
    this.#draw();
  }

  #draw() {
    const lines = [...(this.#which === "reel" ? this.highlights : this.segments)];
    if (this.#order === "score") lines.sort((a, b) => b.score - a.score || a.start_time - b.start_time);
    this.#current = null;
    this.#rows = lines.slice(0, this.#shown).map((line) => ({ line, element: this.#row(line) }));
    this.body.replaceChildren(
      ...this.#rows.map(({ element }) => element),
      ...(lines.length > this.#shown ? [this.#more(lines.length)] : []),
    );
    if (!lines.length)
      this.body.replaceChildren(
        h(
          "tr",
          {},
          h(
            "td",
            { colspan: "4", class: "muted" },
            this.#which === "reel" ? "No segment stood out enough for a reel." : "There are no segments.",
          ),
        ),
      );
    this.list.scrollTop = 0;
  }

  /** @param {number} count */
  #more(count) {
    return h(
      "tr",
      {},
      h(
        "td",
        { colspan: "4" },
        h(
          "button",
          {
            class: "btn",
            type: "button",
            onclick: () => {
              const at = this.#shown;
              this.#shown += AT_ONCE;
              const { scrollTop } = this.list;
              this.#draw();
              this.list.scrollTop = scrollTop;
              this.#rows[at]?.element.querySelector("button")?.focus();
            },
          },
          `Show more (${count} in total)`,
        ),
      ),
    );
  }

  /** @param {Line} line */
  #row(line) {
    const { numbers, start_time, score, description, picture, highlight } = line;
    const inReel = numbers.length > 0;
    const number =
      highlight !== null
        ? `Highlight ${highlight + 1}, at`
        : inReel
          ? `In ${numbers.length === 1 ? "highlight" : "highlights"} ${numbers.join(" and ")}, at`
          : "At";
    return h(
      "tr",
      {},
      h(
        "td",
        { class: "who" },
        numbers.map((n) => h("span", { class: "segment-number", "aria-hidden": "true" }, String(n)))[0],
        picture &&
          h(
            "span",
            { class: "picture dark" },
            h("img", { src: picture, alt: "", loading: "lazy", decoding: "async", onerror: hideBrokenPicture }),
          ),
      ),
      h(
        "td",
        { class: "when" },
        h(
          "button",
          { class: "mono", type: "button" },
          h("span", { class: "visually-hidden" }, `${number} `),
          formatClock(start_time),
        ),
      ),
      h(
        "td",
        { class: "segment-score" },
        h(
          "span",
          { class: "row" },
          h("progress", {
            class: `bar conf${inReel ? "" : " off"}`,
            value: String(score),
            max: "1",
            "aria-hidden": "true",
          }),
          h("span", { class: "mono text-small" }, formatHundredths(score)),
        ),
      ),
      h("td", { class: "description", dir: "auto" }, description),
    );
  }
}

/** @param {Event} event */
function hideBrokenPicture(event) {
  /** @type {Element} */ (event.target).parentElement?.replaceWith(
    h("span", { class: "picture dark none" }, icon("film")),
  );
}

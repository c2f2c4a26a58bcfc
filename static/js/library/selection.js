// The selected videos and the bar of actions. Two or three videos can be compared; any number can be tagged or deleted.

import { requireElement, setText } from "../base/dom.js";
import { html, mount } from "../base/view.js";
import { LETTERS } from "../videos/api.js";
import { compareAddress, stayIfOffline } from "../videos/compare-link.js";
import { getLetter, isSelectable } from "./video-card.js";

/**
 * @typedef {import("../videos/api.js").Video & {is_listed?: boolean}} Video A video; `is_listed` is true for catalogue
 *   videos, which cannot be edited in the library.
 */

const FEWEST = 2;
const MOST = 100;
// Selected videos show the letters A, B and C. If more videos are selected, each shows this check mark instead.
const CHOSEN = "✓";

export class Selection {
  /** @type {Video[]} */ chosen = [];

  /** @param {HTMLElement} bar @param {() => void} onChange */
  constructor(bar, onChange) {
    this.bar = bar;
    this.onChange = onChange;
    this.drawNames = mount(requireElement("[data-names]", bar));
    requireElement("[data-compare]", bar).addEventListener("click", stayIfOffline);
    requireElement("[data-clear]", bar).addEventListener("click", () => this.clear());
  }

  get full() {
    return this.chosen.length >= MOST;
  }

  /**
   * Return the letter or check mark of a selected video; an empty string if the video is not selected.
   * @param {string} id
   * @returns {string}
   */
  letterOf(id) {
    const index = this.chosen.findIndex((video) => video.id === id);
    if (index < 0) return "";
    return this.chosen.length > LETTERS.length ? CHOSEN : getLetter(index);
  }

  /** @param {Video} video @param {boolean} on */
  set(video, on) {
    const others = this.chosen.filter((other) => other.id !== video.id);
    if (on && others.length >= MOST) return;
    this.chosen = on ? [...others, video] : others;
    this.#draw();
  }

  /** @param {Video} video */
  renew(video) {
    if (!this.letterOf(video.id)) return;
    this.chosen = this.chosen.map((other) =>
      other.id === video.id ? { ...video, is_listed: other.is_listed } : other,
    );
    this.#draw();
  }

  clear() {
    this.chosen = [];
    this.#draw();
  }

  #draw() {
    const { chosen, bar } = this;
    const many = chosen.length > LETTERS.length;
    bar.hidden = chosen.length === 0;
    setText(requireElement("[data-count]", bar), `${chosen.length} selected`);
    this.drawNames(
      (many ? [] : chosen).map(({ title }, index) => {
        const letter = getLetter(index);
        return html`<span class="letter-badge" data-letter=${letter}>${letter}</span
          ><span class="truncate muted desk" dir="auto" title=${title}>${title}</span>`;
      }),
    );
    const playable = chosen.every(isSelectable);
    const enough = chosen.length >= FEWEST;
    setText(requireElement("[data-hint]", bar), describeSelection(chosen.length, playable));
    const go = requireElement("[data-compare]", bar);
    go.hidden = many || !playable;
    setText(requireElement("span", go), enough ? `Compare ${chosen.length} videos` : "Compare 2 videos");
    const address = compareAddress(chosen.map((video) => video.id));
    // Without `href`, the element loses its role as a link, so set the role explicitly.
    const attributes = enough ? { href: address } : { role: "link", "aria-disabled": "true" };
    for (const name of ["href", "role", "aria-disabled"]) go.removeAttribute(name);
    for (const [name, value] of Object.entries(attributes)) go.setAttribute(name, value);
    for (const name of ["tag", "delete"])
      requireElement(`[data-${name}-selected]`, bar).hidden = chosen.some((video) => video.is_listed);
    this.onChange();
  }
}

/** @param {number} count @param {boolean} playable True if all selected videos can be compared. */
function describeSelection(count, playable) {
  if (!playable) return "some cannot be compared";
  if (count < FEWEST) return "select one more video of the same match";
  if (count < LETTERS.length) return "you can add a third video";
  return count > LETTERS.length ? "you can compare up to 3 videos" : "";
}

// The list of statements, each with number, text, note and play button.

import { h, icon, setIcon } from "../base/dom.js";
import { getStatementText } from "./status-text.js";

/**
 * @typedef {import("./api.js").Challenge} Challenge
 *
 * @typedef {{index: number, playing: boolean, seen: Set<number>}} Playing `index` is the index of the current
 *   statement. `seen` has the indexes of the statements watched to the end.
 *
 * @typedef {object} OptionsHow
 * @property {(index: number) => void} onPlay
 * @property {(index: number) => void} [onChoose] Runs when the user chooses a statement. Without `onChoose`,
 *   the user cannot choose.
 * @property {(index: number) => {tone: string, notes: (Node|string)[]}} [about] Returns the colour and notes of
 *   a statement.
 */

export class Options {
  /** @type {{element: HTMLElement, button: HTMLElement, note: HTMLElement, input: HTMLInputElement|null}[]} */ #rows;
  /** @type {OptionsHow["about"]} */ #about;

  /**
   * @param {Challenge} challenge
   * @param {OptionsHow} how
   */
  constructor(challenge, how) {
    this.#about = how.about;
    this.#rows = challenge.statements.map((_, index) => this.#row(challenge, index, how));
    this.elements = this.#rows.map((row) => row.element);
  }

  /** @param {Challenge} challenge @param {number} index @param {OptionsHow} how */
  #row(challenge, index, { onPlay, onChoose, about }) {
    const said = about?.(index);
    const note = h("small", {}, ...(said?.notes ?? []));
    const inside = [
      h("span", { class: "statement-number", "aria-hidden": onChoose ? null : "true" }, String(index + 1)),
      h(
        "span",
        { class: "option-text" },
        h("span", { class: "anywhere", dir: "auto" }, getStatementText(challenge, index)),
        note,
      ),
    ];
    const input = onChoose
      ? /** @type {HTMLInputElement} */ (
          h("input", {
            class: "visually-hidden",
            type: "radio",
            name: "guess",
            value: index,
            onchange: () => onChoose(index),
          })
        )
      : null;
    const button = h(
      "button",
      { class: "btn icon-only quiet", type: "button", onclick: () => onPlay(index) },
      icon("play"),
    );
    const element = h(
      onChoose ? "div" : "li",
      { class: `option ${said?.tone ?? ""}`.trim() },
      input ? h("label", {}, input, ...inside) : h("div", {}, ...inside),
      button,
    );
    return { element, button, note, input };
  }

  /** @param {Playing} playing */
  mark({ index, playing, seen }) {
    this.#rows.forEach(({ element, button, note, input }, at) => {
      const now = at === index && playing;
      setIcon(button, now ? "pause" : "play");
      button.setAttribute("aria-label", `${now ? "Pause" : "Play"} statement ${at + 1}`);
      element.toggleAttribute("data-now", now);
      if (!input) return;
      const words = now ? "playing now" : seen.has(at) ? "watched" : "not watched yet";
      if (note.dataset.words === words) return;
      note.dataset.words = words;
      note.replaceChildren(
        h("span", { class: "mine" }, "Your guess, "),
        ...(words === "watched" ? [icon("check")] : []),
        words,
      );
    });
  }

  tell() {
    this.#rows.forEach(({ note }, index) => {
      note.replaceChildren(...(this.#about?.(index).notes ?? []));
    });
  }

  /** Index of the chosen statement, or null. */
  get chosen() {
    const at = this.#rows.findIndex(({ input }) => input?.checked);
    return at < 0 ? null : at;
  }

  focus() {
    this.#rows[this.chosen ?? 0].input?.focus();
  }

  /** @param {boolean} off True if the user may no longer choose a statement. */
  lock(off) {
    for (const { input } of this.#rows) if (input) input.disabled = off;
  }
}

/**
 * @param {string} picture
 * @param {string} word
 * @param {string} more
 */
export const createNote = (picture, word, more) => [
  icon(picture),
  h("span", {}, word),
  ...(more ? [h("span", { class: "more" }, more)] : []),
];

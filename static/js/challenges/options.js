// The statements one below the other, each with its number, its words, what is known of it, and a button to play it.

import { h, icon, setIcon } from "../base/dom.js";
import { wordsOf } from "./words.js";

/**
 * @typedef {import("./api.js").Challenge} Challenge
 * @typedef {{index: number, playing: boolean, seen: Set<number>}} Playing what is playing and what has been seen
 *
 * @typedef {object} OptionsHow
 * @property {(index: number) => void} onPlay the button of one is pressed
 * @property {(index: number) => void} [onChoose] each can be chosen, one of them; else they only stand there
 * @property {(index: number) => {tone: string, notes: (Node|string)[]}} [about] what is said of each, where that is settled
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
        h("span", { class: "anywhere", dir: "auto" }, wordsOf(challenge, index)),
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
      const words = now ? "playing now" : seen.has(at) ? "watched" : "not yet watched";
      if (note.dataset.words === words) return;
      note.dataset.words = words;
      note.replaceChildren(
        h("span", { class: "mine" }, "Your guess, "),
        ...(words === "watched" ? [icon("check")] : []),
        words,
      );
    });
  }

  /** What is said of each may have changed. */
  tell() {
    this.#rows.forEach(({ note }, index) => {
      note.replaceChildren(...(this.#about?.(index).notes ?? []));
    });
  }

  /** The one that is chosen; null without one. */
  get chosen() {
    const at = this.#rows.findIndex(({ input }) => input?.checked);
    return at < 0 ? null : at;
  }

  /** The one that is chosen, or the first, has the focus now. */
  focus() {
    this.#rows[this.chosen ?? 0].input?.focus();
  }

  /** @param {boolean} off no other can be chosen for the moment */
  lock(off) {
    for (const { input } of this.#rows) if (input) input.disabled = off;
  }
}

/**
 * A word after an icon that says the same, and what else is known.
 * @param {string} picture
 * @param {string} word
 * @param {string} more
 */
export const noteOf = (picture, word, more) => [
  icon(picture),
  h("span", {}, word),
  ...(more ? [h("span", { class: "more" }, more)] : []),
];

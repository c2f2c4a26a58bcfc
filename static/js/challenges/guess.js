// The guess form. Each user guesses once, and only the server's answer contains the solution.

import { ApiError } from "../base/api.js";
import { h, icon, setText } from "../base/dom.js";
import { createErrorNote, createThrottledNote } from "../base/notice.js";
import { sendGuess, newKey } from "./api.js";
import { Options } from "./options.js";

/** @typedef {import("./api.js").Challenge} Challenge */

export class Ask {
  /** Idempotency key of each guess, by statement index; a retry reuses the key. @type {Map<number, string>} */
  #keys = new Map();
  #isSending = false;

  /**
   * @param {Challenge} challenge
   * @param {object} on
   * @param {(index: number) => void} on.play
   * @param {(answer: {statement_index: number, correct: boolean, lie_statement_index: number}) => void} on.answer
   * @param {() => void} on.other Callback that runs if the challenge has changed on the server.
   */
  constructor(challenge, on) {
    this.challenge = challenge;
    this.on = on;
    this.options = new Options(challenge, { onPlay: on.play, onChoose: () => this.#draw() });
    this.button = h("button", { class: "btn primary big" });
    this.problem = h("div", { data: { problem: "" } });
    this.element = h(
      "form",
      { class: "ask", novalidate: true, onsubmit: (/** @type {Event} */ event) => this.#submit(event) },
      h("h2", { id: "question" }, "Which one is the lie?"),
      h("div", { class: "opts", role: "radiogroup", "aria-labelledby": "question" }, ...this.options.elements),
      this.problem,
      h("div", { class: "sticky-foot" }, this.button, h("p", { class: "text-small faint" }, "You have only one guess")),
    );
    this.#draw();
  }

  /** @param {import("./options.js").Playing} playing */
  mark(playing) {
    this.options.mark(playing);
  }

  focus() {
    this.options.focus();
  }

  #draw() {
    const { chosen } = this.options;
    setText(
      this.button,
      this.#isSending ? "Sending…" : chosen === null ? "Choose a statement" : `Guess statement ${chosen + 1}`,
    );
    if (chosen === null || this.#isSending) this.button.setAttribute("aria-disabled", "true");
    else this.button.removeAttribute("aria-disabled");
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    const { chosen } = this.options;
    if (this.#isSending) return;
    if (chosen === null) return this.focus();
    const key = this.#keys.get(chosen) ?? newKey();
    this.#keys.set(chosen, key);
    this.problem.replaceChildren();
    this.#send(true);
    try {
      this.on.answer({ statement_index: chosen, ...(await sendGuess(this.challenge.id, chosen, key)) });
    } catch (error) {
      this.#send(false);
      this.#refused(error);
    }
  }

  /** @param {boolean} is */
  #send(is) {
    this.#isSending = is;
    this.options.lock(is);
    this.#draw();
  }

  /** @param {unknown} error */
  #refused(error) {
    const again = () => /** @type {HTMLFormElement} */ (this.element).requestSubmit();
    // Reload the challenge if it has changed, for example by a guess in another window.
    if (error instanceof ApiError && [403, 404, 409].includes(error.status) && error.type !== "idempotency_mismatch")
      return this.on.other();
    const note =
      error instanceof ApiError && error.status === 429
        ? createThrottledNote(error, again)
        : createErrorNote("Your guess was not saved.", error, again);
    this.problem.replaceChildren(note);
    note.scrollIntoView({ block: "nearest" });
  }
}

/**
 * Build the read-only list of statements, for moderators of an unpublished challenge.
 * @param {Challenge} challenge
 * @param {{play: (index: number) => void}} on
 */
export function createReadOnlyStatements(challenge, on) {
  const options = new Options(challenge, { onPlay: on.play, about: () => ({ tone: "", notes: [] }) });
  const words =
    challenge.status === "withheld"
      ? "A moderator has taken this challenge down. Only its owner and moderators can see it."
      : "This challenge is not published. Only its owner and moderators can see it.";
  const element = h(
    "div",
    { class: "ask" },
    h("h2", { tabindex: "-1" }, "The statements"),
    h(
      "div",
      { class: "note" },
      icon("lock"),
      h(
        "div",
        { class: "spacer" },
        h("b", {}, "This challenge cannot be played now."),
        h("p", { class: "text-small" }, words),
      ),
    ),
    h("ul", { class: "opts" }, ...options.elements),
  );
  return {
    element,
    mark: (/** @type {import("./options.js").Playing} */ playing) => options.mark(playing),
    focus: () => /** @type {HTMLElement} */ (element.querySelector("h2")).focus(),
  };
}

// The result of a guess: which statement is the lie, other players' results, and the next challenge.

import { h, icon, requireElement, setText } from "../base/dom.js";
import { listChallenges } from "./api.js";
import { createNote, Options } from "./options.js";
import { describeFound, describeTaken } from "./status-text.js";

/** @typedef {import("./api.js").Challenge} Challenge */

const FEW = 2; // number of unplayed challenges requested; one of them may be the current challenge

export class Reveal {
  /**
   * @param {Challenge} challenge A challenge with the user's guess and the solution.
   * @param {{play: (index: number) => void, again: () => void}} on
   */
  constructor(challenge, on) {
    const lie = /** @type {number} */ (challenge.lie_statement_index);
    const mine = challenge.my_guess?.statement_index;
    const found = mine === lie;
    this.challenge = challenge;
    this.options = new Options(challenge, { onPlay: on.play, about: (index) => this.#about(index) });
    const isGuest = document.body.dataset.user === "";
    this.next = h(
      "a",
      { class: "btn primary big", href: isGuest ? "/" : "/challenges?show=unplayed" },
      h("span", {}, isGuest ? "Create your own challenge" : "Next challenge"),
      icon("right"),
    );
    const others = challenge.results ? describeFound(challenge) : "";
    this.found = h("p", { class: "text-small muted", data: { found: "" } }, others);
    this.element = h(
      "div",
      { class: "ask", data: { reveal: "" } },
      h(
        "div",
        { class: `verdict${found ? "" : " is-wrong"}` },
        icon(found ? "trophy" : "x"),
        h(
          "div",
          {},
          h("h2", { tabindex: "-1" }, found ? "You found the lie." : "Not this time."),
          h(
            "p",
            {},
            found
              ? `It was number ${lie + 1}.`
              : `You chose number ${Number(mine) + 1}, but number ${lie + 1} was the lie.`,
          ),
          this.found,
        ),
      ),
      h("ul", { class: "opts" }, ...this.options.elements),
      h(
        "div",
        { class: "sticky-foot row" },
        h("button", { class: "btn big", type: "button", onclick: on.again }, icon("retry"), "Watch again"),
        this.next,
      ),
    );
    if (!isGuest) this.#lookForNext(challenge);
  }

  /** Show newer results of the same challenge. @param {Challenge} challenge */
  adopt(challenge) {
    this.challenge = challenge;
    this.options.tell();
    if (challenge.results) setText(this.found, describeFound(challenge));
  }

  /** @param {number} index */
  #about(index) {
    const isLie = index === this.challenge.lie_statement_index;
    const isMine = index === this.challenge.my_guess?.statement_index;
    const kind = isLie ? "The lie" : isMine ? "True statement" : "True";
    const words = isMine ? `${kind} (your guess)` : kind;
    return {
      tone: isLie ? "lie" : "true",
      notes: createNote(isLie ? "x" : "check", words, describeTaken(this.challenge, index)),
    };
  }

  /** @param {import("./options.js").Playing} playing */
  mark(playing) {
    this.options.mark(playing);
  }

  focus() {
    requireElement("h2", this.element).focus();
  }

  /** @param {Challenge} challenge */
  async #lookForNext({ id }) {
    try {
      const { challenges } = await listChallenges({ unplayed: 1, limit: FEW });
      const other = challenges.find((one) => one.id !== id);
      if (other) this.next.setAttribute("href", `/challenges/${other.id}`);
      else {
        this.next.setAttribute("href", "/challenges");
        requireElement("span", this.next).textContent = "All challenges";
      }
    } catch {
      // Ignore the error: the Next link still opens the list of unplayed challenges, which shows its own errors.
    }
  }
}

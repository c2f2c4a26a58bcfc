// The card of a challenge in the list: picture, title, owner, status.

import { h, icon } from "../base/dom.js";
import { formatCount, formatDuration } from "../base/format.js";
import { formatDay } from "../videos/api.js";
import { describeFound, formatOwner, getStatus } from "./status-text.js";

/** @typedef {import("./api.js").Challenge} Challenge */

export class Card {
  /** @param {Challenge} challenge */
  constructor(challenge) {
    this.video = challenge;
    this.element = h("li", { class: "card", data: { video: challenge.id } }, this.#picture(), this.#foot());
  }

  get title() {
    return /** @type {HTMLElement} */ (this.element.querySelector("[data-part=title]"));
  }

  #picture() {
    const { poster_url, statements, total_duration } = this.video;
    return h(
      "span",
      { class: "picture dark" },
      poster_url
        ? h("img", {
            src: poster_url,
            alt: "",
            loading: "lazy",
            decoding: "async",
            draggable: "false",
            onerror: hideBrokenPicture,
          })
        : h("span", { class: "none" }, icon("challenge")),
      h("span", { class: "overlay bottom-start" }, formatCount(statements.length, "statement")),
      Boolean(total_duration) &&
        h(
          "span",
          { class: "overlay bottom-end" },
          h("span", { class: "visually-hidden" }, "Length "),
          formatDuration(total_duration ?? 0),
        ),
    );
  }

  #foot() {
    const challenge = this.video;
    const came = new Date(challenge.published_at ?? challenge.created_at);
    return h(
      "div",
      { class: "card-foot" },
      h(
        "div",
        {},
        h(
          "h3",
          { dir: "auto", title: challenge.title },
          h("a", { href: `/challenges/${challenge.id}`, data: { part: "title" } }, challenge.title),
        ),
        h(
          "p",
          { class: "meta" },
          "by ",
          challenge.is_own ? "you" : h("bdi", {}, formatOwner(challenge)),
          " · ",
          h("time", { datetime: came.toISOString(), title: came.toLocaleString() }, formatDay(came)),
        ),
        h("p", { class: "meta" }, this.#state()),
      ),
    );
  }

  #state() {
    const challenge = this.video;
    const { is_own, status, my_guess, guess_count } = challenge;
    if (is_own && status !== "published") {
      const { icon: picture, word, tone } = getStatus(challenge);
      return h("span", { class: `status ${tone}`.trim() }, icon(picture), word);
    }
    if (is_own)
      return h(
        "span",
        { class: "status" },
        icon("user"),
        guess_count ? describeFound(challenge).replace(/\.$/, "") : "No guesses yet",
      );
    if (my_guess)
      return my_guess.correct
        ? h("span", { class: "status ok" }, icon("trophy"), "Found")
        : h("span", { class: "status bad" }, icon("x"), "Not found");
    return h("span", { class: "status run" }, icon("play"), "Not played");
  }
}

/** @param {Event} event */
function hideBrokenPicture(event) {
  /** @type {Element} */ (event.target).replaceWith(h("span", { class: "none" }, icon("challenge")));
}

// The progress panel of a queued or running analysis.

import { formatTimeLeft } from "../base/format.js";
import { h, icon, requireElement, setText } from "../base/dom.js";
import { createErrorNote } from "../base/notice.js";
import { ACTS, createActButton, listActs, performAct } from "./actions.js";
import { getState, getStatus } from "./labels.js";

/** @typedef {import("./api.js").Session} Session */

/** Messages by state, shown if the analysis is paused or its job sent no message. @type {Record<string, string>} */
const QUIET = {
  queued: "Queued; starts automatically. You can leave this page.",
  processing: "Starting",
  waiting: "Waiting to continue",
  paused: "Paused. Your progress is saved. Select Resume to continue.",
};

export class Progress {
  #shown = "";

  /**
   * @param {(session: Session) => number|null} left
   * @param {(session: Session) => Promise<void>} onActed
   */
  constructor(left, onActed) {
    this.left = left;
    this.onActed = onActed;
    this.trouble = h("div", {});
    this.element = h("section", { class: "panel work", "aria-label": "Progress", tabindex: "-1" });
  }

  /** @param {Session} session */
  draw(session) {
    this.session = session;
    const { element } = this;
    const state = getState(session);
    const shown = [state, session.source?.poster_url ? 1 : 0].join();
    if (shown !== this.#shown) {
      this.#shown = shown;
      const focused = element.contains(document.activeElement);
      this.trouble.replaceChildren();
      element.replaceChildren(...this.#parts(session));
      if (focused) /** @type {HTMLElement} */ (element.querySelector("[data-act]") ?? element).focus();
    }
    this.tick();
  }

  tick() {
    const { element, session } = this;
    if (!session || !element.isConnected) return;
    const bar = /** @type {HTMLProgressElement} */ (requireElement("progress", element));
    bar.value = Math.max(bar.value, session.progress);
    const percent = Math.floor(session.progress);
    bar.setAttribute("aria-label", `${session.name}, ${percent} percent`);
    const state = getState(session);
    setText(requireElement("[data-message]", element), (state !== "paused" && session.message) || QUIET[state] || "");
    const left = this.left(session);
    setText(
      requireElement("[data-percent]", element),
      state === "queued"
        ? ""
        : [`${percent} %`, state === "processing" && (left === null ? "time left not known yet" : formatTimeLeft(left))]
            .filter(Boolean)
            .join(" · "),
    );
  }

  /** @param {Session} session @returns {HTMLElement[]} */
  #parts(session) {
    const { icon: picture, word, tone } = getStatus(session);
    const state = getState(session);
    const poster = session.source?.poster_url;
    return [
      h(
        "span",
        { class: `picture dark${poster ? "" : " none"}` },
        poster ? h("img", { src: poster, alt: "" }) : icon("film"),
      ),
      h(
        "div",
        { class: "col spacer" },
        h(
          "p",
          { class: "row wrap" },
          h("span", { class: `status ${tone}`.trim() }, icon(picture, state === "processing" ? "spin" : ""), word),
          h("span", { dir: "auto", data: { message: "" } }),
        ),
        h("progress", { class: `bar${state === "processing" ? "" : " off"}`, value: "0", max: "100" }),
        h("p", { class: "text-small muted mono", data: { percent: "" } }),
        this.trouble,
      ),
      h(
        "div",
        { class: "row wrap acts" },
        ...listActs(session).map((act) => createActButton(act, session.name, () => this.#act(act))),
      ),
    ];
  }

  /** @param {import("./actions.js").Act} act */
  async #act(act) {
    const session = /** @type {Session} */ (this.session);
    const buttons = [...this.element.querySelectorAll("[data-act]")];
    if (buttons.some((button) => button.getAttribute("aria-disabled") === "true")) return;
    this.trouble.replaceChildren();
    for (const button of buttons) button.setAttribute("aria-disabled", "true");
    try {
      await performAct(session, act);
      await this.onActed(session);
    } catch (error) {
      this.trouble.replaceChildren(createErrorNote(ACTS[act].wrong, error));
    } finally {
      for (const button of buttons) button.removeAttribute("aria-disabled");
    }
  }
}

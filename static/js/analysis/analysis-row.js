// A row in the list of analyses.

import { h, icon, requireElement, setText } from "../base/dom.js";
import { formatPercent, formatWhen } from "../base/format.js";
import { createErrorNote } from "../base/notice.js";
import { formatTimeLeft } from "../base/format.js";
import { createPoster } from "../videos/thumbnail.js";
import { ACTS, createActButton, listActs } from "./actions.js";
import { KINDS, describeExpiry, adviseOnError, getState, getStatus } from "./labels.js";

/** @typedef {import("./api.js").Session} Session */

const WITH_BAR = new Set(["processing", "paused", "waiting"]);

/**
 * @typedef {object} RowOptions
 * @property {(session: Session, act: import("./actions.js").Act) => Promise<void>} onAct
 * @property {(session: Session) => void} onDelete
 * @property {(session: Session) => number|null} left
 */

export class Row {
  #shown = "";

  /**
   * @param {Session} session
   * @param {RowOptions} options
   */
  constructor(session, options) {
    this.session = session;
    this.options = options;
    this.trouble = h("div", { class: "more" });
    this.element = h("li", { class: "job", tabindex: "-1", data: { session: session.sessionId } });
    this.draw(session);
  }

  /** @param {Session} session */
  draw(session) {
    this.session = session;
    const { element } = this;
    const shown = JSON.stringify([
      getState(session),
      session.name,
      session.error,
      session.expires_at,
      session.source?.poster_url?.split("?")[0],
    ]);
    if (shown !== this.#shown) {
      this.#shown = shown;
      const focused = element.contains(document.activeElement)
        ? /** @type {HTMLElement} */ (document.activeElement)
        : null;
      const act = focused?.dataset.act ?? "";
      this.trouble.replaceChildren();
      element.dataset.status = getState(session);
      element.replaceChildren(...this.#parts());
      if (focused)
        /** @type {HTMLElement} */ (
          (act && element.querySelector(`[data-act=${act}]`)) || element.querySelector(".job-actions > *") || element
        ).focus();
    }
    this.tick();
  }

  /** Update the row's progress bar, text and retention time. */
  tick() {
    const { element, session } = this;
    const bar = /** @type {HTMLProgressElement|null} */ (element.querySelector("progress"));
    if (bar) bar.value = Math.max(bar.value, session.progress);
    const words = element.querySelector("[data-words]");
    if (words) setText(words, this.#words());
    setText(requireElement("[data-kept]", element), describeExpiry(session).replace(/^kept /, "") || "–");
  }

  #words() {
    const { session } = this;
    const state = getState(session);
    if (state === "queued") return session.message || "Queued; starts automatically";
    if (state === "paused") return `At ${formatPercent(session.progress)}`;
    const left = this.options.left(session);
    return [
      session.message || "Starting",
      session.progress > 0 && `${formatPercent(session.progress)}`,
      left !== null && formatTimeLeft(left),
    ]
      .filter(Boolean)
      .join(" · ");
  }

  #parts() {
    const { session } = this;
    const { name, sessionId, analysis_type, created_at } = session;
    const kind = KINDS[analysis_type];
    const { icon: picture, word, tone } = getStatus(session);
    const state = getState(session);
    const address = `/analysis/${encodeURIComponent(sessionId)}`;
    // The label includes the time, because several analyses of one video have the same name.
    const which = `the ${kind.label.toLowerCase()} analysis of ${name}, started ${formatWhen(new Date(created_at))}`;
    const moving = ["queued", ...WITH_BAR].includes(state);
    return [
      session.source
        ? h("span", { class: "kind picture", title: kind.label }, createPoster(session.source.poster_url))
        : icon(kind.icon, "kind"),
      h("h2", { class: "job-name truncate", dir: "auto", title: name }, h("a", { href: address }, name)),
      h(
        "p",
        { class: "job-subject" },
        `${kind.label}, started `,
        h(
          "time",
          { datetime: created_at, title: new Date(created_at).toLocaleString() },
          formatWhen(new Date(created_at)),
        ),
      ),
      h(
        "span",
        { class: `job-state status ${tone}`.trim() },
        icon(picture, state === "processing" ? "spin" : ""),
        h("span", {}, word),
      ),
      h(
        "div",
        { class: "job-progress" },
        WITH_BAR.has(state) &&
          h("progress", {
            class: `bar${state === "processing" ? "" : " off"}`,
            value: "0",
            max: "100",
            "aria-label": name,
          }),
        moving && h("span", { class: "anywhere", dir: "auto", data: { words: "" } }),
        state === "failed" &&
          h(
            "span",
            { class: "anywhere", dir: "auto" },
            `${session.error?.message ?? ""} ${adviseOnError(session.error?.type ?? "")}`.trim(),
          ),
        state === "expired" && h("span", {}, "The result has been deleted"),
        state === "cancelled" &&
          h("span", {}, session.progress > 0 ? `At ${formatPercent(session.progress)}` : "Not started"),
      ),
      h(
        "span",
        { class: "job-elapsed mono" },
        h("span", { class: "visually-hidden" }, "Kept for "),
        h("span", { data: { kept: "" } }),
      ),
      h(
        "div",
        { class: "job-actions" },
        ...listActs(session).map((act) => createActButton(act, name, () => this.#act(act))),
        state === "completed" && h("a", { class: "btn", href: address, "aria-label": `Open ${which}` }, "Open"),
        !moving &&
          h(
            "button",
            {
              class: "btn icon-only quiet",
              type: "button",
              "aria-label": `Delete ${which}`,
              title: "Delete",
              data: { act: "delete" },
              onclick: () => this.options.onDelete(this.session),
            },
            icon("trash"),
          ),
      ),
      this.trouble,
    ].filter((part) => part !== null);
  }

  /** @param {import("./actions.js").Act} act */
  async #act(act) {
    const buttons = [...this.element.querySelectorAll(".job-actions button")];
    if (buttons.some((button) => button.getAttribute("aria-disabled") === "true")) return;
    this.trouble.replaceChildren();
    for (const button of buttons) button.setAttribute("aria-disabled", "true");
    try {
      await this.options.onAct(this.session, act);
    } catch (error) {
      this.trouble.replaceChildren(createErrorNote(ACTS[act].wrong, error));
    } finally {
      for (const button of buttons) button.removeAttribute("aria-disabled");
    }
  }
}

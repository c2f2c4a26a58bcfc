// A view of an analysis, with buttons that pause, resume or cancel it.

import { changeJob } from "../base/api.js";
import { errorView } from "../base/notice.js";
import { createRoot, html, iconView, nothing } from "../base/view.js";
import { cancelSession } from "./api.js";
import { getState } from "./labels.js";
import { drawAndKeepFocus } from "./views.js";

/**
 * @typedef {import("../base/view.js").View} View
 * @typedef {import("./api.js").Session} Session
 * @typedef {"pause"|"resume"|"cancel"} Act
 */

/** @type {Record<Act, {label: string, icon: string, wrong: string}>} */
const ACTS = {
  pause: { label: "Pause", icon: "pause", wrong: "The analysis could not be paused." },
  resume: { label: "Resume", icon: "play", wrong: "The analysis could not be resumed." },
  cancel: { label: "Cancel", icon: "x", wrong: "The analysis could not be cancelled." },
};

/** @param {Session} session @returns {Act[]} */
function listActs(session) {
  const state = getState(session);
  if (state === "paused") return ["resume", "cancel"];
  if (!["queued", "processing", "waiting"].includes(state)) return [];
  return session.job_id ? ["pause", "cancel"] : ["cancel"];
}

/** A view of one analysis. Subclasses define its template in `view`. */
export class SessionView {
  #root = createRoot();
  #isRunning = false;
  /** Highest progress in the current state. */ most = 0;
  /** Error of the last action. @type {View} */ problem = null;

  /** @param {Session} session @param {import("./status-updates.js").Follower} follower */
  constructor(session, follower) {
    this.session = session;
    this.follower = follower;
    this.most = session.progress;
    this.element = this.#root(this.view());
  }

  /** @returns {View} */
  view() {
    return null;
  }

  draw(session = this.session) {
    if (getState(session) !== getState(this.session)) {
      this.most = 0;
      this.problem = null;
    }
    this.session = session;
    this.most = Math.max(this.most, session.progress);
    drawAndKeepFocus(this.element, ".job-actions > *, [data-act]", () => this.#root(this.view()));
  }

  buttonsView() {
    const { session } = this;
    return listActs(session).map((act) => {
      const { label, icon } = ACTS[act];
      const isSmall = act === "pause";
      return html`
        <button class=${isSmall ? "btn icon-only quiet" : "btn"} type="button" aria-label="${label} ${session.name}"
          title=${isSmall ? label : nothing} aria-disabled=${this.#isRunning ? "true" : nothing} data-act=${act}
          @click=${() => this.#run(act)}>
          ${iconView(icon)}${isSmall ? null : label}
        </button>`;
    });
  }

  /** @param {Act} act */
  async #run(act) {
    const { session } = this;
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.problem = null;
    this.draw();
    try {
      if (act === "cancel") await cancelSession(session.sessionId);
      else await changeJob(/** @type {string} */ (session.job_id), act);
      await this.follower.ask(session.sessionId);
    } catch (error) {
      this.problem = errorView(ACTS[act].wrong, error);
    }
    this.#isRunning = false;
    this.draw();
  }
}

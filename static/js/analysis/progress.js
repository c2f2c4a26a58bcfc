// The progress panel of a queued or running analysis.

import { formatTimeLeft } from "../base/format.js";
import { html } from "../base/view.js";
import { SessionView } from "./actions.js";
import { getState, getStatus } from "./labels.js";
import { pictureView, statusView } from "./views.js";

/** Messages by state, shown if the analysis is paused or its job sent no message. @type {Record<string, string>} */
const QUIET = {
  queued: "Queued; starts automatically. You can leave this page.",
  processing: "Starting",
  waiting: "Waiting to continue",
  paused: "Paused. Your progress is saved. Select Resume to continue.",
};

export class Progress extends SessionView {
  view() {
    const { session } = this;
    const state = getState(session);
    const isProcessing = state === "processing";
    const percent = Math.floor(session.progress);
    const left = this.follower.left(session);
    const rest = isProcessing ? ` · ${left === null ? "time left not known yet" : formatTimeLeft(left)}` : "";
    return html`
      <section class="panel work" aria-label="Progress" tabindex="-1">
        ${pictureView(session.source?.poster_url)}
        <div class="col spacer">
          <p class="row wrap">
            <span class="status ${getStatus(session).tone}">${statusView(getStatus(session))}</span>
            <span dir="auto" data-message>${(state !== "paused" && session.message) || QUIET[state] || ""}</span>
          </p>
          <progress class="bar${isProcessing ? "" : " off"}" max="100" .value=${this.most}
            aria-label="${session.name}, ${percent} percent"></progress>
          <p class="text-small muted mono" data-percent>${state === "queued" ? "" : `${percent} %${rest}`}</p>
          <div>${this.problem}</div>
        </div>
        <div class="row wrap acts">${this.buttonsView()}</div>
      </section>`;
  }
}

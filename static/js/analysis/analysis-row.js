// A row in the list of analyses.

import { formatPercent, formatTimeLeft, formatWhen } from "../base/format.js";
import { posterView } from "../base/poster.js";
import { html, iconView } from "../base/view.js";
import { SessionView } from "./actions.js";
import { KINDS, describeExpiry, adviseOnError, getState, getStatus } from "./labels.js";
import { statusView } from "./views.js";

/** @typedef {import("./api.js").Session} Session */

const WITH_BAR = new Set(["processing", "paused", "waiting"]);

export class Row extends SessionView {
  /**
   * @param {Session} session @param {import("./status-updates.js").Follower} follower
   * @param {(session: Session) => void} onDelete
   */
  constructor(session, follower, onDelete) {
    super(session, follower);
    this.onDelete = onDelete;
  }

  view() {
    const { session } = this;
    const { name, sessionId, analysis_type, source } = session;
    const kind = KINDS[analysis_type];
    const created = new Date(session.created_at);
    const when = formatWhen(created);
    const state = getState(session);
    const address = `/analysis/${encodeURIComponent(sessionId)}`;
    // The label includes the time, because several analyses of one video have the same name.
    const which = `the ${kind.label.toLowerCase()} analysis of ${name}, started ${when}`;
    return html`
      <li class="job" tabindex="-1" data-session=${sessionId} data-status=${state}>
        ${source ? html`<span class="kind picture" title=${kind.label}>${posterView(source.poster_url)}</span>` : iconView(kind.icon, "kind")}
        <h2 class="job-name truncate" dir="auto" title=${name}><a href=${address}>${name}</a></h2>
        <p class="job-subject">
          ${kind.label}, started <time datetime=${session.created_at} title=${created.toLocaleString()}>${when}</time>
        </p>
        <span class="job-state status ${getStatus(session).tone}">${statusView(getStatus(session))}</span>
        <div class="job-progress">${this.progressView(state)}</div>
        <span class="job-elapsed mono">
          <span class="visually-hidden">Kept for </span>
          <span data-kept>${describeExpiry(session).replace(/^kept /, "") || "–"}</span>
        </span>
        <div class="job-actions">
          ${this.buttonsView()}
          ${state === "completed" ? html`<a class="btn" href=${address} aria-label="Open ${which}">Open</a>` : null}
          ${
            state === "queued" || WITH_BAR.has(state)
              ? null
              : html`<button class="btn icon-only quiet" type="button" aria-label="Delete ${which}" title="Delete"
                  data-act="delete" @click=${() => this.onDelete(this.session)}>
                  ${iconView("trash")}
                </button>`
          }
        </div>
        <div class="more">${this.problem}</div>
      </li>`;
  }

  /** @param {string} state */
  progressView(state) {
    const { name, progress, message, error } = this.session;
    const percent = formatPercent(progress);
    const textView = (/** @type {string} */ words) => html`<span class="anywhere" dir="auto">${words}</span>`;
    if (state === "failed") return textView(`${error?.message ?? ""} ${adviseOnError(error?.type ?? "")}`.trim());
    if (state === "expired") return html`<span>The result has been deleted</span>`;
    if (state === "cancelled") return html`<span>${progress > 0 ? `At ${percent}` : "Not started"}</span>`;
    if (state === "queued") return textView(message || "Queued; starts automatically");
    if (!WITH_BAR.has(state)) return null;
    const left = this.follower.left(this.session);
    const parts = [message || "Starting", progress > 0 && percent, left !== null && formatTimeLeft(left)];
    return html`
      <progress class="bar${state === "processing" ? "" : " off"}" max="100" .value=${this.most} aria-label=${name}>
      </progress>
      ${textView(state === "paused" ? `At ${percent}` : parts.filter(Boolean).join(" · "))}`;
  }
}

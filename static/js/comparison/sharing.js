// The dialog that shares a comparison: invitations, rights and links.

import { sharesUrl } from "../base/api.js";
import { openView, panelDialogView } from "../base/dialog.js";
import { toDate, formatWhen } from "../base/format.js";
import { errorView, explainError, showToast } from "../base/notice.js";
import { html, iconView, live, repeat } from "../base/view.js";
import { createLinksPart } from "./links.js";

const RIGHTS = Object.entries({ watch: "Watch", comment: "Watch and comment", edit: "Edit" });
const ABOUT_INVITATIONS =
  "People you invite see this comparison in their list of comparisons. If you remove them, they lose access at once.";

/** @typedef {{share_id: string, username: string, role: string, can_comment: boolean, created_at: number}} Share */

/** @param {string} value @returns {{role: string, can_comment: boolean}} */
function toRights(value) {
  return { role: value === "edit" ? "editor" : "viewer", can_comment: value !== "watch" };
}

/** @param {string} chosen */
const optionsView = (chosen) =>
  RIGHTS.map(([key, words]) => html`<option value=${key} .selected=${live(key === chosen)}>${words}</option>`);

/** @param {{id: string, name: string}} comparison */
export function openSharing({ id, name }) {
  const api = sharesUrl(id);
  const links = createLinksPart(id);
  /** Null until the list has loaded. @type {Share[]|null} */ let shares = null;
  /** @type {import("../base/view.js").View} */ let listProblem = null;
  /** @type {import("../base/view.js").View} */ let problem = null;
  const rights = RIGHTS.map(
    ([key, words]) => html`<option value=${key} ?selected=${key === "comment"}>${words}</option>`,
  );
  const dialog = openView(() =>
    panelDialogView(
      `Share “${name}”`,
      "sharing",
      html`<div class="pad col">
        <form class="row" @submit=${invite}>
          <input class="input" aria-label="User name" placeholder="User name" required maxlength="150"
            autocomplete="off" autocapitalize="off" spellcheck="false" />
          <select class="input auto" aria-label="Access">${rights}</select>
          <button class="btn primary">Invite</button>
        </form>
        <div>${problem}</div>
        <ul class="col" aria-label="People">
          ${listProblem ? html`<li>${listProblem}</li>` : shares && listView(shares)}
        </ul>
        <p class="text-small faint">${ABOUT_INVITATIONS}</p>
        ${links}
      </div>`,
    ),
  );
  const user = /** @type {HTMLInputElement} */ (dialog.element.querySelector("input"));
  user.focus();
  load();

  async function load() {
    listProblem = null;
    try {
      ({ shares } = await api.list());
    } catch (error) {
      listProblem = errorView("The list could not be loaded.", error, load);
    }
    dialog.draw();
  }

  /** @param {SubmitEvent & {currentTarget: HTMLFormElement}} event */
  async function invite(event) {
    event.preventDefault();
    const { value } = /** @type {HTMLSelectElement} */ (event.currentTarget.querySelector("select"));
    const username = user.value.trim();
    problem = null;
    dialog.draw();
    if (!username) return user.focus();
    try {
      await api.create({ username, ...toRights(value) });
      if (user.value.trim() === username) user.value = "";
      await load();
    } catch (error) {
      problem = errorView(`${username} could not be invited.`, error);
      dialog.draw();
    }
    user.focus();
  }

  /** @param {Share[]} all */
  const listView = (all) => html`
    <li class="row"><span class="spacer">You</span><span class="faint">Owner</span></li>
    ${repeat(all, (share) => share.share_id, rowView)}
    ${all.length ? null : html`<li class="faint">You have not invited anyone yet.</li>`}`;

  /** @param {Share} share */
  function rowView(share) {
    const { username, role, can_comment: mayComment } = share;
    const chosen = role === "editor" ? "edit" : mayComment ? "comment" : "watch";
    const change = (/** @type {any} */ { currentTarget }) => changeRights(share, currentTarget);
    return html`<li class="row">
      <span class="who spacer">
        <span class="truncate" dir="auto">${username}</span>
        <span class="faint text-small">Invited ${formatWhen(toDate(share.created_at))}</span>
      </span>
      <select class="input auto" aria-label="Access for ${username}" @change=${change}>${optionsView(chosen)}</select>
      <button class="btn icon-only quiet" type="button" aria-label="Remove ${username}" title="Remove ${username}"
        @click=${() => remove(share)}>${iconView("x")}</button>
    </li>`;
  }

  /** @param {Share} share @param {HTMLSelectElement} select */
  async function changeRights(share, select) {
    const wanted = toRights(select.value);
    select.disabled = true;
    try {
      await api.change(share.share_id, wanted);
      Object.assign(share, wanted);
      showToast("Access changed.");
    } catch (error) {
      showToast(explainError(error), "bad");
    }
    dialog.draw(); // if the change failed, this selects the previous right again
    select.disabled = false;
  }

  /** @param {Share} share */
  async function remove({ share_id: key }) {
    try {
      await api.remove(key);
      user.focus();
      load();
    } catch (error) {
      showToast(explainError(error), "bad");
    }
  }
}

// The owner's panel of a challenge: status, link, results, and actions.

import { ApiError } from "../base/api.js";
import { copyWithFeedback } from "../base/clipboard.js";
import { askToDelete } from "../base/dialog.js";
import { openFormDialog } from "../base/form-dialog.js";
import { formatCount } from "../base/format.js";
import { errorView, showToast } from "../base/notice.js";
import { html, iconView, live, nothing } from "../base/view.js";
import { changeChallenge, changeVisibility, deleteChallenge, readChallenge } from "./api.js";
import { solutionView } from "./options.js";
import { describeFound, getStatus, getUrl } from "./status-text.js";

/** @typedef {import("./api.js").Challenge} Challenge */
/** @typedef {{max_title: number, max_text: number}} Limits Maximum lengths in characters. */

/**
 * @param {import("./page.js").PanelActions} on
 * @param {Challenge} challenge
 * @param {Limits} limits
 * @returns {import("./page.js").Panel}
 */
export function createOwnerPanel(on, challenge, limits) {
  const { status, withheld_because, guess_count } = challenge;
  const { icon, word, tone, text } = getStatus(challenge);
  const isDraft = status === "draft";
  const isUnplayed = isDraft && !guess_count;
  let guestsMayPlay = challenge.guests_may_play;
  /** The change that is being saved. @type {""|"guests"|"visibility"} */ let saving = "";
  /** @type {import("../base/view.js").View} */ let problem = null;

  function changeGuests() {
    guestsMayPlay = !guestsMayPlay;
    const fields = { guests_may_play: guestsMayPlay };
    save("guests", () => changeChallenge(challenge.id, fields), "The setting was not saved.");
  }

  async function changeStatus() {
    if (saving === "visibility") return;
    const change = isDraft ? "publish" : "unpublish";
    const failed = `The challenge could not be ${change}ed.`;
    if (await save("visibility", () => changeVisibility(challenge.id, change), failed, changeStatus))
      showToast(isDraft ? "The challenge is published." : "The challenge is a draft again. All guesses are kept.");
  }

  /**
   * Save a change, and return whether it is saved.
   * @param {"guests"|"visibility"} name
   * @param {() => Promise<Challenge>} send
   * @param {string} failed Heading of the error.
   * @param {() => void} [retry]
   */
  async function save(name, send, failed, retry) {
    saving = name;
    problem = null;
    on.draw();
    try {
      on.change(await send());
      return true;
    } catch (error) {
      saving = "";
      guestsMayPlay = challenge.guests_may_play;
      if (error instanceof ApiError && error.status === 404) on.gone();
      else problem = errorView(failed, error, retry);
      on.draw();
    }
  }

  const guestsView = () => html`
    <label class="check text-small">
      <input type="checkbox" data-part="guests" .checked=${live(guestsMayPlay)} ?disabled=${saving === "guests"}
        @change=${changeGuests} />Anyone with the link can play, even without an account
    </label>`;
  const editView = () => html`
    <button class="btn" type="button" data-part="edit" @click=${() => openEditDialog(challenge, limits, on.change)}>
      ${iconView("pencil")}Edit
    </button>`;
  const publishView = () => html`
    <button class="btn big ${isDraft ? "primary" : ""}" type="button" data-part="show" @click=${changeStatus}
      aria-disabled=${saving === "visibility" ? "true" : nothing}>
      ${iconView(isDraft ? "challenge" : "lock")}${isDraft ? "Publish" : "Unpublish"}
    </button>`;

  return (_, now) => html`
    <div class="ask own">
      <div class="row wrap">
        <h2 tabindex="-1">Your challenge</h2>
        <span class="spacer"></span>
        <span class="status ${tone}" data-status>${iconView(icon)}${word}</span>
      </div>
      <p class="text-small muted">${text}</p>
      ${withheld_because ? html`<p class="text-small anywhere" dir="auto">Reason: “${withheld_because}”</p>` : null}
      ${status === "published" ? linkView(getUrl(challenge)) : null}
      ${status === "withheld" ? null : guestsView()} ${solutionView(challenge, now)}
      <p class="text-small ${isUnplayed ? "faint" : "muted"}" data-results>
        ${isUnplayed ? "Players' guesses appear here once the challenge is published." : describeFound(challenge)}
      </p>
      <div data-problem>${problem}</div>
      <div class="sticky-foot row wrap">
        <button class="btn danger" type="button" data-part="delete" @click=${() => openDeleteDialog(challenge)}>
          ${iconView("trash")}Delete
        </button>
        ${isDraft ? editView() : null} ${status === "withheld" ? null : publishView()}
      </div>
    </div>`;
}

/** @param {string} url */
function linkView(url) {
  const copy = (/** @type {any} */ { currentTarget: button }) =>
    copyWithFeedback(button, url, button.previousElementSibling);
  return html`
    <div class="link">
      <span class="mono text-small truncate" title=${url}>${url}</span>
      <button class="btn" type="button" @click=${copy}>${iconView("copy")}<span>Copy link</span></button>
    </div>`;
}

/** @param {Challenge} challenge A draft. @param {Limits} limits @param {(challenge: Challenge) => void} onChanged */
function openEditDialog(challenge, limits, onChanged) {
  // Players who guessed know which statement is the lie, so only the title can still change.
  const isPlayed = challenge.guess_count > 0;
  let lie = challenge.lie_statement_index;
  const lieView = (/** @type {number} */ index) => html`
    <label class="check text-small">
      <input type="radio" name="lie" ?checked=${index === challenge.lie_statement_index} ?disabled=${isPlayed}
        @change=${() => (lie = index)} />
      <span>the lie<span class="visually-hidden"> is statement ${index + 1}</span></span>
    </label>`;
  const title = { name: "title", label: "Title", value: challenge.title, maxlength: limits.max_title };
  const texts = challenge.statements.map(({ text }, index) => ({
    name: String(index),
    label: `Text of statement ${index + 1}`,
    value: text,
    rows: 2,
    maxlength: limits.max_text,
    isDisabled: isPlayed,
    aside: lieView(index),
  }));
  openFormDialog({
    id: "edit",
    heading: "Edit the draft",
    size: "editing",
    draft: `challenge/${challenge.id}`,
    note: isPlayed
      ? "Someone has already played this challenge, so the statements and the lie can no longer be changed."
      : "",
    fields: [{ ...title, missing: "A challenge needs a title." }, ...texts],
    send: async ({ title, ...texts }) => {
      // Another tab may have changed other texts since this dialog opened; keep those.
      const saved = await readChallenge(challenge.id);
      const kept = challenge.statements.map((known, index) =>
        texts[index] === known.text ? saved.statements[index].text : texts[index],
      );
      return changeChallenge(challenge.id, {
        ...(title !== challenge.title && { title }),
        ...(!isPlayed && { texts: kept }),
        ...(lie !== null && lie !== challenge.lie_statement_index && { lie_statement_index: lie }),
      });
    },
    onDone: (changed) => {
      onChanged(changed);
      showToast("Challenge saved.");
    },
    failed: "The challenge was not saved.",
  });
}

/**
 * Delete a challenge after confirmation. The server deletes its guesses at once and its video a day later.
 * @param {Challenge} challenge
 */
function openDeleteDialog({ id, title, status, guess_count }) {
  const guesses = guess_count ? `This also deletes ${formatCount(guess_count, "guess", "guesses")}. ` : "";
  askToDelete({
    heading: `Delete “${title}”?`,
    words:
      status === "withheld"
        ? "This also deletes the challenge's video. This cannot be undone."
        : `${guesses}For one day, you can create another challenge from the video. After that, the video is deleted too.`,
    remove: () => deleteChallenge(id),
    onDeleted: () => location.assign("/challenges"),
  });
}

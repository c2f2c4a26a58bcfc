// The owner's panel of a challenge: status, link, results, and actions.

import { ApiError } from "../base/api.js";
import { copyWithFeedback } from "../base/clipboard.js";
import { askToDelete } from "../base/dialog.js";
import { h, icon, requireElement } from "../base/dom.js";
import { openFormDialog } from "../base/form-dialog.js";
import { html } from "../base/view.js";
import { formatCount } from "../base/format.js";
import { createErrorNote, showToast } from "../base/notice.js";
import { changeChallenge, deleteChallenge, changeVisibility, readChallenge } from "./api.js";
import { createNote, Options } from "./options.js";
import { getUrl, describeFound, getStatus, describeTaken } from "./status-text.js";

/** @typedef {import("./api.js").Challenge} Challenge */
/** @typedef {{max_title: number, max_text: number}} Limits Maximum lengths in characters. */

export class Own {
  /**
   * @param {Challenge} challenge
   * @param {Limits} limits
   * @param {{play: (index: number) => void, changed: (challenge: Challenge) => void, deleted: () => void, gone: () => void}} on
   */
  constructor(challenge, limits, on) {
    this.challenge = challenge;
    this.limits = limits;
    this.on = on;
    const lie = challenge.lie_statement_index;
    const { icon: picture, word, tone, text } = getStatus(challenge);
    this.options = new Options(challenge, {
      onPlay: on.play,
      about: (index) => ({
        tone: index === lie ? "lie" : "true",
        notes: createNote(
          index === lie ? "x" : "check",
          index === lie ? "The lie" : "True",
          describeTaken(challenge, index),
        ),
      }),
    });
    this.problem = h("div", { data: { problem: "" } });
    this.element = h(
      "div",
      { class: "ask own" },
      h(
        "div",
        { class: "row wrap" },
        h("h2", { tabindex: "-1" }, "Your challenge"),
        h("span", { class: "spacer" }),
        h("span", { class: `status ${tone}`.trim(), data: { status: "" } }, icon(picture), word),
      ),
      h("p", { class: "text-small muted" }, text),
      challenge.withheld_because &&
        h("p", { class: "text-small anywhere", dir: "auto" }, `Reason: “${challenge.withheld_because}”`),
      challenge.status === "published" && this.#link(),
      challenge.status !== "withheld" && this.#guests(),
      h("ul", { class: "opts" }, ...this.options.elements),
      this.#results(),
      this.problem,
      h("div", { class: "sticky-foot row wrap" }, ...this.#acts()),
    );
  }

  /** @param {import("./options.js").Playing} playing */
  mark(playing) {
    this.options.mark(playing);
  }

  focus() {
    requireElement("h2", this.element).focus();
  }

  #link() {
    const address = h(
      "span",
      { class: "mono text-small truncate", title: getUrl(this.challenge) },
      getUrl(this.challenge),
    );
    return h(
      "div",
      { class: "link" },
      address,
      h(
        "button",
        {
          class: "btn",
          type: "button",
          onclick: (/** @type {Event} */ event) =>
            copyWithFeedback(/** @type {HTMLElement} */ (event.currentTarget), getUrl(this.challenge), address),
        },
        icon("copy"),
        h("span", {}, "Copy link"),
      ),
    );
  }

  #guests() {
    const box = /** @type {HTMLInputElement} */ (
      h("input", {
        type: "checkbox",
        data: { part: "guests" },
        checked: this.challenge.guests_may_play,
        onchange: async () => {
          const isOn = box.checked;
          box.disabled = true;
          this.problem.replaceChildren();
          try {
            this.on.changed(await changeChallenge(this.challenge.id, { guests_may_play: isOn }));
          } catch (error) {
            box.checked = !isOn;
            box.disabled = false;
            if (error instanceof ApiError && error.status === 404) return this.on.gone();
            this.problem.replaceChildren(createErrorNote("The setting was not saved.", error));
          }
        },
      })
    );
    return h("label", { class: "check text-small" }, box, "Anyone with the link can play, even without an account");
  }

  #results() {
    const { guess_count, status } = this.challenge;
    if (status === "draft" && !guess_count)
      return h(
        "p",
        { class: "text-small faint", data: { results: "" } },
        "Players' guesses appear here once the challenge is published.",
      );
    return h("p", { class: "text-small muted", data: { results: "" } }, describeFound(this.challenge));
  }

  #acts() {
    const { status } = this.challenge;
    const remove = h(
      "button",
      {
        class: "btn danger",
        type: "button",
        data: { part: "delete" },
        onclick: () => openDeleteDialog(this.challenge, this.on.deleted),
      },
      icon("trash"),
      "Delete",
    );
    if (status === "withheld") return [remove];
    if (status === "published")
      return [
        remove,
        h(
          "button",
          { class: "btn big", type: "button", data: { part: "show" }, onclick: () => this.#show("unpublish") },
          icon("lock"),
          "Unpublish",
        ),
      ];
    return [
      remove,
      h(
        "button",
        {
          class: "btn",
          type: "button",
          data: { part: "edit" },
          onclick: () => openEditDialog(this.challenge, this.limits, this.on.changed),
        },
        icon("pencil"),
        "Edit",
      ),
      h(
        "button",
        { class: "btn primary big", type: "button", data: { part: "show" }, onclick: () => this.#show("publish") },
        icon("challenge"),
        "Publish",
      ),
    ];
  }

  /** @param {"publish"|"unpublish"} change */
  async #show(change) {
    const button = requireElement("[data-part=show]", this.element);
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    this.problem.replaceChildren();
    try {
      this.on.changed(await changeVisibility(this.challenge.id, change));
      showToast(
        change === "publish" ? "The challenge is published." : "The challenge is a draft again. All guesses are kept.",
      );
    } catch (error) {
      button.removeAttribute("aria-disabled");
      if (error instanceof ApiError && error.status === 404) return this.on.gone();
      this.problem.replaceChildren(
        createErrorNote(
          change === "publish" ? "The challenge could not be published." : "The challenge could not be unpublished.",
          error,
          () => this.#show(change),
        ),
      );
    }
  }
}

/**
 * @param {Challenge} challenge A draft.
 * @param {Limits} limits
 * @param {(challenge: Challenge) => void} onChanged
 */
export function openEditDialog(challenge, limits, onChanged) {
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
 * @param {() => void} onDeleted
 */
export function openDeleteDialog(challenge, onDeleted) {
  const { guess_count } = challenge;
  askToDelete({
    heading: `Delete “${challenge.title}”?`,
    words:
      challenge.status === "withheld"
        ? "This also deletes the challenge's video. This cannot be undone."
        : `${guess_count ? `This also deletes ${formatCount(guess_count, "guess", "guesses")}. ` : ""}For one day, you can create another challenge from the video. After that, the video is deleted too.`,
    remove: () => deleteChallenge(challenge.id),
    onDeleted,
  });
}

// The owner's panel of a challenge: status, link, results, and actions.

import { ApiError } from "../base/api.js";
import { copyWithFeedback } from "../base/clipboard.js";
import { askToDelete, openDialog } from "../base/dialog.js";
import { h, icon, requireElement } from "../base/dom.js";
import { keepTypedText } from "../base/drafts.js";
import { formatCount } from "../base/format.js";
import { createErrorNote, showToast } from "../base/notice.js";
import { changeChallenge, deleteChallenge, changeVisibility } from "./api.js";
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
        h("p", { class: "text-small anywhere", dir: "auto" }, `The reason: “${challenge.withheld_because}”`),
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
    return h("label", { class: "check text-small" }, box, "People without an account can play it with the link");
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
        change === "publish" ? "The challenge is published." : "The challenge is a draft again. Its guesses are kept.",
      );
    } catch (error) {
      button.removeAttribute("aria-disabled");
      if (error instanceof ApiError && error.status === 404) return this.on.gone();
      this.problem.replaceChildren(
        createErrorNote(
          change === "publish" ? "The challenge was not published." : "The challenge was not unpublished.",
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
  const problem = h("div", {});
  const save = h("button", { class: "btn primary" }, "Save");
  const title = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input",
      id: "edit-title",
      type: "text",
      maxlength: limits.max_title,
      required: true,
      autocomplete: "off",
      dir: "auto",
      value: challenge.title,
      "aria-describedby": "edit-title-error",
    })
  );
  const wrong = h(
    "p",
    { class: "field-error", id: "edit-title-error", hidden: true },
    icon("alert"),
    h("span", {}, "A challenge needs a title."),
  );
  const texts = challenge.statements.map(
    (_, index) =>
      /** @type {HTMLTextAreaElement} */ (
        h(
          "textarea",
          {
            class: "input",
            id: `edit-text-${index}`,
            rows: "2",
            maxlength: limits.max_text,
            dir: "auto",
            disabled: isPlayed,
          },
          challenge.statements[index].text,
        )
      ),
  );
  const lies = challenge.statements.map(
    (_, index) =>
      /** @type {HTMLInputElement} */ (
        h("input", {
          type: "radio",
          name: "lie",
          value: index,
          checked: index === challenge.lie_statement_index,
          disabled: isPlayed,
        })
      ),
  );
  const dialog = openDialog(
    h(
      "dialog",
      { class: "dialog", "aria-labelledby": "edit-heading" },
      h(
        "form",
        { class: "pad col editing", novalidate: true, onsubmit: submit },
        h("h2", { id: "edit-heading" }, "Edit the draft"),
        h("div", { class: "field" }, h("label", { for: "edit-title" }, "Title"), title, wrong),
        isPlayed &&
          h(
            "div",
            { class: "note" },
            icon("lock"),
            h(
              "p",
              { class: "text-small" },
              "The challenge has been played, so its statements and its lie cannot be changed.",
            ),
          ),
        ...texts.map((text, index) =>
          h(
            "div",
            { class: "field" },
            h(
              "div",
              { class: "row" },
              h("label", { class: "text-small muted", for: text.id }, `Text of statement ${index + 1}`),
              h("span", { class: "spacer" }),
              h(
                "label",
                { class: "check text-small" },
                lies[index],
                h("span", {}, "the lie", h("span", { class: "visually-hidden" }, ` is statement ${index + 1}`)),
              ),
            ),
            text,
          ),
        ),
        problem,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", onclick: cancel }, "Cancel"),
          save,
        ),
      ),
    ),
  );
  const forget = keepTypedText(`challenge/${challenge.id}`, {
    title,
    ...(isPlayed ? {} : Object.fromEntries(texts.entries())),
  });
  title.focus();

  function cancel() {
    forget();
    dialog.close();
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (save.getAttribute("aria-disabled") === "true") return;
    problem.replaceChildren();
    const called = title.value.trim();
    wrong.hidden = called !== "";
    title.toggleAttribute("aria-invalid", false);
    if (!called) {
      title.setAttribute("aria-invalid", "true");
      return title.focus();
    }
    save.setAttribute("aria-disabled", "true");
    const all = {
      texts: texts.map((text) => text.value.trim()),
      lie_statement_index: lies.findIndex((lie) => lie.checked),
    };
    try {
      const changed = await changeChallenge(challenge.id, { title: called, ...(isPlayed ? {} : all) });
      forget();
      dialog.close();
      onChanged(changed);
      showToast("Challenge saved.");
    } catch (error) {
      problem.replaceChildren(createErrorNote("The challenge was not saved.", error));
    } finally {
      save.removeAttribute("aria-disabled");
    }
  }
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
        ? "Its video is deleted too. This cannot be undone."
        : `${guess_count ? `${formatCount(guess_count, "guess", "guesses")} will be deleted with it. ` : ""}For a day you can create another challenge from its video; then the video is deleted too.`,
    remove: () => deleteChallenge(challenge.id),
    onDeleted,
  });
}

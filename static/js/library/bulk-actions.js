// The dialog that changes the tags of several videos, one video after another, and lists refused changes.

import { ApiError } from "../base/api.js";
import { isFormLocked, lockForm, openDialog } from "../base/dialog.js";
import { h, icon, setText } from "../base/dom.js";
import { keepTypedText } from "../base/drafts.js";
import { formatCount } from "../base/format.js";
import { explainError } from "../base/notice.js";
import { changeVideo, parseTags, readVideo } from "../videos/api.js";

/** @typedef {import("../videos/api.js").Video} Video */

const NAMES_SHOWN = 5;
const TRIES = 3;

/**
 * Open the dialog. After each attempt to save, `onDone` receives the number of videos saved without an error, even if
 * the user closed the dialog meanwhile.
 * @param {Video[]} videos
 * @param {(video: Video) => void} onChanged
 * @param {(count: number) => void} onDone
 */
export function openTagDialog(videos, onChanged, onDone) {
  /** @type {Map<string, number>} */ const counts = new Map();
  for (const tag of videos.flatMap((video) => video.tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  const present = [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
  const progress = h("p", { class: "text-small muted", role: "status" });
  const refused = h("div", {});
  const missing = h(
    "p",
    { class: "field-error", id: "several-error", hidden: true },
    icon("alert"),
    h("span", {}, "Enter a tag to add, or choose one to remove."),
  );
  const field = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input",
      id: "several-tags",
      type: "text",
      autocomplete: "off",
      autocapitalize: "none",
      dir: "auto",
      "aria-describedby": "several-hint several-error",
    })
  );
  const dialog = openDialog(
    h(
      "dialog",
      { class: "dialog small", "aria-labelledby": "several-heading" },
      h(
        "form",
        { class: "pad col", novalidate: true, onsubmit: submit },
        h("h2", { id: "several-heading" }, `Edit the tags of ${formatCount(videos.length, "video")}`),
        listNames(videos),
        h(
          "div",
          { class: "field" },
          h("label", { for: "several-tags" }, "Add tags"),
          field,
          h("p", { class: "hint", id: "several-hint" }, "Separate tags with commas."),
          missing,
        ),
        present.length > 0 &&
          h(
            "fieldset",
            { class: "col takes" },
            h("legend", { class: "text-small muted" }, "Remove tags"),
            ...present.map(([tag, count]) =>
              h(
                "label",
                { class: "check" },
                h("input", { type: "checkbox", name: "take", value: tag }),
                h("span", { class: "truncate", dir: "auto" }, tag),
                " ",
                h("span", { class: "text-small faint mono" }, `${count} of ${videos.length}`),
              ),
            ),
          ),
        progress,
        refused,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", onclick: close }, "Cancel"),
          h("button", { class: "btn primary" }, "Save"),
        ),
      ),
    ),
  );
  const forget = keepTypedText("tags", { tags: field });
  field.focus();

  function close() {
    forget();
    dialog.close();
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (isFormLocked(dialog)) return;
    const added = parseTags(field.value);
    const taken = new Set(
      [.../** @type {NodeListOf<HTMLInputElement>} */ (dialog.querySelectorAll("[name=take]:checked"))].map(
        (box) => box.value,
      ),
    );
    missing.hidden = added.length > 0 || taken.size > 0;
    if (!missing.hidden) return field.focus();
    lockForm(dialog, true);
    const change = async (/** @type {Video} */ video) => {
      // Another tab may have changed the tags since the list was loaded.
      const saved = (await readVideo(video.id)).tags;
      const tags = [...new Set([...saved.filter((tag) => !taken.has(tag)), ...added])];
      if (tags.join("\n") !== saved.join("\n")) onChanged(await changeVideo(video.id, { tags }));
    };
    const { done, failed } = await actOneByOne(videos, change, "changed", { progress, refused, dialog });
    onDone(done);
    if (!failed) return close();
    lockForm(dialog, false);
    field.focus();
  }
}

/** @param {Video[]} videos @returns */
export function listNames(videos) {
  const rest = videos.length - NAMES_SHOWN;
  return h(
    "ul",
    { class: "text-small muted several" },
    ...videos
      .slice(0, NAMES_SHOWN)
      .map((video) => h("li", { class: "truncate", dir: "auto", title: video.title }, video.title)),
    rest > 0 && h("li", {}, `and ${rest} more`),
  );
}

/**
 * Run `act` for one video after another. Messages use `word`, a participle such as `deleted`.
 * @param {Video[]} videos
 * @param {(video: Video) => Promise<unknown>} act
 * @param {string} word
 * @param {{progress: HTMLElement, refused: HTMLElement, dialog: HTMLDialogElement}} shown
 * @returns {Promise<{done: number, failed: number}>}
 */
export async function actOneByOne(videos, act, word, { progress, refused, dialog }) {
  /** @type {HTMLElement[]} */ const reasons = [];
  let done = 0;
  for (const video of videos) {
    // After the dialog is closed, stop before the next video.
    if (!dialog.open) break;
    setText(progress, `${done} of ${videos.length} ${word}`);
    try {
      await retryThrottled(() => act(video));
      done += 1;
    } catch (error) {
      reasons.push(h("li", { class: "anywhere", dir: "auto" }, `${video.title}: ${explainError(error)}`));
    }
  }
  setText(progress, `${done} of ${videos.length} ${word}`);
  refused.replaceChildren(
    ...(reasons.length
      ? [
          h(
            "div",
            { class: "note bad", role: "alert" },
            icon("alert"),
            h(
              "div",
              { class: "spacer" },
              h("b", {}, `${formatCount(reasons.length, "video")} could not be ${word}`),
              h("ul", { class: "text-small several" }, ...reasons),
            ),
          ),
        ]
      : []),
  );
  return { done, failed: reasons.length };
}

/**
 * Run a request; after status 429, wait as long as the server asks and retry.
 * @param {() => Promise<unknown>} act
 */
async function retryThrottled(act) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 429 && error.retryAfter) || tries >= TRIES) throw error;
      const wait = error.retryAfter * 1000;
      await new Promise((over) => setTimeout(over, wait));
    }
  }
}
